"""Frames: round trips, the documented bytes, and whatever light may do to them."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linkemu.errors import FrameError
from linkemu.transfer import frames, report
from linkemu.transfer.frames import Body, Data, Entry, Poll, Refusal, Request
from linkemu.transfer.report import Piece, Report, Section, State

u8, u32, u64 = (st.integers(0, 2**n - 1) for n in (8, 32, 64))
ids = st.binary(min_size=32, max_size=32)
entries = st.builds(Entry, ids, u32, u8, u32)
polls = st.builds(Poll, u64, u64, u32, st.lists(entries, max_size=4).map(tuple))
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
requests = st.builds(Request, u64, u32, u8, ids | names)
refusals = st.builds(Refusal, u64, u32, st.text(max_size=20))


@st.composite
def disjoint(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = sorted(draw(st.sets(u32, max_size=6)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    return Piece(draw(u32), draw(u32), draw(disjoint()))


@st.composite
def sections(draw: st.DrawFn) -> Section:
    bits = draw(st.integers(0, 40))
    bitmap = draw(st.integers(0, 2**bits - 1))
    held = tuple(draw(st.lists(pieces(), max_size=3)))
    state = draw(st.sampled_from(State))
    detail = draw(st.binary(max_size=255))
    return Section(
        draw(ids), state, draw(u32), draw(u32), bits, draw(u32), bitmap, draw(disjoint()), held, detail
    )


reports = st.builds(Report, u64, u32, u64, u64, u32, u64, st.lists(sections(), max_size=3).map(tuple))


def decode(datagram: bytes) -> object:
    frame = frames.decode(datagram)
    return report.decode(frame.epoch, frame.content) if isinstance(frame, Body) else frame


def sample() -> bytes:
    return frames.encode_data(7, False, 9, b"i" * 32, 1000, 100, b"payload")


@given(u64, st.booleans(), u64, ids, st.integers(0, 2**20), st.binary(min_size=1, max_size=300))
def test_data_frames_come_back(
    epoch: int, is_manifest: bool, sequence: int, chunk_id: bytes, offset: int, payload: bytes
) -> None:
    total = offset + len(payload)
    frame = decode(frames.encode_data(epoch, is_manifest, sequence, chunk_id, total, offset, payload))
    assert frame == Data(
        epoch, is_manifest, sequence, chunk_id, total, offset, zlib.crc32(payload), memoryview(payload)
    )


@given(polls)
def test_polls_come_back(poll: Poll) -> None:
    assert decode(frames.encode_poll(poll)) == poll


@given(requests)
def test_requests_come_back(request: Request) -> None:
    assert decode(frames.encode_request(request)) == request


@given(refusals)
def test_refusals_come_back(refusal: Refusal) -> None:
    assert decode(frames.encode_refusal(refusal)) == refusal


@given(reports)
def test_reports_come_back_and_know_their_length(statement: Report) -> None:
    encoded = report.encode(statement)
    assert decode(encoded) == statement
    assert len(encoded) == report.REPORT_BYTES + sum(s.encoded_bytes for s in statement.sections)


def test_a_data_frame_is_the_documented_bytes() -> None:
    """docs/wire-format.md, spelt out by hand."""
    payload = b"payload"
    head = b"LT" + bytes([1, 1]) + struct.pack(">IQ", 72 + 7, 7)
    fixed = struct.pack(">Q", 9) + b"i" * 32 + struct.pack(">III", 1000, 100, zlib.crc32(payload))
    assert sample() == head + struct.pack(">I", zlib.crc32(head + fixed)) + fixed + payload


def test_a_poll_is_the_documented_bytes() -> None:
    body = struct.pack(">QIH", 12, 3, 1) + b"f" * 32 + struct.pack(">IBI", 500, 2, 8)
    head = b"LT" + bytes([1, 3]) + struct.pack(">IQ", 20 + len(body), 5)
    encoded = frames.encode_poll(Poll(5, 12, 3, (Entry(b"f" * 32, 500, 2, 8),)))
    assert encoded == head + struct.pack(">I", zlib.crc32(head + body)) + body


@pytest.mark.parametrize("version", [0, 2])
def test_unknown_versions_are_refused_by_name(version: int) -> None:
    datagram = bytearray(sample())
    datagram[2] = version
    with pytest.raises(FrameError, match=f"version {version}"):
        frames.decode(bytes(datagram))


def test_what_trails_a_data_frame_is_not_taken_for_its_payload() -> None:
    sound = frames.encode_data(1, False, 1, b"i" * 32, 100, 8, b"abc")
    assert isinstance(frames.decode(sound), Data)
    for datagram in (sound + b"d", sound[:-1]):
        with pytest.raises(FrameError, match="its header says"):
            frames.decode(datagram)
    with pytest.raises(FrameError, match="without a payload"):
        frames.decode(frames.encode_data(1, False, 1, b"i" * 32, 100, 8, b""))


def test_a_request_names_something() -> None:
    longest = Request(1, 2, 3, "n" * frames.MAX_NAME_BYTES)
    assert decode(frames.encode_request(longest)) == longest
    for wanted in ("", "n" * (frames.MAX_NAME_BYTES + 1), b"i" * 31):
        with pytest.raises(FrameError, match="request of kind"):
            frames.decode(frames.encode_request(Request(1, 2, 3, wanted)))


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (Section(b"f" * 32, State.HELD, 0, 0, 3, 0, 0b1000, (), ()), "bits beyond its bitmap"),
        (Section(b"f" * 32, State.HELD, 0, 0, 0, 9, 0, ((3, 3),), ()), "ranges out of order"),
        (Section(b"f" * 32, State.HELD, 0, 0, 0, 9, 0, ((3, 5), (4, 6)), ()), "ranges out of order"),
    ],
)
def test_a_statement_that_contradicts_itself_is_refused(section: Section, problem: str) -> None:
    with pytest.raises(FrameError, match=problem):
        decode(report.encode(Report(1, 1, 1, 0, 0, 0, (section,))))


def test_unknown_types_are_refused() -> None:
    head = b"LT" + bytes([1, 99]) + struct.pack(">IQ", 20, 0)
    with pytest.raises(FrameError, match="type 99"):
        frames.decode(head + struct.pack(">I", zlib.crc32(head)))


@given(st.integers(0, len(sample()) * 8 - 1))
def test_one_wrong_bit_is_always_seen(bit: int) -> None:
    datagram = bytearray(sample())
    datagram[bit // 8] ^= 1 << bit % 8
    try:
        frame = frames.decode(bytes(datagram))
    except FrameError:
        return
    assert isinstance(frame, Data) and bit // 8 >= frames.DATA_OVERHEAD_BYTES
    assert zlib.crc32(frame.payload) != frame.crc


@given(st.binary(max_size=200))
@example(b"")
def test_any_bytes_give_a_frame_or_a_frame_error(datagram: bytes) -> None:
    with pytest.raises(FrameError):
        decode(datagram)


@given(st.sampled_from(frames.Type), st.binary(max_size=300))
def test_any_body_behind_a_sound_header_gives_a_frame_or_a_frame_error(
    kind: frames.Type, body: bytes
) -> None:
    try:
        decode(frames.seal(kind, 1, body))
    except FrameError as error:
        assert "\n" not in str(error)


@given(reports, st.data())
def test_a_changed_report_body_never_escapes_as_another_error(statement: Report, data: st.DataObject) -> None:
    body = bytearray(report.encode(statement)[20:])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(u8)
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    for changed in (bytes(body), cut):
        try:
            decode(frames.seal(frames.Type.REPORT, 1, changed))
        except FrameError as error:
            assert "\n" not in str(error)


def test_a_data_frame_may_not_reach_beyond_its_chunk() -> None:
    with pytest.raises(FrameError, match="in a chunk of 10"):
        frames.decode(frames.encode_data(1, False, 1, b"i" * 32, 10, 8, b"abc"))
    with pytest.raises(FrameError, match="in a chunk of"):
        frames.decode(frames.encode_data(1, False, 1, b"i" * 32, 2**32 - 1, 0, b"abc"))


@given(st.text(max_size=300))
def test_a_reason_is_cut_between_characters(reason: str) -> None:
    assert len(frames.clip(reason)) <= frames.MAX_REASON_BYTES
    frames.clip(reason).decode()
