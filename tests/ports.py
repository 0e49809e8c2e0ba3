"""Ports that a test hands to a program before the program has opened them.

Out of the kernel's own range, of which it gives to whoever asks for any port or connects: a port of ours that
is closed for a moment, while a server starts or is away, is taken by nobody meanwhile.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 20_000


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of loopback that nobody holds now."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    within = range(_FIRST, end) if end > _FIRST + 1000 else range(61_000, 65_536)
    while True:
        port = random.choice(within)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
