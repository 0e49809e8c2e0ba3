"""A command of a test under ``linkemu exec``: what it said, how it ended, what the link did meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linkemu.errors import ResourceError
from linkemu.runtime.leash import leash


@dataclass(frozen=True, slots=True)
class Finished:
    """``report`` is that of ``linkemu exec --json``, None if there is none."""

    code: int
    stdout: str
    stderr: str
    report: dict[str, Any] | None


def run(
    command: Sequence[str],
    *,
    record: Path,
    into: Path,
    link: str,
    start_s: float,
    serve: str | None,
    forward: Mapping[int, str],
    capture: tuple[Path, str] | None,
    timeout_s: float,
) -> Finished:
    """Run it over the sky of a recorded run, recording into ``into``; ``capture``: file, and of each packet.

    ResourceError if it takes longer than ``timeout_s`` of wall time; nothing of it is left then.
    """
    report = into.with_name(f"{into.name}.json")
    told = ["--link", link, "--start-at", f"{start_s:.6f}", "--json", str(report), "--record", str(into)]
    told += ["--serve", serve] if serve is not None else []
    for port, to in forward.items():
        told += ["--forward", f"{port}={to}"]
    if capture is not None:
        told += ["--pcapng", str(capture[0]), "--snap", capture[1]]
    whole = [sys.executable, "-m", "linkemu.cli.main", "exec", str(record), *told, "--", *command]
    try:
        ended = subprocess.run(
            whole,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            preexec_fn=leash(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ResourceError(command[0], f"hasn't ended after {timeout_s:g} s") from None
    text = report.read_text() if report.is_file() else ""
    out, err = (stream.decode(errors="replace") for stream in (ended.stdout, ended.stderr))
    return Finished(ended.returncode, out, err, json.loads(text) if text.strip() else None)
