"""Holdings: assembly, bad ranges, persistence of partials, bounded memory."""

from __future__ import annotations

import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.transfer import partial
from linkemu.transfer.holdings import Holdings, Taken
from linkemu.transfer.manifest import MAX_CHUNK_BYTES, Manifest, chunk_id_of
from linkemu.transfer.partial import Partial
from linkemu.transfer.report import State

CONTENT = random.Random(3).randbytes(1000)
CHUNK = chunk_id_of(CONTENT)


def give(
    holdings: Holdings, start: int, end: int, content: bytes = CONTENT, chunk_id: bytes = CHUNK
) -> Taken:
    payload = content[start:end]
    return holdings.take(chunk_id, len(content), start, payload, crc32(payload), False)


def held(holdings: Holdings) -> list[tuple[int, int]]:
    assembly = holdings.partial(CHUNK)
    return list(assembly.held) if assembly else []


@given(st.permutations(range(10)), st.data())
def test_a_chunk_is_whole_in_any_order_with_duplicates(order: list[int], data: st.DataObject) -> None:
    holdings = Holdings()
    for place, index in enumerate(order):
        expected = Taken.WHOLE if place == 9 else Taken.NEW
        assert give(holdings, index * 100, index * 100 + 100) is expected
        again = data.draw(st.sampled_from(order[: place + 1]))
        assert give(holdings, again * 100, again * 100 + 100) is Taken.DUPLICATE
    whole = holdings.take_whole()
    assert whole is not None and whole.data == CONTENT
    assert holdings.take_whole() is None
    assert holdings.stored(CHUNK) == []
    assert holdings.has(CHUNK) and holdings.used_bytes == 0
    assert give(holdings, 0, 100) is Taken.DUPLICATE


def test_a_range_that_went_bad_in_memory_is_dropped_alone() -> None:
    holdings = Holdings()
    give(holdings, 0, 400)
    give(holdings, 400, 900)
    assembly = holdings.partial(CHUNK)
    assert assembly is not None
    assembly.data[5] ^= 1
    assert give(holdings, 900, 1000) is Taken.CORRUPT
    assert held(holdings) == [(400, 1000)]
    assert give(holdings, 0, 400) is Taken.WHOLE


def test_foreign_bytes_with_right_crcs_drop_the_whole_chunk() -> None:
    holdings = Holdings()
    foreign = bytes(400)
    assert holdings.take(CHUNK, 1000, 0, foreign, crc32(foreign), False) is Taken.NEW
    assert give(holdings, 400, 1000) is Taken.CORRUPT
    assert held(holdings) == []
    assert give(holdings, 0, 1000) is Taken.WHOLE


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 400)), max_size=8))
def test_a_partial_goes_on_after_a_restart(pieces: list[tuple[int, int]]) -> None:
    before, after = Holdings(), Holdings()
    for start, length in pieces:
        give(before, start, start + length)
    ranges = held(before)
    for chunk_id, data in before.export():
        assert chunk_id == CHUNK
        assert after.load(data) == sum(end - start for start, end in ranges)
    assert held(after) == ranges
    if ranges != [(0, 1000)]:
        after.take_whole()
        assert give(after, 0, 1000) is Taken.WHOLE
    whole = after.take_whole()
    assert whole is not None and whole.data == CONTENT


def test_a_bad_range_on_disk_does_not_come_back() -> None:
    before = Holdings()
    give(before, 0, 400)
    give(before, 500, 900)
    [(_, data)] = before.export()
    spoilt = data[:-1] + bytes([data[-1] ^ 1])
    after = Holdings()
    assert after.load(spoilt) == 400
    assert held(after) == [(0, 400)]
    torn = Holdings()
    assert torn.load(data[:-500]) == 0 or held(torn) == [(0, 400)]


@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 2000))
def test_changed_exports_bring_nothing_false(at: int, value: int, cut: int) -> None:
    before = Holdings()
    give(before, 100, 400)
    give(before, 600, 900)
    [(_, data)] = before.export()
    changed = bytearray(data)
    changed[at % len(data)] = value
    for candidate in (bytes(changed), data[:cut]):
        after = Holdings()
        try:
            after.load(candidate)
        except FormatError:
            continue
        assembly = after.partial(CHUNK)
        if assembly is not None:
            assert all(assembly.data[start:end] == CONTENT[start:end] for start, end in assembly.held)


@given(st.binary(max_size=100))
def test_any_bytes_are_no_partial(data: bytes) -> None:
    with pytest.raises(FormatError):
        Holdings().load(data)


@pytest.mark.parametrize("fault", ["beyond", "empty", "huge"])
def test_an_export_that_contradicts_itself_is_a_format_error(fault: str) -> None:
    bad = Partial(CHUNK, 1000)
    bad.put(0, CONTENT[:100], crc32(CONTENT[:100]))
    match fault:
        case "beyond":
            bad.segments.append((990, 1001, crc32(CONTENT[990:])))
        case "empty":
            bad.segments.append((200, 200, 0))
        case "huge":
            bad.length = MAX_CHUNK_BYTES + 1  # a node would find no memory for what nobody can send
    with pytest.raises(FormatError):
        Holdings().load(partial.encode(bad))


def test_a_table_that_rot_has_changed_is_refused_whole() -> None:
    data = bytearray(exported((0, 100), (500, 600)))
    data[50] ^= 1  # an end in its table
    with pytest.raises(FormatError, match="CRC of its table"):
        Holdings().load(data)


def test_memory_is_bounded_and_the_longest_untouched_goes_first() -> None:
    chunks = [bytes([index]) * 1000 for index in range(3)]
    ids = [chunk_id_of(chunk) for chunk in chunks]
    holdings = Holdings(capacity_bytes=2000)
    give(holdings, 0, 10, chunks[0], ids[0])
    give(holdings, 0, 10, chunks[1], ids[1])
    give(holdings, 10, 20, chunks[0], ids[0])
    assert give(holdings, 0, 10, chunks[2], ids[2]) is Taken.NEW
    assert holdings.partial(ids[1]) is None
    assert holdings.partial(ids[0]) is not None
    assert holdings.used_bytes == 2000


def test_whole_chunks_are_never_thrown_out() -> None:
    holdings = Holdings(capacity_bytes=1000)
    assert give(holdings, 0, 1000) is Taken.WHOLE
    other = bytes(1000)
    assert give(holdings, 0, 10, other, chunk_id_of(other)) is Taken.REFUSED
    assert give(Holdings(capacity_bytes=0), 0, 10) is Taken.REFUSED


def test_a_false_length_does_not_stand_in_the_way_of_the_manifest() -> None:
    holdings = Holdings()
    assert holdings.take(CHUNK, 50, 0, b"false", crc32(b"false"), False) is Taken.NEW
    assert give(holdings, 0, 100) is Taken.REFUSED
    holdings.know(Manifest.of("name", CONTENT, 1000))
    assert holdings.partial(CHUNK) is None
    assert holdings.take(CHUNK, 50, 0, b"false", crc32(b"false"), False) is Taken.REFUSED
    assert give(holdings, 0, 1000) is Taken.WHOLE


def test_progress_of_a_file_with_repeated_chunks() -> None:
    content = bytes(100) + b"x" * 100 + bytes(100) + b"y" * 30
    manifest = Manifest.of("name", content, 100)
    holdings = Holdings()
    zero, x, _, y = manifest.chunks
    holdings.stored(zero)
    assert not holdings.know(manifest)
    progress = holdings.progress(manifest.file_id)
    assert progress is not None and progress.missing == 2
    assert progress.durable.window(0, 4) == 0b0101
    assert (progress.durable.low, progress.durable.high) == (1, 3)
    assert holdings.missing(manifest.file_id) == [1, 3]
    assert holdings.stored(y) == []
    assert holdings.stored(x) == [manifest.file_id]
    assert progress.state is State.COMPLETE
    holdings.verified(manifest.file_id, manifest.sha256, True)
    assert progress.state is State.VERIFIED
    holdings.lost(zero)
    assert progress.state is State.HELD
    assert holdings.missing(manifest.file_id) == [0, 2]
    assert holdings.stored(zero) == [manifest.file_id]
    holdings.forget(manifest.file_id)
    assert holdings.progress(manifest.file_id) is None
    assert holdings.has(zero)


def exported(*pieces: tuple[int, int], content: bytes = CONTENT) -> bytes:
    """What a node has kept of a chunk when it went down."""
    holdings = Holdings()
    for start, end in pieces:
        give(holdings, start, end, content, chunk_id_of(content))
    ((_, data),) = holdings.export()
    return data


def test_a_whole_chunk_that_was_not_yet_stored_is_told_after_a_restart() -> None:
    holdings = Holdings()
    assert holdings.load(exported((0, 600), (600, 1000))) == 1000
    whole = holdings.take_whole()
    assert whole is not None and whole.data == CONTENT


def test_what_is_here_already_or_empty_takes_no_memory_again() -> None:
    holdings = Holdings()
    holdings.stored(CHUNK)
    assert holdings.load(exported((0, 600))) == 0
    manifest = Manifest.of("a", CONTENT, 300)
    holdings.know(manifest)
    torn = Holdings()
    torn.take(
        manifest.file_id, len(manifest.encoded), 0, manifest.encoded[:9], crc32(manifest.encoded[:9]), True
    )
    ((_, data),) = torn.export()
    assert holdings.load(data) == 0
    other = exported((0, 600), content=CONTENT[::-1])
    assert holdings.load(other[:-600]) == 0  # all of its bytes are torn away
    assert holdings.used_bytes == 0
    assert (holdings.load(other), holdings.load(other)) == (600, 0)
    assert holdings.used_bytes == 1000


def test_a_chunk_is_not_taken_for_the_manifest_of_the_same_bytes() -> None:
    manifest = Manifest.of("a", b"x", 300)
    data, id_ = manifest.encoded, manifest.file_id
    holdings = Holdings()
    assert holdings.take(id_, len(data), 0, data[:9], crc32(data[:9]), True) is Taken.NEW
    assert holdings.take(id_, len(data), 9, data[9:], crc32(data[9:]), False) is Taken.REFUSED
    assert holdings.take(id_, len(data), 9, data[9:], crc32(data[9:]), True) is Taken.WHOLE
    assert holdings.progress(id_) is not None and not holdings.has(id_)
    assert holdings.take(id_, len(data), 0, data, crc32(data), False) is Taken.WHOLE
    holdings.stored(id_)
    holdings.forget(id_)
    assert holdings.take(id_, len(data), 0, data, crc32(data), False) is Taken.DUPLICATE
    assert holdings.take(id_, len(data), 0, data, crc32(data), True) is Taken.WHOLE
    assert holdings.progress(id_) is not None


def test_a_chunk_that_is_whole_is_so_in_a_file_that_becomes_known_later() -> None:
    holdings = Holdings()
    assert give(holdings, 0, 1000) is Taken.WHOLE
    manifest = Manifest.of("a", CONTENT, 1000)
    holdings.know(manifest)
    progress = holdings.progress(manifest.file_id)
    assert progress is not None
    assert (list(progress.whole), progress.partials, progress.held_bytes) == ([(0, 1)], {}, 1000)


def test_a_verdict_does_not_outlive_the_chunks_that_were_read() -> None:
    manifest = Manifest.of("a", CONTENT, 1000)
    holdings = Holdings()
    holdings.know(manifest)
    progress = holdings.progress(manifest.file_id)
    assert progress is not None and holdings.stored(CHUNK) == [manifest.file_id]
    holdings.verified(manifest.file_id, manifest.sha256, True)
    assert progress.state is State.VERIFIED
    holdings.lost(CHUNK)
    assert progress.state is State.HELD
    assert holdings.stored(CHUNK) == [manifest.file_id]
    assert progress.state is State.COMPLETE, "another copy, which nobody has read back"
