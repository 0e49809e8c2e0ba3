"""A node's ends of its links: on each an Endpoint, driven by a Pump, with cues from the terminal's sensors.

What a node knows of a link is its sensor and its plan, nothing else (law 2 of the link). Events of an
Endpoint go to the node at once and in order; what takes time the node does later, and then calls ``drive``.
What files there are and where they lie is not known here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

from linkemu.disk import Disk, store
from linkemu.errors import IntegrityError, LinkemuError, ResourceError
from linkemu.plan import Plan, Window
from linkemu.runtime.clock import Clock, Timer
from linkemu.runtime.ports import Terminal
from linkemu.runtime.pump import Pump
from linkemu.sensor import Sensor
from linkemu.transfer.endpoint import Endpoint
from linkemu.transfer.events import Event
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.pacing import DARK, LinkCue, frame_bytes_for

_UNKNOWN_DELAY_s = (
    0.02  # where the plan has no window: longer than any in low Earth orbit, costs only time-outs
)
_REFRESH_s = 5.0  # the range changes by less than 0.2 ms of light in that time

OnEvent = Callable[["LinkEnd", Event, float], None]
OnLight = Callable[["LinkEnd", bool, float], None]


class LinkEnd:
    """This node's end of one link. It is the Machine that its Pump drives."""

    def __init__(self, link: int, peer: str, endpoint: Endpoint, ends: LinkEnds) -> None:
        self.link = link
        self.peer = peer
        self.endpoint = endpoint
        self.cue: LinkCue = DARK
        self._ends = ends
        self._pump = Pump(self, lambda datagram: ends.terminal.send(link, datagram), ends.clock)
        self._refresh: Timer | None = None
        self._rate_bps = 0
        self._locked = False

    def receive(self, datagram: bytes, now: float) -> None:
        self.endpoint.receive(datagram, now)

    def transmit(self, now: float) -> list[bytes]:
        """Tell the node what happened, as long as anything does, and send what is due."""
        due = list[bytes]()
        while True:
            events = self.endpoint.events()
            for event in events:
                self._ends.on_event(self, event, now)
            due += self.endpoint.transmit(now)
            if not events:
                return due

    def next_wakeup(self) -> float | None:
        return self.endpoint.next_wakeup()

    def drive(self) -> None:
        """After any call to the endpoint."""
        self._pump.drive()

    def heard(self, datagram: bytes, now: float) -> None:
        self._pump.receive(datagram, now)

    def sense(self, sensor: Sensor, now: float) -> None:
        """The terminal has seen something new."""
        self._rate_bps, self._locked = sensor.transmit_rate_bps, sensor.locked
        self.update(now)

    def update(self, now: float) -> None:
        """Make the cue anew, as the sensor, the plan or the range has changed."""
        was = self.cue.light
        rate = self._rate_bps
        frame = min(self._ends.frame_bytes, frame_bytes_for(rate))
        self.cue = LinkCue(rate, self._locked, delay(self._ends.plan, self.link, now), frame)
        self.endpoint.cue(self.cue, now)
        if self.cue.light != was:
            self._ends.on_light(self, self.cue.light, now)
        if self._refresh is not None:
            self._refresh.cancel()
        at = now + _REFRESH_s
        self._refresh = self._ends.clock.call_at(at, self._go_on) if self.cue.light else None
        self.drive()

    def close(self) -> None:
        self._pump.close()
        if self._refresh is not None:
            self._refresh.cancel()

    def _go_on(self) -> None:
        self._refresh = None
        self.update(self._ends.clock.now())


class LinkEnds:
    """All ends of a node, on one terminal and one Holdings. Make it, then ``await terminal.start()``."""

    def __init__(
        self,
        terminal: Terminal,
        clock: Clock,
        holdings: Holdings,
        epoch: int,
        frame_bytes: int,
        on_event: OnEvent,
        on_light: OnLight,
        on_plan: Callable[[Plan], None] | None = None,
    ) -> None:
        self.terminal = terminal
        self.clock = clock
        self.frame_bytes = frame_bytes
        self.on_event = on_event
        self.on_light = on_light
        self.plan: Plan | None = None
        self._on_plan = on_plan
        self._ends = {
            link.link: LinkEnd(link.link, link.peer, Endpoint(holdings, epoch), self)
            for link in terminal.links
        }
        terminal.attach(self._datagram, self._sensor, self._planned)

    def __iter__(self) -> Iterator[LinkEnd]:
        return iter(self._ends.values())

    def to(self, peer: str) -> LinkEnd | None:
        """The end of the link to ``peer``, None if there is no such link."""
        return next((end for end in self._ends.values() if end.peer == peer), None)

    def close(self) -> None:
        for end in self._ends.values():
            end.close()

    def _datagram(self, link: int, datagram: bytes, now: float) -> None:
        self._ends[link].heard(datagram, now)

    def _sensor(self, sensor: Sensor, now: float) -> None:
        self._ends[sensor.link].sense(sensor, now)

    def _planned(self, plan: Plan) -> None:
        self.plan = plan
        if self._on_plan is not None:
            self._on_plan(plan)


def delay(plan: Plan | None, link: int, now: float) -> float:
    """One-way light time in s as planned: of the window at ``now``, else of the nearest one of the link."""
    windows = [window for window in plan.windows if window.link == link and window.delay] if plan else []
    if not windows:
        return _UNKNOWN_DELAY_s
    return _along(min(windows, key=lambda window: max(window.start_s - now, now - window.end_s, 0.0)), now)


def _along(window: Window, now: float) -> float:
    after = bisect_right(window.delay, now, key=lambda sample: sample[0])
    if after == 0 or after == len(window.delay):
        return window.delay[max(0, after - 1)][1]
    (t0, d0), (t1, d1) = window.delay[after - 1], window.delay[after]
    return d0 + (d1 - d0) * (now - t0) / (t1 - t0)


async def next_epoch(disk: Disk, root: Path) -> int:
    """The number of this start of the node, larger than that of every start before; durable when returned.

    It is kept twice, each with its checksum: a peer would take a node that counts from less for a ghost of an
    earlier life. With one of the two damaged, the other may lack one start.

    Raises:
        IntegrityError, ResourceError: neither can be read.
    """
    paths = (root / "starts", root / "starts.copy")
    found = [await _starts(disk, path) for path in paths]
    numbers = [each for each in found if isinstance(each, int)]
    problems = [each for each in found if isinstance(each, LinkemuError)]
    if problems and not numbers:
        raise problems[0]
    epoch = max(numbers, default=0) + len(problems) + 1
    number = b"%d" % epoch
    for path in paths:
        await store(disk, path, b"%s %08x" % (number, crc32(number)))
    return epoch


async def _starts(disk: Disk, path: Path) -> int | LinkemuError | None:
    """The number that is kept there, None if there is none, or why it can't be read."""
    try:
        text = await disk.read(path)
    except FileNotFoundError:
        return None
    except ResourceError as error:
        return error
    number, _, checksum = text.partition(b" ")
    if number.isdigit() and checksum in (b"%08x" % crc32(number), b""):  # none in those of earlier days
        return int(number)
    return IntegrityError(f"{path}: not a number of starts: {text[:20]!r}")
