"""A link as a data plane plays it: what all its doors share, in each direction.

Streams share one Way, datagrams one Channel. Datagrams go first, as they can't wait in their client: what
they have carried is taken from the streams' share as they arrive, so that the sum stays the link's rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from linkemu.access.gauge import Beat
from linkemu.access.imposed import Standing, Standings, for_streams
from linkemu.access.pace import Pace
from linkemu.access.serialiser import Serialiser, Span, lasting, shared
from linkemu.access.settings import Behaviour, Door
from linkemu.access.way import Way
from linkemu.errors import InputError
from linkemu.link.delay import DelayCurve
from linkemu.link.lane import Lane
from linkemu.link.overlay import Overlay
from linkemu.link.timeline import LinkTimeline, Sky
from linkemu.machine import Direction

_LEAST_WINDOW_BYTES = 1 << 17
_MOST_WINDOW_BYTES = 64 << 20
_LEAST_WINDOW_NS = 20_000_000


class _Streams:
    """What carries streams in one direction: its serialiser, and the other's, which waits for its answers."""

    def __init__(self, own: Serialiser, other: Serialiser) -> None:
        self._own, self._other = own, other

    def boundary_ns(self, now_ns: int, *, erases: bool = False) -> int:
        return self._own.boundary_ns(now_ns, erases=erases)

    def impose(self, overlay: Overlay, now_ns: int) -> Overlay:
        acting = for_streams(overlay)
        if acting is not None:
            self._own.impose(acting, now_ns)
            self._other.impose_back(acting, now_ns)
        return overlay

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[Overlay]:
        self._other.lift_back(name, now_ns)
        return self._own.lift(name, now_ns, at_ns)


@dataclass(slots=True)
class _Side:
    """One direction."""

    timeline: LinkTimeline
    standing: Standing
    beats: dict[str, Beat]  # by protocol
    way: Way | None = None
    lane: Lane | None = None
    yielded_bytes: int = 0  # of datagrams, that streams have made room for


class Played:
    """Ways and lanes are made when the first door asks for them."""

    def __init__(
        self,
        sky: Sky,
        number: int,
        pace: Pace,
        standings: Standings,
        *,
        queue_bytes: int | None,
        hold_s: float,
        where: str = "sky",
    ) -> None:
        """InputError if the sky has no such link, or it never has light in both directions."""
        try:
            up, down = (sky.timelines[number, each] for each in Direction)
        except KeyError:
            raise InputError(where, f"has no link {number} with both directions") from None
        if not up.rate_bps.any() or not down.rate_bps.any():
            raise InputError(where, "the link never has light in both directions")
        self.number = number
        self.station, self.satellite = up.station, up.satellite
        self._pace = pace
        self._queue_bytes, self._hold_s = queue_bytes, hold_s
        self._repeat: bool | None = None
        self.sides = {
            each.direction: _Side(each, standings[number, each.direction], {"tcp": Beat(), "udp": Beat()})
            for each in (up, down)
        }

    @property
    def name(self) -> str:
        return f"{self.station}:{self.satellite}"

    @property
    def end_ns(self) -> int:
        """When the last light has arrived."""
        return max(each.timeline.end_ns + DelayCurve(each.timeline).longest() for each in self.sides.values())

    @property
    def window_bytes(self) -> int:
        """What a source may have on its way to a door: a round trip of the link, or 20 ms, at its rate."""
        return max(_window_bytes(each.timeline) for each in self.sides.values())

    @property
    def open_ways(self) -> list[Way]:
        """Those that a door has asked for."""
        return [each.way for each in self.sides.values() if each.way is not None]

    @property
    def open_lanes(self) -> list[Lane]:
        """The same for datagrams."""
        return [each.lane for each in self.sides.values() if each.lane is not None]

    def lights(self) -> list[Span]:
        """Where both directions have light, as it is now known."""
        up, down = (each.standing.lights for each in self.sides.values())
        return lasting(shared(up, down))

    def ways(self, door: Door) -> tuple[Way, Way]:
        """There and back, for streams. InputError: doors of one link agree on whether bytes are repeated."""
        repeat = door.outages.behaviour is Behaviour.ARQ
        if self._repeat not in (None, repeat):
            raise InputError(door.name, f'"arq" doesn\'t share the link {self.name} with other behaviours')
        if self._repeat is None:
            self._repeat = repeat
            self._make_ways(repeat)
        there, back = (self.sides[each].way for each in both(door))
        assert there is not None and back is not None
        return there, back

    def lanes(self, door: Door) -> tuple[Lane, Lane]:
        """There and back, for datagrams."""
        there, back = both(door)
        return self._lane(there), self._lane(back)

    def make_room(self) -> None:
        """Take what datagrams have used from what streams may use."""
        for side in self.sides.values():
            if side.way is not None and side.lane is not None:
                used_bytes = side.lane.counters.delivered_bytes
                if used_bytes > side.yielded_bytes:
                    side.way.serialiser.concede(used_bytes - side.yielded_bytes)
                    side.yielded_bytes = used_bytes

    def _make_ways(self, repeat: bool) -> None:
        sides = list(self.sides.values())
        serialisers = [
            Serialiser(one.timeline, other.timeline, repeat=repeat)
            for one, other in zip(sides, reversed(sides), strict=True)
        ]
        for side, own, other in zip(sides, serialisers, reversed(serialisers), strict=True):
            side.way = Way(own, self._pace, int(side.timeline.rate_bps.max()))
            side.standing.join(_Streams(own, other), is_of_streams=True)

    def _lane(self, direction: Direction) -> Lane:
        side = self.sides[direction]
        if side.lane is None:
            side.lane = Lane(side.timeline, queue_bytes=self._queue_bytes, hold_s=self._hold_s)
            side.standing.join(side.lane)
        return side.lane


def both(door: Door) -> tuple[Direction, Direction]:
    """Client to server, and back."""
    there = Direction.UP if door.uplink == "client" else Direction.DOWN
    return there, there.other


def _window_bytes(timeline: LinkTimeline) -> int:
    trip_ns = max(2 * DelayCurve(timeline).longest(), _LEAST_WINDOW_NS)
    wanted = int(timeline.rate_bps.max()) * trip_ns // (8 * 1_000_000_000)
    return min(max(wanted, _LEAST_WINDOW_BYTES), _MOST_WINDOW_BYTES)
