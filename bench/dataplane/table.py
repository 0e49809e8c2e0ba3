"""The benchmark's results as people and programs read them: the machine, the table, the requirements.

A figure is min / median / max over the rounds. Nothing is measured here but the machine itself.
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
    part_before = ""
    for (part, task, who), rounds in results.items():
        if part != part_before:
            yield f"\n{part:11} min / median / max of {len(rounds)} round{'s' if len(rounds) > 1 else ''}"
            part_before = part
        names = dict.fromkeys(name for figures in rounds for name in figures)
        cells = [_cell(name, [figures[name] for figures in rounds if name in figures]) for name in names]
        yield f"  {task:26} {who:15} " + "   ".join(cells)


def _cell(name: str, values: Sequence[float]) -> str:
    told = " / ".join(
        f"{value:{_form(name, value)}}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{name} {told}"


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
