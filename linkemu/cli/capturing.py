"""A capture of a run with nodes of ours: played under the virtual clock, from a scenario or a recorded run.

The run is the same to the last frame whenever it is played, so nothing need be captured while it happens.
"""

from __future__ import annotations

from linkemu.cli.door import heeding_sigterm
from linkemu.errors import InputError
from linkemu.exchange.blame import Kind, Note
from linkemu.exchange.capture import Capture
from linkemu.exchange.pcapng import pack
from linkemu.forecast import Forecast
from linkemu.link.timeline import Sky
from linkemu.record.played import Played
from linkemu.runtime import past
from linkemu.runtime.composed import run_virtual


def captured(played: Played, snap_bytes: int) -> tuple[bytes, tuple[Note, ...]]:
    """The capture, and what it leaves out."""
    played = played.armed()
    if played.scenario is None or played.epoch is None or not played.plans:
        raise InputError("pcapng", "needs a run with nodes of ours: a scenario, or what run has recorded")
    made: list[Capture] = []

    def player(sky: Sky, *, queue_bytes: int | None, hold_s: float) -> Capture:
        made.append(Capture(sky, queue_bytes=queue_bytes, hold_s=hold_s, snap_bytes=snap_bytes))
        return made[-1]

    compiled = Forecast(played.epoch, played.sky, played.plans, (), (), ())
    with heeding_sigterm():
        run_virtual(played.scenario, compiled=compiled, faults=past.overlays(played.faults), player=player)
    (capture,) = made
    packets = list(capture.packets(played.epoch_ns))
    cut = sum(1 for packet in packets if packet.length is not None)
    notes = [Note(Kind.LOST, f"what frames hold after {snap_bytes} bytes: see --snap", cut)] if cut else []
    return b"".join(pack(capture.interfaces, packets)), tuple(notes)
