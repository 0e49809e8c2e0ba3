"""What the demonstration came to: judged from the outcome, the sky that was played, and both digests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from linkemu.cli import report
from linkemu.link.outages import available_bits
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.runtime.session import Outcome
from linkemu.telemetry import TransferState
from linkemu.units import format_bytes, format_duration


@dataclass(frozen=True, slots=True)
class Leg:
    """One way of the file: ``available_bytes`` is what the sky let through meanwhile, before any protocol."""

    way: str
    state: str
    size_bytes: int
    began_s: float  # first light for it
    ended_s: float  # the last of it was safe at the other end
    available_bytes: int
    repaired_bytes: int
    resent_chunks: int

    @property
    def efficiency(self) -> float | None:
        """Delivered content against available capacity."""
        return self.size_bytes / self.available_bytes if self.available_bytes else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that the demonstration says at its end."""

    sent_sha256: str
    landed_sha256: str | None
    legs: tuple[Leg, ...]
    outcome: Outcome

    @property
    def equal(self) -> bool:
        return self.sent_sha256 == self.landed_sha256

    @property
    def ok(self) -> bool:
        """The file came back as it went, and nothing acknowledged was sent twice."""
        return self.equal and self.outcome.ok and all(leg.resent_chunks == 0 for leg in self.legs)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok,
            "sent_sha256": self.sent_sha256,
            "landed_sha256": self.landed_sha256,
            "legs": [{**asdict(leg), "efficiency": leg.efficiency} for leg in self.legs],
            **{key: value for key, value in report.outcome_document(self.outcome).items() if key != "ok"},
        }


def judge(outcome: Outcome, sky: Sky, sent_sha256: str, landed_sha256: str | None) -> Verdict:
    """Bring the figures together."""
    legs = tuple(
        _leg(each, sky) for each in sorted(outcome.transfers, key=lambda one: min(one.times.values()))
    )
    return Verdict(sent_sha256, landed_sha256, legs, outcome)


def _leg(transfer: TransferState, sky: Sky) -> Leg:
    direction = Direction.UP if transfer.action == "put" else Direction.DOWN
    link = next(
        number
        for number, each in enumerate(sky.links)
        if (each.station, each.satellite) == (transfer.node, transfer.satellite)
    )
    times = transfer.times
    first = min(times.values())
    began_s = times.get("sending", times.get("receiving", first))
    ended_s = times.get("in orbit", times.get("verified", transfer.at_s))
    available = available_bits(sky.timelines[link, direction], began_s, max(began_s, ended_s)) // 8
    return Leg(
        direction.value,
        transfer.state,
        transfer.size_bytes or 0,
        began_s,
        ended_s,
        available,
        transfer.repaired_bytes,
        transfer.resent_chunks,
    )


def show(console: Console, verdict: Verdict) -> None:
    """Print it, with the fidelity report."""
    table = Table(title="The file", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("")
    for leg in verdict.legs:
        table.add_column(leg.way, justify="right")
    for name, values in _rows(verdict.legs):
        table.add_row(Text(name, style="dim"), *values)
    console.print(table)
    fidelity = report.fidelity_of(verdict.outcome)
    if fidelity is not None:
        console.print(report.fidelity_report(fidelity))
    console.print(
        f"sha256 up    {verdict.sent_sha256}\nsha256 down  {verdict.landed_sha256 or 'nothing came'}"
    )
    if verdict.ok:
        console.print("The file came back as it went.", style="bold green")
    else:
        console.print(
            "The file did not come back as it went." if not verdict.equal else "Not all went well.",
            style="bold red",
        )


def _rows(legs: tuple[Leg, ...]) -> list[tuple[str, list[str]]]:
    return [
        ("state", [leg.state for leg in legs]),
        ("size", [format_bytes(leg.size_bytes) for leg in legs]),
        ("light from, to", [f"{leg.began_s:.1f} s, {leg.ended_s:.1f} s" for leg in legs]),
        ("took, outages included", [format_duration(leg.ended_s - leg.began_s) for leg in legs]),
        ("available meanwhile", [format_bytes(leg.available_bytes) for leg in legs]),
        ("delivered of it", ["–" if leg.efficiency is None else f"{leg.efficiency:.1%}" for leg in legs]),
        ("bytes repaired", [format_bytes(leg.repaired_bytes) for leg in legs]),
        ("acknowledged chunks resent", [str(leg.resent_chunks) for leg in legs]),
    ]
