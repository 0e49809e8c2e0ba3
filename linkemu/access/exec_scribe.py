"""The process that writes what crossed the laser of ``linkemu exec`` as pcapng.

``python -m linkemu.access.exec_scribe CHANNEL FILE PLAN`` (two descriptors, and JSON). It hears of packets by
messages (exec_seen) and writes them in the order in which they left, as far as a second goes: fates are known
at the other end. When the far end of CHANNEL closes it writes what it has and ends, with one JSON object on
stdout. A disk that refuses ends the capture after the last whole block, and never the link.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from heapq import heappop, heappush

from linkemu.access.exec_seen import Told
from linkemu.exchange.pcapng import RAW, Interface, Packet, captured, counted, described, header

_LARGEST = 1 << 18
_SETTLED_NS = 1_000_000_000  # what left so long before the newest is followed by nothing earlier
_MOST_BYTES = 32 << 20  # that wait for their place
_BATCH_NS = 100_000_000
_NICE = 5  # less urgent than the link, and than those who use it
_IDLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: an interface for each of ``names``; ``epoch_ns`` is the Unix time of scenario time 0."""

    names: tuple[str, ...]
    epoch_ns: int
    snap_bytes: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Summary:
    """What came of it; ``problem``: why it ended before the run did."""

    packets: int = 0
    not_kept: int = 0
    problem: str | None = None


class Blocks:
    """A file of whole blocks. Once it has refused one it takes no more, and ends with the last whole one."""

    def __init__(self, descriptor: int) -> None:
        self.problem: str | None = None
        self._descriptor = descriptor
        self._length = 0  # of the blocks that are whole

    def write(self, blocks: Sequence[bytes]) -> int:
        """How many of them are in the file."""
        if self.problem is not None:
            return 0
        data, done = b"".join(blocks), 0
        try:
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
            self._length += len(data)
            return len(blocks)
        except OSError as error:
            self.problem = error.strerror or str(error)
        whole = 0
        while done >= len(blocks[whole]):
            done -= len(blocks[whole])
            self._length += len(blocks[whole])
            whole += 1
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.ftruncate(self._descriptor, self._length)
        return whole


class Scribe:
    """Order of calls: ``hear`` each message, ``settle`` where there is a pause, ``finish``."""

    def __init__(self, plan: Plan, file: Blocks) -> None:
        self._plan = plan
        self._file = file
        self._heard = [0] * len(plan.names)
        self._kept = 0
        self._missed = [0] * len(plan.names)
        self._newest_ns = 0
        self._settled_ns = 0
        self._number = 0
        self._bytes = 0
        self._waiting: list[tuple[int, int, bytes]] = []  # left, number, block
        file.write([header(), *(described(Interface(name, RAW)) for name in plan.names)])

    def hear(self, message: bytes) -> None:
        if message.startswith(b"{"):
            self._missed = json.loads(message)["missed"]
            return
        told = Told.of(message)
        for left_ns, data, comment in told.packets():
            self._heard[told.way] += 1
            self._number += 1
            block = captured(self._packet(told.way, left_ns, data, comment))
            self._bytes += len(block)
            heappush(self._waiting, (left_ns, self._number, block))
        self._newest_ns = max(self._newest_ns, told.last_ns)
        if self._newest_ns - self._settled_ns > _BATCH_NS or self._bytes > _MOST_BYTES:
            self._settled_ns = self._newest_ns
            self.settle(self._newest_ns - _SETTLED_NS)

    def _packet(self, way: int, left_ns: int, data: bytes, comment: str) -> Packet:
        head = data[: self._plan.snap_bytes]
        length = len(data) if len(data) > len(head) else None
        return Packet(way, self._plan.epoch_ns + left_ns, head, comment, length)

    def settle(self, before_ns: int | None = None) -> None:
        """Write what left before (all if None), and the earliest if more waits than may."""
        blocks = []
        while self._waiting and (
            before_ns is None or self._waiting[0][0] < before_ns or self._bytes > _MOST_BYTES
        ):
            *_, block = heappop(self._waiting)
            self._bytes -= len(block)
            blocks.append(block)
        self._kept += self._file.write(blocks)

    def finish(self) -> Summary:
        """Write the rest, and what each interface has counted."""
        self.settle()
        time_ns = self._plan.epoch_ns + self._newest_ns
        rows = enumerate(zip(self._heard, self._missed, strict=True))
        self._file.write([counted(way, time_ns, heard + lost, lost) for way, (heard, lost) in rows])
        not_kept = sum(self._heard) + sum(self._missed) - self._kept
        return Summary(self._kept, not_kept, self._file.problem)


def attend(channel: socket.socket, scribe: Scribe) -> Summary:
    """Hear all that is told, until the other end closes."""
    channel.settimeout(_IDLE_S)
    while True:
        try:
            message = channel.recv(_LARGEST)
        except TimeoutError:
            scribe.settle()
            continue
        if not message:
            return scribe.finish()
        scribe.hear(message)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    os.nice(_NICE)
    plan = Plan(**json.loads(sys.argv[3]))
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        summary = attend(channel, Scribe(plan, Blocks(int(sys.argv[2]))))
    with contextlib.suppress(BrokenPipeError):  # who started it was killed
        os.write(sys.stdout.fileno(), json.dumps(asdict(summary)).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
