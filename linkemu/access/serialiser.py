"""When the bytes of a stream leave and arrive, in one direction of a link: law 11. Pure; integer ns.

A stream has no frames, so pieces are cut where the light ends: at an outage, and in ``arq`` at slots.
Capacity, delay and erasure are those of linkemu.link; here is only the order of the questions. All
connections of a direction share one Serialiser. Call ``opening``, read at most what it says, then ``leave``.
"""

from __future__ import annotations

from dataclasses import dataclass

from linkemu.access.lit import is_patterned, lit_capacity, lit_segments
from linkemu.link.capacity import BYTE
from linkemu.link.channel import Channel
from linkemu.link.outages import LONG_s
from linkemu.link.overlay import Overlay, refuse_for_streams
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction

_NS = 1_000_000_000
_PIECE_NS = 1_000_000  # at most this long, so that what follows another connection's piece waits no longer
_FIRST_NS = 100_000  # of each light; then no longer than what went before, so that its beginning is sharp
_LEAST_BYTES = 1448  # one segment of TCP
_MOST_BYTES = 1 << 20
_LOOKAHEAD_PIECES = 2
_PATTERN_NS = 5 * _NS  # how far ahead single slots that an overlay erases are laid out
_NEVER_NS = 1 << 62

Span = tuple[int, int]


@dataclass(slots=True)  # not frozen: a frozen one takes three times as long to make
class Opening:
    """The next byte would begin to leave at ``start_ns``; no more than ``most_bytes`` may follow it now."""

    start_ns: int
    most_bytes: int
    lookahead_ns: int  # how early before start_ns it may be taken from its client


@dataclass(slots=True)
class Passage:
    """A piece's way: leaves over [start, end], has arrived at ``due_ns`` if not ``erased``.

    ``again_ns`` is when the sender can know that it must be sent again, if erased: a round trip later.
    """

    start_ns: int
    end_ns: int
    due_ns: int
    erased: bool
    again_ns: int


class Serialiser:
    """One direction. Its owner knows since when bytes have waited, and they may leave from then on."""

    def __init__(self, timeline: LinkTimeline, back: LinkTimeline, *, repeat: bool) -> None:
        """``repeat``: erased slots carry bytes in vain (arq); else they carry none (the sender holds)."""
        self._channel = Channel(timeline)
        self._back = Channel(back)
        self._repeat = repeat
        self._downward = timeline.direction is Direction.DOWN
        self.capacity = self._channel.capacity if repeat else lit_capacity(timeline)
        self.delay = self._channel.delay
        self._sent = 0
        self._last_due_ns = 0
        self._laid_out_ns = _NEVER_NS  # until there single slots that an overlay erases are dark

    def opening(self, now_ns: int) -> Opening | None:
        """Where the next bytes would go; None if the link never has light again."""
        position = self._head(now_ns)
        if position is None:
            return None
        start_ns = self.capacity.start(position)
        rate_bps = self.capacity.rate(start_ns)
        begin, end = self.capacity.light_at(position)
        room = (end - position) // BYTE
        before = (position - begin) // BYTE  # of this light
        most = max(min(rate_bps * _PIECE_NS, max(rate_bps * _FIRST_NS, before * BYTE)) // BYTE, _LEAST_BYTES)
        most = min(most, _MOST_BYTES)
        if self._repeat:
            room = min(room, max(1, self._until_slot_ends(start_ns) * rate_bps // BYTE))
        lookahead_ns = _LOOKAHEAD_PIECES * max(_PIECE_NS, most * BYTE // rate_bps)
        return Opening(start_ns, min(most, room), lookahead_ns)

    def leave(self, size: int, now_ns: int) -> Passage | None:
        """Give ``size`` bytes that were there at ``now_ns`` their place; None if none is left before the end.

        Size 0 is a mark (the end of a stream): it takes the place behind all bytes and no capacity, and keeps
        back no bytes that were there before it and get their places later.
        """
        position = self._head(now_ns)
        if position is None:
            return None
        return self._pass(position, size, advance=size > 0)

    def repeat(self, size: int, at_ns: int) -> Passage | None:
        """Send an erased piece again, at ``at_ns`` or behind what has been given a place."""
        position = self._fit(max(self._sent, self.capacity.position(at_ns)), BYTE)
        return None if position is None else self._pass(position, size, advance=size > 0)

    def free_ns(self) -> int:
        """When all that has been given a place will have left."""
        return self.capacity.reach(self._sent)

    def concede(self, size: int) -> None:
        """Let ``size`` bytes of somebody else's go first."""
        self._sent = min(self._sent + size * BYTE, self.capacity.position(self._channel.timeline.end_ns))

    def window_bytes(self) -> int:
        """A round trip at the highest rate and two pieces: how much ``arq`` sends before it must hear."""
        rate_bps = int(self._channel.timeline.rate_bps.max())
        trip_ns = 2 * self._channel.longest_delay_ns() + 2 * _PIECE_NS
        return max(2 * _LEAST_BYTES, rate_bps * trip_ns // (8 * _NS))

    def boundary_ns(self, now_ns: int, *, erases: bool = False) -> int:
        """The first slot's edge at which a change can take effect: behind all that has been given a place.

        For erasure (``erases``) that is when the last of it crosses the air over the ground end.
        """
        edge_ns = max(now_ns, self.free_ns())
        if erases and self._downward:
            edge_ns = max(now_ns, edge_ns + self.delay(edge_ns))
        slot_ns = self._channel.timeline.slot_ns
        return (edge_ns // slot_ns + 1) * slot_ns

    def impose(self, overlay: Overlay, now_ns: int) -> Overlay:
        """Put a fault on; returns it as it takes effect. Erased slots are dark to a sender that holds.

        ``now_ns`` below 0: as it stands, before anything was played. After this and ``lift`` the owner asks
        for ``opening`` anew. InputError: not for a stream of bytes.
        """
        refuse_for_streams(overlay)
        boundary_ns = self.boundary_ns(now_ns, erases=overlay.erase_slots is not None) if now_ns >= 0 else 0
        effective = self._channel.overlaid.impose(overlay, boundary_ns, min(now_ns, self.free_ns()))
        self._renew(now_ns)
        return effective

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[Overlay]:
        """End the overlays of this name (None: all) at the next slot, or at ``at_ns``, a later one's edge."""
        overlaid = self._channel.overlaid
        erases = any(each.erase_slots and name in (None, each.name) for each in overlaid.live(now_ns))
        ended = overlaid.lift(name, max(self.boundary_ns(now_ns, erases=erases), at_ns))
        self._renew(now_ns)
        return ended

    def impose_back(self, overlay: Overlay, now_ns: int) -> None:
        """Tell of what has been put on the other direction, by which ``arq`` hears what was erased."""
        self._back.impose(overlay, now_ns)

    def lift_back(self, name: str | None, now_ns: int) -> None:
        self._back.lift(name, now_ns)

    def _renew(self, now_ns: int) -> None:
        """Play on by the overlays as they now are; what has been given a place keeps it."""
        from_ns = max(now_ns, self.free_ns())
        self._channel.renew(from_ns)
        self.delay = self._channel.delay
        if self._repeat:
            self.capacity = self._channel.capacity
        else:
            self._laid_out_ns = _NEVER_NS
            if is_patterned(self._channel.overlaid, from_ns):
                self._laid_out_ns = from_ns + _PATTERN_NS
            self._lay_out(from_ns)

    def _lay_out(self, from_ns: int) -> None:
        overlaid, timeline = self._channel.overlaid, self._channel.timeline
        self.capacity = self.capacity.spliced(*lit_segments(timeline, overlaid, from_ns, self._laid_out_ns))

    def _head(self, now_ns: int) -> int | None:
        return self._fit(max(self._sent, self.capacity.position(now_ns)), BYTE)

    def _fit(self, position: int, size: int) -> int | None:
        """Where ``size`` fits from ``position`` on, after laying out the slots that it may meet there."""
        placed = self.capacity.fit(position, size)
        if self._laid_out_ns == _NEVER_NS:
            return placed
        while placed is not None and (end_ns := self.capacity.reach(placed + size)) >= self._laid_out_ns:
            from_ns = max(self._laid_out_ns, self.capacity.start(placed))  # all light before is used or gone
            self._laid_out_ns = max(from_ns, end_ns) + _PATTERN_NS
            self._lay_out(from_ns)
            placed = self.capacity.fit(position, size)
        return placed

    def _pass(self, position: int, size: int, *, advance: bool) -> Passage | None:
        placed = self._fit(position, size * BYTE)
        if placed is None:
            return None
        start_ns = self.capacity.start(placed)
        end_ns = self.capacity.reach(placed + size * BYTE) if size else start_ns
        if advance:
            self._sent = placed + size * BYTE
        flight_ns = self.delay(end_ns)
        erased = self._repeat and self._is_erased(start_ns, end_ns)
        due_ns = end_ns + flight_ns
        if erased:
            return Passage(start_ns, end_ns, due_ns, True, due_ns + self._back.delay(due_ns))
        due_ns = max(due_ns, self._last_due_ns)
        if advance:
            self._last_due_ns = due_ns
        return Passage(start_ns, end_ns, due_ns, False, 0)

    def _until_slot_ends(self, start_ns: int) -> int:
        crossing_ns = start_ns + (self.delay(start_ns) if self._downward else 0)
        slot_ns = self._channel.timeline.slot_ns
        return slot_ns - crossing_ns % slot_ns

    def _is_erased(self, start_ns: int, end_ns: int) -> bool:
        """As in the channel: up, light crosses the air as it leaves; down, as it arrives. The end is open."""
        if self._downward:
            start_ns += self.delay(start_ns)
            end_ns += self.delay(end_ns)
        slot_ns = self._channel.timeline.slot_ns
        return self._channel.is_slot_erased(start_ns // slot_ns, max(start_ns, end_ns - 1) // slot_ns)


def long_lights(*timelines: LinkTimeline) -> list[Span]:
    """Where all of these have light, in ns; gaps shorter than an outage (LONG_s) don't count as dark."""
    common: list[Span] | None = None
    for timeline in timelines:
        lights = lit_capacity(timeline).lights()
        common = lights if common is None else shared(common, lights)
    return lasting(common or [])


def lasting(lights: list[Span]) -> list[Span]:
    """The same, but that gaps shorter than an outage don't count as dark."""
    merged: list[Span] = []
    for start, end in lights:
        if merged and start - merged[-1][1] < LONG_s * _NS:
            start = merged.pop()[0]
        merged.append((start, end))
    return merged


def shared(one: list[Span], other: list[Span]) -> list[Span]:
    """Where both have light."""
    found: list[Span] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found
