"""What two runs differ in: found, named, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.link.outages import Outage
from linkemu.link.timeline import Cause
from linkemu.record import difference, opening
from linkemu.record.chain import ChainWriter
from linkemu.record.layout import SKY_TRACE
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording

TRANSFER = {"action": "put", "name": "a", "node": "koganei", "state": "verified", "done_bytes": 7}


def written(
    directory: Path,
    small: Played,
    *,
    events: tuple[str, ...] = ("a", "b"),
    completed_s: float = 3.0,
    delivered: int = 5,
    clock: str = "virtual",
    trace: str = "run",
    end: str = "verified",
) -> opening.Record:
    """A record that says just this."""
    recording = Recording.begin(directory, "run", small, Pace(clock))  # type: ignore[arg-type]
    chain = ChainWriter(recording.trace(trace))
    for event in events:
        chain.write(f'{{"t":0,"what":"{event}","who":"x"}}')
    chain.close()
    link = {"station": "koganei", "satellite": "iss", "direction": "up"}
    figures = {"delivered_bytes": delivered, "delivered_frames": 1, "erased_frames": 0}
    recording.finish(
        transfers=[{**TRANSFER, "times": {end: completed_s}}],
        fidelity={"links": [{**link, **figures}]},
    )
    return opening.load(directory)


@pytest.fixture
def one(tmp_path: Path, small: Played) -> opening.Record:
    return written(tmp_path / "one", small)


def test_a_run_is_the_same_as_itself(one: opening.Record, tmp_path: Path, small: Played) -> None:
    found = difference.compare(one, written(tmp_path / "two", small))
    assert found.is_same
    assert found.compared_traces == ("run",)


@pytest.mark.parametrize(
    ("events", "record", "first", "second"),
    [(("a", "c"), 2, "b", "c"), (("a",), 2, "b", None), (("a", "b", "c"), 3, None, "c"), ((), 1, "a", None)],
)
def test_the_first_record_that_differs(
    one: opening.Record, tmp_path: Path, small: Played, events, record: int, first, second
) -> None:
    found = difference.compare(one, written(tmp_path / "two", small, events=events))
    (told,) = found.records
    assert (told.trace, told.record) == ("run", record)
    assert (told.first and told.first["what"], told.second and told.second["what"]) == (first, second)
    assert not found.is_same


def test_figures_of_links_and_transfers(one: opening.Record, tmp_path: Path, small: Played) -> None:
    other = written(tmp_path / "two", small, completed_s=3.5, delivered=6)
    found = difference.compare(one, other)
    assert [(each.subject, each.figure, each.first, each.second) for each in found.delivered] == [
        ("koganei - iss up", "delivered_bytes", 5, 6)
    ]
    assert [(each.figure, each.first, each.second) for each in found.transfers] == [("completed_s", 3.0, 3.5)]
    assert difference.compare(one, other, within_s=0.6).transfers == ()
    assert difference.compare(one, other, within_s=0.6).delivered != (), "bytes have no tolerance"


def test_outages_that_only_one_sky_has(one: opening.Record, tmp_path: Path, small: Played) -> None:
    from linkemu.link import reshape

    moved = replace(small, sky=reshape.crop(small.sky, 0, 5 * 10**9))
    found = difference.compare(one, written(tmp_path / "two", moved))
    assert not found.sky_is_same
    assert {each.run for each in found.outages} <= {1, 2}
    later = replace(small, sky=reshape.shift(small.sky, 10**6))
    near = difference.compare(one, written(tmp_path / "three", later), within_s=0.0011)
    far = difference.compare(one, written(tmp_path / "four", later))
    assert len(near.outages) < len(far.outages)


def test_at_the_real_clock_traces_are_not_compared(tmp_path: Path, small: Played) -> None:
    one = written(tmp_path / "one", small, clock="real")
    two = written(tmp_path / "two", small, clock="real", events=("c",))
    assert difference.compare(one, two).is_same


OUTAGES = st.lists(
    st.builds(
        lambda start, length: Outage(start / 8, (start + length) / 8, Cause.CLOUD, False),
        st.integers(0, 50),
        st.integers(1, 9),
    ),
    unique=True,
).map(lambda every: sorted(every, key=lambda each: (each.start_s, each.end_s)))


@pytest.mark.parametrize(("events", "records"), [(("a",), []), (("a", "b", "c"), []), (("a", "c"), [2])])
def test_what_doors_played_is_compared_at_any_clock_as_far_as_both_went(
    tmp_path: Path, small: Played, events: tuple[str, ...], records: list[int]
) -> None:
    first, second = (
        written(tmp_path / name, small, clock="real", trace=SKY_TRACE, events=each)
        for name, each in (("one", ("a", "b")), ("two", events))
    )
    found = difference.compare(first, second)
    assert found.compared_traces == (SKY_TRACE,)
    assert [each.record for each in found.records] == records


def test_a_transfer_that_failed_is_over_too(tmp_path: Path, small: Played) -> None:
    first, second = (
        written(tmp_path / name, small, end="failed", completed_s=at_s)
        for name, at_s in (("one", 3.0), ("two", 4.0))
    )
    (found,) = difference.compare(first, second).transfers
    assert (found.figure, found.first, found.second) == ("completed_s", 3.0, 4.0)
    assert difference.compare(first, second, within_s=1.0).is_same


def test_all_who_joined_a_recording_are_heard(tmp_path: Path, small: Played) -> None:
    recording = Recording.begin(tmp_path / "run", "run", small, Pace("virtual"))
    recording.join(lambda: {"reports": [1]})
    recording.join(lambda: {"more": {"a": 2}, "nothing": None})
    recording.finish()
    found = opening.load(tmp_path / "run")
    assert (found.document("reports"), found.document("more")) == ([1], {"a": 2})
    assert not (tmp_path / "run" / "nothing.json").exists()


@given(OUTAGES, OUTAGES)
def test_without_tolerance_the_unmatched_are_the_symmetric_difference(first, second) -> None:
    found = list(difference._unmatched(first, second, 0.0))
    assert {each for run, each in found if run == 1} == set(first) - set(second)
    assert {each for run, each in found if run == 2} == set(second) - set(first)
    assert len(found) == len(set(found))
