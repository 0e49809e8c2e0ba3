"""What happened, as plain lines: one for each change, none for what stays as it is.

For pipes and logs, where nothing can be redrawn, and for the last lines under the live display. Pure:
messages in, text out.
"""

from __future__ import annotations

import signal

from linkemu.cli.crossed import share
from linkemu.cli.picture import Link, Picture, why
from linkemu.runtime.supervisor import ProcessChange
from linkemu.telemetry import (
    Beam,
    LinkState,
    LinkTelemetry,
    Message,
    NodeStatus,
    Session,
    TransferState,
)
from linkemu.units import format_bytes, format_duration, format_length, format_rate

PROGRESS_STEP = 10  # per cent of a transfer between two lines


class Narrator:
    """Tells each change once. ``every_s`` > 0 repeats the geometry of links in sight that often.

    ``brief`` leaves out figures that the display beside it shows anyway.
    """

    def __init__(self, every_s: float = 0.0, *, brief: bool = False) -> None:
        self._every_s = every_s
        self._brief = brief
        self._beams: dict[tuple[str, str, str], tuple[str, str | None, int]] = {}
        self._nodes: dict[str, str] = {}
        self._transfers: dict[tuple[str, str], tuple[str, int]] = {}
        self._session: str | None = None
        self._restarts: dict[str, int] = {}
        self._told_at: dict[tuple[str, str], float] = {}

    def tell(self, message: Message | ProcessChange, picture: Picture, now: float) -> list[str]:
        """Lines for ``message``, which ``picture`` has already taken; ``now`` is for those without a time."""
        match message:
            case ProcessChange():
                return self._tell_process(message, now)
            case Session():
                return self._tell_session(message, now)
            case NodeStatus():
                return self._tell_node(message, now)
            case LinkState():
                return self._tell_link(message, picture)
            case LinkTelemetry():
                return self._tell_link(message, picture) or self._repeat(message, picture)
            case TransferState():
                return self._tell_transfer(message)
        return []

    def _tell_process(self, change: ProcessChange, now: float) -> list[str]:
        self._restarts[change.name] = max(change.restarts, self._restarts.get(change.name, 0))
        match change.change:
            case "started":
                again = f" again ({change.restarts})" if change.restarts else ""
                return [stamped(now, f"{change.name}: process {change.pid} started{again}")]
            case "died":
                return [stamped(now, f"{change.name}: process {change.pid} died ({ending(change.code)})")]
        return []

    def _tell_session(self, session: Session, now: float) -> list[str]:
        lines = [
            stamped(now, f"{process}: restarted")
            for process, count in session.restarts.items()
            if count > self._restarts.get(process, 0)
        ]
        self._restarts.update(session.restarts)
        if session.state != self._session:
            self._session = session.state
            lines.append(stamped(now, f"session {session.state}"))
        return lines

    def _tell_node(self, node: NodeStatus, now: float) -> list[str]:
        if self._nodes.get(node.node) == node.state:
            return []
        self._nodes[node.node] = node.state
        return [stamped(now if node.at_s is None else node.at_s, f"{node.node}: {node.state}")]

    def _tell_link(self, message: LinkState | LinkTelemetry, picture: Picture) -> list[str]:
        pair = message.station, message.satellite
        link = picture.link(*pair)
        lines = []
        for direction, beam in (("up", message.up), ("down", message.down)):
            state = beam.state, beam.cause, beam.rate_bps
            if self._beams.get((*pair, direction)) != state:
                self._beams[*pair, direction] = state
                words = why(beam) if self._brief else beam_line(beam, link)
                text = f"{' - '.join(pair)} {direction}: {words}"
                lines.append(stamped(message.at_s, text))
        if lines:
            self._told_at[pair] = message.at_s
        return lines

    def _repeat(self, message: LinkTelemetry, picture: Picture) -> list[str]:
        pair = message.station, message.satellite
        told_at = self._told_at.get(pair, message.at_s)
        if self._every_s <= 0 or message.at_s - told_at < self._every_s or message.range_m is None:
            return []
        self._told_at[pair] = message.at_s
        link = picture.link(*pair)
        text = "; ".join(
            f"{direction} {beam_line(beam, None)}"
            for direction, beam in (("up", message.up), ("down", message.down))
        )
        return [stamped(message.at_s, f"{' - '.join(pair)}: {geometry(link)}; {text}")]

    def _tell_transfer(self, transfer: TransferState) -> list[str]:
        key = transfer.node, transfer.id
        step = PROGRESS_STEP * int(100 * share(transfer) // PROGRESS_STEP)
        told = transfer.state, step
        if self._transfers.get(key) == told:
            return []
        self._transfers[key] = told
        return [
            stamped(
                transfer.at_s,
                f"{transfer.node}: {transfer.action} {transfer.name}: {transfer_line(transfer)}",
            )
        ]


def stamped(at_s: float, text: str) -> str:
    """A line with its scenario time in front."""
    return f"{at_s:10.3f} s  {text}"


def ending(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "no exit code"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def beam_line(beam: Beam, link: Link | None) -> str:
    """One direction in words."""
    parts = [why(beam)]
    if beam.rate_bps:
        parts.append(format_rate(beam.rate_bps))
    if beam.delay_s is not None:
        parts.append(f"one way {format_duration(beam.delay_s)}")
    if beam.margin_dB is not None:
        parts.append(f"margin {beam.margin_dB:.1f} dB")
    if link is not None and (place := geometry(link)):
        parts.append(place)
    return ", ".join(parts)


def geometry(link: Link | None) -> str:
    """Range and elevation, or nothing where none is known."""
    if link is None or link.telemetry.range_m is None or link.telemetry.elevation_deg is None:
        return ""
    return f"range {format_length(link.telemetry.range_m)}, elevation {link.telemetry.elevation_deg:.1f} deg"


def transfer_line(transfer: TransferState) -> str:
    """A transfer in words: state, how much of it, how fast."""
    if transfer.state == "failed":
        return f"failed: {transfer.problem or 'no reason given'}"
    size = "size unknown" if transfer.size_bytes is None else format_bytes(transfer.size_bytes)
    parts = [transfer.state, f"{100 * share(transfer):.0f} % of {size}"]
    if transfer.rate_bps:
        parts.append(format_rate(transfer.rate_bps))
    if transfer.repaired_bytes:
        parts.append(f"{format_bytes(transfer.repaired_bytes)} repaired")
    return ", ".join(parts)
