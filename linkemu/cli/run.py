"""``linkemu run``: plays a scenario, in processes of its own or, under the virtual clock, in this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linkemu.cli import options, output, places, sources


def run(
    scenario: options.Scenario,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Directory of the run (.linkemu/NAME); found again by put, get, …"),
    ] = None,
    broker: options.Broker = "embedded",
    clock: options.Clock = None,
    rate: options.Rate = None,
    skip_gaps: options.SkipGaps = False,
    until_done: options.UntilDone = False,
    record: options.Record = None,
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
    from linkemu.cli.pace import Wanted
    from linkemu.record.manifest import Pace

    places.check_directory(directory, "--dir")
    read = scenarios.load(scenario)
    wanted = Wanted(clock, rate, broker, skip_gaps, until_done)
    pace = wanted.pace(Pace(read.clock.mode, read.clock.rate), read)
    sources.make_room(record)
    if pace.mode == "virtual":
        from linkemu.cli import virtual

        if read.doors:
            output.warn(["doors stay closed under the virtual clock"])
        raise typer.Exit(virtual.run(read, directory, json, record))
    from linkemu.cli import processes
    from linkemu.runtime.session import Options

    told = Options(directory, None, broker, pace.rate, skip_gaps, until_done, fresh)
    raise typer.Exit(processes.run(read, told, json, record))
