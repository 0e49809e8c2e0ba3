"""A player that remembers what was sent through it: every datagram, when, and what became of it.

It plays as any other Player does. ``packets`` are in the order of sending; one that didn't arrive says so in
its comment. Which slot took it is the sky's to say, as in its table of erased stretches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from linkemu.exchange.pcapng import USER0, Interface, Packet
from linkemu.link.channel import DEFAULT_HOLD_S
from linkemu.link.player import Arrival, Key, Player
from linkemu.link.timeline import Sky
from linkemu.machine import Direction

_FULL = "dropped: the queue was full"
_GONE = "lost: erased, or held too long"
_OPEN = "lost, or still under way at the end"
_SPOILT = "arrived changed"
Seal = tuple[Key, int, int, int]
"""A datagram: its direction, when it was sent (ns), its length and checksum."""


@dataclass(slots=True)
class _Sent:
    seal: Seal
    head: bytes
    arrivals: int = 0
    dropped: bool = False
    spoilt: bool = False


class Capture(Player):
    """Keeps the first ``snap_bytes`` of each datagram."""

    def __init__(
        self,
        sky: Sky,
        *,
        queue_bytes: int | None = None,
        hold_s: float = DEFAULT_HOLD_S,
        snap_bytes: int = 256,
    ) -> None:
        super().__init__(sky, queue_bytes=queue_bytes, hold_s=hold_s)
        self._snap_bytes = snap_bytes
        self._sent: list[_Sent] = []
        self._waiting: dict[tuple[Key, int], list[int]] = {}

    def offer(self, link: int, direction: Direction, datagram: bytes, now_ns: int) -> bool:
        taken = super().offer(link, direction, datagram, now_ns)
        key = (link, direction)
        seal = (key, now_ns, len(datagram), crc32(datagram))
        self._waiting.setdefault((key, now_ns), []).append(len(self._sent))
        self._sent.append(_Sent(seal, datagram[: self._snap_bytes], dropped=not taken))
        return taken

    def due(self, now_ns: int) -> list[Arrival]:
        arrivals = super().due(now_ns)
        for arrival in arrivals:
            self._arrived(arrival)
        return arrivals

    def _arrived(self, arrival: Arrival) -> None:
        """Mark who arrived; of equal ones that were sent in one instant, one after the other."""
        delivery, key = arrival.delivery, (arrival.link, arrival.direction)
        together = [
            each
            for each in (self._sent[i] for i in self._waiting.get((key, delivery.arrived_ns), []))
            if not each.dropped
        ]
        seal = (key, delivery.arrived_ns, len(delivery.datagram), crc32(delivery.datagram))
        same = [each for each in together if each.seal == seal]
        found = min(same or together, key=lambda each: each.arrivals, default=None)
        if found is not None:
            found.arrivals += 1
            found.spoilt |= not same

    @property
    def interfaces(self) -> list[Interface]:
        """One for each direction of each link."""
        names = self.sky.links
        return [
            Interface(f"{names[link].station} - {names[link].satellite} {direction.value}", USER0)
            for link, direction in self.channels
        ]

    def packets(self, epoch_ns: int) -> Iterator[Packet]:
        """What was sent, at Unix times, ``epoch_ns`` being that of scenario time 0."""
        numbers = {key: number for number, key in enumerate(self.channels)}
        last = {each.seal[0]: each.seal[1] for each in self._sent if each.arrivals}
        for each in self._sent:
            key, sent_ns, size, _ = each.seal
            length = size if size > len(each.head) else None
            comment = _fate(each, sent_ns < last.get(key, -1))
            yield Packet(numbers[key], epoch_ns + sent_ns, each.head, comment, length)

    def fates(self) -> Counter[str]:
        """How many of each comment there are; "" arrived."""
        return Counter(packet.comment for packet in self.packets(0))


def _fate(each: _Sent, later_ones_came: bool) -> str:
    if each.dropped:
        return _FULL
    if each.spoilt:
        return _SPOILT
    if each.arrivals == 0:
        return _GONE if later_ones_came else _OPEN
    return "" if each.arrivals == 1 else f"arrived {each.arrivals} times"
