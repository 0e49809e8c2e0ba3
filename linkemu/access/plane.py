"""All doors of a data plane and the links that they share, under one reactor and one scenario time.

Doors are opened at the start, and later by whoever is at the desk (control). What a door does with its
clients is its own affair; here each gets its turn, and what becomes due next is found. Reports are made here.
"""

from __future__ import annotations

import gc
import select
import time
from dataclasses import dataclass

from linkemu.access.desk import Desk
from linkemu.access.gauge import DoorReport, Gauge, WayReport, warnings
from linkemu.access.imposed import Standings
from linkemu.access.pace import Pace
from linkemu.access.played import Played, both
from linkemu.access.reactor import Reactor
from linkemu.access.scheduled import Scheduled
from linkemu.access.settings import Behaviour, Door, Proxy, spoken
from linkemu.access.tcp import TcpDoor
from linkemu.access.udp import UdpDoor
from linkemu.access.witness import Witness
from linkemu.errors import InputError
from linkemu.link.timeline import Sky
from linkemu.record.played import Row
from linkemu.runtime import past, realtime
from linkemu.runtime.timemap import TimeMap
from linkemu.schedule import Schedule

_COLLECT_EVERY_NS = 5_000_000_000
_LOOK_EVERY_NS = 20_000_000
_SKIP_MARGIN_NS = 5_000_000  # time skips to so long before something happens


@dataclass(slots=True)
class Opened:
    """A door that is open. ``gauges`` are client to server and back."""

    told: Door
    played: Played
    gauges: tuple[Gauge, Gauge]
    door: TcpDoor | UdpDoor

    def relight(self) -> None:
        """Take note of light as overlays have made it."""
        for gauge, direction in zip(self.gauges, both(self.told), strict=True):
            gauge.relight(self.played.sides[direction].standing.lights)
        if isinstance(self.door, TcpDoor):
            self.door.relight(self.played.lights())


class Plane:
    """Order of calls: construct (all addresses are bound), ``run``, ``reports``."""

    def __init__(self, proxy: Proxy) -> None:
        """InputError or FormatError if the sky can't be played, ResourceError if an address is taken."""
        self._proxy = proxy
        self.sky = Sky.load(proxy.sky)
        self.standings = Standings(self.sky)
        for key, overlay in past.overlays(proxy.faults):
            self.standings[key].impose(overlay, 0, 0)
        self._end_ns = max((each.end_ns for each in self.sky.timelines.values()), default=0)
        self._reactor = Reactor()
        self._reactor.stop_at_signals()
        self._pace = Pace(round(proxy.start_s * 1e9))
        self._played: dict[int, Played] = {}
        self._scheduled = Scheduled(Schedule.of(self.sky).doors, self._pace.start_ns)
        self.doors: dict[str, Opened] = {}
        self._closed: list[DoorReport] = []
        self._desk: Desk | None = None
        self._witness = None if proxy.record is None else Witness(proxy.record)
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()
        self._stolen_s = realtime.stolen_s()
        for door in proxy.doors:
            self.open(door)
        self._scheduling = realtime.tune(precedence=False)
        self._collected_ns = 0
        if proxy.anchor == "listen" and proxy.time_map is None:
            self._pace.begin()

    @property
    def zero_ns(self) -> int | None:
        """CLOCK_MONOTONIC at scenario time 0, None if time doesn't go yet."""
        return (
            self._pace.monotonic_ns(self._pace.start_ns) - self._pace.start_ns if self._pace.begun else None
        )

    def attend(self, desk: Desk) -> None:
        """Serve a control desk between the rounds of the loop, until its other end is gone."""
        self._desk = desk

        def hear(_: int) -> None:
            if not desk.serve():
                self._reactor.remove(desk.fileno())
                desk.close()
                self._desk = None

        self._reactor.add(desk.fileno(), hear, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def now_ns(self) -> int:
        """Scenario time."""
        return self._pace.now_ns()

    @property
    def is_begun(self) -> bool:
        """Time goes."""
        return self._pace.begun

    @property
    def end_ns(self) -> int:
        """When the last light of all links has arrived."""
        return self._end_ns

    def skip(self, until_ns: int) -> int:
        """Skip time in which nothing happens on any link, up to ``until_ns``; scenario time after it.

        No byte's moment is skipped: it goes no further than the next at which something leaves or arrives.
        """
        if self._proxy.time_map is not None:
            raise InputError("skip", "time is that of the run, which these doors belong to")
        now_ns, until_ns = self._pace.now_ns(), min(until_ns, self._end_ns)
        ways = [way.next_ns() for played in self._played.values() for way in played.open_ways]
        lanes = [lane.next_ns() for played in self._played.values() for lane in played.open_lanes]
        due_ns = min((each for each in (*ways, *lanes) if each is not None), default=until_ns)
        reached_ns = min(until_ns, due_ns - _SKIP_MARGIN_NS if due_ns < until_ns else until_ns)
        if reached_ns > now_ns:
            self._pace.jump(reached_ns)
        return max(reached_ns, now_ns)

    def open(self, told: Door) -> Opened:
        """Open one more door. InputError if its link can't be played, ResourceError for its address."""
        if told.name in self.doors:
            raise InputError(told.name, "there is a door of this name")
        played = self._link(told.link)
        there, back = (
            Gauge(each.value, played.sides[each].standing.lights, played.sides[each].beats[told.protocol])
            for each in both(told)
        )
        gauges = there, back
        door = self._tcp(told, played, gauges) if told.protocol == "tcp" else self._udp(told, played, gauges)
        opened = self.doors[told.name] = Opened(told, played, gauges, door)
        if self._witness is not None and isinstance(door, TcpDoor):
            door.witness = self._witness.of_door(told.name, self.now_ns)
        return opened

    def close(self, name: str) -> DoorReport:
        """Close a door; its connections are reset. KeyError if there is none of this name."""
        opened = self.doors.pop(name)
        report = self._report(opened)
        self._closed.append(report)
        opened.door.close()
        return report

    def run(self) -> None:
        """Until the scenario has ended, or a signal."""
        try:
            self._reactor.run(self._step)
        finally:
            for opened in self.doors.values():
                opened.door.close()
            self._reactor.close()
            if self._witness is not None:
                self._write_down(self._witness, self._pace.now_ns())
                self._witness.close()

    def reports(self) -> list[DoorReport]:
        """Of each door so far, those that were closed at the end."""
        return [*map(self._report, self.doors.values()), *self._closed]

    def faults(self) -> list[Row]:
        """All live faults as they took effect."""
        return past.rows(self.standings.journal())

    def _write_down(self, witness: Witness, now_ns: int) -> None:
        """What the sky has done so far, of the links that have doors when time begins."""
        if not self._pace.begun:
            return
        if not witness.is_begun:
            witness.begin(self.sky, {each.told.link for each in self.doors.values()}, self._pace.start_ns)
        witness.step(min(now_ns, self._end_ns))

    def _door(self, name: str) -> TcpDoor | UdpDoor | None:
        opened = self.doors.get(name)
        return None if opened is None else opened.door

    def _link(self, number: int) -> Played:
        played = self._played.get(number)
        if played is None:
            proxy = self._proxy
            played = self._played[number] = Played(
                self.sky,
                number,
                self._pace,
                self.standings,
                queue_bytes=proxy.queue_bytes,
                hold_s=proxy.hold_s,
                where=str(proxy.sky),
            )
            self._end_ns = max(self._end_ns, played.end_ns)
        return played

    def _step(self) -> int | None:
        now_ns = self._pace.now_ns()
        times: list[int | None] = [self._scheduled.act(now_ns, self._door)]
        for opened in self.doors.values():
            door = opened.door
            times.append(door.act(now_ns) if isinstance(door, TcpDoor) else door.step())
        ways = [way for played in self._played.values() for way in played.open_ways]
        for played in self._played.values():
            played.make_room()
        for way in ways:
            way.step()
        times += [way.next_ns() for way in ways]  # once all have stepped, as one wakes another
        if self._desk is not None:
            times.append(self._desk.step(now_ns))
        if self._witness is not None:
            self._write_down(self._witness, now_ns)
        if now_ns >= self._end_ns:
            self._reactor.stop()
        self._collect(now_ns)
        if not self._pace.begun:
            return self._look_for_time()
        next_ns = min((each for each in times if each is not None), default=self._end_ns)
        return self._pace.monotonic_ns(min(next_ns, self._end_ns))

    def _look_for_time(self) -> int | None:
        """When to look again for the map by which time will go; None if it begins otherwise."""
        if self._proxy.time_map is None:
            return None
        time_map = TimeMap.load(self._proxy.time_map)
        if time_map is not None:
            self._pace.follow(time_map)
        return time.monotonic_ns() + _LOOK_EVERY_NS

    def _collect(self, now_ns: int) -> None:
        """Collect garbage while nobody is there to wait for it."""
        if now_ns - self._collected_ns > _COLLECT_EVERY_NS and all(
            opened.door.is_idle for opened in self.doors.values()
        ):
            self._collected_ns = now_ns
            gc.collect()

    def _tcp(self, told: Door, played: Played, gauges: tuple[Gauge, Gauge]) -> TcpDoor:
        return TcpDoor(
            told.listen,
            told.to,
            played.ways(told),
            gauges,
            self._reactor,
            self._pace,
            told.outages,
            played.lights(),
            window_bytes=played.window_bytes,
            on_client=self._pace.begin if self._proxy.anchor == "first-byte" else _nothing,
        )

    def _udp(self, told: Door, played: Played, gauges: tuple[Gauge, Gauge]) -> UdpDoor:
        return UdpDoor(
            told.listen,
            told.to,
            played.lanes(told),
            gauges,
            self._reactor,
            self._pace,
            at_first_byte=self._proxy.anchor == "first-byte",
        )

    def _report(self, opened: Opened) -> DoorReport:
        told, door = opened.told, opened.door
        wall_s = time.monotonic() - self._began_s
        cpu_s = time.process_time() - self._cpu_s
        stolen_s = realtime.stolen_s()
        stolen = None if stolen_s is None else stolen_s - (self._stolen_s or 0.0)
        drops = door.kernel_drops if isinstance(door, UdpDoor) else 0
        ways = _way_reports(opened)
        carried_GB = sum(way.delivered_bytes for way in ways) / 1e9
        return DoorReport(
            spoken(door.address),
            spoken(told.to),
            told.protocol,
            f"{opened.played.station} - {opened.played.satellite}",
            _behaviour(told),
            self._pace.now_ns() / 1e9,
            wall_s,
            ways,
            name=told.name,
            connections=door.connections,
            refused=door.refused,
            unreached=door.unreached if isinstance(door, TcpDoor) else door.unsent,
            reset=door.reset if isinstance(door, TcpDoor) else 0,
            kernel_drops=drops,
            scheduling=self._scheduling,
            cpu_s=cpu_s,
            cpu_s_per_GB=cpu_s / carried_GB if carried_GB > 0.001 else None,
            stolen_s=stolen,
            warnings=tuple(
                warnings(ways, cpu_share=cpu_s / max(wall_s, 1e-3), stolen_s=stolen or 0.0, drops=drops)
            ),
        )


def _way_reports(opened: Opened) -> tuple[WayReport, ...]:
    """Of datagrams, what the link has lost is counted over all its doors."""
    if opened.told.protocol == "tcp":
        return tuple(gauge.report() for gauge in opened.gauges)
    reports = []
    for gauge, channel in zip(opened.gauges, opened.played.lanes(opened.told), strict=True):
        counters = channel.counters
        reports.append(
            gauge.report(
                dropped=counters.refused + counters.expired,
                erased=counters.erased,
                erased_bytes=counters.erased_bytes,
            )
        )
    return tuple(reports)


def _behaviour(told: Door) -> str:
    if told.protocol != "tcp":
        return "lost"
    outages = told.outages
    patience = f" after {outages.patience_s:g} s" if outages.behaviour is Behaviour.RESET else ""
    return f"{outages.behaviour.value}{patience}"


def _nothing() -> None:
    """Time goes already."""
