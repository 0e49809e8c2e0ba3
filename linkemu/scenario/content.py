"""The bytes of a scripted put that names no file: drawn from the seed and the name. Pure.

A station makes them when it puts the file; whoever judges a run makes them again.
"""

from __future__ import annotations

from blake3 import blake3


def synthetic(seed: int, name: str, offset: int, length: int) -> bytes:
    """``length`` bytes from ``offset`` on, the same for one seed and name: BLAKE3's extendable output."""
    return blake3(f"file\x1f{seed}\x1f{name}".encode()).digest(length=length, seek=offset)
