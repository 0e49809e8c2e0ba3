"""The event trace: what happened, in order, as JSON lines with a hash chain over them.

A record is {"t": nanoseconds of scenario time, "who": node or link, "what": kind, …fields}. The digest
of a trace proves that two runs were the same. Nothing here reads a clock: time comes with the event.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b

Field = str | int | bool | None


class Trace:
    """Collects events; ``sink`` (if any) gets each line as it is recorded."""

    def __init__(self, sink: Callable[[str], None] | None = None) -> None:
        self._sink = sink
        self._hash = blake2b(digest_size=32)
        self.count = 0

    def record(self, now: float, who: str, what: str, **fields: Field) -> None:
        """Append one event. Fields are never floats, which would tie the hash to one CPU."""
        event = {"t": round(now * 1e9), "who": who, "what": what, **fields}
        line = json.dumps(event, sort_keys=True, separators=(",", ":"))
        self._hash.update(line.encode() + b"\n")
        self.count += 1
        if self._sink is not None:
            self._sink(line)

    def digest(self) -> str:
        """Hash over all lines so far, hexadecimal."""
        return self._hash.hexdigest()
