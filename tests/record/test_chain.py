"""Traces on disk: each record seals all before it, and a crash costs the last line at most."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import RecordError
from linkemu.record import chain
from linkemu.trace import Trace

FIELDS = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name not in ("t", "who", "what", "hash", "now", "self")),
    st.one_of(st.text(), st.integers(), st.booleans(), st.none()),
    max_size=3,
)
EVENTS = st.lists(st.tuples(st.integers(0, 10**6), st.text(), st.text(), FIELDS), max_size=8)


def written(path: Path, events: list[tuple[int, str, str, dict[str, object]]]) -> str:
    """Record events as a run does; the digest of its trace."""
    writer = chain.ChainWriter(path)
    trace = Trace(writer.write)
    for now, who, what, fields in events:
        trace.record(now, who, what, **fields)
    writer.close()
    return trace.digest()


@settings(deadline=None, max_examples=40)
@given(EVENTS)
def test_what_was_recorded_is_read_with_the_digest_of_the_trace(events) -> None:
    with TemporaryDirectory() as room:
        path = Path(room) / "run.jsonl"
        digest = written(path, events)
        read = chain.read(path)
        assert read.digest == digest
        assert [(e["t"], e["who"], e["what"]) for e in read.events] == [
            (now * 10**9, who, what) for now, who, what, _ in events
        ]
        lines = path.read_bytes().splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines), "each line is JSON by itself"
        if lines:
            assert json.loads(lines[-1])["hash"] == digest[:32]


@settings(deadline=None, max_examples=40)
@given(EVENTS.filter(bool), st.data())
def test_any_changed_byte_is_found_at_its_record(events, data: st.DataObject) -> None:
    with TemporaryDirectory() as room:
        path = Path(room) / "run.jsonl"
        written(path, events)
        whole = path.read_bytes()
        place = data.draw(st.integers(0, len(whole) - 1))
        broken = bytearray(whole)
        broken[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(broken)
        with pytest.raises(RecordError) as caught:
            chain.read(path)
        first = whole[:place].count(b"\n") + 1
        assert caught.value.line in (first, first + 1), "a newline that is gone joins two records"
        assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=40)
@given(EVENTS.filter(bool), st.data())
def test_a_torn_tail_is_left_out_and_the_trace_goes_on(events, data: st.DataObject) -> None:
    with TemporaryDirectory() as room:
        path, straight = Path(room) / "run.jsonl", Path(room) / "straight.jsonl"
        written(path, events)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        read = chain.read(path, torn=True)
        assert (len(read.events), read.torn) == (kept, cut > 0 and whole[cut - 1 : cut] != b"\n")
        if read.torn:
            with pytest.raises(RecordError, match="cut off"):
                chain.read(path)
        writer = chain.ChainWriter(path)
        assert writer.count == kept
        trace = Trace(writer.write)
        for now, who, what, fields in events[kept:]:
            trace.record(now, who, what, **fields)
        writer.close()
        written(straight, events)
        assert path.read_bytes() == straight.read_bytes()


@pytest.mark.parametrize("swap", [lambda lines: lines[1:], lambda lines: [lines[1], lines[0], *lines[2:]]])
def test_a_record_that_is_missing_or_moved_is_seen(tmp_path: Path, swap) -> None:
    path = tmp_path / "run.jsonl"
    written(path, [(n, "who", "what", {}) for n in range(4)])
    path.write_bytes(b"".join(swap(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(RecordError, match=r"run.jsonl:1: its hash doesn't follow"):
        chain.read(path)


@pytest.mark.parametrize(
    "record",
    ['{"t":1.5,"who":"a","what":"b"}', '{"t":1,"who":"a"}', '{"t":1,"what":"b","who":"c","x":[1]}'],
)
def test_the_grammar_holds_whatever_the_hash_says(tmp_path: Path, record: str) -> None:
    path = tmp_path / "run.jsonl"
    writer = chain.ChainWriter(path)
    writer.write(record)
    writer.close()
    with pytest.raises(RecordError, match="is no record of a trace"):
        chain.read(path)


def test_an_eager_writer_hands_over_each_record_at_once(tmp_path: Path) -> None:
    writer = chain.ChainWriter(tmp_path / "run.jsonl", eager=True)
    Trace(writer.write).record(1.0, "a", "b")
    assert len(chain.read(tmp_path / "run.jsonl").events) == 1
    writer.close()


def test_a_follower_tells_the_first_difference_once(tmp_path: Path) -> None:
    written(tmp_path / "run.jsonl", [(n, "who", "what", {"n": n}) for n in range(5)])
    expected = chain.read(tmp_path / "run.jsonl")
    for change, found in ((None, []), (0, [1]), (3, [4]), (5, [6])):
        told: list[int] = []
        trace = Trace(chain.follow(expected, told.append))
        for n in range(5 if change != 5 else 7):
            trace.record(n, "who", "what", n=-1 if change is not None and n >= change else n)
        assert told == found
