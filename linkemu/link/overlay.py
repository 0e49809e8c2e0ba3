"""A change of one direction of a link while it plays: faults and overrides, laid over the timeline. Pure.

An Overlay acts from slot to slot in integer ns of scenario time and is kept in a journal by its owner, so
that a replay imposes exactly the same. What several make together doesn't depend on the order of their
coming, but for two that set the same figure: the last one holds. Here is what one says; link/overlaid.py
holds those of a direction, link/lots.py knows whom they hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import lcm

from linkemu.errors import InputError


@dataclass(frozen=True, slots=True)
class Pick:
    """Which slots or datagrams of a row are meant: each ``every``-th, or a seeded ``share`` of them.

    Slots and datagrams are counted from the overlay's start, and the first that is hit is the every-th.
    """

    every: int = 1  # 1: all
    share: float | None = None  # of 0 to 1; if given, ``every`` says nothing


ALL = Pick()


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is imposed on one direction from ``start_ns`` to ``end_ns`` (None: until lifted).

    A rate acts by the time of leaving, and only where the sky gives light; a delay stands for the light time
    of what leaves. Slots are those of the timeline (law 10: when light crosses the air over the ground end);
    datagrams are those that begin to leave meanwhile. ``name`` and ``seed`` key the lots of shares (law 7),
    ``name`` is also what ``lift`` asks for.
    """

    start_ns: int
    end_ns: int | None = None
    name: str = ""
    seed: int = 0
    rate_cap_bps: int | None = None  # at most this; 0: the sender knows, its modem holds
    rate_bps: int | None = None  # exactly this (above 0), also above the sky's
    delay_ns: int | None = None  # exactly this
    delay_added_ns: int = 0
    erase_slots: Pick | None = None
    erase_datagrams: Pick | None = None
    duplicate: Pick | None = None  # datagrams that arrive twice
    corrupt: Pick | None = None  # datagrams in which one byte is another
    reorder: Pick | None = None  # datagrams that arrive late_ns later than they would, others overtake them
    late_ns: int = 0

    @property
    def touches_rate(self) -> bool:
        return self.rate_cap_bps is not None or self.rate_bps is not None

    @property
    def touches_delay(self) -> bool:
        return self.delay_ns is not None or self.delay_added_ns > 0

    @property
    def touches_datagrams(self) -> bool:
        """It acts on datagrams as such, which a stream of bytes doesn't have."""
        return any(
            pick is not None for pick in (self.erase_datagrams, self.duplicate, self.corrupt, self.reorder)
        )

    def holds_at(self, time_ns: int) -> bool:
        return self.start_ns <= time_ns and (self.end_ns is None or time_ns < self.end_ns)

    def aligned(self, slot_ns: int, boundary_ns: int) -> Overlay:
        """As it takes effect: whole slots, from ``boundary_ns`` on; empty if it would have ended."""
        start_ns = max(_ceil(self.start_ns, slot_ns), boundary_ns)
        end_ns = None if self.end_ns is None else max(start_ns, _ceil(self.end_ns, slot_ns))
        return replace(self, start_ns=start_ns, end_ns=end_ns)


def outage(start_ns: int, end_ns: int | None = None, name: str = "") -> Overlay:
    """The sender knows that it can't send: its modem holds."""
    return Overlay(start_ns, end_ns, name, rate_cap_bps=0)


def blackhole(start_ns: int, end_ns: int | None = None, name: str = "") -> Overlay:
    """All light is lost and nobody notices."""
    return Overlay(start_ns, end_ns, name, erase_slots=ALL)


def refuse_for_streams(overlay: Overlay) -> None:
    """InputError if the overlay asks what can't be done to a stream of bytes (law 11)."""
    for effect in ("erase_datagrams", "duplicate", "corrupt", "reorder"):
        if getattr(overlay, effect) is not None:
            problem = "a stream of bytes has no datagrams: use exec or a door for UDP"
            raise InputError(f"overlay {overlay.name or effect}: {effect}", problem)


def common_boundary(boundaries_ns: Sequence[int], slots_ns: Iterable[int]) -> int:
    """The first edge of a slot of all, at or after each of their boundaries: where a batch takes effect."""
    return _ceil(max(boundaries_ns), lcm(*slots_ns))


def _ceil(time_ns: int, slot_ns: int) -> int:
    return -(-time_ns // slot_ns) * slot_ns
