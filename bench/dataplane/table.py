"""The benchmark's results as people and programs read them: the machine, the table, the requirements.

A figure is min / median / max over the rounds, one number if there was one round. Nothing is measured here.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.dataplane.judge import Line, Results
from bench.dataplane.measure import Figures
from bench.dataplane.peers import Peers

_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
_CPUS = Path("/proc/cpuinfo")
_VERDICTS = {True: "met", False: "MISSED", None: "not judged: a peer or a figure is missing"}


def machine(peers: Peers) -> dict[str, Any]:
    """What the figures were measured on."""
    models = [line.partition(":")[2].strip() for line in _lines(_CPUS) if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "usable": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": os.getloadavg()[0],
        "default_congestion_control": next(_lines(_CONGESTION), "unknown"),
        "congestion_control": "reno at both ends of every trial",
        "user": "root" if os.geteuid() == 0 else "ordinary",
        "peers": peers.versions,
        "absent": peers.absent,
    }


def document(
    about: dict[str, Any], results: Results, failed: dict[str, str], judged: Sequence[Line]
) -> dict[str, Any]:
    """All of it, each round's figures too."""
    return {
        "machine": about,
        "trials": [
            {"part": part, "task": task, "who": who, "rounds": rounds}
            for (part, task, who), rounds in results.items()
        ],
        "failed": failed,
        "required": [asdict(line) | {"met": line.met} for line in judged],
    }


def text(about: dict[str, Any], results: Results, failed: dict[str, str], judged: Sequence[Line]) -> str:
    """For a terminal."""
    return "\n".join([*_head(about), *_rows(results), *_failures(failed), *_verdicts(judged)])


def _head(about: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{about['processor']}, {about['usable']} of {about['processors']} processors, "
        f"Linux {about['kernel']}, {about['python']}"
    )
    yield f"load {about['load']:.1f} before, {about['load_after']:.1f} after; " + (
        f"{about['stolen_share']:.1%} of the processors stolen; {about['took_s']} s"
    )
    yield f"user: {about['user']}; congestion control: {about['congestion_control']}"
    for name, version in about["peers"].items():
        yield f"  {name}: {version}"
    for name, why in about["absent"].items():
        yield f"  absent: {name} ({why})"


def _rows(results: Results) -> Iterator[str]:
    for part in dict.fromkeys(part for part, _, _ in results):
        mine = {(task, who): rounds for (each, task, who), rounds in results.items() if each == part}
        names = list(dict.fromkeys(name for rounds in mine.values() for name in rounds[0]))
        cells = {key: [_cell(name, rounds) for name in names] for key, rounds in mine.items()}
        widths = [max(map(len, column)) for column in zip(names, *cells.values(), strict=True)]
        yield f"\n{part:44}" + _columns(names, widths)
        for (task, who), row in cells.items():
            yield f"  {task:25} {who:16}" + _columns(row, widths)


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "   ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _cell(name: str, rounds: Sequence[Figures]) -> str:
    """Min / median / max, one number if there was one round."""
    values = [figures[name] for figures in rounds if name in figures]
    if not values:
        return ""
    several = (min(values), statistics.median(values), max(values)) if len(values) > 1 else values
    return " / ".join(f"{value:{_form(name, value)}}" for value in several)


def _form(name: str, value: float) -> str:
    if name.endswith("%"):
        return "+.3f"
    if name.endswith(("us", "kpps")):
        return ".0f"
    return ".2f" if abs(value) >= 1 else ".3f"


def _failures(failed: dict[str, str]) -> Iterator[str]:
    if failed:
        yield "\nfailed"
    for trial, why in failed.items():
        yield f"  {trial}: {why}"


def _verdicts(judged: Iterable[Line]) -> Iterator[str]:
    yield f"\n{'required':54} {'bound':>11} {'aim':>8} {'median':>9}"
    for line in judged:
        aim = "" if line.aim is None else f"{line.aim:g}"
        found = "" if line.found is None else f"{line.found:.3g}"
        bound = f"{'>=' if line.is_least else '<='} {line.required:g}"
        yield f"  {line.text:52} {bound:>11} {aim:>8} {found:>9}  {_VERDICTS[line.met]}"


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text().splitlines()
    except OSError:
        return
