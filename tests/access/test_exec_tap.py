"""A capture of ``exec``, from the beam to the file: each packet with when it left and what became of it."""

from __future__ import annotations

import json
import resource
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.exec_flight import Burst
from linkemu.access.exec_laser import Beam
from linkemu.access.exec_scribe import Blocks, Plan, Scribe, Summary
from linkemu.access.exec_seen import DROPPED, ERASED, EXPIRED, INSIDE, Seen, Told
from linkemu.access.exec_segments import VNET_BYTES, frame_of
from linkemu.access.exec_tap import Onlooker, Tap
from linkemu.exchange.pcapng import Packet, unpack
from linkemu.link.overlay import Overlay, Pick
from linkemu.link.timeline import Cause
from linkemu.machine import Direction
from tests.access.test_exec_laser import link, plain, tcp
from tests.waiting import until

MS = 1_000_000
EPOCH_NS = 10**18
PLAN = Plan(("up", "down"), EPOCH_NS, 65535)
MODULE = "linkemu.access.exec_scribe"


class Listener:
    """Both ends of a tap in one process: what the beam tells is written to ``file``."""

    def __init__(self, file: Path, plan: Plan = PLAN) -> None:
        mine, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._file = file.open("wb")
        self.tap = Tap(mine)
        self.scribe = Scribe(plan, Blocks(self._file.fileno()))

    def of(self, beam: Beam, way: int = 0) -> Onlooker:
        beam.onlooker = Onlooker(way, self.tap)
        return beam.onlooker

    def hear(self) -> None:
        while self.tap.has_work:
            self.tap.step()
            self._theirs.settimeout(0)
            try:
                while message := self._theirs.recv(1 << 18):
                    self.scribe.hear(message)
            except BlockingIOError:
                pass

    def end(self) -> tuple[Summary, list[Packet]]:
        self.hear()
        self.tap.close()
        while message := self._theirs.recv(1 << 18):
            self.scribe.hear(message)
        summary = self.scribe.finish()
        self._theirs.close()
        self._file.close()
        return summary, unpack(Path(self._file.name).read_bytes(), "x")[1]


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    return Listener(tmp_path / "x.pcapng")


def fate(packet: Packet) -> str:
    """Without how long it took and had waited."""
    return packet.comment.partition(";")[0].partition(" after ")[0]


def times_ns(packets: list[Packet]) -> list[int]:
    return [packet.time_ns - EPOCH_NS for packet in packets]


@given(
    st.lists(st.tuples(st.integers(0, 40 * MS), st.integers(20, 1500), st.integers(1, 6)), max_size=25),
    st.sampled_from(Direction),
    st.integers(0, 30),
    st.integers(2_000, 30_000),
)
def test_every_packet_has_its_place_and_its_fate(
    tmp_path_factory: pytest.TempPathFactory,
    offered: list[tuple[int, int, int]],
    direction: Direction,
    erased: int,
    queue_bytes: int,
) -> None:
    """As many of each fate as the beam has counted; those that arrived when it says; in order of leaving."""
    sky = link(direction, erased=[(10 + erased, 5)], dark=[(0.05, 0.08, Cause.CLOUD)])
    beam = Beam(sky, queue_bytes=queue_bytes, hold_s=0.02)
    listener = Listener(tmp_path_factory.mktemp("capture") / "x.pcapng")
    onlooker = listener.of(beam)
    now_ns, arrived = 0, []
    for gap_ns, size, count in offered:
        now_ns += gap_ns
        arrived += [flight for flight, _ in beam.due(now_ns)]
        beam.offer(plain(size) if count == 1 else tcp(count), 0, now_ns)
        listener.hear()
    arrived += [flight for flight, _ in beam.due(now_ns)]
    onlooker.rest(*beam.inside(), beam.channel.capacity)
    summary, packets = listener.end()
    tally = beam.tally
    inside = tally.offered - tally.dropped - tally.expired - tally.erased - tally.delivered
    counts = {
        DROPPED: tally.dropped,
        EXPIRED: tally.expired,
        ERASED: tally.erased,
        "arrived": tally.delivered,
        INSIDE: inside,
    }
    assert Counter(map(fate, packets)) == +Counter(counts)
    assert summary == Summary(tally.offered, 0, None)
    assert times_ns(packets) == sorted(times_ns(packets))
    told = [(left_ns, left_ns + after_ns(each)) for left_ns, each in arrivals(packets)]
    assert sorted(told) == sorted((each.start_ns, each.due_ns) for each in arrived)  # each of one packet


def arrivals(packets: list[Packet]) -> list[tuple[int, Packet]]:
    """Those that arrived, and when they left."""
    return [(each.time_ns - EPOCH_NS, each) for each in packets if fate(each) == "arrived"]


def after_ns(packet: Packet) -> int:
    """How long after it left it arrived, as its comment says."""
    whole, part = packet.comment.partition(" after ")[2].partition(" ms")[0].split(".")
    return int(whole) * MS + int(part)


def test_packets_of_a_super_packet_have_their_own_times_and_headers(listener: Listener) -> None:
    """100 us each, two of them erased: bytes as each was on the wire, its checksum done."""
    beam = Beam(link(rate_bps=120_000_000, erased=[(0, 1)], slot_s=2e-4), queue_bytes=None, hold_s=1.0)
    listener.of(beam)
    frame = bytearray(tcp(12))
    struct.pack_into(
        ">H", frame, VNET_BYTES + 36, 6 + 20 + 12 * 1460
    )  # as the kernel: the pseudo-header's sum
    beam.offer(bytes(frame), 0, 0)
    while (next_ns := beam.next_ns()) is not None:
        beam.due(next_ns)
    _, packets = listener.end()
    assert times_ns(packets) == [each * 100_000 for each in range(12)]
    assert [fate(each) for each in packets] == [ERASED] * 2 + ["arrived"] * 10
    for number, packet in enumerate(packets):
        length, identity = struct.unpack_from(">HH", packet.data, 2)
        assert (length, identity, len(packet.data)) == (1500, number, 1500)
        assert struct.unpack_from(">I", packet.data, 24) == (number * 1460,)
        assert packet.data[40] == number
        assert checksum(packet.data[:20]) == 0
        pseudo = packet.data[12:20] + struct.pack(">HH", 6, 1480)
        assert checksum(pseudo + packet.data[20:]) == 0


def checksum(data: bytes) -> int:
    """RFC 1071, over an even number of bytes; 0 if the sum that is in it is right."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_what_faults_do_stands_beside_the_packet_as_it_was_sent(listener: Listener) -> None:
    beam = Beam(link(), queue_bytes=None, hold_s=1.0)
    beam.impose(Overlay(0, None, corrupt=Pick(2)), -1)
    beam.impose(Overlay(0, None, duplicate=Pick(3)), -1)
    listener.of(beam)
    sent = [plain(100 + number) for number in range(6)]
    for data in sent:
        beam.offer(data, 0, 0)
    beam.due(500 * MS)
    _, packets = listener.end()
    assert [fate(each) for each in packets] == [
        *("arrived", "arrived changed", "arrived twice"),
        *("arrived changed", "arrived", "arrived changed twice"),
    ]
    assert [each.data for each in packets] == [data[VNET_BYTES:] for data in sent]


def test_a_packet_is_cut_but_its_length_told(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "x.pcapng", Plan(PLAN.names, 0, 40))
    beam = Beam(link(), queue_bytes=None, hold_s=1.0)
    listener.of(beam)
    beam.offer(plain(1500), 0, 0)
    beam.offer(plain(40), 0, 0)
    beam.due(500 * MS)
    _, packets = listener.end()
    assert [(len(each.data), each.length) for each in packets] == [(40, 1500), (40, None)]


def seen(way: int = 0, size: int = 1000, at_ns: int = 0) -> Seen:
    frame = frame_of(plain(size), 0)
    assert frame is not None
    return Seen(way, DROPPED, Burst(frame, 0, 1, at_ns, size), 0, 1, at_ns)


def test_a_scribe_that_does_not_read_keeps_nobody_waiting() -> None:
    """What it doesn't take waits up to the bound; beyond it packets are counted, and told in the end."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        tap = Tap(mine, most_bytes=100_000)
        while not any(tap.missed):
            tap.note(seen())
            tap.step()
        assert not tap.has_work  # to try again at once would be in vain
        tap.note(seen(way=1))
        assert tap.missed == [1, 1]
        theirs.settimeout(0)
        heard = 0
        while more := len(list(messages(theirs))):
            heard += more
            tap.step()
        tap.note(seen())
        tap.close()
        *told, last = messages(theirs)
        assert json.loads(last) == {"missed": [1, 1]}
        assert heard + len(told) > 50


def messages(channel: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            message = channel.recv(1 << 18)
        except BlockingIOError:
            return
        if not message:
            return
        yield message


def test_at_the_end_it_waits_no_longer_than_it_should() -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        tap = Tap(mine)
        for _ in range(1000):
            tap.note(seen())
        tap.close(patience_s=0.05)
        theirs.settimeout(0)
        assert len(list(messages(theirs))) + sum(tap.missed) == 1000
        assert tap.missed[0] > 0


def test_a_scribe_that_has_died_ends_the_telling_alone() -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    tap = Tap(mine)
    for _ in range(3):
        tap.note(seen())
    tap.step()
    tap.note(seen(way=1))
    assert (tap.missed, tap.has_work) == ([3, 1], False)
    tap.close()


class Started:
    """The scribe as a process of its own, as exec starts it."""

    def __init__(self, file: Path, prepare: Callable[[], None] | None = None) -> None:
        self.file = file
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, file.open("wb") as opened:
            handed = (theirs.fileno(), opened.fileno())
            line = (sys.executable, "-m", MODULE, *map(str, handed), PLAN.to_json())
            self.process = subprocess.Popen(
                line, pass_fds=handed, stdout=subprocess.PIPE, text=True, preexec_fn=prepare
            )

    def tell(self, each: Seen) -> None:
        self.channel.send(each.message())

    def packets(self, *, torn: bool = False) -> list[Packet]:
        return unpack(self.file.read_bytes(), "x", torn=torn)[1]

    def end(self) -> Summary:
        self.channel.close()
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return Summary(**json.loads(said))


def test_packets_stand_in_the_order_in_which_they_left(tmp_path: Path) -> None:
    """Both directions are told as fates are known, half a second after the packets left."""
    started = Started(tmp_path / "x.pcapng")
    for step in range(0, 5000, 10):
        started.tell(seen(0, at_ns=step * MS))
        if step >= 500:
            started.tell(seen(1, at_ns=(step - 500) * MS + 1))
    assert started.end() == Summary(950, 0, None)
    assert times_ns(started.packets()) == sorted(times_ns(started.packets()))
    assert len(started.packets()) == 950


def test_a_disk_that_is_full_ends_the_capture_after_a_whole_block(tmp_path: Path) -> None:
    def short_of_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    started = Started(tmp_path / "x.pcapng", short_of_room)
    for step in range(300):
        started.tell(seen(at_ns=step * 20 * MS))
    started.channel.send(json.dumps({"missed": [7, 0]}).encode())
    summary = started.end()
    packets = started.packets()
    assert summary == Summary(len(packets), 307 - len(packets), "File too large")
    assert 80 < len(packets) < 100
    assert times_ns(packets) == [step * 20 * MS for step in range(len(packets))]


def test_a_scribe_that_is_killed_leaves_what_it_has_written(tmp_path: Path) -> None:
    started = Started(tmp_path / "x.pcapng")
    with started.process, started.channel:
        for step in range(300):
            started.tell(seen(at_ns=step * 20 * MS))
        until(lambda: len(started.packets(torn=True)) > 100)
        started.process.kill()
    packets = started.packets(torn=True)
    assert times_ns(packets) == [step * 20 * MS for step in range(len(packets))]


def test_counts_stand_at_the_end_of_the_file(listener: Listener) -> None:
    """Interface statistics: what each has seen, and what of it isn't here."""
    listener.tap.note(seen())
    listener.tap.missed = [2, 3]
    listener.end()
    data = Path(listener._file.name).read_bytes()
    rows = [struct.unpack_from("<I12xQ4xQ", data, at) for at in (len(data) - 104 + 8, len(data) - 52 + 8)]
    assert rows == [(0, 3, 2), (1, 3, 3)]


def test_a_message_reads_as_it_was_told() -> None:
    told = Told.of(seen(1, 77, 123_456_789).message())
    assert (told.way, told.fate, told.came_ns, told.due_ns) == (1, DROPPED, 123_456_789, None)
    assert list(told.packets()) == [(123_456_789, plain(77)[VNET_BYTES:], DROPPED)]
