"""Budgets as they are shown: tables for people, a document for pipes. Nothing is computed here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from linkemu.cli import output
from linkemu.cli.balances import Case, Result
from linkemu.forecast.balance import Balance
from linkemu.machine import Direction
from linkemu.optics import modem
from linkemu.scenario.model import Terminal
from linkemu.transfer.report import REPORT_BYTES, SECTION_BYTES
from linkemu.units import format_bytes, format_length, format_rate

REPORT = REPORT_BYTES + SECTION_BYTES + 64  # a statement of one file with a bitmap of 512 chunks


def document(result: Result) -> dict[str, Any]:
    """The result as it stands in JSON."""
    places = result.case.places
    return {
        "title": result.case.title,
        "outage": result.outage,
        "places": [
            {
                "elevation_deg": round(float(np.degrees(places.elevation_rad[k])), 4),
                "range_m": round(float(places.range_m[k]), 1),
                "slew_radps": round(float(places.slew_radps[k]), 8),
                **{
                    direction.value: _side(side, k, _receiver(result.case, direction))
                    for direction, side in result.sides.items()
                },
            }
            for k in range(len(places.range_m))
        ],
    }


def _side(side: Balance, k: int, receiver: Terminal) -> dict[str, Any]:
    lines = [
        {"name": line.name, "gain_dB": round(float(line.gain_dB[k]), 4), "source": line.source}
        for line in side.budget.lines
    ]
    modes = [
        {
            "name": each.name,
            "rate_bps": each.rate_bps,
            "sensitivity_dBm": round(each.sensitivity_dBm, 3),
            "photons_per_bit": round(each.photons_per_bit, 2),
            "background_dB": round(each.background_dB, 4),
            "margin_dB": round(float(each.spare_dB[k]), 3),
            "margin_in_fades_dB": round(float(each.spare_dB[k] - side.fade_dB[k]), 3),
        }
        for each in side.margins
    ]
    return {
        "transmitted_dBm": round(side.budget.transmitted_dBm, 4),
        "lines": lines,
        "power_dBm": round(float(side.budget.power_dBm[k]), 4),
        "scintillation_index": round(float(side.index[k]), 5),
        "fade_dB": round(float(side.fade_dB[k]), 3),
        "background_W": side.background_W,
        "modes": modes,
        "rate_bps": int(side.rate_bps[k]),
        "radio_bps": 0 if receiver.modes else receiver.radio_bps,
    }


def show_lines(result: Result) -> None:
    """One place: a row for each line, a column for each direction."""
    table = Table(title=_headline(result), title_justify="left", box=None, header_style="dim", pad_edge=False)
    for heading, side in (("", "left"), ("up", "right"), ("down", "right"), ("source", "left")):
        table.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    up, down = (result.sides[direction] for direction in (Direction.UP, Direction.DOWN))
    table.add_row("transmitted", *(f"{each.budget.transmitted_dBm:.2f} dBm" for each in (up, down)), "")
    for name, source in _sources(up, down).items():
        table.add_row(name, *(_cell(side, name) for side in (up, down)), source)
    table.add_section()
    table.add_row("received", *(Text(f"{s.budget.power_dBm[0]:.2f} dBm", "bold") for s in (up, down)), "mean")
    table.add_row(
        "scintillation index", *(f"{s.index[0]:.3f}" for s in (up, down)), "A&P ch. 9, ITU-R P.1622"
    )
    fades = f"{result.outage:g} of time; scintillation, pointing and coupling sampled"
    table.add_row("fades", *(_dB(-s.fade_dB[0]) for s in (up, down)), fades)
    table.add_row("background", *(_background(s) for s in (up, down)), "ITU-R P.1621-2 eq. 1, Table 1")
    console = output.console()
    console.print(table)
    console.print(_modes(result))
    for line in _remarks(result):
        console.print(line)


def _sources(up: Balance, down: Balance) -> dict[str, str]:
    """Name and source of every line of either direction, in the order of the light's way."""
    names = [line.name for line in up.budget.lines]
    before = 0
    for line in down.budget.lines:
        if line.name not in names:
            names.insert(before, line.name)
        before = names.index(line.name) + 1
    sources = {line.name: line.source for side in (up, down) for line in side.budget.lines}
    return {name: sources[name] for name in names}


def _dB(value: float, sign: str = "-") -> str:
    """Two digits, no negative zero; a "+" as ``sign`` shows it for gains too."""
    return f"{round(value, 2) + 0.0:{sign}.2f} dB"


def _modes(result: Result) -> Table:
    headings = ("", "mode", "rate", "needs", "photons/bit", "background", "margin", "in fades", "")
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("", "mode") else "right", no_wrap=True)
    for direction, side in result.sides.items():
        for place, each in enumerate(side.margins):
            table.add_row(
                direction.value,
                each.name,
                format_rate(each.rate_bps),
                f"{each.sensitivity_dBm:.2f} dBm",
                f"{each.photons_per_bit:.1f}",
                _dB(-each.background_dB),
                _dB(each.spare_dB[0], "+"),
                _dB(each.spare_dB[0] - side.fade_dB[0], "+"),
                "chosen" if side.steps[0] == place else "",
            )
    return table


def show_pass(result: Result) -> None:
    """Several places: a row for each, the main columns for each direction."""
    table = Table(title=_headline(result), title_justify="left", box=None, header_style="dim", pad_edge=False)
    for heading in ("elevation", "range", "", "received", "air", "pointing", "fades", "margin", "rate"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    places = result.case.places
    for k, elevation in enumerate(np.degrees(places.elevation_rad)):
        for direction, side in result.sides.items():
            first = direction is Direction.UP
            here = (f"{elevation:.1f}°", format_length(float(places.range_m[k]))) if first else ("", "")
            table.add_row(*here, direction.value, *_pass_cells(side, k))
    console = output.console()
    console.print(table)
    for line in _remarks(result):
        console.print(line)


def _pass_cells(side: Balance, k: int) -> tuple[str, ...]:
    gains = {line.name: float(line.gain_dB[k]) for line in side.budget.lines}
    air = gains["clear air"] + gains["thin cloud"] + gains["precipitation"]
    rate = int(side.rate_bps[k])
    spare = side.margins[side.steps[k]].spare_dB[k] if rate else math.nan
    return (
        f"{side.budget.power_dBm[k]:.2f} dBm",
        _dB(air),
        _dB(gains["pointing bias"] + gains["pointing jitter, mean"]),
        _dB(-side.fade_dB[k]),
        _dB(spare, "+") if rate else "",
        format_rate(rate) if rate else "none",
    )


def _headline(result: Result) -> str:
    places = result.case.places
    if len(places.range_m) > 1:
        return f"{result.case.title}\n"
    where = f"{np.degrees(places.elevation_rad[0]):.1f}° up, {format_length(float(places.range_m[0]))}"
    return f"{result.case.title}, {where}\n"


def _cell(side: Balance, name: str) -> str:
    gains = {line.name: float(line.gain_dB[0]) for line in side.budget.lines}
    return _dB(gains[name], "+") if name in gains else ""


def _background(side: Balance) -> str:
    watts = side.background_W
    return f"{10.0 * math.log10(watts * 1e3):.1f} dBm" if watts > 0.0 else "none"


def _remarks(result: Result) -> list[str]:
    """What else bears on data: radios, directions without data, thin returns of acknowledgements."""
    lines, best = [], {}
    for direction, side in result.sides.items():
        receiver = _receiver(result.case, direction)
        radio_bps = 0 if receiver.modes else receiver.radio_bps
        best[direction] = radio_bps or max(side.rate_bps.tolist(), default=0)
        if radio_bps:
            lines.append(f"{direction.value}: by radio at {format_rate(radio_bps)}, through clouds")
        elif not receiver.modes:
            lines.append(
                f"{direction.value}: a beacon and no data; nothing acknowledges what comes the other way"
            )
    for direction, forward in best.items():
        back = best[direction.other]
        if forward and back and forward > 1000 * back:
            each = modem.bytes_per_report(forward, back, REPORT)
            many = modem.reports_per_s(back, REPORT)
            lines.append(
                f"{direction.value}: the way back carries {many:.1f} reports of {REPORT} B a second; "
                f"with half of them, each answers for {format_bytes(each)}"
            )
    return lines


def _receiver(case: Case, direction: Direction) -> Terminal:
    return case.space if direction is Direction.UP else case.ground
