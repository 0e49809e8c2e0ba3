"""All channels of a Sky, and the sensors of each terminal at its own time. Pure; times are integer ns.

Order of calls as for a Machine: ``offer`` as datagrams come, then ``due`` and ``sensors`` once after each and
once at each wake-up, then ``next_ns``. Who listens on which address is none of its business.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from linkemu.link.channel import DEFAULT_HOLD_S, Channel, Delivery
from linkemu.link.overlay import Overlay, common_boundary
from linkemu.link.timeline import Cause, Sky
from linkemu.machine import Direction
from linkemu.sensor import Sensor

Key = tuple[int, Direction]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery and where it happens: ``direction`` is that of the light."""

    link: int
    direction: Direction
    delivery: Delivery


class Player:
    """Plays a Sky for any number of terminals."""

    def __init__(self, sky: Sky, *, queue_bytes: int | None = None, hold_s: float = DEFAULT_HOLD_S) -> None:
        self.sky = sky
        self.channels: dict[Key, Channel] = {
            key: Channel(timeline, queue_bytes=queue_bytes, hold_s=hold_s)
            for key, timeline in sky.timelines.items()
        }
        self._agenda = _Agenda()
        self._eyes = [_Eye(self, link, direction) for link, direction in self.channels]
        self._next_sensor_ns: int | None = 0

    def offer(self, link: int, direction: Direction, datagram: bytes, now_ns: int) -> bool:
        """Light from a terminal; False if its queue dropped it. KeyError for a link that the Sky lacks."""
        key = (link, direction)
        channel = self.channels[key]
        taken = channel.offer(datagram, now_ns)
        self._agenda.put(key, channel.next_ns())
        return taken

    def due(self, now_ns: int) -> list[Arrival]:
        """All that has arrived by ``now_ns``, per channel in order."""
        arrivals: list[Arrival] = []
        for key in self._agenda.pop(now_ns):
            channel = self.channels[key]
            arrivals += [Arrival(*key, delivery) for delivery in channel.due(now_ns)]
            self._agenda.put(key, channel.next_ns())
        return arrivals

    def sensors(self, now_ns: int) -> list[tuple[str, Sensor]]:
        """(node, sensor) for every terminal whose view has changed since the last call."""
        if self._next_sensor_ns is None or now_ns < self._next_sensor_ns:
            return []
        changed = [(eye.node, sensor) for eye in self._eyes if (sensor := eye.look(now_ns)) is not None]
        self._next_sensor_ns = min(
            (eye.next_ns for eye in self._eyes if eye.next_ns is not None), default=None
        )
        return changed

    def sensors_of(self, node: str) -> list[Sensor]:
        """What a node's terminal has last been told, for a node that joins late."""
        return [eye.last for eye in self._eyes if eye.node == node and eye.last is not None]

    def next_ns(self) -> int | None:
        """When ``due`` or ``sensors`` has something to do next."""
        times = [t for t in (self._agenda.first(), self._next_sensor_ns) if t is not None]
        return min(times, default=None)

    def impose(self, key: Key, overlay: Overlay, now_ns: int) -> Overlay:
        """Put a live fault on one direction of a link; returns it as it takes effect."""
        channel = self.channels[key]
        effective = channel.impose(overlay, now_ns)
        self._changed(key, now_ns)
        return effective

    def impose_all(self, batch: Sequence[tuple[Key, Overlay]], now_ns: int) -> list[tuple[Key, Overlay]]:
        """Put several on at once: those that would begin by then begin together, at one slot's edge."""
        if not batch:
            return []
        channels = [self.channels[key] for key, _ in batch]
        together_ns = self._boundary(channels, now_ns)
        return [
            (key, self.impose(key, replace(each, start_ns=max(each.start_ns, together_ns)), now_ns))
            for key, each in batch
        ]

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[tuple[Key, Overlay]]:
        """End the live faults of this name (None: all) on all links at one slot's edge; those ended.

        ``at_ns``: not before then.
        """
        together_ns = self._boundary(list(self.channels.values()), now_ns, at_ns)
        ended: list[tuple[Key, Overlay]] = []
        for key, channel in self.channels.items():
            ended += [(key, each) for each in channel.lift(name, now_ns, together_ns)]
            self._changed(key, now_ns)
        return ended

    def standing(self, now_ns: int, at_ns: int = 0) -> list[str]:
        """The names of all live faults that a ``lift`` would find."""
        channels = list(self.channels.values())
        together_ns = self._boundary(channels, now_ns, at_ns)
        names = {each.name for channel in channels for each in channel.overlaid.live(together_ns)}
        return sorted(names - {""})

    def dark_and_drained(self, now_ns: int) -> bool:
        """No link has light, and nothing waits or flies."""
        return all(
            channel.drained and channel.capacity.rate(now_ns) == 0 for channel in self.channels.values()
        )

    def next_light(self, now_ns: int) -> int | None:
        """When any link may carry something, from ``now_ns`` on; None if never again."""
        lights = [channel.capacity.next_light(now_ns) for channel in self.channels.values()]
        return min((light for light in lights if light is not None), default=None)

    def _boundary(self, channels: Sequence[Channel], now_ns: int, at_ns: int = 0) -> int:
        return common_boundary(
            [at_ns, *(channel.boundary_ns(now_ns) for channel in channels)],
            {channel.timeline.slot_ns for channel in channels},
        )

    def _changed(self, key: Key, now_ns: int) -> None:
        self._agenda.put(key, self.channels[key].next_ns())
        self._next_sensor_ns = now_ns


class _Agenda:
    """Which channel is to be asked when: a heap of which only the newest entry of each channel counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        self._current: dict[tuple[int, str], int | None] = {}

    def put(self, key: Key, at_ns: int | None) -> None:
        name = (key[0], key[1].value)
        if self._current.get(name) == at_ns:
            return
        self._current[name] = at_ns
        if at_ns is not None:
            heapq.heappush(self._heap, (at_ns, *name))

    def first(self) -> int | None:
        while self._heap:
            at_ns, link, direction = self._heap[0]
            if self._current[(link, direction)] == at_ns:
                return at_ns
            heapq.heappop(self._heap)
        return None

    def pop(self, now_ns: int) -> list[Key]:
        keys: list[Key] = []
        while (first := self.first()) is not None and first <= now_ns:
            _, link, direction = heapq.heappop(self._heap)
            self._current[(link, direction)] = None
            keys.append((link, Direction(direction)))
        return keys


class _Eye:
    """What one terminal sees on one link: its own rate, and the light of the other end."""

    def __init__(self, player: Player, link: int, sends: Direction) -> None:
        name = player.sky.links[link]
        self.node = name.station if sends is Direction.UP else name.satellite
        self.last: Sensor | None = None
        self.next_ns: int | None = 0
        self._link = link
        self._channel = player.channels[(link, sends)]
        incoming = player.sky.timelines.get((link, sends.other))
        self._sample_ns: list[int] = [] if incoming is None else incoming.sample_ns.tolist()
        self._power_dBm: list[float] = [] if incoming is None else incoming.power_dBm.tolist()
        self._edges: list[int] = self._channel.timeline.edge_ns.tolist()
        self._causes: list[int] = self._channel.timeline.cause.tolist()

    def look(self, now_ns: int) -> Sensor | None:
        """The sensor if it has changed, else None."""
        sample = bisect_right(self._sample_ns, now_ns)
        rate_bps = self._channel.capacity.rate(now_ns)
        locked = rate_bps > 0 or self._cause(now_ns) is Cause.MARGIN
        power = self._power_dBm[sample - 1] if locked and sample > 0 else None
        edge_ns = self._channel.capacity.next_edge(now_ns)
        sample_ns = self._sample_ns[sample] if locked and sample < len(self._sample_ns) else None
        self.next_ns = min((t for t in (edge_ns, sample_ns) if t is not None), default=None)
        sensor = Sensor(self._link, locked, rate_bps, power)
        if sensor == self.last:
            return None
        self.last = sensor
        return sensor

    def _cause(self, now_ns: int) -> Cause:
        segment = bisect_right(self._edges, now_ns) - 1
        return Cause(self._causes[segment]) if 0 <= segment < len(self._causes) else Cause.NONE
