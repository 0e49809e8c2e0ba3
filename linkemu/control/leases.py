"""Leases: overrides that last as long as the client that asked for them stays connected.

A lease is a stream that the client keeps open. Whatever ends it (the block that it belongs to, an exception,
``kill -9``), the kernel closes the connection, and all that was asked under it is lifted in one batch.
"""

from __future__ import annotations

import secrets

from linkemu.control.wire import Wire
from linkemu.errors import AbsentError, ResourceError

MOST_LEASES = 64


class Leases:
    """Of one data plane."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._names: dict[str, set[str]] = {}

    def begin(self) -> str:
        """A new lease. ResourceError if there are too many."""
        if len(self._names) >= MOST_LEASES:
            raise ResourceError("lease", f"{MOST_LEASES} are held already")
        lease = secrets.token_hex(8)
        self._names[lease] = set()
        return lease

    def check(self, lease: str | None) -> None:
        """AbsentError if it is none, or has ended."""
        if lease is not None and lease not in self._names:
            raise AbsentError("lease", f"{lease[:40]!r} has ended, or never began")

    async def hold(self, lease: str | None, names: list[str]) -> None:
        """Let overrides that stand now end with the lease, which may have ended since it was checked."""
        if lease is None:
            return
        if lease in self._names:
            self._names[lease].update(names)
        else:
            await self._lift(names)

    async def end(self, lease: str) -> None:
        """Lift what is left of it."""
        await self._lift(sorted(self._names.pop(lease, set())))

    async def _lift(self, names: list[str]) -> None:
        if names:
            await self._wire.ask_while_there("drop", names=names)
