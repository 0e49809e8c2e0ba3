"""``linkemu budget``: a link's budget line by line, at one elevation or over a pass. No sky is compiled."""

from __future__ import annotations

from typing import Annotated

import typer

from linkemu.cli import options, output, readers
from linkemu.errors import InputError


def budget(
    scenario: options.MaybeScenario = None,
    station: Annotated[str | None, typer.Option(help="Which station of the scenario (the first).")] = None,
    satellite: Annotated[
        str | None, typer.Option(help="Which satellite of the scenario (the first).")
    ] = None,
    ground: Annotated[
        str | None, typer.Option(help="Without a scenario: preset of the ground terminal.")
    ] = None,
    space: Annotated[str | None, typer.Option(help="Preset of the space terminal.")] = None,
    site: Annotated[str | None, typer.Option(help="Preset of the site (sea level).")] = None,
    orbit: Annotated[
        float | None, typer.Option(parser=readers.orbit, metavar="LENGTH", help="Height of a circular orbit.")
    ] = None,
    elevation: Annotated[
        float | None,
        typer.Option(parser=readers.elevation, metavar="DEG", help="Where (the pass's culmination, or 30)."),
    ] = None,
    over_pass: Annotated[
        bool, typer.Option("--pass", help="Over the pass instead, every 10 degrees.")
    ] = False,
    visibility: Annotated[
        float | None,
        typer.Option(parser=readers.visibility, metavar="LENGTH", help="At the ground (23 km)."),
    ] = None,
    cirrus: Annotated[
        float | None,
        typer.Option(parser=readers.depth, metavar="TAU", help="Vertical optical depth of thin cloud (0)."),
    ] = None,
    rain: Annotated[
        float | None, typer.Option(parser=readers.rain, metavar="MM/H", help="Rain at the ground (0).")
    ] = None,
    sky: Annotated[
        str | None,
        typer.Option(
            parser=readers.one_of("--sky", "bright", "normal", "overcast", "night"),
            metavar="SKY",
            help="bright, normal, overcast or night (by the Sun).",
        ),
    ] = None,
    outage: Annotated[
        float | None,
        typer.Option(parser=readers.probability, metavar="P", help="Probability of the fades shown (0.01)."),
    ] = None,
    gain: Annotated[
        bool, typer.Option("--gain", help="Gains and free space, not power in the bucket.")
    ] = False,
    json: output.Json = False,
) -> None:
    """Show a link's budget, both directions: every line, its source, and each mode's margin.

    Of a pair in a scenario, or of two preset terminals and a circular orbit.

    \b
    Examples:
      linkemu budget configs/demo.toml
      linkemu budget configs/demo.toml --pass
      linkemu budget --space tbird --ground ogs-tbird --site table-mountain --orbit "530 km" --elevation 30
      linkemu budget --space lcrd --ground ogs-lcrd --site haleakala --orbit "35786 km" --elevation 45 --json
    """
    from linkemu.cli import balances, balancetables

    weather = balances.Weather(visibility or 23_000.0, cirrus or 0.0, rain or 0.0, sky)
    if scenario is not None:
        presets = {"--ground": ground, "--space": space, "--site": site, "--orbit": orbit}
        options.refuse(presets, "belongs to presets, not to a scenario")
        case = balances.of_scenario(scenario, station, satellite, elevation, over_pass=over_pass)
    elif ground is not None and space is not None and orbit is not None:
        case = balances.of_presets(ground, space, site, orbit, elevation, over_pass=over_pass)
    else:
        raise InputError("budget", "give a scenario file, or --space, --ground and --orbit")
    result = balances.result(case, weather, outage or 0.01, gain=gain)
    if json:
        output.document(balancetables.document(result))
    elif over_pass:
        balancetables.show_pass(result)
    else:
        balancetables.show_lines(result)
