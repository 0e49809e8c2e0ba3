"""Files as other programs, editors and ill will write them: names, dates, lines, and what is no document."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.exchange import forms
from linkemu.exchange.forms import Form, Reading, Writing
from linkemu.link.timeline import Sky

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # on a busy machine

TEXT = (Form.ION, Form.HDTN, Form.CCM, Form.CSV, Form.CZML)
SPAN = "2024-01-01T00:00:00Z/2024-01-01T00:00:09Z"


def load(text: str, form: Form, **more):
    return forms.load(text.encode(), "given", form, Reading(**more))[0]


def named(form: Form, one: str, other: str) -> str:
    """A file of one contact between nodes of these names."""
    plan = {"source": 1, "dest": 2, "startTime": 0, "endTime": 9, "rateBitsPerSec": 800, "owlt": 1}
    values = {"rate_bps": [{"interval": SPAN, "number": 800}], "delay_s": [{"interval": SPAN, "number": 1}]}
    told = [f"node {number} {quote(name)}" for number, name in ((1, one), (2, other))]
    match form:
        case Form.ION:
            lines = [f"# linkemu {line}" for line in told]
            return "\n".join((*lines, "a contact +0 +9 1 2 100", "a range +0 +9 1 2 1"))
        case Form.HDTN:
            return json.dumps({"contacts": [plan], "linkemu": told})
        case Form.CCM:
            return f"a contact 0 9 {quote(one)} {quote(other)} 800 0 1000000\n"
        case Form.CZML:
            link = {"id": f"link/{quote(one, safe='')}/{quote(other, safe='')}/up", "properties": values}
            return json.dumps([{"id": "document", "clock": {"interval": SPAN}}, link])
    out = io.StringIO()
    cells = [one, other, 0, 800, 1], [one, other, 9, 800, 1]
    csv.writer(out).writerows([("station", "satellite", "time_s", "rate_bps", "delay_s"), *cells])
    return out.getvalue()


def assert_every_form_says_it(sky: Sky, **writing) -> None:
    for form in (*TEXT, Form.PARQUET):
        data, _ = forms.dump(sky, form, Writing(**writing))
        again, _ = forms.load(data, "given", form, Reading())
        assert again.links == sky.links
        assert forms.dump(again, form, Writing(**writing))[0] == data


words = st.text(min_size=1, max_size=6).filter(lambda name: name.isprintable() and name == name.strip())


@given(st.sampled_from(TEXT), st.lists(words, min_size=2, max_size=2, unique=True))
@settings(max_examples=40, **PATIENT)
def test_any_printable_name_goes_through_every_form(form, pair):
    sky = load(named(form, *pair), form)
    assert [(link.station, link.satellite) for link in sky.links] == [tuple(pair)]
    assert_every_form_says_it(sky, epoch=datetime(2024, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", [" ", " a", "a\u3000", "a\x1eb", "a\u2028b", "a\tb", "a\nb", "\x85"])
@pytest.mark.parametrize("form", TEXT)
def test_a_name_that_no_message_could_say_is_refused(form, name):
    text = named(form, name, "b")
    if form is Form.CSV and name != name.strip():  # spaces around a cell aren't part of it
        assert load(text, form).links[0].station == (name.strip() or "ground")
        return
    with pytest.raises(InputError, match=r"^given:\S+: name is '.*', expected printable"):
        load(text, form)


@pytest.mark.parametrize("form", [Form.HDTN, Form.CZML])
def test_half_a_surrogate_pair_is_no_name(form):
    text = named(form, "half", "b").replace("half", "\\ud800")
    with pytest.raises(InputError, match=r"name is '\\ud800'"):
        load(text, form)


def test_two_nodes_of_one_name_are_refused():
    text = "# linkemu node 5 7\na contact +0 +9 1 5 100\na contact +0 +9 1 7 100\n"
    with pytest.raises(InputError, match=r"^given:3: node 7 has no name of its own"):
        load(text, Form.ION)
    assert load(text.replace("# ", "# linkemu node 7 5\n# ", 1), Form.ION).links[0].satellite == "7"


# Dates

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
EPOCHS = st.one_of(
    st.datetimes(datetime(1000, 1, 3), datetime(9899, 12, 30), timezones=ZONES),
    st.sampled_from(["1000-01-02T14:00:00+14:00", "1957-10-04T19:28:34Z", "9899-12-31T23:59:59.999999Z"]).map(
        datetime.fromisoformat
    ),
)


@given(EPOCHS)
@settings(max_examples=40, **PATIENT)
def test_any_date_goes_through_every_form(epoch):
    sky = load(f"# linkemu epoch {epoch.isoformat()}\n{named(Form.CCM, '1', '2')}", Form.CCM)
    assert datetime.fromisoformat(sky.header["epoch"]) == epoch
    assert_every_form_says_it(sky, epoch=epoch)
    if not epoch.microsecond:
        assert_every_form_says_it(sky, epoch=epoch, absolute=True)


@pytest.mark.parametrize(
    "epoch", ["0001-01-01T00:00:00+14:00", "0999-12-31T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_dates_at_the_ends_of_the_calendar_are_refused(epoch):
    for form in (Form.ION, Form.CCM, Form.CSV):
        with pytest.raises(InputError, match=r"^given:1: .* of the years 1000 to 9900$"):
            load(f"# linkemu epoch {epoch}\n{named(form, '1', '2')}", form)
    moment = datetime.fromisoformat(epoch)
    for form in TEXT:
        with pytest.raises(InputError, match=r"^--epoch: time 0 is"):
            load(named(form, "1", "2"), form, epoch=moment)
        with pytest.raises(InputError, match=r"^--epoch: time 0 is"):
            forms.dump(load(named(form, "1", "2"), form), form, Writing(epoch=moment))
    with pytest.raises(InputError, match=r"^given: time 0 is 9999"):
        load("a contact 9999/12/31-00:00:00 9999/12/31-00:00:09 1 2 5\n", Form.ION)


# Lines

FILES = {
    Form.ION: "# ours\n@ 2024/02/20-00:00:00\na contact +20 +30 1 2 100\n\n"
    "a contact +0 +10 1 2 100\na range +0 +40 1 2 1\n",
    Form.CCM: "# ours\n\ns loop 0\na contact +20 +30 a b 1000 0 5 0\na contact +0 +10 a b 1000 0 5 0\n",
    Form.CSV: "# ours\ntime_s,rate_bps,delay_s,erased\n0,5,1,cloud\n1,5,1,\n2,0,,\n",
    Form.MAHIMAHI: "1\n2\n2\n9\n",
    Form.HDTN: '{"contacts":[\n{"source":1,"dest":2,"startTime":0,"endTime":9,"rateBitsPerSec":5}\n]}\n',
}


@pytest.mark.parametrize("form", FILES)
def test_line_ends_a_byte_order_mark_and_spaces_change_nothing(form):
    text = FILES[form]
    expected = load(text, form).digest()
    for other in ("\ufeff" + text, text.replace("\n", "\r\n"), text.replace("\n", "\r"), text.rstrip("\n")):
        assert load(other, form).digest() == expected
    if form is not Form.HDTN:
        assert load(text.replace("\n", " \n"), form).digest() == expected


@pytest.mark.parametrize("form", [Form.ION, Form.CCM, Form.CSV])
@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_line_ends_where_editors_say_so(form, end):
    text = FILES[form].replace("# ours", f"# ours{end}and theirs")
    assert load(text, form).digest() == load(FILES[form], form).digest()
    with pytest.raises(InputError, match=f"^given:{text.count(chr(10)) + 1}: "):
        load(text + "this is none\n", form)


def test_contacts_beyond_the_told_end_are_cut_and_told():
    text = (
        "# linkemu end 5000000000 ns\na contact +0 +4 1 2 9\na contact +4 +6 1 2 9\na contact +7 +9 1 2 9\n"
    )
    sky, notes = forms.load(text.encode(), "given", Form.ION, Reading())
    assert next(iter(sky.timelines.values())).end_ns == 5 * 10**9
    assert "lost: contacts beyond the end that the file tells: cut there (2 times)" in map(str, notes)


# No document


@pytest.mark.parametrize(
    ("form", "text", "problem"),
    [
        (Form.HDTN, "[" * 100_000, "given: not JSON that can be read"),
        (Form.HDTN, "9" * 5000, "given: not JSON that can be read"),
        (Form.CZML, "[" * 100_000, "given: not JSON that can be read"),
        (Form.CZML, "9" * 5000, "given: not JSON that can be read"),
        (Form.CZML, "{}", "given:1: expected a list of packets"),
        (Form.CZML, "[7]", "given:1: expected a list of packets"),
        (Form.CZML, "[]", "given:document: expected a packet 'document'"),
    ],
)
def test_what_is_no_document_is_told_so(form, text, problem):
    with pytest.raises(InputError) as caught:
        load(text, form)
    assert str(caught.value).startswith(problem)


def test_a_row_before_the_clock_of_a_picture_is_refused():
    early = json.loads(named(Form.CZML, "a", "b"))
    early[0]["clock"]["interval"] = SPAN.replace("00:00:00Z/", "00:00:01Z/")
    with pytest.raises(InputError, match=r"^given:link/a/b/up: start of an interval, seconds, is -1"):
        load(json.dumps(early), Form.CZML)
