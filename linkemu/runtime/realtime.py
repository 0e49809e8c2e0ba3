"""What the system can grant to the emulator's process: exact timers, precedence, no pauses of the collector.

Asked for politely and reported: each grant or refusal is a phrase in the fidelity report. A busy neighbour
costs 4 to 8 ms at p99 without SCHED_FIFO and 0.1 ms with it (docs/node-contract.md says how to grant it).
"""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path

_PR_SET_TIMERSLACK = 29  # linux/prctl.h
_SLACK_NS = 1_000
_FIFO_PRIORITY = 10
_NICE = -10


def tune(*, precedence: bool) -> str:
    """Ask for all of it; says what was granted."""
    phrases = ["SCHED_FIFO" if precedence and _take_fifo() else _be_less_nice(precedence)]
    phrases.append("timer slack 1 us" if _set_timer_slack() else "timer slack as it was")
    gc.collect()
    gc.freeze()
    gc.disable()
    return ", ".join(phrases)


def stolen_s() -> float | None:
    """Seconds that a hypervisor has kept from this machine's processors since boot, None if unknown."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return int(fields[8]) / os.sysconf(
            "SC_CLK_TCK"
        )  # proc(5): user nice system idle iowait irq softirq steal
    except (OSError, IndexError, ValueError):
        return None


def _take_fifo() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_FIFO_PRIORITY))
    except (OSError, AttributeError):
        return False
    return True


def _be_less_nice(precedence: bool) -> str:
    if not precedence:
        return "plain scheduling"
    try:
        os.nice(_NICE - os.nice(0))
    except OSError:
        return "plain scheduling (SCHED_FIFO and nice were refused)"
    return f"nice {_NICE} (SCHED_FIFO was refused)"


def _set_timer_slack() -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _SLACK_NS, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
