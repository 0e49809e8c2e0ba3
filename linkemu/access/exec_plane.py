"""The data plane of ``linkemu exec``: moves packets between two ends as the beams say; one loop, one thread.

A packet counts from when the kernel has stamped it (packet socket) or from when it was read (a TUN has no
stamps). What was achieved is compared with what was asked at each write. Nothing is built or started here.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linkemu.access.desk import Desk
from linkemu.access.exec_desk import Links
from linkemu.access.exec_init import Init
from linkemu.access.exec_laser import Beam
from linkemu.access.exec_order import Order
from linkemu.access.exec_report import Witness, blame
from linkemu.access.exec_tap import Onlooker, Tap
from linkemu.access.line import Line
from linkemu.link.fidelity import Histogram
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.record.played import Row
from linkemu.runtime import past, realtime

if TYPE_CHECKING:
    from linkemu.access.exec_house import End, House

_LARGEST = 66_000  # headers and 64 KiB; beyond 128 KiB each read would map memory anew
_READS = 16  # more at once would keep what is due waiting
_WRITES = 8  # more at once, and what their acknowledgements set free would fill the devices' own queues
_LATE_NS = 1_000_000  # later than this, nothing is read: what can't be carried in time is dropped before it
_AWAKE_SHARE = 10
_STEP_NS = 1_000
_MOST_LEAD_NS = 400_000
_LOST = {errno.EAGAIN, errno.ENOBUFS, errno.EIO, errno.EINVAL, errno.ENETDOWN, errno.ENOMEM, errno.EMSGSIZE}


class _Pace:
    """Scenario time over CLOCK_MONOTONIC; it stands still until ``begin``. Asked several times a packet."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._zero_ns: int | None = None
        self.began_unix_s: float | None = None  # by the wall clock, for whoever compares with a program's log

    def begin(self) -> None:
        self._zero_ns = time.monotonic_ns() - self._start_ns
        self.began_unix_s = time.time()

    def now_ns(self) -> int:
        return self._start_ns if self._zero_ns is None else time.monotonic_ns() - self._zero_ns

    def scenario_ns(self, monotonic_ns: int) -> int:
        return self._start_ns if self._zero_ns is None else max(self._start_ns, monotonic_ns - self._zero_ns)


class _Rest:
    """How long to sleep before something is due: woken a little early, as sleep ends late, then awake.

    The lead follows the 95th percentile of how late sleep ends; being awake may take a tenth of the time.
    """

    def __init__(self, now_ns: int) -> None:
        self._lead_ns = 100_000
        self._began_ns = now_ns
        self._awake_ns = 0
        self.lateness = Histogram()  # of sleep's end

    def sleep_ns(self, next_ns: int, now_ns: int) -> int:
        """Nanoseconds to sleep, 0 to look again at once."""
        has_leave = self._awake_ns * _AWAKE_SHARE < now_ns - self._began_ns
        return max(0, next_ns - now_ns - (self._lead_ns if has_leave else 0))

    def slept(self, late_ns: int) -> None:
        self.lateness.add(max(0, late_ns))
        step_ns = _STEP_NS if late_ns <= self._lead_ns else -19 * _STEP_NS
        self._lead_ns = min(max(0, self._lead_ns - step_ns), _MOST_LEAD_NS)

    def stayed_awake(self, for_ns: int) -> None:
        self._awake_ns += for_ns


class _Way:
    """One direction: read from ``source``, write to ``target``."""

    def __init__(self, beam: Beam, source: End, target: End) -> None:
        self.beam = beam
        self.source = source
        self.target = target
        self.witness = Witness(beam)
        self.next_ns: int | None = None


def play(
    order: Order,
    house: House,
    sky: int,
    init: Init,
    control: socket.socket | None = None,
    tap: socket.socket | None = None,
) -> tuple[dict[str, Any], list[Row]]:
    """Play the link until the commands have ended, as who holds ``control``'s other end changes it.

    ``tap``: to the scribe of a capture. Returns the fidelity report, and all live faults as they took effect.

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
    pace = _Pace(order.start_ns)
    rest = _Rest(pace.now_ns())
    cpu_s, wall_s, stolen_s = time.process_time(), time.monotonic(), realtime.stolen_s() or 0.0

    def report() -> dict[str, Any]:
        used_s, passed_s = time.process_time() - cpu_s, time.monotonic() - wall_s
        kept_s = (realtime.stolen_s() or 0.0) - stolen_s
        cause = blame(used_s / max(passed_s, 1e-3), kept_s)
        name = compiled.links[order.link]
        return {
            "station": name.station,
            "satellite": name.satellite,
            "carrier": house.granted.carrier,
            "rootless": house.granted.rootless,
            "scheduling": scheduling,
            "start_s": order.start_ns / 1e9,
            "end_s": pace.now_ns() / 1e9,
            "began_unix_s": pace.began_unix_s,
            "cpu_s": used_s,
            "stolen_s": kept_s,
            "lag_p50_s": rest.lateness.quantile_s(0.5),
            "lag_p99_s": rest.lateness.quantile_s(0.99),
            "lag_max_s": rest.lateness.largest_ns / 1e9 if rest.lateness.buckets else None,
            "directions": [way.witness.report(pace.now_ns(), way.source.drops(), cause) for way in ways],
        }

    links = Links(compiled, order.link, beams, pace.now_ns, report, past.overlays(order.faults))
    desk = None if control is None else Desk(Line(control), links)
    if tap is None:
        _loop(ways, pace, rest, init, desk, None)
    else:
        _tapped(ways, pace, rest, init, desk, Tap(tap))
    return report(), past.rows(links.standings.journal())


def _tapped(
    ways: tuple[_Way, _Way], pace: _Pace, rest: _Rest, init: Init, desk: Desk | None, tap: Tap
) -> None:
    """The loop, with every packet told; what it leaves inside as well."""
    onlookers = [Onlooker(number, tap) for number, _ in enumerate(ways)]
    for way, onlooker in zip(ways, onlookers, strict=True):
        way.beam.onlooker = onlooker
    _loop(ways, pace, rest, init, desk, tap)
    for way, onlooker in zip(ways, onlookers, strict=True):
        onlooker.rest(*way.beam.inside(), way.beam.channel.capacity)
    tap.close()


def _loop(
    ways: tuple[_Way, _Way], pace: _Pace, rest: _Rest, init: Init, desk: Desk | None, tap: Tap | None
) -> None:
    by_carrier = {way.source.carrier: way for way in ways}
    watched = [init.pidfd, init.started, *by_carrier]
    if desk is not None:
        watched.append(desk.fileno())
    while True:
        told_ns = None if desk is None else desk.step(pace.now_ns())
        if tap is not None and tap.has_work:
            told_ns = pace.now_ns()
        for descriptor in _wait(watched, ways, pace, rest, told_ns):
            if descriptor == init.pidfd:
                return
            if descriptor in by_carrier:
                _read(by_carrier[descriptor], ways, pace)
            elif descriptor == init.started:
                pace.begin()
                init.release()
                watched.remove(init.started)
                os.close(init.started)
            elif desk is not None and not _serve(desk, ways):
                watched.remove(descriptor)
                desk.close()
                desk = None
        for way in ways:
            if way.next_ns is not None and way.next_ns <= pace.now_ns():
                _deliver(way, pace)
        if tap is not None:
            tap.step()


def _serve(desk: Desk, ways: tuple[_Way, _Way]) -> bool:
    """Let the desk answer; False once nobody will ask again."""
    goes_on = desk.serve()
    for way in ways:
        way.next_ns = way.beam.next_ns()
    return goes_on


def _wait(
    watched: list[int], ways: tuple[_Way, _Way], pace: _Pace, rest: _Rest, told_ns: int | None
) -> list[int]:
    """The descriptors that can be read; none when something is due (or told), or soon will be."""
    times = (ways[0].next_ns, ways[1].next_ns, told_ns)
    next_ns = min((each for each in times if each is not None), default=None)
    if next_ns is None:
        return select.select(watched, [], [])[0]
    now_ns = pace.now_ns()
    sleep_ns = rest.sleep_ns(next_ns, now_ns)
    ready = select.select(watched, [], [], sleep_ns / 1e9)[0]
    if sleep_ns == 0:
        rest.stayed_awake(min(pace.now_ns(), next_ns) - min(now_ns, next_ns))
    elif not ready:
        rest.slept(pace.now_ns() - now_ns - sleep_ns)
    return ready


def _is_late(ways: tuple[_Way, _Way], pace: _Pace) -> bool:
    limit_ns = pace.now_ns() - _LATE_NS
    return any(way.next_ns is not None and way.next_ns < limit_ns for way in ways)


def _read(way: _Way, ways: tuple[_Way, _Way], pace: _Pace) -> None:
    """Take what has come, unless what is due waits already."""
    if _is_late(ways, pace):
        return
    for _ in range(_READS):
        try:
            data, came_ns = way.source.read(_LARGEST)
        except OSError as error:
            if error.errno not in _LOST:
                raise
            break
        way.beam.offer(data, way.source.link_bytes, pace.scenario_ns(came_ns))
    way.next_ns = way.beam.next_ns()


def _deliver(way: _Way, pace: _Pace) -> None:
    for flight, frames in way.beam.due(pace.now_ns(), _WRITES):
        for frame in frames:
            try:
                os.write(way.target.carrier, frame)
            except OSError as error:
                if error.errno not in _LOST:
                    raise
                way.witness.refused += 1
        way.witness.delivered(flight, pace.now_ns())
    way.next_ns = way.beam.next_ns()
