"""A virtual day of three satellites and two stations that move 2 GB: wall and CPU seconds, by the command.

Run by hand from the checkout: ``python bench/day.py [times]``, on a machine that does little else. Exits with
1 if the median of the wall's seconds is not under the minute of issue 2.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

CONFIG = Path(__file__).parents[1] / "configs" / "constellation.toml"
COMMAND = (sys.executable, "-m", "linkemu.cli.main", "run", str(CONFIG), "--json")
LIMIT_S = 60.0


def main(times: int) -> int:
    walls_s = []
    for number in range(1, times + 1):
        begun_s, before_s = time.perf_counter(), cpu_s()
        told = json.loads(subprocess.run(COMMAND, stdout=subprocess.PIPE, check=True).stdout)
        walls_s.append(time.perf_counter() - begun_s)
        moved_GB = sum(each["done_bytes"] for each in told["transfers"]) / 1e9
        print(f"{number}: {moved_GB:.2f} GB, {walls_s[-1]:.1f} s, {cpu_s() - before_s:.1f} s of CPU")
    middle_s = median(walls_s)
    print(f"median {middle_s:.1f} s (limit {LIMIT_S:g} s)")
    return 0 if middle_s < LIMIT_S else 1


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
