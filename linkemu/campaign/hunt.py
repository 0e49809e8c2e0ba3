"""A campaign: many seeds, in processes or on Dask, and what was found, shrunk.

Seeds are cut into batches, each with the stage that it is played on; answers come in any order and are told
in the order of the seeds. What was found does not hang on where or in how many processes it was sought.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from linkemu.campaign.draw import draw
from linkemu.campaign.faults import Fault
from linkemu.campaign.play import Outcome, play
from linkemu.campaign.shrink import shrink
from linkemu.campaign.stage import Stage
from linkemu.campaign.watch import Order, Violation
from linkemu.errors import LinkemuError
from linkemu.study import farm

_BATCH = 10
_SHRUNK = 3  # findings, each of another kind


@dataclass(frozen=True, slots=True)
class Settings:
    """``dask`` is an address, farm.LOCAL, or None for processes of this machine. ``minutes`` None: no
    bound."""

    seeds: int = 100
    first: int = 0
    jobs: int | None = None
    dask: str | None = None
    minutes: float | None = None
    until_broken: bool = False  # no further than to the first finding


@dataclass(frozen=True, slots=True)
class Finding:
    """A seed that broke something. ``shrunk``: fewer faults that break it likewise, if that was sought."""

    seed: int
    violation: Violation
    faults: tuple[Fault, ...]
    shrunk: tuple[Fault, ...] | None = None


@dataclass(slots=True)
class Tally:
    """What so many seeds came to. ``cpu_s`` is that of the plays alone."""

    seeds: int = 0
    faults: int = 0
    crashes: int = 0
    events: int = 0
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def seeds_per_core_minute(self) -> float:
        return 60.0 * self.seeds / self.cpu_s if self.cpu_s else 0.0

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.faults += other.faults
        self.crashes += other.crashes
        self.events += other.events
        self.cpu_s += other.cpu_s
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.findings = sorted([*self.findings, *other.findings], key=lambda finding: finding.seed)


@dataclass(frozen=True, slots=True)
class Batch:
    """Seeds for one worker, with all that it needs."""

    stage: Stage
    orders: frozenset[Order]
    first: int
    count: int


def calm(stage: Stage) -> frozenset[Order]:
    """The orders that are verified when nothing goes wrong: those that every seed has to verify.

    Raises:
        LinkemuError: the stage violates something without any fault.
    """
    outcome = play(stage, ())
    for each in outcome.violations:
        where = f"{stage.scenario.name} without any fault, at {each.at_s:.3f} s"
        raise LinkemuError(f"{where}: {each.node or 'run'}: {each.what}: {each.details}")
    return outcome.verified


def work(batch: Batch) -> Tally:
    """Play the seeds of a batch."""
    tally = Tally()
    for seed in range(batch.first, batch.first + batch.count):
        faults = draw(seed, batch.stage)
        begin = time.process_time()
        outcome = play(batch.stage, faults, batch.orders)
        took_s = time.process_time() - begin
        findings = [Finding(seed, outcome.violations[0], faults)] if outcome.violations else []
        tally.add(Tally(1, len(faults), outcome.crashes, outcome.events, took_s, took_s, findings))
    return tally


def hunt(
    stage: Stage,
    orders: frozenset[Order],
    settings: Settings,
    tally: Tally,
) -> Iterator[Tally]:
    """``tally``, each time that it has grown: it holds what was found, also when the caller breaks off.

    Raises:
        InputError, ResourceError: Dask is asked for and absent, or does not answer.
    """
    last = settings.first + settings.seeds
    batches = [
        Batch(stage, orders, first, min(_BATCH, last - first))
        for first in range(settings.first, last, _BATCH)
    ]
    end = None if settings.minutes is None else time.monotonic() + 60.0 * settings.minutes
    answers = (
        farm.here(work, batches, settings.jobs)
        if settings.dask is None
        else farm.on_dask(work, batches, settings.dask, settings.jobs)
    )
    with closing(answers):
        for _, answer in answers:
            tally.add(answer)
            yield tally
            late = end is not None and time.monotonic() > end
            if late or (settings.until_broken and tally.findings):
                return


def shorten(stage: Stage, orders: frozenset[Order], finding: Finding) -> Finding:
    """The finding with the least faults that violate the same, and what they violate."""
    what = finding.violation.what

    def fails(faults: tuple[Fault, ...]) -> bool:
        return what in kinds(play(stage, faults, orders))

    shrunk = shrink(finding.faults, fails)
    violations = play(stage, shrunk, orders).violations
    violation = next(each for each in violations if each.what == what)
    return Finding(finding.seed, violation, finding.faults, shrunk)


def kinds(outcome: Outcome) -> set[str]:
    """The words of what was violated."""
    return {each.what for each in outcome.violations}


def worth_shrinking(findings: list[Finding]) -> list[Finding]:
    """The first findings of their kinds, a few."""
    first: dict[tuple[str, str], Finding] = {}
    for each in findings:
        first.setdefault((each.violation.what, each.violation.node), each)
    return list(first.values())[:_SHRUNK]
