"""Does a recorded run come out the same, each time, on each Python? Counts it; exit code 1 unless always.

    python bench/replays.py [SCENARIO] [--times 100] [--python PATH]... [--processes 10] [--json]

Records SCENARIO (configs/demo.toml) under the virtual clock with this Python, then replays the record from
its files with each --python (this one by default; linkemu must be installed there), --times in all, spread
over --processes processes with different hash seeds. Judged by the digest of the trace.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DEMO = Path(__file__).resolve().parents[1] / "configs" / "demo.toml"
COMMAND = ("-m", "linkemu.cli.main")
REPLAY = """
import platform, sys
from pathlib import Path
from linkemu.forecast import Forecast
from linkemu.record import opening
from linkemu.runtime import past
from linkemu.runtime.composed import run_virtual
print(platform.python_version())
for _ in range(int(sys.argv[2])):
    played = opening.load(Path(sys.argv[1])).played
    compiled = Forecast(played.epoch, played.sky, played.plans, (), (), ())
    print(run_virtual(played.scenario, compiled=compiled, faults=past.overlays(played.faults)).digest)
"""


def recorded(scenario: Path, directory: Path) -> str:
    """Record the scenario; the digest of its trace."""
    command = [sys.executable, *COMMAND, "run", str(scenario), "--clock", "virtual", "--json"]
    done = subprocess.run([*command, "--record", str(directory)], capture_output=True, text=True)
    if not done.stdout:
        sys.exit(done.stderr)
    digest: str = json.loads(done.stdout)["digest"]
    return digest


def replayed(python: str, directory: Path, times: int, processes: int, digest: str) -> dict[str, Any]:
    """Replay so often; how often it was the same."""
    began, found, version = time.monotonic(), list[str](), ""
    for seed in range(processes):
        share = times // processes + (seed < times % processes)
        version, *digests = subprocess.run(
            [python, "-c", REPLAY, str(directory), str(share)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        found += digests
    return {
        "python": version,
        "times": len(found),
        "same": found.count(digest),
        "wall_s": round(time.monotonic() - began, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenario", nargs="?", type=Path, default=DEMO)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--python", action="append")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linkemu-") as room:
        directory = Path(room) / "recorded"
        digest = recorded(given.scenario, directory)
        rows = [
            replayed(python, directory, given.times, min(given.processes, given.times), digest)
            for python in given.python or [sys.executable]
        ]
    if given.json:
        print(json.dumps({"digest": digest, "replays": rows}, indent=1))
    else:
        print(f"recorded by Python {sys.version.split()[0]}: {digest}")
        for row in rows:
            print(f"Python {row['python']}: {row['same']} of {row['times']} the same, in {row['wall_s']} s")
    return 0 if all(row["same"] == row["times"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
