"""How much longer than the light ping(8) takes through ``exec``, by carrier: idle, and beside a loaded link.

    python -m bench.dataplane.echoes [--count 300]

Excess is each round trip less twice the light time; in it are the bits of the echo (7 us at 200 Mbit/s), the
pinging program, two kernels, and the data plane twice. Beside it stands what exec reports of itself.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linkemu.access.exec_order import GATEWAY_4, Order
from linkemu.access.exec_run import run
from linkemu.errors import ResourceError
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

_RATE_BPS = 200_000_000
_PAUSE_S = 0.01
_DELAYS_S = (0.0, 0.002, 0.0045, 0.03)
_LOADS = {"idle": "", "half full": f"iperf3 -c {GATEWAY_4} -u -b {_RATE_BPS // 2} -t 60 >/dev/null 2>&1 & "}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=300, help="echoes of each trial (300)")
    count = parser.parse_args().count
    columns = "{:8} {:10} {:>9}   {:>8} {:>8} {:>8}   {:>9} {:>9}"
    print(columns.format("carrier", "link", "light ms", "p25 us", "p50 us", "p99 us", "late p50", "late p99"))
    for carrier in ("packet", "tun"):
        for load, begin in _LOADS.items():
            for delay_s in _DELAYS_S:
                try:
                    excess, late = _trial(carrier, begin, delay_s, count)
                except ResourceError as error:
                    print(f"{carrier:8} {error}")
                    break
                cells = [f"{value * 1e6:.0f}" for value in (*excess, *late)]
                print(columns.format(carrier, load, f"{delay_s * 1e3:g}", *cells), flush=True)


def _trial(carrier: Any, begin: str, delay_s: float, count: int) -> tuple[Sequence[float], Sequence[float]]:
    """(p25, p50, p99) of the excess and the report's worse (p50, p99) of both ways, in seconds."""
    sky = Sky.of(*(constant("ogs", "sat", way, _RATE_BPS, delay_s, 600.0) for way in Direction))
    with tempfile.TemporaryDirectory() as room:
        told = Path(room) / "ping"
        script = f"{begin} ping -n -i {_PAUSE_S} -c {count} {GATEWAY_4} > {told}"
        serve = "exec iperf3 -s -1 >/dev/null 2>&1" if begin else None
        outcome = run(Order(("sh", "-c", script), serve=serve, carrier=carrier), sky)
        trips = sorted(float(ms) / 1e3 for ms in re.findall(r"time=([\d.]+)", told.read_text()))
    excess = [trips[int(len(trips) * share)] - 2 * delay_s for share in (0.25, 0.5, 0.99)]
    rows = (outcome.report or {})["directions"]
    return excess, [max(row[f"delay_error_{part}_s"] for row in rows) for part in ("p50", "p99")]


if __name__ == "__main__":
    main()
