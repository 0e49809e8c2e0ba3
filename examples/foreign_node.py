"""A node of linkemu in plain Python, without a line of linkemu: it sends back whatever light it receives.

    python examples/foreign_node.py NODE_FILE

It speaks docs/node-contract.md and nothing else, so that it can serve as a start for a node in another
language. Intervals (hello, beat, silence) are the contract's; the meaning of a frame's content is yours.
"""

import contextlib
import json
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

HEADER = struct.Struct("!2sBBHBxQHxx")  # magic, version, kind, link, direction, token, length
NO_LINK, NO_DIRECTION = 0xFFFF, 255


class Kind:
    HELLO, WELCOME, BEAT, PULSE, FRAME, SENSOR, PLAN, TIME, TIME_ACK, SKIP, SKIP_ACK, BYE = range(1, 13)


class Node:
    """The node's half of the contract."""

    def __init__(self, file: dict) -> None:
        self.name, self.token = file["name"], file["token"]
        self.direction = 0 if file["role"] == "ground" else 1
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(tuple(file["terminal"]))
        self.socket.connect(tuple(file["emulator"]))  # the kernel now refuses all other senders
        self.incarnation = None  # of the emulator that has welcomed us
        self.heard = 0.0
        self.plan, self.parts, self.plan_version = None, {}, 0
        self.time_version = 0
        self.rates = {}  # by link: what our transmitter may send, 0 while it has no lock

    def say(
        self, kind: int, payload: bytes = b"", link: int = NO_LINK, direction: int = NO_DIRECTION
    ) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # no emulator at the moment: light into the void
            self.socket.send(HEADER.pack(b"LE", 1, kind, link, direction, self.token, len(payload)) + payload)

    def run(self) -> None:
        due = 0.0
        while True:
            now = time.monotonic()
            if now >= due:
                due = now + self.keep_alive(now)
            ready, _, _ = select.select([self.socket], [], [], max(0.0, due - now))
            if ready:
                self.read()

    def keep_alive(self, now: float) -> float:
        """Say that we are here; returns the seconds until the next time."""
        if self.incarnation is not None and now - self.heard > 3.0:
            self.incarnation = None
        if self.incarnation is None:
            self.say(Kind.HELLO, self.name.encode())
            return 0.5
        self.beat()
        return 1.0

    def read(self) -> None:
        try:
            datagram = self.socket.recv(65536)
        except ConnectionRefusedError:
            return
        if len(datagram) < HEADER.size:
            return
        magic, version, kind, link, _, token, length = HEADER.unpack_from(datagram)
        payload = datagram[HEADER.size :]
        if (magic, version, token, length) == (b"LE", 1, self.token, len(payload)):
            self.heard = time.monotonic()
            self.take(kind, link, payload)

    def take(self, kind: int, link: int, payload: bytes) -> None:
        match kind:
            case Kind.FRAME:
                self.say(Kind.FRAME, payload, link, self.direction)
            case Kind.WELCOME:
                self.incarnation = struct.unpack("!Qq", payload)[0]
                self.beat()
            case Kind.PULSE:
                if struct.unpack("!Q", payload)[0] != self.incarnation:
                    self.incarnation = None  # the emulator has started anew: join again
            case Kind.SENSOR:
                flags, rate_bps, _power_dBm = struct.unpack("!BxxxQd", payload)
                self.rates[link] = rate_bps if flags & 1 else 0
            case Kind.TIME:
                self.time_version = struct.unpack("!Iqqd", payload)[0]
                self.say(Kind.TIME_ACK, struct.pack("!I", self.time_version))
            case Kind.SKIP:
                self.say(Kind.SKIP_ACK, payload)  # we have no appointments: skip as far as you like
            case Kind.PLAN:
                self.collect(payload)
            case Kind.BYE:
                self.incarnation = None

    def beat(self) -> None:
        self.say(Kind.BEAT, struct.pack("!IIQ", self.plan_version, self.time_version, 0))

    def collect(self, payload: bytes) -> None:
        version, index, count = struct.unpack_from("!IHH", payload)
        if version <= self.plan_version:
            return
        parts = self.parts.setdefault(version, {})
        parts[index] = payload[8:]
        if len(parts) == count:
            self.plan = json.loads(b"".join(parts[i] for i in range(count)))
            self.plan_version = version
            self.parts.clear()


def main() -> None:
    node = Node(json.loads(Path(sys.argv[1]).read_text()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            node.run()
    finally:
        node.say(Kind.BYE)


if __name__ == "__main__":
    main()
