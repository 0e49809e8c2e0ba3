"""pcapng: the blocks byte for byte, there and back, and mutilated captures."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.exchange.pcapng import RAW, USER0, Interface, Packet, counted, pack, unpack

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # on a busy machine

UP = Interface("koganei - iss up")
PING = bytes.fromhex("4500001c00010000400166dd0a0000010a0000020800f7fd00010001")  # IPv4, an echo request


def capture(*packets: Packet) -> bytes:
    return b"".join(pack([UP, Interface("down", USER0)], packets))


def test_blocks_are_as_the_draft_says():
    data = capture(Packet(0, (7 << 32) + 5, b"abcde", "erased: cloud"))
    assert data[:12] == bytes.fromhex("0a0d0d0a") + struct.pack("<II", 44, 0x1A2B3C4D)
    interface = data[44:]
    assert struct.unpack_from("<IIHH", interface) == (1, 52, RAW, 0)
    assert bytes.fromhex("0900010009000000") in interface[:52]  # if_tsresol: 10^-9 s
    packet = data[44 + 52 + 40 :]
    assert struct.unpack_from("<IIIIIII", packet) == (6, 64, 0, 7, 5, 5, 5)
    assert packet[28:36] == b"abcde\0\0\0"
    assert packet[36:56] == struct.pack("<HH", 1, 13) + b"erased: cloud\0\0\0"
    assert packet[56:64] == struct.pack("<II", 0, 64)


whole = st.builds(
    Packet,
    st.integers(0, 1),
    st.integers(0, 2**63 - 1),
    st.binary(max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
packets = st.one_of(
    whole, whole.map(lambda packet: replace(packet, length=len(packet.data) + 1500))
)  # cut at 40 bytes


@given(st.lists(packets, max_size=6))
@settings(max_examples=60, **PATIENT)
def test_there_and_back(some):
    data = capture(*some)
    interfaces, found = unpack(data, "x")
    assert found == some
    assert interfaces == [UP, Interface("down", USER0)]
    assert b"".join(pack(interfaces, found)) == data


def test_captures_of_others_are_read():
    """Big-endian, microseconds (no if_tsresol), a block of another kind."""
    section = struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack(">IIHHII", 1, 20, RAW, 0, 0, 20)
    other = struct.pack(">IIII", 5, 16, 0, 16)
    packet = struct.pack(">IIIIIII4sI", 6, 36, 0, 0, 1_000_001, 2, 2, b"hi\0\0", 36)
    interfaces, found = unpack(section + interface + other + packet, "x")
    assert interfaces == [Interface("", RAW)]
    assert found == [Packet(0, 1_000_001_000, b"hi")]


@given(st.integers(0, 200), st.integers(0, 8), st.one_of(st.binary(max_size=8), st.just(b"\xff\xff\xff\xff")))
@settings(max_examples=200, **PATIENT)
def test_mutilated_captures_are_read_or_refused_in_one_line(at, cut, put):
    data = capture(Packet(0, 5, b"abc", "x"), Packet(1, 9, b""))
    try:
        unpack(data[:at] + put + data[at + cut :], "given")
    except InputError as error:
        assert str(error).startswith("given") and "\n" not in str(error)


@pytest.mark.parametrize("data", [b"", b"PAR1", bytes(64)])
def test_other_files_are_refused(data):
    with pytest.raises(InputError, match=r"^given"):
        unpack(data, "given")


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump isn't installed")
def test_tcpdump_reads_it(tmp_path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(b"".join(pack([UP], [Packet(0, 1_715_367_034_000_000_001, PING)])))
    said = subprocess.run(
        ["tcpdump", "-n", "-tt", "--nano", "-r", path], capture_output=True, text=True, timeout=20
    )
    assert "1715367034.000000001 IP 10.0.0.1 > 10.0.0.2: ICMP echo request" in said.stdout, said.stderr


def test_a_second_section_is_refused():
    with pytest.raises(InputError, match=r"^given:byte \d+: a second section"):
        unpack(capture() + capture(), "given")


@given(st.lists(packets, max_size=4), st.integers(0, 400))
@settings(max_examples=100, **PATIENT)
def test_a_torn_capture_is_read_up_to_its_last_whole_block(some, cut):
    """Wherever a writer died: what was whole is there, nothing else; who doesn't expect it is told."""
    whole = capture(*some)
    torn = whole[: max(len(capture()), len(whole) - cut)]
    interfaces, found = unpack(torn, "x", torn=True)
    assert len(interfaces) == 2
    assert found == some[: len(found)]
    assert len(capture(*found)) <= len(torn)
    assert len(found) == len(some) or len(torn) < len(capture(*some[: len(found) + 1]))
    if torn != capture(*found):
        with pytest.raises(InputError, match=r"^x:byte \d+: a block that is cut short"):
            unpack(torn, "x")


def test_an_interface_tells_what_it_has_seen_and_lost():
    block = counted(1, (7 << 32) + 5, 1000, 3)
    assert struct.unpack_from("<IIIII", block) == (5, 52, 1, 7, 5)
    assert struct.unpack_from("<HHQHHQHH", block, 20) == (4, 8, 1000, 5, 8, 3, 0, 0)
    assert unpack(capture(Packet(0, 5, b"abc")) + block, "x")[1] == [Packet(0, 5, b"abc")]
