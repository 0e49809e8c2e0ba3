"""Statements are exact for their windows and fit their frames, however small the room."""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from linkemu.transfer import inventory
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.outgoing import Outgoing
from linkemu.transfer.report import Piece, State

CHUNKS = 40
CHUNK_BYTES = 64
CONTENT = b"".join(bytes([index]) * CHUNK_BYTES for index in range(CHUNKS))
MANIFEST = Manifest.of("name", CONTENT, CHUNK_BYTES)

durable = st.sets(st.integers(0, CHUNKS - 1))
marks = st.dictionaries(st.integers(0, CHUNKS - 1), st.sets(st.integers(0, CHUNK_BYTES - 1), min_size=1))


def fill(stored: set[int], held: dict[int, set[int]]) -> Holdings:
    holdings = Holdings()
    holdings.know(MANIFEST)
    for index in stored:
        holdings.stored(MANIFEST.chunks[index])
    for index, places in held.items():
        for place in places:
            payload = bytes([index])
            holdings.take(MANIFEST.chunks[index], CHUNK_BYTES, place, payload, crc32(payload), False)
    return holdings


@given(durable, marks, st.integers(100, 700))
def test_sections_together_state_all_that_is_held(
    stored: set[int], held: dict[int, set[int]], room: int
) -> None:
    progress = fill(stored, held).progress(MANIFEST.file_id)
    assert progress is not None
    first = 0
    while first < CHUNKS:
        section = inventory.of_file(progress, first, CHUNKS, room)
        assert section is not None and section.end > first, "no progress in an empty frame"
        assert section.encoded_bytes <= room
        pieces = {piece.index: piece for piece in section.pieces}
        for index in range(first, section.end):
            place = index - first - section.full
            flagged = place < 0 or (place < section.bits and bool(section.bitmap >> place & 1))
            assert flagged == (index in stored)
            piece = pieces.get(index, Piece(index, CHUNK_BYTES, ()))
            truth = held.get(index, set()) if index not in stored else set()
            stated = {n for start, end in piece.ranges for n in range(start, end)}
            assert stated == {place for place in truth if place < piece.until}
        first = section.end
    assert section.state is (State.COMPLETE if len(stored) == CHUNKS else State.HELD)


@given(marks, st.integers(0, 200))
def test_no_room_gives_no_section(held: dict[int, set[int]], room: int) -> None:
    progress = fill(set(), held).progress(MANIFEST.file_id)
    assert progress is not None
    section = inventory.of_file(progress, 0, CHUNKS, room)
    assert section is None or (section.encoded_bytes <= room and section.end > 0)
    for other in (
        inventory.of_manifest(MANIFEST.file_id, None, room),
        inventory.declined(MANIFEST.file_id, b"reason", room),
    ):
        assert other is None or other.encoded_bytes <= room


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12),
    st.integers(0, 20),
    st.data(),
)
def test_each_byte_is_held_or_under_way_or_to_be_sent(
    pieces: list[tuple[int, bool]], highest: int, data: st.DataObject
) -> None:
    """A chunk sent in pieces, some of which arrived: what a statement leaves to be sent."""
    outgoing = Outgoing(b"c" * 32, sum(length for length, _ in pieces), 0)
    arrived, lost, unsettled = set[int](), set[int](), set[int]()
    for sequence, (length, came) in enumerate(pieces, start=1):
        start, end = outgoing.unsent.take(length)
        outgoing.flight.append((sequence, start, end))
        fate = arrived if came else lost if sequence <= highest - 3 else unsettled
        fate |= set(range(start, end))
    edges = sorted(arrived)
    ranges = tuple((n, n + 1) for n in edges)
    until = data.draw(st.integers(0, outgoing.length))
    known = tuple(pair for pair in ranges if pair[1] <= until)
    outgoing.settle(Piece(0, outgoing.length, ranges), highest)
    assert {n for start, end in outgoing.unsent for n in range(start, end)} == lost
    assert {n for _, start, end in outgoing.flight for n in range(start, end)} == unsettled
    outgoing.settle(Piece(0, until, known), highest)
    again = {n for start, end in outgoing.unsent for n in range(start, end)}
    assert {n for n in again if n >= until} == {n for n in lost if n >= until}


def test_what_a_statement_does_not_reach_stays_under_way() -> None:
    outgoing = Outgoing(b"c" * 32, 100, 0)
    outgoing.unsent.clear()
    outgoing.flight = [(1, 0, 50), (2, 50, 100)]
    outgoing.settle(Piece(0, 60, ((0, 10),)), highest=10)  # both were overtaken, the second isn't spoken of
    assert outgoing.flight == [(2, 50, 100)]
    assert list(outgoing.unsent) == [(10, 50)]
