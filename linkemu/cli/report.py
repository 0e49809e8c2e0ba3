"""The end of a run on paper: what became of each transfer, and how true the emulator was. Only drawing.

Data come as telemetry.TransferState and fidelity.Fidelity; JSON of the same comes from them directly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from linkemu.cli.narrator import fraction
from linkemu.link.fidelity import Fidelity
from linkemu.runtime.session import Outcome
from linkemu.scenario import Scenario
from linkemu.telemetry import TransferState
from linkemu.units import format_bytes, format_duration

COLUMNS_SHOWN = 6
_HIDDEN = ("link", "way")


def transfers_table(transfers: Iterable[TransferState]) -> Table:
    """One row for each file, in the order of its first moment."""
    table = Table(title="Transfers", title_justify="left", title_style="bold", box=None, header_style="dim")
    for heading in ("file", "way", "state", "size", "done", "repaired", "resent", "took"):
        table.add_column(heading, justify="left" if heading in ("file", "way", "state") else "right")
    for each in sorted(transfers, key=lambda one: (min(one.times.values(), default=0.0), one.id)):
        style = {"verified": "green", "failed": "bold red"}.get(each.state, "yellow")
        table.add_row(
            each.name,
            f"{each.node} {'→' if each.action == 'put' else '←'} {each.satellite}",
            Text(each.state, style=style),
            "?" if each.size_bytes is None else format_bytes(each.size_bytes),
            f"{100 * fraction(each):.0f} %",
            format_bytes(each.repaired_bytes),
            Text(str(each.resent_chunks), style="bold red" if each.resent_chunks else ""),
            _took(each),
        )
    return table


def _took(transfer: TransferState) -> str:
    if not transfer.times:
        return ""
    return format_duration(max(transfer.times.values()) - min(transfer.times.values()))


def fidelity_report(fidelity: Fidelity) -> Group:
    """Requested against achieved: links side by side, those that carried something first."""
    order = sorted(range(len(fidelity.links)), key=lambda place: -fidelity.links[place].offered_bytes)
    rows = fidelity.rows()
    busy = [rows[place] for place in order if fidelity.links[place].offered_bytes][:COLUMNS_SHOWN]
    parts: list[Any] = [_side_by_side(busy)] if busy else [Text("Fidelity: no link carried anything", "bold")]
    parts += [Text(f"  {line}", style="dim") for line in _facts(fidelity)]
    return Group(*parts)


def _side_by_side(rows: Sequence[dict[str, str]]) -> Table:
    table = Table(title="Fidelity", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("")
    for row in rows:
        table.add_column(f"{row['link']} {row['way']}", justify="right")
    for name in rows[0]:
        if name not in _HIDDEN:
            table.add_row(Text(name, style="dim"), *(row[name] for row in rows))
    return table


def _facts(fidelity: Fidelity) -> list[str]:
    """What belongs to no single link."""
    lines = []
    lag = (fidelity.lag_p50_s, fidelity.lag_p99_s, fidelity.lag_max_s)
    if None not in lag:
        lines.append("clock lag p50, p99, max: " + ", ".join(format_duration(each or 0.0) for each in lag))
    cost = "" if fidelity.cpu_s_per_GB is None else f", {fidelity.cpu_s_per_GB:.1f} CPU s per GB"
    lines.append(f"emulator: {fidelity.cpu_s:.1f} CPU s{cost}" + _after(fidelity.scheduling))
    lines.append(
        f"dropped by the kernel: {fidelity.kernel_drops} at the emulator, {fidelity.node_drops} at nodes; "
        f"datagrams refused: {fidelity.refused_datagrams}"
    )
    if fidelity.skipped_s:
        lines.append(f"skipped in the dark: {format_duration(fidelity.skipped_s)}")
    if fidelity.restarts:
        seen = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in fidelity.gaps)
        lines.append(f"emulator restarted {fidelity.restarts} times; gaps: {seen or 'none'}")
    return lines


def _after(note: str) -> str:
    return f", {note}" if note else ""


def fidelity_document(fidelity: Fidelity | None) -> dict[str, Any] | None:
    """The report for JSON, without the histograms behind its figures."""
    if fidelity is None:
        return None
    data = asdict(fidelity)
    for link in data["links"]:
        for inner in ("errors_ns", "largest_error_ns", "busy"):
            del link[inner]
    return data


def transfers_document(transfers: Iterable[TransferState]) -> list[dict[str, Any]]:
    return [asdict(each) for each in sorted(transfers, key=lambda one: (one.node, one.id))]


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """A run for JSON."""
    return {
        "scenario": outcome.scenario,
        "directory": str(outcome.directory),
        "reason": outcome.reason,
        "ok": outcome.ok,
        "transfers": transfers_document(outcome.transfers),
        "missing": list(outcome.missing),
        "restarts": dict(outcome.restarts),
        "fidelity": fidelity_document(fidelity_of(outcome)),
    }


def fidelity_of(outcome: Outcome) -> Fidelity | None:
    """The emulator's report, if it left one."""
    return None if outcome.fidelity is None else Fidelity.from_json(json.dumps(outcome.fidelity))


def missing(scenario: Scenario, transfers: Iterable[TransferState]) -> list[str]:
    """Scripted work of which no node has said anything."""
    known = {(each.node, each.action, each.name) for each in transfers}
    return [
        f"{each.action} {each.name} ({each.station})"
        for each in scenario.transfers
        if (each.station, each.action, each.name) not in known
    ]


def verdict(reason: str, transfers: Sequence[TransferState], missing: Sequence[str]) -> Text:
    """What it came to, in one line."""
    undone = [each.name for each in transfers if each.state != "verified"]
    if undone or missing:
        return Text(f"{reason}; not verified: {', '.join([*undone, *missing])}", style="bold red")
    done = f"{len(transfers)} transfer{'s' * (len(transfers) != 1)} verified"
    return Text(
        f"{reason}; {done}" if transfers else f"{reason}; nothing was to be transferred", style="bold green"
    )


def show(console: Console, transfers: Sequence[TransferState], fidelity: Fidelity | None) -> None:
    """Print both."""
    if transfers:
        console.print(transfers_table(transfers))
    if fidelity is not None:
        console.print(fidelity_report(fidelity))
