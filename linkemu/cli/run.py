"""``linkemu run``: plays a scenario, in processes of its own or, under the virtual clock, in this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import output, readers
from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.scenario import Scenario

EMBEDDED = "embedded"
CLOCKS = ("real", "scaled", "virtual")


def run(
    scenario: Annotated[Path, typer.Argument(help="Scenario file (TOML).", show_default=False)],
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Directory of the run (.linkemu/NAME); found again by put, get, …"),
    ] = None,
    broker: Annotated[
        str, typer.Option(help="embedded, mosquitto, off, or a URL such as mqtt://host:1883.")
    ] = EMBEDDED,
    clock: Annotated[
        str | None,
        typer.Option(
            parser=readers.one_of("--clock", *CLOCKS),
            metavar="|".join(CLOCKS),
            help="Instead of the scenario's clock.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(parser=readers.rate, metavar="X", help="Scenario seconds in a second (scaled)."),
    ] = None,
    skip_gaps: Annotated[
        bool, typer.Option("--skip-gaps", help="Jump over the time in which no link is near a window.")
    ] = False,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End when all transfers have ended.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Record the run into this new directory: linkemu replay plays it again."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what spools and stores of earlier runs hold.")
    ] = False,
    json: output.Json = False,
) -> None:
    """Run a scenario: broker, emulator, ground stations and satellites, until its end or Ctrl-C.

    Ends with the transfers and the fidelity report. Exit code 0 if every transfer was verified.

    \b
    Examples:
      linkemu run configs/demo.toml
      linkemu run configs/demo.toml --until-done --json
      linkemu run configs/demo.toml --broker off --fresh
      linkemu run configs/constellation.toml --clock virtual
      linkemu run configs/demo.toml --clock virtual --record recorded/demo
    """
    from linkemu import scenario as scenarios

    read = scenarios.load(scenario)
    mode = clock or ("scaled" if rate is not None else read.clock.mode)
    _check(mode, rate, skip_gaps, read)
    if record is not None:
        from linkemu.record import recording

        recording.make_room(record)
    if mode == "virtual":
        from linkemu.cli import virtual

        if read.doors:
            output.warn(["doors stay closed under the virtual clock"])
        _refuse_processes(broker, skip_gaps, until_done)
        code = virtual.run(read, directory, json, record)
    else:
        from linkemu.cli import processes
        from linkemu.runtime.session import Options

        speed = 1.0 if mode == "real" else rate
        options = Options(directory, None, broker, speed, skip_gaps, until_done, fresh)
        code = processes.run(read, options, json, record)
    raise typer.Exit(code)


def _refuse_processes(broker: str, skip_gaps: bool, until_done: bool) -> None:
    """The virtual clock has one process, no broker, and no time to wait for."""
    given = {"--broker": broker != EMBEDDED, "--skip-gaps": skip_gaps, "--until-done": until_done}
    for option, is_given in given.items():
        if is_given:
            raise InputError(option, "has no meaning under the virtual clock")


def _check(mode: str, rate: float | None, skip_gaps: bool, scenario: Scenario) -> None:
    """One clock, said once."""
    if mode != "scaled" and rate is not None:
        raise InputError("--rate", f"belongs to the scaled clock, not to the {mode} one")
    if skip_gaps and scenario.doors:
        raise InputError("--skip-gaps", "has no meaning with doors, whose clients live by the wall clock")
    if mode == "scaled" and rate is None and scenario.clock.mode != "scaled":
        raise InputError("--clock", "scaled needs --rate, or a rate in the scenario")
