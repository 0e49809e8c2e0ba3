"""The datagrams and files of the contract: bytes as documented, everything back, garbage refused."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.contract import (
    MAX_FRAME_BYTES,
    Beat,
    Bye,
    EmulatorFile,
    Frame,
    Hello,
    Message,
    NodeEntry,
    NodeFile,
    NodeLink,
    PlanPart,
    Pulse,
    Sensor,
    Skip,
    SkipAck,
    SkyTime,
    TimeAck,
    Welcome,
    decode,
    encode,
    frame_header,
    join_plan,
    peek_frame,
    split_plan,
)
from linkemu.errors import ContractError, InputError
from linkemu.machine import Direction

u16, u32, u64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
i64 = st.integers(-(2**63), 2**63 - 1)
tokens = u64
real = st.floats(allow_nan=False, allow_infinity=False)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, st.text(max_size=40)),
    st.builds(Welcome, u64, i64),
    st.builds(Beat, u32, u32, u64),
    st.builds(Pulse, u64),
    st.builds(Frame, u16, st.sampled_from(Direction), st.binary(min_size=1, max_size=3000)),
    st.builds(Sensor, u16, st.booleans(), u64, st.none() | real),
    u16.flatmap(
        lambda n: st.builds(PlanPart, u32, st.integers(0, n), st.just(max(1, n)), st.binary(max_size=99))
    ).filter(lambda part: part.index < part.count),
    st.builds(SkyTime, u32, i64, i64, st.floats(1e-6, 1e6)),
    st.builds(TimeAck, u32),
    st.builds(Skip, u32, i64),
    st.builds(SkipAck, u32, i64),
    st.just(Bye()),
)


@given(messages, tokens)
def test_every_message_comes_back(message: Message, token: int) -> None:
    assert decode(encode(message, token)) == (token, message)


@given(messages, tokens, st.data())
def test_a_cut_or_lengthened_datagram_is_refused(message: Message, token: int, data: st.DataObject) -> None:
    whole = encode(message, token)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + b"\0"):
        assert peek_frame(wrong) is None
        with pytest.raises(ContractError):
            decode(wrong)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"LE\x01" + tail))
def test_garbage_is_refused_and_never_crashes(datagram: bytes) -> None:
    try:
        decode(datagram)
    except ContractError as error:
        assert "\n" not in str(error)


@given(st.binary(min_size=1, max_size=2000), u16, st.sampled_from(Direction), tokens)
def test_the_quick_way_for_frames_is_the_same(payload: bytes, link: int, way: Direction, token: int) -> None:
    datagram = frame_header(link, way, token, len(payload)) + payload
    assert datagram == encode(Frame(link, way, payload), token)
    assert peek_frame(datagram) == (token, link, way)


def test_bytes_are_those_of_the_document() -> None:
    frame = encode(Frame(0x0102, Direction.DOWN, b"light"), 0x1122334455667788)
    assert (
        frame.hex()
        == "4c45" + "01" + "05" + "0102" + "01" + "00" + "1122334455667788" + "00050000" + b"light".hex()
    )
    sensor = encode(Sensor(7, True, 155_000_000, -30.5), 0)
    assert sensor[20:] == bytes([3, 0, 0, 0]) + struct.pack("!Qd", 155_000_000, -30.5)
    assert encode(Bye(), 1)[:7].hex() == "4c45" + "01" + "0c" + "ffff" + "ff"


def test_wrong_magic_version_kind_and_size_say_so() -> None:
    good = encode(Hello("iss"), 1)
    for wrong, reason in [
        (b"XX" + good[2:], "magic"),
        (good[:2] + b"\x09" + good[3:], "version 9"),
        (good[:3] + b"\xfa" + good[4:], "unknown kind 250"),
        (good[:6] + b"\x07" + good[7:], "direction 7"),
        (good[:3] + b"\x05" + good[4:], "without direction"),
        (encode(SkyTime(1, 0, 0, -1.0), 1), "rate"),
    ]:
        with pytest.raises(ContractError, match=reason):
            decode(wrong)
    with pytest.raises(ContractError, match="at most"):
        encode(Frame(0, Direction.UP, bytes(MAX_FRAME_BYTES + 1)), 1)


@given(st.binary(max_size=50_000), st.randoms(use_true_random=False))
def test_a_plan_comes_together_in_any_order(text: bytes, chance: random.Random) -> None:
    parts = split_plan(3, text)
    shuffled = parts + parts[:2]
    chance.shuffle(shuffled)
    assert join_plan(shuffled) == text
    if len(parts) > 1:
        assert join_plan([part for part in shuffled if part.index != 1]) is None
    assert join_plan([]) is None


def test_files_come_back_and_hold_no_more_than_they_should(tmp_path: Path) -> None:
    node = NodeFile(
        "koganei",
        "ground",
        ("127.0.0.1", 5000),
        ("127.0.0.1", 5001),
        2**64 - 1,
        (NodeLink(0, "iss"),),
        {"root": "x"},
    )
    node.save(tmp_path / "node.json")
    assert NodeFile.load(tmp_path / "node.json") == node
    assert node.sends is Direction.UP
    entry = NodeEntry("iss", "satellite", ("127.0.0.1", 5002), 9, (0,), tmp_path / "plan.json")
    emulator = EmulatorFile("demo", ("127.0.0.1", 5000), tmp_path / "sky", tmp_path, (entry,), 60.0)
    emulator.save(tmp_path / "emulator.json")
    assert EmulatorFile.load(tmp_path / "emulator.json") == emulator
    assert (tmp_path / "node.json").stat().st_mode & 0o077 == 0  # it holds a secret
    assert "5002" not in (tmp_path / "node.json").read_text()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": 1}', '{"name": "a", "role": "moon"}'])
def test_a_bad_file_names_itself_and_the_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    for kind in (NodeFile, EmulatorFile):
        with pytest.raises(InputError, match=r"bad\.json"):
            kind.load(tmp_path / "bad.json")
    with pytest.raises(InputError, match="No such file"):
        NodeFile.load(tmp_path / "absent.json")
