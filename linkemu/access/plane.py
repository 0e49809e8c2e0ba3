"""All doors of a data plane and the links that they share, under one reactor and one scenario time.

Doors are opened at the start, and later by whoever is at the desk (control). What a door does with its
clients is its own affair (opened); here each gets its turn, and what becomes due next is found.
"""

from __future__ import annotations

import gc
import select
import time

from linkemu.access.account import Account
from linkemu.access.desk import Desk
from linkemu.access.gauge import DoorReport
from linkemu.access.heard import LOOK_EVERY_NS, Heard
from linkemu.access.imposed import Standings
from linkemu.access.opened import Opened
from linkemu.access.pace import Pace
from linkemu.access.played import Played
from linkemu.access.reactor import Reactor
from linkemu.access.scheduled import Scheduled
from linkemu.access.settings import Door, Proxy
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


class Plane:
    """Order of calls: construct (all addresses are bound), ``run``, ``reports``."""

    def __init__(self, proxy: Proxy) -> None:
        """InputError or FormatError if the sky can't be played, ResourceError if an address is taken."""
        self._proxy = proxy
        self.sky = Sky.load(proxy.sky)
        self.standings = Standings(self.sky)
        for key, overlay in past.overlays(proxy.faults):
            self.standings[key].impose(overlay, 0, 0)
        self._heard = None if proxy.journal is None else Heard(proxy.journal, Schedule.of(self.sky))
        if self._heard is not None:
            self._heard.catch_up(self.standings)
        self._heard_ns = 0
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
        self._account = Account()
        self._ended_ns: int | None = None
        for door in proxy.doors:
            self.open(door)
        self._account.scheduling = realtime.tune(precedence=False)
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
        """Scenario time; after ``run`` that of its end, however long the disk takes to sync the traces."""
        return self._pace.now_ns() if self._ended_ns is None else self._ended_ns

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
        at_first_byte = self._proxy.anchor == "first-byte"
        opened = Opened.over(played, told, self._reactor, self._pace, at_first_byte=at_first_byte)
        self.doors[told.name] = opened
        if self._witness is not None and isinstance(opened.door, TcpDoor):
            opened.door.witness = self._witness.of_door(told.name, self.now_ns)
        return opened

    def close(self, name: str) -> DoorReport:
        """Close a door; its connections are reset. KeyError if there is none of this name."""
        opened = self.doors.pop(name)
        report = self._account.of(opened, self.now_ns())
        self._closed.append(report)
        opened.door.close()
        return report

    def run(self) -> None:
        """Until the scenario has ended, or a signal."""
        try:
            self._reactor.run(self._step)
        finally:
            self._ended_ns = self._pace.now_ns()
            for opened in self.doors.values():
                opened.door.close()
            self._reactor.close()
            if self._witness is not None:
                self._write_down(self._witness, self._ended_ns)
                self._witness.close()

    def reports(self) -> list[DoorReport]:
        """Of each door so far, those that were closed at the end."""
        now_ns = self.now_ns()
        return [*(self._account.of(each, now_ns) for each in self.doors.values()), *self._closed]

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
        times: list[int | None] = [self._scheduled.act(now_ns, self._door), self._hear(now_ns)]
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

    def _hear(self, now_ns: int) -> int | None:
        """Let what the emulator has been ordered act here too; when to listen again."""
        if self._heard is None:
            return None
        wall_ns = time.monotonic_ns()
        if wall_ns >= self._heard_ns:
            self._heard_ns = wall_ns + LOOK_EVERY_NS
            for number in self._heard.hear(self.standings, now_ns):
                self.relight(number)
        return self._pace.scenario_ns(self._heard_ns)

    def relight(self, number: int) -> None:
        """Light of a link has changed: let its doors take note."""
        for opened in self.doors.values():
            if opened.told.link == number:
                opened.relight()

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
