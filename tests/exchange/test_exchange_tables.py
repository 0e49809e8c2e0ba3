"""CSV and Parquet tables, mahimahi's traces: what they say, what is lost, and the identity there and back."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.exchange import forms, mahimahi
from linkemu.exchange.blame import LARGEST_BPS, LATEST_S
from linkemu.exchange.forms import Form, Reading, Writing
from linkemu.exchange.rows import CAUSES, FIGURES
from linkemu.link.capacity import BYTE, Capacity
from linkemu.link.outages import delay_s
from linkemu.link.timeline import Cause, Sky
from linkemu.machine import Direction

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # on a busy machine

UP, DOWN = Direction.UP, Direction.DOWN
DEMO = Path(__file__).parents[1] / "reference" / "demo.sky"


def load(text: str, form: Form = Form.CSV, **more):
    return forms.load(text.encode(), "given", form, Reading(**more))


def test_the_smallest_table_is_of_both_directions():
    sky, notes = load("time_s,rate_bps\n0,1000000\n5,0\n7.5,20\n10,0\n", link=("graz", "cubesat"))
    for direction in Direction:
        timeline = sky.timelines[0, direction]
        assert (timeline.edge_ns / 1e9).tolist() == [0.0, 5.0, 7.5, 10.0]
        assert timeline.rate_bps.tolist() == [1_000_000, 0, 20]
        assert timeline.cause.tolist() == [0, Cause.UNASSIGNED, 0]
    assert sky.links[0].station == "graz"
    assert [str(note) for note in notes] == ["assumed: no delay_s where a link has light: no delay (2 times)"]


def test_columns_may_stand_in_any_order_and_say_all():
    text = (
        "direction,time_s,satellite,station,rate_bps,delay_s,erased,cause,known\n"
        "down,0,iss,graz,100,0.25,,,\n"
        "down,1,iss,graz,100,,cloud,,\n"
        "down,1.0005,iss,graz,100,0.5,,,\n"
        "down,2,iss,graz,0,,,fade,\n"
        "down,3,iss,graz,0,,,sun,0\n"
        "down,4,iss,graz,0,,,,\n"
    )
    sky, notes = load(text)
    timeline = sky.timelines[0, DOWN]
    assert timeline.cause.tolist() == [0, Cause.FADE, Cause.SUN]
    assert timeline.known.tolist() == [False, False, False]
    assert (timeline.erased_slot.tolist(), timeline.erased_count.tolist()) == ([1000], [1])
    assert delay_s(timeline, np.array([0, 10**9, 2 * 10**9])).tolist() == [0.25, 0.25, 0.5]
    assert [str(note) for note in notes] == ["rounded: edges of erased stretches, outwards to whole slots"]


def test_a_slot_of_two_causes_counts_for_the_first():
    lines = ("time_s,rate_bps,erased", "0,1,cloud", "0.0015,1,fade", "0.0025,1,", "1,1,")
    timeline = load("\n".join(lines))[0].timelines[0, UP]
    assert (timeline.erased_slot.tolist(), timeline.erased_count.tolist()) == ([0, 2], [2, 1])
    assert timeline.erased_cause.tolist() == [Cause.CLOUD, Cause.FADE]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "given:1: expected columns"),
        ("time_s,rate_bps,colour\n", "given:1: column 'colour'"),
        ("time_s,time_s,rate_bps\n", "given:1: column 'time_s'"),
        ("time_s,rate_bps\n", "given: holds no row"),
        ("time_s\n", "given:1: expected columns"),
        ("rate_bps\n", "given:1: expected columns"),
        ("time_s,time_ns,rate_bps\n", "given:1: expected columns"),
        ("time_s,rate_bps\n0,1\n", "given:2: a direction needs a second row"),
        ("time_s,rate_bps\n1,1\n2,1\n", "given:2: the first row"),
        ("time_s,rate_bps\n0,1\n2,1\n2,1\n", "given:4: times of a direction must increase"),
        ("time_s,rate_bps\n0,1\n\n2\n", "given:4: has 1 cells"),
        ("time_s,rate_bps\n0,-1\n2,1\n", "given:2: rate_bps is '-1'"),
        ("time_s,rate_bps\n0,1\ninf,1\n", "given:3: time_s is 'inf'"),
        ('time_s,rate_bps\n0,"1\n2,1\n', "given:3: not CSV"),
        ("time_s,rate_bps,cause\n0,0,rain\n2,1,\n", "given:2: cause is 'rain'"),
        ("time_s,rate_bps,cause\n0,5,sun\n2,1,\n", "given:2: has a rate"),
        ("time_s,rate_bps,known\n0,0,maybe\n2,1,\n", "given:2: known is 'maybe'"),
        ("time_s,rate_bps,direction\n0,0,left\n2,1,\n", "given:2: direction is 'left'"),
        ("# linkemu epoch today\ntime_s,rate_bps\n0,0\n", "given:1: 'today'"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(text, where):
    with pytest.raises(InputError) as caught:
        load(text)
    assert str(caught.value).startswith(where)


def test_the_demo_comes_back_but_for_the_steps_of_its_light_time():
    demo = Sky.load(DEMO)
    for form in (Form.CSV, Form.PARQUET):
        data, notes = forms.dump(demo, form, Writing(step_ns=10**8))
        assert [note.text.split(" in ")[0] for note in notes] == [
            f"light time koganei - iss {direction} moves" for direction in ("up", "down")
        ]
        back, said = forms.load(data, "given", form, Reading())
        assert said == ()
        for key, timeline in demo.timelines.items():
            found = back.timelines[key]
            for name in (
                "edge_ns",
                "rate_bps",
                "cause",
                "known",
                "erased_slot",
                "erased_count",
                "erased_cause",
            ):
                assert np.array_equal(getattr(found, name), getattr(timeline, name)), name
            for name in ("sample_ns", *FIGURES):
                assert np.array_equal(getattr(found, name), getattr(timeline, name), equal_nan=True), name
            times = np.arange(0, timeline.end_ns, 10**7)
            assert np.abs(delay_s(found, times) - delay_s(timeline, times)).max() < 2e-6


def test_parquet_needs_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"linkemu\[parquet\]"):
        forms.dump(Sky.load(DEMO), Form.PARQUET, Writing())


numbers = st.one_of(st.just(""), st.floats(-1e6, 1e6).map(str))
MOMENTS_NS = st.one_of(
    st.integers(1, 20_000).map(lambda time_ms: time_ms * 10**6),
    st.integers(1, 10**10),
    st.sampled_from([1, 10**6 - 1, LATEST_S * 10**9 - 1, LATEST_S * 10**9]),
)


@st.composite
def tables(draw):
    lines = ["station,satellite,direction,time_s,rate_bps,delay_s,erased,cause,known,elevation_deg,margin_dB"]
    ways = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a", 'b "c", d', "地球局"]),
                st.sampled_from(["s", "#t"]),
                st.sampled_from(["up", "down"]),
            ),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    for station, satellite, direction in ways:
        times = sorted(draw(st.sets(MOMENTS_NS, min_size=1, max_size=12)))
        for time_ns in (0, *times):
            rate = draw(st.sampled_from([0, 0, 8, 10**6, LARGEST_BPS]))
            cause = draw(st.sampled_from(["", *CAUSES])) if not rate else ""
            known = draw(st.sampled_from(["", "0", "1"])) if not rate else ""
            light = draw(st.one_of(st.just(""), st.floats(0, 10).map(str), st.just("1e6")))
            erased = draw(st.sampled_from(["", "", "cloud", "fade"]))
            quoted = '"' + station.replace('"', '""') + '"'
            cells = [
                quoted,
                satellite,
                direction,
                f"{time_ns // 10**9}.{time_ns % 10**9:09d}",
                str(rate),
                light,
                erased,
                cause,
                known,
            ]
            lines.append(",".join([*cells, draw(numbers), draw(numbers)]))
    return "\n".join(lines)


@given(tables(), st.sampled_from([Form.CSV, Form.PARQUET]))
@settings(max_examples=80, **PATIENT)
def test_tables_there_and_back(text, form):
    first, _ = load(text)
    data, notes = forms.dump(first, form, Writing())
    assert not notes
    second, said = forms.load(data, "given", form, Reading())
    assert not said
    assert second.digest() == first.digest()
    assert forms.dump(second, form, Writing())[0] == data


def test_the_slot_in_which_a_sky_ends_comes_back_whole():
    sky, _ = load("time_s,rate_bps,delay_s,erased\n0,5,1,\n1,5,1,cloud\n2.0005,0,,\n")
    assert sky.timelines[0, UP].erased_count.tolist() == [1001]
    data, notes = forms.dump(sky, Form.CSV, Writing())
    assert notes == ()
    assert forms.load(data, "given", Form.CSV, Reading())[0].digest() == sky.digest()


# mahimahi


def rates(times, **more):
    timeline, _ = mahimahi.timeline(times, ("g", "o"), UP, 0, **more)
    return (timeline.edge_ns / 1e6).tolist(), timeline.rate_bps.tolist()


def test_a_chance_is_1500_bytes_by_its_millisecond():
    assert rates([1]) == ([0.0, 1.0], [12_000_000])  # as the README of mahimahi's traces has it: 12 Mbit/s
    assert rates([1], rounds=3) == ([0.0, 3.0], [12_000_000])
    assert rates([1, 1, 2]) == ([0.0, 1.0, 2.0], [24_000_000, 12_000_000])
    assert rates([4]) == ([0.0, 4.0], [3_000_000])
    assert rates([500]) == ([0.0, 499.0, 500.0], [0, 12_000_000])  # an outage


def test_no_chance_comes_early_and_none_late():
    times = [3, 3, 4, 9, 250, 250, 251]
    edges, rate = rates(times)
    capacity = Capacity([round(edge * 1e6) for edge in edges], rate)
    for time in sorted(set(times)):
        done = sum(1 for each in times if each <= time)
        assert 0 <= capacity.position(time * 10**6) - done * 1500 * BYTE < 10**9
        assert capacity.position(time * 10**6 - 1) < done * 1500 * BYTE


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "given: is no trace"),
        ("0\n", "given: is no trace"),
        ("1\n2.5\n", "given:2: time is '2.5'"),
        ("1\n\n", "given:2: time is ''"),
        ("5\n4\n", "given:2: time 4 ms is before"),
        ("-1\n", "given:1: time is '-1'"),
    ],
)
def test_a_wrong_trace_is_named_with_its_line(text, where):
    with pytest.raises(InputError) as caught:
        load(text, Form.MAHIMAHI)
    assert str(caught.value).startswith(where)


traces = st.lists(st.one_of(st.integers(1, 60), st.integers(1, 3000)), min_size=1, max_size=60).map(sorted)


@given(traces)
@settings(max_examples=100, **PATIENT)
def test_traces_there_and_back(times):
    text = "".join(f"{time}\n" for time in times)
    sky, notes = load(text, Form.MAHIMAHI, delay_ns=5_000_000)
    assert not notes
    written, said = forms.dump(sky, Form.MAHIMAHI, Writing(way=(0, DOWN)))
    assert written.decode() == text
    assert [note.text.partition(",")[0] for note in said] == ["light time"]
    again, _ = forms.load(written, "given", Form.MAHIMAHI, Reading(delay_ns=5_000_000))
    assert again.digest() == sky.digest()


def test_a_scaled_trace_carries_its_share_and_says_what_is_lost():
    demo = Sky.load(DEMO)
    data, notes = forms.dump(demo, Form.MAHIMAHI, Writing(way=(0, UP), scale=Fraction("0.01")))
    lines = [int(line) for line in data.split()]
    lit_s = (
        5.0 - 1.124944 + 75.0 - 12.375926
    )  # less light that was erased, which lies in the dark but for 8.376 s
    assert lines == sorted(lines)
    assert len(lines) * 12_000 <= lit_s * 1_550_000 * 1.02
    told = "\n".join(map(str, notes))
    assert "lost: all but 0.01 of the rate of koganei - iss up, by --scale" in told
    assert "8376 erased slots" in told
    assert "light time, 1.716 to 2.086 ms: add mm-delay" in told
    with pytest.raises(InputError, match="--scale"):
        forms.dump(demo, Form.MAHIMAHI, Writing(way=(0, DOWN), scale=Fraction(1000)))
    with pytest.raises(InputError, match="--link"):
        forms.dump(demo, Form.MAHIMAHI, Writing())


# Foreign bytes

SEEDS = [
    (Form.ION, b"a contact +0 +10 1 2 100\na range +0 +10 1 2 1\n# linkemu end 5 ns\n"),
    (
        Form.HDTN,
        b'{"contacts":[{"source":1,"dest":2,"startTime":0,"endTime":9,"rateBitsPerSec":5}],"linkemu":[]}',
    ),
    (Form.CCM, b"s loop 0\na contact +0 +10 a b 1000 0 5 0\n"),
    (Form.MAHIMAHI, b"1\n2\n2\n9\n"),
    (Form.CSV, b"time_s,rate_bps,delay_s,erased\n0,5,1,cloud\n1,5,1,\n2,0,,\n"),
    (Form.PARQUET, b"PAR1PAR1"),
    (
        Form.CZML,
        b'[{"id":"document","clock":{"interval":"2024-01-01T00:00:00Z/2024-01-01T00:00:09Z"}},'
        b'{"id":"link/a/b/up","properties":{"rate_bps":[{"interval":'
        b'"2024-01-01T00:00:00Z/2024-01-01T00:00:09Z","number":5}],"delay_s":[]}}]',
    ),
]


def read_or_refuse(data: bytes, form: Form) -> None:
    try:
        sky, _ = forms.load(data, "given", form, Reading())
    except InputError as error:
        assert str(error).startswith("given") and "\n" not in str(error), error
    else:
        assert sky.timelines


@pytest.mark.parametrize(("form", "seed"), SEEDS, ids=[form for form, _ in SEEDS])
def test_mutilated_files_are_read_or_refused_in_one_line(form, seed):
    if form is not Form.PARQUET:
        assert forms.load(seed, "given", form, Reading())[0].timelines

    @given(
        st.integers(0, len(seed)),
        st.integers(0, 6),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b"9" * 30, b"-", b"\n", b"nan", b"1e999", b"\xff", b"null", b'"', b"[" * 50, b"+0", b"9999"]
            ),
        ),
    )
    @settings(max_examples=150, **PATIENT)
    def mutilate(at, cut, put):
        read_or_refuse(seed[:at] + put + seed[at + cut :], form)

    mutilate()


@given(st.binary(max_size=300), st.sampled_from(Form))
@settings(max_examples=150, **PATIENT)
def test_any_bytes_are_read_or_refused_in_one_line(data, form):
    read_or_refuse(data, form)
