"""``linkemu campaign``: seeded faults on the whole system, until something breaks; then the smallest case of
it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkemu.cli import options, output, places, progress, readers
from linkemu.cli.door import FAILED, INTERRUPTED
from linkemu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linkemu.campaign.faults import Fault
    from linkemu.campaign.hunt import Finding, Settings, Tally
    from linkemu.campaign.stage import Stage
    from linkemu.campaign.watch import Order, Violation


def campaign(
    scenario: options.MaybeScenario = None,
    seeds: Annotated[
        int | None, typer.Option(parser=readers.seeds, metavar="N", help="How many seeds (100).")
    ] = None,
    first_seed: Annotated[
        int | None, typer.Option(parser=readers.first_seed, metavar="SEED", help="The first of them (0).")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(parser=readers.minutes, metavar="M", help="Begin no more after M minutes.")
    ] = None,
    until_broken: Annotated[
        bool, typer.Option("--until-broken", help="Stop at the first seed that breaks a rule.")
    ] = False,
    jobs: options.Jobs = None,
    dask: options.Dask = None,
    case: Annotated[Path | None, typer.Option(help="Play this case alone.", show_default=False)] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a case file for each seed that broke a rule.")
    ] = None,
    json: output.Json = False,
) -> None:
    """Crash nodes at any step, tear writes, spoil frames, darken links, all by seed; judge what came of it.

    Each seed plays the whole system under the virtual clock. Nothing acknowledged may be lost, nothing
    corrupt served, every transfer ends once it is quiet, no node fails. What breaks a rule is shrunk to its
    smallest case. Exit code 1 if a rule was broken.

    \b
    Examples:
      linkemu campaign configs/campaign.toml --seeds 300
      linkemu campaign configs/campaign.toml --seeds 1 --first-seed 23 --keep cases
      linkemu campaign --case cases/seed-23.json --json
    """
    from linkemu.campaign.hunt import Settings

    if case is not None:
        of_many = {"--seeds": seeds, "--first-seed": first_seed, "--keep": keep}
        options.refuse(of_many, "goes with a campaign, not with --case")
        _replay(scenario, case, json)
    elif scenario is None:
        raise InputError("campaign", "give a scenario file, or --case FILE")
    else:
        places.check_directory(keep, "--keep")
        settings = Settings(
            100 if seeds is None else seeds, first_seed or 0, jobs, dask, minutes, until_broken
        )
        _hunt(scenario, settings, keep, json)


def _replay(scenario: Path | None, file: Path, json: bool) -> None:
    """Play one case, and tell what it violates."""
    from linkemu.campaign import case as cases
    from linkemu.campaign.hunt import calm
    from linkemu.campaign.play import play

    case = cases.read(file)
    stage = _stage(scenario if scenario is not None else cases.scenario_of(case, file))
    stage.check(case.faults, str(file))
    if stage.sky.digest() != case.sky:
        output.warn([f"{file}: it was made under another sky, and may not show what it showed"])
    outcome = play(stage, case.faults, calm(stage))
    found = [_violation(each) for each in outcome.violations]
    if json:
        told = {"case": str(file), "digest": outcome.digest, "faults": cases.describe(case.faults)}
        output.document({**told, "expected": case.what, "violations": found})
    else:
        _show_faults(case.faults)
        _show_violations(outcome.violations)
    raise typer.Exit(FAILED if found else 0)


def _show_violations(violations: Sequence[Violation]) -> None:
    for each in violations:
        typer.echo(f"{each.at_s:10.3f} s  {each.node or 'run'}: {each.what}: {each.details}")
    if not violations:
        typer.echo("nothing is violated")


def _stage(scenario: Path) -> Stage:
    from linkemu.campaign.stage import compile_stage
    from linkemu.scenario import load

    return compile_stage(load(scenario))


def _hunt(scenario: Path, settings: Settings, keep: Path | None, json: bool) -> None:
    """The campaign, its summary, and the cases that it found."""
    from linkemu.campaign.hunt import Tally, calm
    from linkemu.campaign.watch import order_of
    from linkemu.runtime.stopping import Stopping

    stage = _stage(scenario)
    orders = calm(stage)
    output.warn(
        f"{' '.join(each)}: not verified under a calm sky either, and not asked of any seed"
        for each in sorted(set(map(order_of, stage.scenario.transfers)) - orders)
    )
    tally, begin = Tally(), time.monotonic()
    with Stopping() as stopping:
        with stopping.breaking_off():
            _seek(stage, orders, settings, tally)
        took_s = time.monotonic() - begin
        findings = _shortened(stage, orders, tally)
        kept = {} if keep is None else {each.seed: _keep(keep, scenario, stage, each) for each in findings}
        if json:
            output.document(_document(stage, settings, tally, findings, kept, took_s, stopping.asked))
        else:
            _show(scenario, settings, tally, findings, kept, took_s)
    raise typer.Exit(INTERRUPTED if stopping.asked else FAILED if findings else 0)


def _seek(stage: Stage, orders: frozenset[Order], settings: Settings, tally: Tally) -> None:
    """Play the seeds; ``tally`` grows, and holds what an interrupt left."""
    from linkemu.campaign.hunt import hunt

    with progress.shown("seeds") as tell:
        for grown in hunt(stage, orders, settings, tally):
            found = output.count(len(grown.findings), "finding", "findings")
            tell(grown.seeds / settings.seeds, f"{grown.seeds} of {settings.seeds}, {found}")


def _shortened(stage: Stage, orders: frozenset[Order], tally: Tally) -> list[Finding]:
    """The findings, the first of each kind shrunk."""
    from linkemu.campaign.hunt import shorten, worth_shrinking

    chosen = {each.seed for each in worth_shrinking(tally.findings)}
    with output.notices().status("shrinking"):
        return [shorten(stage, orders, each) if each.seed in chosen else each for each in tally.findings]


def _keep(directory: Path, scenario: Path, stage: Stage, finding: Finding) -> Path:
    from linkemu.campaign import case as cases

    path = directory / f"seed-{finding.seed}.json"
    faults = finding.faults if finding.shrunk is None else finding.shrunk
    what, details = finding.violation.what, finding.violation.details
    cases.write(path, cases.of(scenario, stage.sky.digest(), faults, path, finding.seed, what, details))
    return path


def _document(
    stage: Stage,
    settings: Settings,
    tally: Tally,
    findings: Sequence[Finding],
    kept: dict[int, Path],
    took_s: float,
    interrupted: bool,
) -> dict[str, Any]:
    from linkemu.campaign import case as cases

    return {
        "scenario": stage.scenario.name,
        "sky": stage.sky.digest(),
        "first_seed": settings.first,
        "seeds": tally.seeds,
        "interrupted": interrupted,
        "faults": tally.faults,
        "crashes": tally.crashes,
        "events": tally.events,
        "wall_s": round(took_s, 3),
        "cpu_s": round(tally.cpu_s, 3),
        "cpu_s_slowest_seed": round(tally.slowest_s, 3),
        "seeds_per_core_minute": round(tally.seeds_per_core_minute, 1),
        "violations": [
            {
                "seed": each.seed,
                **_violation(each.violation),
                "faults": cases.describe(each.faults),
                "shrunk": None if each.shrunk is None else cases.describe(each.shrunk),
                "case": str(kept[each.seed]) if each.seed in kept else None,
            }
            for each in findings
        ],
    }


def _violation(each: Any) -> dict[str, Any]:
    return {"what": each.what, "node": each.node, "at_s": each.at_s, "details": each.details}


def _show(
    scenario: Path,
    settings: Settings,
    tally: Tally,
    findings: Sequence[Finding],
    kept: dict[int, Path],
    took_s: float,
) -> None:
    console = output.console()
    for each in findings:
        violation = each.violation
        where = f"{violation.node or 'run'} at {violation.at_s:.3f} s"
        console.print(f"seed {each.seed}: {violation.what}: {where}: {violation.details}", markup=False)
        if each.shrunk is not None:
            _show_faults(each.shrunk)
        again = (
            f"linkemu campaign --case {kept[each.seed]}"
            if each.seed in kept
            else f"linkemu campaign {scenario} --seeds 1 --first-seed {each.seed}"
        )
        console.print(f"  again: {again}", markup=False)
    what = f"{tally.faults} faults, {tally.crashes} crashes, {tally.events} events"
    pace = f"{took_s:.1f} s, {tally.seeds_per_core_minute:.0f} seeds a minute and core"
    console.print(f"{output.count(tally.seeds, 'seed', 'seeds')} from {settings.first}: {what}; {pace}")
    console.print(output.count(len(findings), "seed breaks a rule", "seeds break a rule"))


def _show_faults(faults: Sequence[Fault]) -> None:
    from linkemu.campaign import case as cases

    console = output.console()
    for each in cases.describe(faults):
        name = each.pop("fault")
        values = ", ".join(f"{key} {value}" for key, value in each.items())
        console.print(f"  {name}: {values}", markup=False)
