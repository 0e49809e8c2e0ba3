"""Charts of a forecast, drawn with matplotlib (extra "plot"): a contact, its fades, the sky, the months.

Each function draws into a new figure and gives it back; colours are told apart by colour-blind eyes too
(Okabe and Ito). Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import MaxNLocator

from linkemu.cli import chartdata
from linkemu.machine import Direction
from linkemu.optics.tracking import State
from linkemu.units import format_rate

BLUE, ORANGE, GREEN, YELLOW, SKY, PINK, RED = (
    *("#0072B2", "#E69F00", "#009E73", "#F0E442", "#56B4E9", "#CC79A7", "#D55E00"),
)
WAYS = {Direction.UP: (BLUE, "▲ up"), Direction.DOWN: (RED, "▼ down")}
STATES = {
    "slew": "#BBBBBB",
    "scan": YELLOW,
    "coarse": ORANGE,
    "fine": PINK,
    "comm": GREEN,
    "cloud": "#555555",
    "fade": SKY,
    "fault": "#000000",
}
_UNASSIGNED = "#DDDDDD"
_RAREST = 1e-6


def save(figure: Figure, path: Path) -> None:
    """Write a PNG or SVG; the same figure gives the same file."""
    with mpl.rc_context({"svg.hashsalt": "linkemu", "svg.fonttype": "none"}):
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=130, metadata=metadata)


def contact(data: chartdata.Contact) -> Figure:
    """Elevation, power, margin, rate, erasure and state over the time of a contact."""
    figure = Figure(figsize=(9.0, 10.5), layout="constrained")
    axes = figure.subplots(6, 1, sharex=True, height_ratios=[2, 3, 2, 2, 1.6, 0.6])
    begins = data.epoch + timedelta(seconds=float(data.t_s[0]))
    figure.suptitle(f"{data.station} – {data.satellite}, {begins:%Y-%m-%d %H:%M:%S} UTC", fontweight="bold")
    axes[0].plot(data.t_s, data.elevation_deg, color="black")
    axes[0].set(ylabel="elevation", ylim=(0.0, None))
    axes[0].yaxis.set_major_formatter("{x:.0f}°")
    for direction, way in data.ways.items():
        colour, name = WAYS[direction]
        axes[1].fill_between(data.t_s, way.low_dBm, way.high_dBm, color=colour, alpha=0.2, lw=0)
        axes[1].plot(data.t_s, way.power_dBm, color=colour, label=name)
        axes[2].plot(data.t_s, way.margin_dB, color=colour)
        axes[3].step(data.t_s, np.where(way.rate_bps > 0, way.rate_bps, np.nan), color=colour, where="mid")
        axes[4].step(data.t_s, 100.0 * way.erased, color=colour, where="mid")
    axes[1].set(ylabel="power (dBm)\nmean, 1–99 %")
    axes[1].legend(ncols=2, loc="lower center", frameon=False)
    axes[2].axhline(0.0, color="grey", lw=0.8, ls=":")
    axes[2].set(ylabel="margin (dB)\nof the mode in use")
    _rates(axes[3], data)
    axes[4].set(ylabel="erased (%)", ylim=(-3.0, 103.0))
    _states(axes[5], data)
    for each in axes[:-1]:
        each.grid(alpha=0.3)
        each.margins(x=0.0)
    axes[5].set_xlim(data.t_s[0] - 0.5, data.t_s[-1] + 0.5)
    figure.align_ylabels()
    return figure


def _rates(axes: Axes, data: chartdata.Contact) -> None:
    """A logarithmic axis whose ticks are the rates in use."""
    used = np.unique(np.concatenate([way.rate_bps[way.rate_bps > 0] for way in data.ways.values()]))
    axes.set(ylabel="rate")
    if len(used):
        axes.set(yscale="log", ylim=(used[0] / 1.6, used[-1] * 1.6))
    axes.set_yticks(used, [format_rate(int(rate)) for rate in used])
    axes.set_yticks([], minor=True)


def _states(axes: Axes, data: chartdata.Contact) -> None:
    names = []
    for phase in data.story:
        name = chartdata.blocked_by(phase)
        axes.axvspan(phase.start_s, phase.end_s, color=STATES.get(name, "#999999"), lw=0)
        names.append(name)
    axes.set(yticks=[], ylabel="state", xlabel="scenario time (s)")
    handles = [Patch(color=STATES.get(name, "#999999"), label=name) for name in dict.fromkeys(names)]
    axes.legend(
        handles=handles, ncols=len(handles), loc="upper center", bbox_to_anchor=(0.5, -1.3), frameon=False
    )


def fades(title: str, found: dict[Direction, chartdata.Fade]) -> Figure:
    """Histograms of scintillation with their theory, and of all that fades in whole slots."""
    figure = Figure(figsize=(10.0, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    figure.suptitle(title, fontweight="bold")
    for panel, (direction, data) in zip(axes, found.items(), strict=True):
        colour, name = WAYS[direction]
        width = data.level_dB[1] - data.level_dB[0]
        panel.bar(data.level_dB, data.drawn, width, color=colour, alpha=0.35, label="scintillation, drawn")
        panel.plot(
            data.level_dB, data.theory, color="black", lw=1.4, label="its laws, averaged over the contact"
        )
        panel.step(
            data.level_dB, data.slots, where="mid", color=colour, lw=1.2, label="all that fades, by slots"
        )
        told = f"scintillation index {data.index:.3f} drawn, {data.expected_index:.3f} in theory"
        panel.set(title=f"{name}\n{told}", yscale="log", ylim=(_RAREST, 10.0))
        panel.set(xlabel="power over its mean (dB)")
        panel.grid(alpha=0.3)
        panel.legend(loc="upper left", frameon=False, fontsize="small")
    seen = [d.level_dB[(d.theory > _RAREST) | (d.slots > 0.0)] for d in found.values()]
    axes[0].set(ylabel="density (1/dB)", xlim=(min(s[0] for s in seen) - 1.0, max(s[-1] for s in seen) + 1.0))
    return figure


def sky(title: str, arcs: Sequence[chartdata.Arc]) -> Figure:
    """Passes over each station's sky: north up, east right as on a map, the zenith in the middle."""
    stations = list(dict.fromkeys(arc.station for arc in arcs))
    figure = Figure(figsize=(5.6 * len(stations) + 0.4, 6.6), layout="constrained")
    figure.suptitle(title, fontweight="bold")
    names: dict[str, str] = {}
    for place, station in enumerate(stations):
        axes = figure.add_subplot(1, len(stations), place + 1, projection="polar")
        assert isinstance(axes, PolarAxes)
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        axes.set_rlim(90.0, 0.0)
        axes.set_rticks([0.0, 30.0, 60.0], ["", "30°", "60°"])
        axes.set_xticks(np.radians([0.0, 90.0, 180.0, 270.0]), ["N", "E", "S", "W"])
        axes.set_title(station)
        for arc in (each for each in arcs if each.station == station):
            name = "no contact" if arc.state is None else arc.state.name.lower()
            names[name] = _UNASSIGNED if arc.state is None else STATES.get(name, STATES["cloud"])
            lit = arc.state is State.COMM
            axes.plot(arc.azimuth_rad, arc.elevation_deg, color=names[name], lw=2.6 if lit else 1.8)
            if arc.rises_s is not None:
                at = (float(arc.azimuth_rad[0]), float(arc.elevation_deg[0]))
                axes.plot(*at, marker="o", ms=4, color="black")
                axes.annotate(arc.satellite, at, xytext=(5, 4), textcoords="offset points", fontsize="small")
    order = [name for name in (*STATES, "blocked", "no contact") if name in names]
    handles = [Patch(color=names[name], label=name) for name in order]
    figure.legend(handles=handles, ncols=3 * len(stations), loc="outside lower center", frameon=False)
    return figure


def months(title: str, rows: Sequence[dict[str, Any]]) -> Figure:
    """Availability of each month by station and satellite, as ``linkemu availability --json`` tells it."""
    labels = list(dict.fromkeys(f"{each['year']}-{each['month']:02d}" for each in rows))
    pairs = list(dict.fromkeys((each["station"], each["satellite"]) for each in rows))
    figure = Figure(figsize=(max(6.0, 0.62 * len(labels) + 2.4), 4.4), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, fontweight="bold")
    width = 0.82 / len(pairs)
    colours = (BLUE, ORANGE, GREEN, RED, PINK, SKY, YELLOW)
    for place, pair in enumerate(pairs):
        mine = {
            f"{each['year']}-{each['month']:02d}": each["availability"]
            for each in rows
            if (each["station"], each["satellite"]) == pair
        }
        heights = [100.0 * mine[label] if mine.get(label) is not None else np.nan for label in labels]
        at = np.arange(len(labels)) + (place - (len(pairs) - 1) / 2.0) * width
        axes.bar(at, heights, width * 0.94, color=colours[place % len(colours)], label=" – ".join(pair))
    axes.set(ylabel="open while in sight (%)", ylim=(0.0, 100.0))
    axes.set_xticks(np.arange(len(labels)), labels, rotation=45, ha="right")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    if len(pairs) > 1:
        figure.legend(loc="outside lower center", ncols=min(3, len(pairs)), frameon=False)
    else:
        axes.set_title(" – ".join(pairs[0]), fontsize="medium")
    return figure
