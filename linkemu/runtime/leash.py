"""A leash for child processes: they end when the process that started them ends, however that came.

Only Linux has it (PR_SET_PDEATHSIG); elsewhere a session that is killed with ``kill -9`` leaves its children
behind. No process is started here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def leash() -> Callable[[], None]:
    """What a child is to call between fork and exec (``preexec_fn``).

    The system's leash is tied to the *thread* that forks: start children from one that lasts.
    """
    return partial(tie, os.getpid())


def tie(parent: int) -> None:
    """End this process when the thread of ``parent`` that started it ends; at once if it has."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the leash was tied
        os._exit(1)
