"""The data plane beside its peers, in one interleaved run; prints the table and what was required of it.

    python -m bench.dataplane [--seconds 2] [--repeat 3] [--only throughput,udp] [--json]
    python -m bench.dataplane --toxiproxy ~/toxiproxy/toxiproxy-server --mahimahi ~/mahimahi/bin

Each round runs every trial once, those to be compared one after the other. Peers are found on PATH (or by
LINKEMU_TOXIPROXY and LINKEMU_MAHIMAHI); who is absent is named. docs/benchmarks.md says what is measured how.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.dataplane import judge, peers, table
from bench.dataplane.judge import Results
from bench.dataplane.programs import TrialError
from bench.dataplane.trials import PARTS, Trial, Window, trials
from linkemu.errors import LinkemuError
from linkemu.runtime import realtime

_QUICK = Window(0.3, 0.2, 0.5, (5, 10))


def main() -> None:
    options = _options()
    found = peers.find(options.toxiproxy, options.mahimahi)
    chosen = [each for each in trials(found) if each.part in options.only and options.match.search(each.name)]
    about = table.machine(found)
    results, failed, told = _play(
        chosen, options.repeat, _QUICK if options.quick else Window(options.seconds)
    )
    about |= told
    judged = judge.lines(results)
    if options.json:
        print(json.dumps(table.document(about, results, failed, judged), indent=1))
    else:
        print(table.text(about, results, failed, judged))


def _play(
    chosen: Sequence[Trial], repeat: int, window: Window
) -> tuple[Results, dict[str, str], dict[str, Any]]:
    """All rounds: the figures, why trials failed, and how much of the machine was ours meanwhile."""
    results: Results = {}
    failed: dict[str, str] = {}
    began_s, stolen_s = time.monotonic(), realtime.stolen_s() or 0.0
    for number in range(repeat):
        for trial in chosen:
            _progress(f"round {number + 1} of {repeat}: {trial.name}")
            try:
                results.setdefault(trial.key, []).append(trial.run(window))
            except (TrialError, LinkemuError, OSError) as error:
                failed[trial.name] = f"round {number + 1}: {error}"
    _progress("")
    took_s = time.monotonic() - began_s
    share = ((realtime.stolen_s() or 0.0) - stolen_s) / took_s / (os.cpu_count() or 1) if took_s else 0.0
    kept = {key: rounds for key, rounds in results.items() if rounds}
    return kept, failed, {"took_s": round(took_s), "stolen_share": share, "load_after": os.getloadavg()[0]}


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.dataplane",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="window of each measurement (2)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (3)")
    parser.add_argument("--quick", action="store_true", help="one short round: does everything work?")
    parser.add_argument("--only", type=_parts, default=set(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument(
        "--match",
        type=re.compile,
        default=re.compile(""),
        metavar="REGEX",
        help="only trials in whose 'part, task, who' this is found",
    )
    parser.add_argument("--json", action="store_true", help="everything, each round's figures too")
    parser.add_argument("--toxiproxy", default=os.environ.get("LINKEMU_TOXIPROXY"), help="its server")
    parser.add_argument("--mahimahi", default=os.environ.get("LINKEMU_MAHIMAHI"), help="folder of mm-delay")
    options = parser.parse_args()
    if not 0.1 <= options.seconds <= 600.0 or not 1 <= options.repeat <= 1000:
        parser.error("--seconds goes from 0.1 to 600, --repeat from 1 to 1000")
    if options.quick:
        options.repeat = 1
    return options


def _parts(text: str) -> set[str]:
    wanted = set(text.split(","))
    if not wanted <= set(PARTS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(PARTS)}")
    return wanted


if __name__ == "__main__":
    main()
