"""Which part of a recorded run is played, and how: cut, slowed, repeated, moved. Pure.

Sky, plans, work and live faults change alike, in this order: the cut, the slowing, the rounds, the shift.
Work that was asked before the cut is asked at its start, work after it is left out; rounds repeat the sky,
not the work; a shift moves the sky against the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

from linkemu.errors import InputError
from linkemu.link import reshape
from linkemu.link.timeline import Sky
from linkemu.plan import Plan, Window
from linkemu.record.played import Played, Row
from linkemu.scenario import Scenario
from linkemu.schedule import NodeFault, Schedule

_DURATIONS = ("delay_ns", "delay_added_ns", "late_ns", "shift_ns")  # of a live fault: they stretch
_RATES = ("rate_bps", "rate_cap_bps")  # and these shrink
_AT_ONCE = {"kill", "bit-flip", "reset", "half-open"}  # of the schedule: they happen, and don't last


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Times in ns of the recorded scenario; ``shift_ns`` is as played, after the slowing."""

    start_ns: int = 0
    length_ns: int | None = None  # to the end
    slow: Fraction = Fraction(1)
    rounds: int = 1
    shift_ns: int = 0

    @property
    def is_whole(self) -> bool:
        """It changes nothing."""
        return self == Excerpt()

    def document(self) -> dict[str, Any]:
        """For the manifest; ``of`` gives back an equal one."""
        return {
            "start_ns": self.start_ns,
            "length_ns": self.length_ns,
            "slow": str(self.slow),
            "rounds": self.rounds,
            "shift_ns": self.shift_ns,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Excerpt:
        """ValueError, KeyError or TypeError if it is none."""
        length = document["length_ns"]
        return cls(
            int(document["start_ns"]),
            None if length is None else int(length),
            Fraction(document["slow"]),
            int(document["rounds"]),
            int(document["shift_ns"]),
        )

    def apply(self, played: Played) -> Played:
        """The part, as a run of its own. InputError if nothing of the sky would be left."""
        if self.is_whole:
            return played
        stage = _Stage(self, played)
        return replace(
            played,
            sky=stage.sky,
            scenario=None if played.scenario is None else self.work(played.scenario, stage.end_ns),
            epoch=None
            if played.epoch is None
            else played.epoch + timedelta(microseconds=stage.start_ns / 1e3),
            plans={node: stage.plan(plan) for node, plan in played.plans.items()},
            faults=tuple(stage.faults(played.faults)),
            strikes=stage.strikes(played.strikes),
            excerpts=(*played.excerpts, stage.excerpt.document()),
        )

    def work(self, scenario: Scenario, end_ns: int) -> Scenario:
        """The scenario of a sky that ends at ``end_ns``: its duration and its scripted transfers."""
        start_s, length_s = self.start_ns / 1e9, None if self.length_ns is None else self.length_ns / 1e9
        transfers = tuple(
            replace(each, at_s=max(0.0, each.at_s - start_s) * float(self.slow))
            for each in scenario.transfers
            if length_s is None or each.at_s < start_s + length_s
        )
        return replace(scenario, duration_s=end_ns / 1e9, transfers=transfers)


class _Stage:
    """An excerpt of one sky: its times at the edges of slots."""

    def __init__(self, excerpt: Excerpt, played: Played) -> None:
        whole_ns = reshape.end_ns(played.sky)
        self.start_ns = reshape.slot_edge(played.sky, excerpt.start_ns)
        stop_ns = whole_ns if excerpt.length_ns is None else excerpt.start_ns + excerpt.length_ns
        length_ns = min(stop_ns, whole_ns) - self.start_ns
        if length_ns <= 0:
            at_s, end_s = excerpt.start_ns / 1e9, whole_ns / 1e9
            raise InputError("--from", f"{at_s:.12g} s is not before the end of the run, at {end_s:.12g} s")
        sky = played.sky
        if (self.start_ns, length_ns) != (0, whole_ns):
            sky = reshape.crop(sky, self.start_ns, self.start_ns + length_ns)
        if excerpt.slow != 1:
            sky = reshape.stretch(sky, excerpt.slow)
        self.slow, self.rounds = excerpt.slow, excerpt.rounds
        self.cut_ns = reshape.end_ns(sky)
        self.round_ns = reshape.slot_edge(sky, self.cut_ns) if excerpt.rounds > 1 else self.cut_ns
        sky = reshape.loop(sky, excerpt.rounds)
        self.shift_ns = reshape.slot_edge(sky, excerpt.shift_ns)
        if reshape.end_ns(sky) + self.shift_ns <= 0:
            raise InputError("--shift", f"{self.shift_ns / 1e9:.12g} s leaves nothing of the sky")
        self.sky = self._scheduled(Schedule.of(played.sky), reshape.shift(sky, self.shift_ns))
        self.end_ns = reshape.end_ns(self.sky)
        self.excerpt = replace(excerpt, start_ns=self.start_ns, length_ns=length_ns, shift_ns=self.shift_ns)

    def plan(self, plan: Plan) -> Plan:
        """The windows that are left, cut as the sky is."""
        windows = [cut for n in range(self.rounds) for each in plan.windows if (cut := self._window(each, n))]
        return replace(plan, windows=tuple(sorted(windows, key=lambda one: (one.start_s, one.link))))

    def faults(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Faults that last, in each round in which something of them is left."""
        for n in range(self.rounds):
            for row in rows:
                start_ns = max(self._place(row["start_ns"]), 0)
                open_end = row.get("end_ns") is None
                end_ns = self.round_ns if open_end else min(self._place(row["end_ns"]), self.round_ns)
                begin_ns, stop_ns = (max(t + self._offset(n), 0) for t in (start_ns, end_ns))
                if begin_ns < stop_ns:
                    yield {**self._scaled(row), "start_ns": begin_ns, "end_ns": stop_ns}

    def strikes(self, strikes: tuple[NodeFault, ...]) -> tuple[NodeFault, ...]:
        whole = Schedule(nodes=strikes)
        return Schedule.of(self._scheduled(whole, Sky({}, ()))).nodes

    def _moments(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Faults that happen at once, in each round; those of before the cut are over."""
        for n in range(self.rounds):
            for row in rows:
                at_ns = self._place(row["start_ns"])
                if 0 <= at_ns < self.round_ns and at_ns + self._offset(n) >= 0:
                    yield {**row, "start_ns": at_ns + self._offset(n)}

    def _scheduled(self, schedule: Schedule, sky: Sky) -> Sky:
        """The sky with its schedule moved alike."""
        if schedule == Schedule():
            return sky
        whole = schedule.document()
        moved: dict[str, Any] = {**whole, "overlays": list(self.faults(whole["overlays"]))}
        for kind in ("nodes", "doors"):
            at_once = [row for row in whole[kind] if row["kind"] in _AT_ONCE and row["end_ns"] is None]
            lasting = [row for row in whole[kind] if row not in at_once]
            rows = [*self._moments(at_once), *self.faults(lasting)]
            moved[kind] = sorted(rows, key=lambda row: row["start_ns"])
        return Schedule.read(moved).put_into(sky)

    def _place(self, at_ns: int) -> int:
        """A moment within a round, which begins at 0."""
        return round((at_ns - self.start_ns) * self.slow)

    def _offset(self, n: int) -> int:
        """When round n begins."""
        return n * self.round_ns + self.shift_ns

    def _scaled(self, row: Row) -> Row:
        durations = {key: round(row[key] * self.slow) for key in _DURATIONS if row.get(key)}
        rates = {key: max(1, round(row[key] / self.slow)) for key in _RATES if row.get(key)}
        return {**row, **durations, **rates}

    def _window(self, window: Window, n: int) -> Window | None:
        """A window as it stands in round n, None if nothing is left of it."""
        slow, origin_s, offset_s = float(self.slow), self.start_ns / 1e9, self._offset(n) / 1e9

        def moved(at_s: float) -> float:
            return round((at_s - origin_s) * slow + offset_s, 6)

        low_s, high_s = max(offset_s, 0.0), offset_s + self.round_ns / 1e9
        start_s, end_s = max(moved(window.start_s), low_s), min(moved(window.end_s), high_s)
        if start_s >= end_s:
            return None
        rates = [(moved(at_s), round(rate / slow)) for at_s, rate in window.expected_rate]
        before = [rate for at_s, rate in rates if at_s <= start_s]
        steps = [(at_s, rate) for at_s, rate in rates if start_s < at_s < end_s]
        if before:
            steps.insert(0, (start_s, before[-1]))
        delay = [(moved(at_s), round(delay_s * slow, 9)) for at_s, delay_s in window.delay]
        return replace(
            window,
            start_s=start_s,
            end_s=end_s,
            expected_rate=tuple(steps),
            delay=tuple(_within(delay, start_s, end_s)),
        )


def _within(samples: list[tuple[float, float]], start_s: float, end_s: float) -> list[tuple[float, float]]:
    """The samples of a stretch, and one beyond it on either side, so that lines between them go on."""
    first = max((i for i, (at_s, _) in enumerate(samples) if at_s <= start_s), default=0)
    last = min((i for i, (at_s, _) in enumerate(samples) if at_s >= end_s), default=len(samples) - 1)
    return samples[first : last + 1]
