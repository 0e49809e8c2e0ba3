"""The data plane of ``linkemu exec``: moves packets between two ends as the beams say; one loop, one thread.

A packet is stamped after it was read (neither TUN nor veth gives an arrival time). What was achieved is
compared with what was asked at the moment of each write. No namespace is built here, no process started.
"""

from __future__ import annotations

import errno
import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linkemu.access.exec_init import Init
from linkemu.access.exec_laser import Beam
from linkemu.access.exec_order import Order
from linkemu.access.exec_report import Witness
from linkemu.access.pace import Pace
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.runtime import realtime

if TYPE_CHECKING:
    from linkemu.access.exec_house import End, House

_LARGEST = 1 << 17
_BATCH = 8  # a longer one would keep what is due waiting
_NEVER_S = 3600.0
_LOST = {errno.EAGAIN, errno.ENOBUFS, errno.EIO, errno.EINVAL, errno.ENETDOWN, errno.ENOMEM, errno.EMSGSIZE}


class _Way:
    """One direction: read from ``source``, write to ``target``."""

    def __init__(self, beam: Beam, source: End, target: End) -> None:
        self.beam = beam
        self.source = source
        self.target = target
        self.witness = Witness(beam)
        self.next_ns: int | None = None


def play(order: Order, house: House, sky: int, init: Init) -> dict[str, Any]:
    """Play the link until the commands have ended; the fidelity report.

    Raises:
        TimelineError: the sky can't be read.
    """
    compiled = Sky.load(Path(f"/proc/self/fd/{sky}"))
    beams = {
        direction: Beam(
            compiled.timelines[order.link, direction], queue_bytes=order.queue_bytes, hold_s=order.hold_s
        )
        for direction in Direction
    }
    ways = (
        _Way(beams[Direction.UP], house.client, house.gateway),
        _Way(beams[Direction.DOWN], house.gateway, house.client),
    )
    scheduling = realtime.tune(precedence=True)
    pace = Pace(order.start_ns)
    began_s = time.process_time()
    _loop(ways, pace, init)
    cpu_s = time.process_time() - began_s
    name = compiled.links[order.link]
    return {
        "station": name.station,
        "satellite": name.satellite,
        "carrier": house.granted.carrier,
        "rootless": house.granted.rootless,
        "scheduling": scheduling,
        "start_s": order.start_ns / 1e9,
        "end_s": pace.now_ns() / 1e9,
        "cpu_s": cpu_s,
        "directions": [way.witness.report(pace.now_ns(), way.source.drops()) for way in ways],
    }


def _loop(ways: tuple[_Way, _Way], pace: Pace, init: Init) -> None:
    by_carrier = {way.source.carrier: way for way in ways}
    watched = [init.pidfd, init.started, *by_carrier]
    while True:
        ready = select.select(watched, [], [], _rest_s(ways, pace))[0]
        for descriptor in ready:
            if descriptor == init.pidfd:
                return
            if descriptor == init.started:
                pace.begin()
                watched.remove(init.started)
                os.close(init.started)
                continue
            _read(by_carrier[descriptor], pace)
        for way in ways:
            if way.next_ns is not None and way.next_ns <= pace.now_ns():
                _deliver(way, pace)


def _rest_s(ways: tuple[_Way, _Way], pace: Pace) -> float:
    next_ns = min((way.next_ns for way in ways if way.next_ns is not None), default=None)
    if next_ns is None:
        return _NEVER_S
    return max(0.0, (next_ns - pace.now_ns()) / 1e9)


def _read(way: _Way, pace: Pace) -> None:
    for _ in range(_BATCH):
        try:
            data = os.read(way.source.carrier, _LARGEST)
        except OSError as error:
            if error.errno not in _LOST:
                raise
            break
        way.beam.offer(data, way.source.link_bytes, pace.now_ns())
    way.next_ns = way.beam.next_ns()


def _deliver(way: _Way, pace: Pace) -> None:
    for flight, frames in way.beam.due(pace.now_ns()):
        for frame in frames:
            try:
                os.write(way.target.carrier, frame)
            except OSError as error:
                if error.errno not in _LOST:
                    raise
                way.witness.refused += 1
        way.witness.delivered(flight, pace.now_ns())
    way.next_ns = way.beam.next_ns()
