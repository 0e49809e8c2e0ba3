"""A sky cut, moved, slowed or repeated: pure functions from a Sky to another, for replays of a part.

Nothing is compiled anew and no physics is asked: arrays are cut, moved and scaled. Times are integer ns. A
cut begins at the edge of a slot, so that each erased slot stays one. Skies keep their links and their order.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import InputError
from linkemu.link.delay import DelayCurve
from linkemu.link.invariants import ARRAYS
from linkemu.link.timeline import Cause, LinkTimeline, Sky

_STALE_NS = 2_000_000_000  # a sample holds no longer than this
_LONGEST_NS = 2**61


def slot_ns(sky: Sky) -> int:
    """The shortest time that is whole slots of every timeline."""
    return math.lcm(*(timeline.slot_ns for timeline in sky.timelines.values()))


def end_ns(sky: Sky) -> int:
    """The scenario's end: the last of all timelines."""
    return max((timeline.end_ns for timeline in sky.timelines.values()), default=0)


def slot_edge(sky: Sky, at_ns: int) -> int:
    """The last edge of a slot, of all timelines at once, that isn't after ``at_ns``."""
    slot = slot_ns(sky)
    return at_ns // slot * slot


def crop(sky: Sky, start_ns: int, stop_ns: int) -> Sky:
    """What lies from ``start_ns`` (moved back to a slot's edge) to ``stop_ns``; its time begins at 0.

    Capacity, delays and erased slots of that stretch are those of the whole sky, to the bit. Erased slots go
    on beyond the end for as long as light may be under way.
    """
    start_ns, stop_ns = max(start_ns, 0), min(stop_ns, end_ns(sky))
    if not start_ns < stop_ns:
        raise InputError("crop", f"nothing lies between {start_ns / 1e9:g} s and {stop_ns / 1e9:g} s")
    start_ns = slot_edge(sky, start_ns)
    return _each(sky, lambda timeline: _cropped(timeline, start_ns, stop_ns))


def shift(sky: Sky, by_ns: int) -> Sky:
    """The sky ``by_ns`` later (whole slots, rounded down), dark until it begins; earlier if negative, cut.

    The dark before it is an outage that stands in the plan.
    """
    by_ns = slot_edge(sky, by_ns)
    if by_ns < 0:
        return crop(sky, -by_ns, end_ns(sky))
    if end_ns(sky) + by_ns > _LONGEST_NS:
        raise InputError("shift", f"{by_ns / 1e9:g} s is too far")
    return sky if by_ns == 0 else _each(sky, lambda timeline: _later(timeline, by_ns))


def stretch(sky: Sky, factor: Fraction) -> Sky:
    """Everything ``factor`` times as long: outages, slots and delays; rates are divided by it.

    So a client that is itself slowed meets the same slots with the same bytes. Rates are rounded to whole
    bit/s. InputError if a slot would not be whole nanoseconds.
    """
    if not Fraction(1, 1000) <= factor <= 1000 or end_ns(sky) * factor > _LONGEST_NS:
        raise InputError("slow", f"{float(factor):g} is out of range")
    for timeline in sky.timelines.values():
        if (timeline.slot_ns * factor).denominator != 1:
            raise InputError(
                "slow", f"{float(factor):g} makes of a slot of {timeline.slot_ns} ns no whole nanoseconds"
            )
    return _each(sky, lambda timeline: _stretched(timeline, factor))


def loop(sky: Sky, times: int) -> Sky:
    """The sky ``times`` times in a row; each round lasts the sky's whole slots.

    Light that leaves at the end of a round and crosses the atmosphere in the next is judged by the next.
    """
    period_ns = slot_edge(sky, end_ns(sky))
    if times < 1 or period_ns * times > _LONGEST_NS:
        raise InputError("loop", f"{times} rounds are out of range")
    if period_ns == 0:
        raise InputError("loop", "the sky is shorter than a slot")
    return sky if times == 1 else _each(sky, lambda timeline: _looped(timeline, period_ns, times))


def _each(sky: Sky, change: Callable[[LinkTimeline], LinkTimeline]) -> Sky:
    return Sky(sky.header, sky.links, {key: change(timeline) for key, timeline in sky.timelines.items()})


def _columns(axis: str) -> list[str]:
    return [name for name, _, of in ARRAYS if of == axis]


def _picked(timeline: LinkTimeline, axis: str, chosen: Any) -> dict[str, Any]:
    """All arrays along an axis, reduced to ``chosen`` (an index, slice or mask)."""
    return {name: getattr(timeline, name)[chosen] for name in _columns(axis)}


def _cropped(timeline: LinkTimeline, start_ns: int, stop_ns: int) -> LinkTimeline:
    stop_ns = min(stop_ns, timeline.end_ns)
    if stop_ns <= start_ns:
        return _dark(timeline, 1)
    arrays = _segments(timeline, start_ns, stop_ns)
    arrays |= _delays(timeline, start_ns, stop_ns)
    arrays |= _runs(timeline, start_ns, stop_ns + DelayCurve(timeline).longest())
    samples = (timeline.sample_ns > start_ns - _STALE_NS) & (timeline.sample_ns < stop_ns)
    arrays |= _picked(timeline, "samples", samples)
    arrays["sample_ns"] = arrays["sample_ns"] - start_ns
    return replace(timeline, **arrays)


def _segments(timeline: LinkTimeline, start_ns: int, stop_ns: int) -> dict[str, Any]:
    edges = timeline.edge_ns.tolist()
    first, stop = bisect_right(edges, start_ns) - 1, bisect_left(edges, stop_ns)
    cut = np.clip(timeline.edge_ns[first : stop + 1], start_ns, stop_ns) - start_ns
    return {**_picked(timeline, "segments", slice(first, stop)), "edge_ns": cut}


def _delays(timeline: LinkTimeline, start_ns: int, stop_ns: int) -> dict[str, Any]:
    """The segments whose delays hold anywhere in the stretch; the first may begin before it."""
    starts = timeline.delay_start_ns.tolist()
    first, stop = max(0, bisect_right(starts, start_ns) - 1), bisect_left(starts, stop_ns)
    arrays = _picked(timeline, "delays", slice(first, max(stop, first + 1)))
    arrays["delay_start_ns"] = arrays["delay_start_ns"] - start_ns
    return arrays


def _runs(timeline: LinkTimeline, start_ns: int, stop_ns: int) -> dict[str, Any]:
    first, stop = start_ns // timeline.slot_ns, -(-stop_ns // timeline.slot_ns)
    begin = np.clip(timeline.erased_slot, first, stop)
    end = np.clip(timeline.erased_slot + timeline.erased_count, first, stop)
    kept = end > begin
    return {
        "erased_slot": (begin - first)[kept],
        "erased_count": (end - begin)[kept],
        "erased_cause": timeline.erased_cause[kept],
    }


def _darkness(timeline: LinkTimeline, segment: int) -> tuple[Cause, bool]:
    """Cause and foreknowledge of a dark that is added beside a segment: its own, or else unassigned."""
    cause = Cause(int(timeline.cause[segment]))
    return (cause, bool(timeline.known[segment])) if cause else (Cause.UNASSIGNED, True)


def _dark(timeline: LinkTimeline, length_ns: int) -> LinkTimeline:
    """A timeline of which nothing is left."""
    cause, known = _darkness(timeline, -1)
    arrays: dict[str, Any] = {}
    for axis in ("runs", "samples", "delays"):
        arrays |= _picked(timeline, axis, slice(0))
    arrays["edge_ns"] = np.array([0, length_ns], dtype=np.int64)
    arrays["rate_bps"] = np.zeros(1, dtype=np.int64)
    arrays["cause"] = np.array([cause], dtype=np.uint8)
    arrays["known"] = np.array([known])
    return replace(timeline, **arrays)


def _later(timeline: LinkTimeline, by_ns: int) -> LinkTimeline:
    cause, known = _darkness(timeline, 0)
    return replace(
        timeline,
        edge_ns=np.append(np.int64(0), timeline.edge_ns + by_ns),
        rate_bps=np.append(np.int64(0), timeline.rate_bps),
        cause=np.append(np.uint8(cause), timeline.cause),
        known=np.append(np.bool_(known), timeline.known),
        delay_start_ns=timeline.delay_start_ns + by_ns,
        erased_slot=timeline.erased_slot + by_ns // timeline.slot_ns,
        sample_ns=timeline.sample_ns + by_ns,
    )


def _stretched(timeline: LinkTimeline, factor: Fraction) -> LinkTimeline:
    def times(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([round(value * factor) for value in values.tolist()], dtype=np.int64)

    def rate(value: int) -> int:
        return max(1, round(value / factor)) if value else 0  # a link that carries goes on carrying

    edges, starts, samples = map(times, (timeline.edge_ns, timeline.delay_start_ns, timeline.sample_ns))
    arrays = _picked(timeline, "segments", np.diff(edges) > 0)  # what is less than a ns long is gone
    arrays |= _picked(timeline, "delays", np.diff(starts, append=_LONGEST_NS) > 0)
    arrays |= _picked(timeline, "samples", np.diff(samples, append=_LONGEST_NS) > 0)
    arrays["edge_ns"], arrays["delay_start_ns"], arrays["sample_ns"] = map(
        np.unique, (edges, starts, samples)
    )
    arrays["rate_bps"] = np.array([rate(value) for value in arrays["rate_bps"].tolist()], dtype=np.int64)
    arrays["delay_s"] = arrays["delay_s"] * float(factor)
    return replace(
        timeline,
        slot_ns=int(timeline.slot_ns * factor),
        delay_length_ns=round(timeline.delay_length_ns * factor),
        **arrays,
    )


def _looped(timeline: LinkTimeline, period_ns: int, times: int) -> LinkTimeline:
    """Each round is the timeline cut to the period (or dark to its end); later rounds begin with no past."""
    whole = _from_zero(_filled(_cropped(timeline, 0, period_ns), period_ns))
    whole = replace(whole, **_runs(whole, 0, period_ns))
    slots = period_ns // timeline.slot_ns
    arrays: dict[str, Any] = {}
    for axis in ("segments", "delays", "runs"):
        arrays |= {name: np.concatenate([getattr(whole, name)] * times) for name in _columns(axis)}
    arrays["edge_ns"] = np.append(0, _rounds(whole.edge_ns[1:], period_ns, times))
    arrays["delay_start_ns"] = _rounds(whole.delay_start_ns, period_ns, times)
    arrays["erased_slot"] = _rounds(whole.erased_slot, slots, times)
    own = _picked(whole, "samples", whole.sample_ns >= 0)
    past = _picked(whole, "samples", whole.sample_ns < 0)
    repeated = {name: np.concatenate([array] * times) for name, array in own.items()}
    repeated["sample_ns"] = _rounds(own["sample_ns"], period_ns, times)
    arrays |= {name: np.concatenate([past[name], array]) for name, array in repeated.items()}
    return replace(timeline, **arrays)


def _rounds(values: NDArray[np.int64], period: int, times: int) -> NDArray[np.int64]:
    return np.concatenate([values + n * period for n in range(times)])


def _from_zero(timeline: LinkTimeline) -> LinkTimeline:
    """The same delays by segments of which none begins before 0, so that rounds of them stay in order.

    A Taylor shift of the first segment's polynomial; it agrees to the rounding of a double.
    """
    if not len(timeline.delay_start_ns) or timeline.delay_start_ns[0] >= 0:
        return timeline
    past = -int(timeline.delay_start_ns[0]) / timeline.delay_length_ns
    starts, terms = timeline.delay_start_ns.copy(), timeline.delay_s.copy()
    starts[0] = 0
    terms[0] = _shifted(terms[0].tolist(), past) if past < 1.0 else _held(terms[0])
    return replace(timeline, delay_start_ns=starts, delay_s=terms)


def _shifted(terms: list[float], by: float) -> list[float]:
    """Coefficients of p(v + by) from those of p(u), by repeated synthetic division (Horner)."""
    result = list(terms)
    for done in range(len(result) - 1):
        for i in range(len(result) - 2, done - 1, -1):
            result[i] += by * result[i + 1]
    return result


def _held(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """A segment that has ended: its last value, for ever."""
    held = np.zeros_like(terms)
    held[0] = terms.sum()
    return held


def _filled(timeline: LinkTimeline, length_ns: int) -> LinkTimeline:
    """A timeline that ends before the others, dark until ``length_ns``."""
    if timeline.end_ns == length_ns:
        return timeline
    cause, known = _darkness(timeline, -1)
    return replace(
        timeline,
        edge_ns=np.append(timeline.edge_ns, np.int64(length_ns)),
        rate_bps=np.append(timeline.rate_bps, np.int64(0)),
        cause=np.append(timeline.cause, np.uint8(cause)),
        known=np.append(timeline.known, np.bool_(known)),
    )
