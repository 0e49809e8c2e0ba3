"""Does a node keep docs/node-contract.md? A referee plays the emulator against each, bytes on a real socket.

To judge a node of your own: add its script to NODES. It must send back each frame that it receives, on the
same link.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linkemu.contract import (
    Beat,
    Bye,
    Frame,
    Hello,
    Message,
    NodeFile,
    NodeLink,
    Pulse,
    Sensor,
    Skip,
    SkipAck,
    SkyTime,
    TimeAck,
    Welcome,
    decode,
    encode,
    split_plan,
)
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from tests.ports import free_port
from tests.waiting import least

HERE = Path(__file__).parent
NODES = {
    "foreign": HERE.parent.parent / "examples" / "foreign_node.py",
    "ours": HERE / "our_node.py",
}
TOKEN = 0xFEED_FACE_CAFE_0001
LINK = 3
pytestmark = pytest.mark.acceptance


class Referee:
    """The emulator's side, by hand."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.node = ("127.0.0.1", free_port(socket.SOCK_DGRAM))

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()
        return host, port

    def say(self, message: Message, token: int = TOKEN) -> None:
        self.socket.sendto(encode(message, token), self.node)

    def hear(self, seconds: float = 60.0) -> Message | None:
        """The node's next datagram; it must carry its token and come from its terminal."""
        self.socket.settimeout(seconds)
        try:
            datagram, sender = self.socket.recvfrom(65536)
        except TimeoutError:
            return None
        assert sender == self.node
        token, message = decode(datagram)
        assert token == TOKEN
        return message

    def expect(self, wanted: Callable[[Message], bool], seconds: float = 60.0) -> Message:
        """The first message that fits, within the time."""
        end = time.monotonic() + seconds
        heard: list[Message | None] = []
        while (rest := end - time.monotonic()) > 0:
            message = self.hear(rest)
            if message is not None and wanted(message):
                return message
            heard.append(message)
        raise AssertionError(f"not heard in {seconds} s; heard {heard}")

    def welcome(self, incarnation: int = 1) -> None:
        """Let the node in, and tell it that time runs."""
        self.expect(lambda message: message == Hello("koganei"))
        self.say(Welcome(incarnation, 10**12))
        self.say(SkyTime(1, time.monotonic_ns(), 0, 1.0))
        self.expect(lambda message: message == TimeAck(1))


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Referee, subprocess.Popen[bytes]]]:
    referee = Referee()
    path = tmp_path / "node.json"
    NodeFile("koganei", "ground", referee.address, referee.node, TOKEN, (NodeLink(LINK, "iss"),)).save(path)
    process = subprocess.Popen([sys.executable, NODES[request.param], path])
    try:
        yield referee, process
    finally:
        process.kill()
        process.wait()
        referee.socket.close()


Node = tuple[Referee, subprocess.Popen[bytes]]


def test_says_hello_twice_a_second_until_it_is_welcome(node: Node) -> None:
    referee, _ = node
    assert referee.hear(60.0) == Hello("koganei")

    def spacing_s() -> float:
        """Of three: what waits to be read comes at once, but the third is sent a second after the first."""
        began_s = time.monotonic()
        assert [referee.hear() for _ in range(3)] == [Hello("koganei")] * 3
        return time.monotonic() - began_s

    spacings_s = [spacing_s() for _ in range(2)]
    assert max(spacings_s) > 0.5 and least(spacing_s, 2.5) < 2.5
    referee.welcome()
    beat = referee.expect(lambda message: isinstance(message, Beat))
    assert isinstance(beat, Beat) and beat.plan_version == 0


def test_beats_and_answers_time_plan_skip_and_light(node: Node) -> None:
    referee, _ = node
    referee.welcome()
    referee.say(Sensor(LINK, True, 10**9, -30.0))
    for size in (1, 1400, 61440):
        payload = bytes(i % 251 for i in range(size))
        referee.say(Frame(LINK, Direction.DOWN, payload))
        assert referee.expect(lambda m: isinstance(m, Frame)) == Frame(LINK, Direction.UP, payload)
    delays = tuple((float(t), 0.001 * t) for t in range(2000))
    plan = Plan("koganei", 7, (Window(LINK, "iss", 1.0, 2.0, ((1.0, 10**9),), delays, 50.0),))
    parts = split_plan(plan.version, plan.to_json().encode())
    assert len(parts) > 2
    for part in reversed(parts):  # in any order, and repeated
        referee.say(part)
        referee.say(part)
    referee.expect(lambda m: isinstance(m, Beat) and m.plan_version == 7)
    referee.say(Skip(5, 60 * 10**9))
    answer = referee.expect(lambda m: isinstance(m, SkipAck))
    assert isinstance(answer, SkipAck) and answer.proposal == 5 and answer.until_ns <= 60 * 10**9
    referee.say(SkyTime(2, time.monotonic_ns(), answer.until_ns, 1.0))
    referee.expect(lambda message: message == TimeAck(2))
    referee.expect(lambda m: isinstance(m, Beat) and m.time_version == 2)


def test_ignores_what_breaks_the_contract_and_lives(node: Node) -> None:
    referee, process = node
    referee.welcome()
    good = encode(Frame(LINK, Direction.DOWN, b"light"), TOKEN)
    broken = [b"", b"LE", b"XX" + good[2:], good[:2] + b"\x02" + good[3:], good[:-1], good + b"!"]
    broken += [encode(Frame(LINK, Direction.DOWN, b"forged"), TOKEN + 1), good[:3] + b"\xc8" + good[4:]]
    for datagram in broken:
        referee.socket.sendto(datagram, referee.node)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(encode(Frame(LINK, Direction.DOWN, b"past the emulator"), TOKEN), referee.node)
    referee.say(Frame(LINK, Direction.DOWN, b"after"))
    frame = referee.expect(lambda m: isinstance(m, Frame))
    assert frame == Frame(LINK, Direction.UP, b"after")
    assert process.poll() is None


def test_joins_again_when_the_emulator_starts_anew(node: Node) -> None:
    referee, _ = node
    referee.welcome(incarnation=1)
    referee.expect(lambda m: isinstance(m, Beat))
    referee.say(Pulse(2))
    referee.welcome(incarnation=2)
    referee.say(Frame(LINK, Direction.DOWN, b"again"))
    assert referee.expect(lambda m: isinstance(m, Frame)) == Frame(LINK, Direction.UP, b"again")


def test_joins_again_after_three_seconds_of_silence(node: Node) -> None:
    referee, _ = node
    before_s = time.monotonic()
    referee.welcome()
    referee.expect(lambda message: message == Hello("koganei"))
    assert time.monotonic() - before_s >= 3.0


def test_says_goodbye_at_sigterm(node: Node) -> None:
    referee, process = node
    referee.welcome()
    process.send_signal(signal.SIGTERM)
    referee.expect(lambda message: message == Bye())
    assert process.wait(60.0) == 0
