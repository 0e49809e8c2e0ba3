"""``linkemu forecast``: compiles the sky of a scenario and says what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import options, output, places, progress

if TYPE_CHECKING:
    from linkemu.forecast import Forecast
    from linkemu.scenario import Scenario


def forecast(
    scenario: options.Scenario,
    out: Annotated[
        Path | None, typer.Option(help="Write the sky to this file (docs/timeline-format.md).")
    ] = None,
    json: output.Json = False,
) -> None:
    """Compile the sky: contact windows, what each can carry, and every outage with its cause.

    \b
    Examples:
      linkemu forecast configs/demo.toml
      linkemu forecast configs/demo.toml --out demo.sky
      linkemu forecast configs/constellation.toml --json
    """
    from linkemu import scenario as scenarios
    from linkemu.cli import skytables

    places.check_file(out, "--out")
    read = scenarios.load(scenario)
    made = compiled(read)
    if out is not None:
        made.sky.save(out)
    output.warn(made.warnings)
    summary = skytables.summarise(read, made)
    if json:
        output.document(summary)
    else:
        skytables.show(summary, out)


def compiled(scenario: Scenario) -> Forecast:
    """The forecast; how far it is meanwhile stands on stderr."""
    import linkemu.forecast

    with progress.shown("compiling the sky") as tell:
        return linkemu.forecast.forecast(scenario, tell)
