"""Contact plans of ION, HDTN and CCM, and CZML: units, rounding, and the identity there and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.exchange import forms
from linkemu.exchange.blame import LARGEST_BPS, LATEST_S, Kind
from linkemu.exchange.forms import Form, Reading, Writing
from linkemu.link.outages import available_bits, delay_s
from linkemu.link.player import Player
from linkemu.link.timeline import LinkName, Sky
from linkemu.machine import Direction
from linkemu.plan import Plan

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # on a busy machine

REFERENCE = Path(__file__).parents[1] / "reference"
UP, DOWN = Direction.UP, Direction.DOWN
S = 10**9


def load(text: str, form: Form, **more):
    return forms.load(text.encode(), "given", form, Reading(**more))


def dump(sky: Sky, form: Form, **more):
    data, notes = forms.dump(sky, form, Writing(**more))
    return data.decode(), notes


def lit(sky: Sky, number: int, direction: Direction) -> list[tuple[float, float, int]]:
    timeline = sky.timelines[number, direction]
    edges = (timeline.edge_ns / 1e9).tolist()
    rows = zip(edges, edges[1:], timeline.rate_bps.tolist(), strict=False)
    return [row for row in rows if row[2]]


def light(sky: Sky, number: int, direction: Direction, time_s: float) -> float:
    return float(delay_s(sky.timelines[number, direction], np.array([round(time_s * S)]))[0])


def kinds(notes) -> dict[Kind, int]:
    return {kind: sum(note.count for note in notes if note.kind is kind) for kind in Kind}


# ION


def test_a_plan_of_ion_is_bytes_a_second_and_light_seconds():
    text = "a contact +10 +20 1 2 1000\na contact +12 +20 2 1 500\na range +0 +100 1 2 3\n"
    sky, notes = load(text, Form.ION)
    assert sky.links == (LinkName("1", "2"),)
    assert lit(sky, 0, UP) == [(10.0, 20.0, 8000)]
    assert lit(sky, 0, DOWN) == [(12.0, 20.0, 4000)]
    assert (light(sky, 0, UP, 10), light(sky, 0, DOWN, 15)) == (3.0, 3.0)  # 1 to 2 holds for 2 to 1
    assert sky.timelines[0, UP].end_ns == 100 * S
    assert notes == ()


def test_a_range_from_a_higher_number_says_nothing_of_the_other_way():
    contacts = "a contact +0 +9 1 2 10\na contact +0 +9 2 1 10\n"
    sky, notes = load(contacts + "a range +0 +9 2 1 4\n", Form.ION)
    assert (light(sky, 0, UP, 1), light(sky, 0, DOWN, 1)) == (0.0, 4.0)
    assert [note.kind for note in notes] == [Kind.ASSUMED]
    sky, notes = load(contacts + "a range +0 +9 2 1 4\na range +0 +9 1 2 7\n", Form.ION)
    assert (light(sky, 0, UP, 1), light(sky, 0, DOWN, 1)) == (7.0, 4.0)
    assert notes == ()


def test_a_range_of_its_own_ends_where_that_of_the_other_way_begins():
    text = "a contact +0 +20 1 2 10\na contact +0 +20 2 1 10\na range +0 +10 1 2 3\na range +10 +20 2 1 7\n"
    sky, _ = load(text, Form.ION)
    assert [light(sky, 0, DOWN, at) for at in (0, 9.999, 10, 19)] == [3.0, 3.0, 7.0, 7.0]


def test_dates_of_ion_count_from_the_first_of_them_or_from_the_reference_time():
    text = "a contact 2024/05/10-18:50:40 2024/05/10-18:51:00 1 2 10\n"
    sky, _ = load(text, Form.ION)
    assert sky.header["epoch"] == "2024-05-10T18:50:40+00:00"
    assert lit(sky, 0, UP) == [(0.0, 20.0, 80)]
    sky, _ = load(text, Form.ION, epoch=datetime(2024, 5, 10, 18, 50, 30, tzinfo=UTC))
    assert lit(sky, 0, UP) == [(10.0, 30.0, 80)]
    sky, _ = load("@ 2024/05/10-18:50:30\na contact +5 +9 1 2 10\n@ +60\na contact +5 +9 1 2 10\n", Form.ION)
    assert sky.header["epoch"] == "2024-05-10T18:50:35+00:00"
    assert lit(sky, 0, UP) == [(0.0, 4.0, 80), (60.0, 64.0, 80)]


def test_a_contact_that_is_sure_needs_no_note():
    _, notes = load("a contact +0 +9 1 2 10 1.0\na range +0 +9 1 2 1\n", Form.ION)
    assert notes == ()


def test_what_carries_nothing_is_told():
    text = (
        "1 1 ''\ns\na contact -1 -1 1 1 0\na contact +0 0 1 2 0\na contact +0 +9 1 1 5\n"
        "a range +0 +9 1 1 0\na contact +0 +9 1 2 5 0.4\na range +0 +9 1 2 0\nm production 1000\n"
    )
    sky, notes = load(text, Form.ION)
    assert lit(sky, 0, UP) == [(0.0, 9.0, 40)]
    told = " ".join(note.text for note in notes)
    for word in ("registrations", "hypothetical", "with itself", "to itself", "confidence", "m production"):
        assert word in told
    assert kinds(notes)[Kind.LOST] == 6


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a contact +0 +10 1 2", "expected 'a contact"),
        ("a contact +0 +10 1 2 fast", "rate is 'fast'"),
        ("a contact +0 +10 0 2 5", "node is '0'"),
        ("a contact 0 +10 1 2 5", "time is '0'"),
        ("a contact +10 +10 1 2 5", "stops before it starts"),
        ("a contact 2024/02/30-00:00:00 +10 1 2 5", "is no date"),
        ("@ +", "time is ''"),
        ("a contact -5 +10 1 2 5", "time is '-5'"),
        ("a contact 2016/12/31-23:59:60 2017/01/01-00:00:09 1 2 5", "is no date"),  # a leap second
        ("a range +0 +10 1 2 0.5", "distance is '0.5'"),
        ("c contact +0 1 2 10", "changes a plan"),
        ("send help", "no command"),
        ("# linkemu knows better", "no note of linkemu's"),
    ],
)
def test_a_wrong_line_of_ion_is_named(line, problem):
    with pytest.raises(InputError) as caught:
        load(f"# a comment\na contact +0 +5 3 4 1\n{line}\n", Form.ION)
    assert problem in str(caught.value)
    assert str(caught.value).startswith("given:3: ")


@pytest.mark.parametrize("date", ["2024/02/20-00:00:00 2024/02/21-00:00:00", "2024/02/20-00:00:00 +10"])
def test_relative_times_beside_dates_need_a_reference(date):
    text = f"a contact {date} 1 2 5\n@ 2024/02/20-00:00:00\na contact +20 +30 1 2 5\n"
    first = text.replace("@ 2024/02/20-00:00:00\n", "@ 0\n")  # 0: when ionadmin reads it, which nobody knows
    where = 1 if "+10" in date else 3
    with pytest.raises(InputError, match=rf"^given:{where}: a relative time without a reference.*--epoch"):
        load(first, Form.ION)
    assert load(first, Form.ION, epoch=datetime(2024, 2, 20, tzinfo=UTC))[0].timelines


def test_the_demo_as_ion_says_what_was_rounded():
    demo = Sky.load(REFERENCE / "demo.sky")
    text, notes = dump(demo, Form.ION)
    rows = [line for line in text.splitlines() if line.startswith("a contact")]
    assert rows == [
        "a contact +2 +6 2 1 155500000",
        "a contact +2 +6 1 2 19375000",
        "a contact +14 +75 2 1 155500000",
        "a contact +14 +75 1 2 19375000",
    ]
    told = "\n".join(map(str, notes))
    assert "lost: fades and clouds that erase frames koganei to iss: 8.376 s in all (2 times)" in told
    assert "rounded: edges of contacts koganei to iss, inwards to whole 1 s (2 times)" in told
    assert "rounded: light time koganei to iss (1.716461 to 2.085899 ms) is off by up to 2.085899 ms" in told
    planned, _ = dump(demo, Form.ION, planned=True, absolute=True)
    assert "a contact 2024/05/10-18:50:34 2024/05/10-18:51:49 1 2 19375000\n" in planned
    again, _ = load(text, Form.ION)
    assert (again.links, again.header["epoch"]) == (demo.links, demo.header["epoch"])


@pytest.mark.parametrize("epoch", [None, "2024-05-10T18:50:34.000001+00:00"])
def test_absolute_times_of_ion_need_a_date_to_the_second(epoch):
    note = "" if epoch is None else f"# linkemu epoch {epoch}\n"
    sky, _ = load(f"{note}a contact +0 +9 1 2 10\n", Form.ION)
    with pytest.raises(InputError, match=r"^--absolute: "):
        dump(sky, Form.ION, absolute=True)


def test_a_contact_that_is_too_short_is_left_out_and_said():
    sky, _ = load("time_s,rate_bps,delay_s\n0,0,0\n1.2,8000,0.1\n1.9,0,\n3.5,12345,0\n6,0,\n", Form.CSV)
    text, notes = dump(sky, Form.ION)
    assert "a contact +4 +6 1 2 1543\n" in text  # 12345 bit/s are 1543.125 bytes a second
    told = "\n".join(map(str, notes))
    assert "lost: contact of 0.700 s at 8000 bit/s ground to orbit" in told
    assert "rate 12345 bit/s ground to orbit is 12344 (steps of 8)" in told


def test_the_plan_of_ions_demo_loads():
    sky, notes = forms.load(
        (REFERENCE / "ion-bench-cgr.ionrc").read_bytes(), "bench-cgr", Form.ION, Reading()
    )
    assert sky.links == tuple(LinkName(*pair) for pair in ("12", "13", "24", "34"))
    assert lit(sky, 0, UP) == [(20.0, 30.0, 8_000_000), (40.0, 50.0, 8_000_000)]
    assert lit(sky, 3, UP) == [(35.0, 50.0, 8_000_000), (55.0, 70.0, 8_000_000)]
    assert sky.timelines[0, UP].end_ns == 600 * S
    assert [str(note) for note in notes] == ["lost: command 'm horizon'"]
    Player(sky)


def reference(name: str, form: Form):
    return forms.load((REFERENCE / name).read_bytes(), name, form, Reading())


def test_the_examples_of_ionrc_load():
    sky, notes = reference("ion-ionrc-examples.ionrc", Form.ION)
    assert sky.header["epoch"] == "2008-10-05T11:30:01+00:00"  # the range's, a second after the reference
    assert lit(sky, 0, UP) == [(59.0, 7259.0, 80_000)]
    assert (light(sky, 0, UP, 59), light(sky, 0, UP, 7258)) == (12.0, 12.0)
    end = datetime(2009, 1, 1, tzinfo=UTC) - datetime(2008, 10, 5, 11, 30, 1, tzinfo=UTC)
    assert sky.timelines[0, UP].end_ns == end.total_seconds() * S
    assert notes == ()
    assert_identity((REFERENCE / "ion-ionrc-examples.ionrc").read_text(), Form.ION, absolute=True)


def test_the_two_nodes_of_ions_tutorial_load():
    sky, notes = reference("ion-two-node-ring.rc", Form.ION)
    assert sky.links == (LinkName("1", "2"),)
    assert lit(sky, 0, UP) == lit(sky, 0, DOWN) == [(1.0, 3600.0, 800_000)]
    assert (light(sky, 0, UP, 1), light(sky, 0, DOWN, 1)) == (0.0, 1.0)  # its range is only of 2 to 1
    assert [str(note) for note in notes] == [
        "lost: section bpadmin",
        "lost: section ipnadmin",
        "lost: contacts of a node with itself (2 times)",
        "lost: ranges of a node to itself (2 times)",
        "lost: command 'm production'",
        "lost: command 'm consumption'",
        "assumed: no range says how far it is 1 to 2 in a contact: no delay",
    ]


def test_only_the_sections_of_ionadmin_are_read():
    contact = "a contact +0 +9 1 2 10\na range +0 +9 1 2 0\n"
    foreign = (
        "## begin ltpadmin host\na span 2 32 32 1400 10000 1 'udplso localhost'\nw 1\n## end ltpadmin host\n"
    )
    text = f"not a command\n## begin ionadmin host\n{contact}## end ionadmin host\n{foreign}"
    sky, notes = load(text, Form.ION)
    assert lit(sky, 0, UP) == [(0.0, 9.0, 80)]
    assert [str(note) for note in notes] == ["lost: section ltpadmin"]
    with pytest.raises(InputError, match=r"^given:4: 'w' is no command"):
        load(f"{contact}! 1\nw 1\n", Form.ION)


def test_a_node_alone_is_no_link():
    with pytest.raises(InputError, match=r"^given: holds no contact between two nodes"):
        load("a contact +1 +3600 1 1 100000\na range +1 +3600 1 1 1\n", Form.ION)


# HDTN


def test_the_plan_of_hdtns_command_line_loads():
    sky, notes = reference("hdtn-cli-plan.json", Form.HDTN)
    assert sky.links == tuple(
        LinkName(*pair) for pair in (("102", "10"), ("10", "2"), ("101", "10"), ("10", "1"))
    )
    for number in range(4):
        assert lit(sky, number, UP) == [(0.0, 2000.0, 10**9)]
        assert light(sky, number, UP, 1999) == 1.0
        assert lit(sky, number, DOWN) == []
    assert notes == ()


def test_the_plan_of_hdtns_test_loads():
    data = (REFERENCE / "hdtn-routing-test.json").read_bytes()
    sky, notes = forms.load(data, "routing", Form.HDTN, Reading())
    assert len(sky.links) == 6
    number = sky.links.index(LinkName("1", "2"))
    assert lit(sky, number, UP) == [(0.0, 200.0, 10**9)]  # two contacts that overlap
    assert light(sky, number, UP, 5) == 1.0
    assert lit(sky, number, DOWN) == []
    told = {str(note) for note in notes}
    assert "lost: finalDestination: routes aren't the link's (8 times)" in told
    assert "assumed: 'rate' is in Mbit/s, as HDTN's router reads it (8 times)" in told
    assert any("contacts 1 to 2 overlap" in each for each in told)


def test_the_older_rate_of_hdtn_is_in_megabits():
    row = {"source": 1, "dest": 2, "startTime": 0, "endTime": 9, "rate": 1, "owlt": 1}
    sky, notes = load(json.dumps({"contacts": [row]}), Form.HDTN)
    assert lit(sky, 0, UP) == [(0.0, 9.0, 10**6)]
    assert [note.kind for note in notes] == [Kind.ASSUMED]


def test_unix_times_of_hdtn_begin_with_the_first_contact():
    row = {"source": 1, "dest": 2, "startTime": 1_715_367_034, "endTime": 1_715_367_044, "rateBitsPerSec": 9}
    sky, notes = load(json.dumps({"contacts": [row]}), Form.HDTN)
    assert sky.header["epoch"] == "2024-05-10T18:50:34+00:00"
    assert lit(sky, 0, UP) == [(0.0, 10.0, 9)]
    assert any("Unix times" in note.text for note in notes)
    epoch = datetime(2024, 5, 10, 18, 50, 24, tzinfo=UTC)
    sky, _ = load(json.dumps({"contacts": [row]}), Form.HDTN, epoch=epoch)
    assert sky.header["epoch"] == epoch.isoformat()
    assert lit(sky, 0, UP) == [(10.0, 20.0, 9)]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", "given:1: not JSON"),
        ('{"contacts": [\n{"source": 1,}]}', "given:2: not JSON"),
        ("[]", "given:1: expected an object"),
        ('{"contacts": [1]}', "given:contacts[0]: expected an object"),
        ('{"contacts": [{"source": 1}]}', "given:contacts[0]: dest is missing"),
        (
            '{"contacts": [{"source": 1, "dest": 2, "startTime": 5, "endTime": 5, "rateBitsPerSec": 1}]}',
            "given:contacts[0]: ends before",
        ),
        (
            '{"contacts": [{"source": 1, "dest": 2, "startTime": 0, "endTime": 5, "rateBitsPerSec": 1.5}]}',
            "given:contacts[0]: rateBitsPerSec is 1.5",
        ),
        (
            '{"contacts": [{"source": 1, "dest": 2, "startTime": 0, "endTime": 5, "rateBitsPerSec": 0}]}',
            "given:contacts[0]: its rate is 0, with which HDTN doesn't limit it",
        ),
        ('{"contacts": []}', "given: holds no contact"),
        ('{"contacts": [], "linkemu": 5}', "given:linkemu: expected a list of texts"),
        ('{"contacts": [], "linkemu": [5]}', "given:linkemu: expected a list of texts"),
    ],
)
def test_a_wrong_plan_of_hdtn_is_named(text, where):
    with pytest.raises(InputError) as caught:
        load(text, Form.HDTN)
    assert str(caught.value).startswith(where)


# CCM


def test_a_plan_of_ccm_is_of_both_directions():
    text = "// plan\ns loop 1\na contact +0 +10 gs sat 100000 0.2 2500 1\na contact 20 30 gs sat 50000\n"
    sky, notes = load(text, Form.CCM)
    for direction in Direction:
        assert lit(sky, 0, direction) == [(0.0, 10.0, 100_000), (20.0, 30.0, 50_000)]
        assert light(sky, 0, direction, 3) == pytest.approx(0.0025)
    told = " ".join(note.text for note in notes)
    assert all(word in told for word in ("loop", "loss of 0.2 %", "jitter", "microseconds"))


def test_the_date_of_a_plan_of_ccm_is_that_of_its_note_unless_another_is_given():
    text = "# linkemu epoch 2024-05-10T18:50:34+00:00\na contact 0 9 a b 1000\n"
    assert load(text, Form.CCM)[0].header["epoch"] == "2024-05-10T18:50:34+00:00"
    other = datetime(1999, 12, 31, tzinfo=UTC)
    assert load(text, Form.CCM, epoch=other)[0].header["epoch"] == other.isoformat()


def test_directions_that_differ_go_to_ccm_as_what_both_can_do():
    sky, _ = load("a contact +0 +10 1 2 1000\na contact +5 +10 2 1 10\na range +0 +20 1 2 1", Form.ION)
    text, notes = dump(sky, Form.CCM)
    assert [line for line in text.splitlines() if line.startswith("a ")] == [
        "a contact +5 +10 1 2 80 0 1000000 0"
    ]
    assert {note.kind for note in notes} == {Kind.LOST}


@pytest.mark.parametrize(
    "line", ["a contact 0 1 a a 5", "a contact 0 1 A %41 5", "a contact 1 1 a b 5", "a contact 0 1 a b", "x"]
)
def test_a_wrong_line_of_ccm_is_named(line):
    with pytest.raises(InputError, match=r"^given:2: "):
        load(f"# x\n{line}\n", Form.CCM)


# CZML


def test_a_picture_needs_a_date():
    sky, _ = load("a contact +0 +9 1 2 10\na range +0 +9 1 2 1", Form.ION)
    with pytest.raises(InputError, match="--epoch"):
        dump(sky, Form.CZML)


def test_a_picture_shows_links_while_they_have_light():
    demo = Sky.load(REFERENCE / "demo.sky")
    text, _ = dump(demo, Form.CZML, name="demo")
    document, up, down = json.loads(text)
    assert document["clock"]["interval"] == "2024-05-10T18:50:34Z/2024-05-10T18:51:49Z"
    assert up["id"] == "link/koganei/iss/up"
    assert up["availability"] == [
        "2024-05-10T18:50:35.124944Z/2024-05-10T18:50:40Z",
        "2024-05-10T18:50:47.375926Z/2024-05-10T18:51:49Z",
    ]
    assert {row["number"] for row in down["properties"]["rate_bps"]} == {1_244_000_000}
    back, _ = load(text, Form.CZML)
    end_s = demo.timelines[0, DOWN].end_ns / 1e9
    assert lit(back, 0, DOWN) == lit(demo, 0, DOWN)
    assert available_bits(back.timelines[0, UP], 40.0, end_s) == int((end_s - 40.0) * 155_000_000)


# Plans for our nodes


def test_each_node_gets_its_plan():
    from linkemu.exchange.planned import plans_of

    sky, _ = load("a contact +10 +20 1 2 1000\na contact +20 +30 1 2 500\na range +0 +99 1 2 3\n", Form.ION)
    plans = plans_of(sky)
    assert sorted(plans) == ["1", "2"]
    (window,) = plans["1"].windows
    assert (window.peer, window.start_s, window.end_s) == ("2", 10.0, 30.0)
    assert window.expected_rate == ((10.0, 8000), (20.0, 4000))
    assert window.delay == ((10.0, 3.0), (20.0, 3.0), (30.0, 3.0))
    assert Plan.from_json(plans["1"].to_json()) == plans["1"]
    assert plans["2"].windows == ()


# Identity

seconds = st.one_of(st.integers(0, 3000), st.sampled_from([0, 86_400, LATEST_S - 900]))
lengths = st.one_of(st.integers(1, 900), st.just(1))
nodes = st.one_of(st.integers(1, 5), st.sampled_from([2**32, 2**63 - 2, 2**63 - 1]))
names = st.sampled_from(["gs", "sat", "1", "é", "2", "地球局", "a b", "50%", "x#y", "//", "-1", "01"])
light_s = st.one_of(st.integers(0, 9), st.just(10**6))


def rates(step_bps: int):
    """Slow, fast, and as fast as any may be, in steps."""
    most = LARGEST_BPS // step_bps
    return st.one_of(st.integers(1, 10**9), st.sampled_from([1, most - 1, most]))


@st.composite
def ion_text(draw):
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        start, length = draw(seconds), draw(lengths)
        one, other = draw(st.lists(nodes, min_size=2, max_size=2, unique=True))
        if draw(st.booleans()):
            lines.append(f"a contact +{start} +{start + length} {one} {other} {draw(rates(8))}")
        else:
            lines.append(f"a range +{start} +{start + length} {one} {other} {draw(light_s)}")
    lines.append("a contact +3 +5 1 2 77")
    return "\n".join(lines)


@st.composite
def hdtn_text(draw):
    rows = []
    for number in range(draw(st.integers(1, 10))):
        start = draw(seconds)
        one, other = draw(st.lists(nodes, min_size=2, max_size=2, unique=True))
        row = {"contact": number, "source": one, "dest": other, "startTime": start}
        row |= {"endTime": start + draw(lengths), "owlt": draw(light_s)}
        rows.append(row | {"rateBitsPerSec": draw(rates(1))})
    return json.dumps({"contacts": rows})


@st.composite
def ccm_text(draw):
    lines = ["s loop 0"]
    for _ in range(draw(st.integers(1, 10))):
        start = draw(seconds)
        ends = " ".join(map(quote, draw(st.lists(names, min_size=2, max_size=2, unique=True))))
        rate, delay = draw(rates(1)), draw(st.one_of(st.integers(0, 10**6), st.just(10**12)))
        lines.append(f"a contact +{start} +{start + draw(lengths)} {ends} {rate} 0 {delay} 0")
    return "\n".join(lines)


def assert_identity(text: str, form: Form, **writing) -> None:
    first, _ = load(text, form)
    written, notes = dump(first, form, **writing)
    assert not notes, notes
    second, said = load(written, form)
    assert {note.kind for note in said} <= {Kind.ASSUMED}
    assert second.digest() == first.digest()
    assert second.links == first.links
    assert dump(second, form, **writing)[0] == written


@given(ion_text())
@settings(max_examples=60, **PATIENT)
def test_ion_there_and_back(text):
    assert_identity(text, Form.ION)


@given(ion_text())
@settings(max_examples=20, **PATIENT)
def test_ion_there_and_back_with_dates(text):
    assert_identity("@ 2024/02/28-23:59:00\n" + text, Form.ION, absolute=True)


@given(hdtn_text())
@settings(max_examples=60, **PATIENT)
def test_hdtn_there_and_back(text):
    assert_identity(text, Form.HDTN)


@given(ccm_text())
@settings(max_examples=60, **PATIENT)
def test_ccm_there_and_back(text):
    assert_identity(text, Form.CCM)


plans = st.one_of(
    hdtn_text().map(lambda text: (text, Form.HDTN)), ccm_text().map(lambda text: (text, Form.CCM))
)


@given(plans, st.sampled_from(["2024-05-10T18:50:34Z", "1999-12-31T23:59:59.000001Z"]))
@settings(max_examples=30, **PATIENT)
def test_czml_there_and_back(plan, epoch):
    first, _ = load(*plan)
    picture, notes = dump(first, Form.CZML, epoch=datetime.fromisoformat(epoch), name="given")
    assert not notes
    assert load(picture, Form.CZML)[0].digest() == first.digest()
    assert_identity(picture, Form.CZML, name="given")


# Played


def test_an_imported_plan_plays_to_the_nanosecond():
    text = "a contact +0 +3 1 2 1000\na contact +5 +9 1 2 2000\na range +0 +4 1 2 1\na range +4 +9 1 2 2\n"
    player = Player(load(text, Form.ION)[0], queue_bytes=10_000, hold_s=60.0)
    for at_ns in (0, S, 3 * S + S // 2):  # the last one waits for the second contact
        assert player.offer(0, UP, bytes(500), at_ns)
    times = []
    while (next_ns := player.next_ns()) is not None and next_ns < 9 * S:
        times += [arrival.delivery.due_ns for arrival in player.due(next_ns)]
        player.sensors(next_ns)
    assert times == [S // 2 + S, S + S // 2 + S, 5 * S + S // 4 + 2 * S]
