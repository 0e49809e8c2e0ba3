"""How much of a file has crossed, of what the bus and the doors tell alike."""

from __future__ import annotations

from typing import Protocol


class File(Protocol):
    """A file on its way: a TransferState of the bus, or what a door says of its custody."""

    @property
    def state(self) -> str: ...

    @property
    def size_bytes(self) -> int | None: ...

    @property
    def done_bytes(self) -> int: ...


def share(file: File) -> float:
    """How much of it is safe at the other end, 0 to 1.

    In orbit is all of it (docs/nodes.md), though of chunks that came with another file none is counted.
    """
    if file.state in ("in orbit", "verified"):
        return 1.0
    return min(1.0, file.done_bytes / file.size_bytes) if file.size_bytes else 0.0
