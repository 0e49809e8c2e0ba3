"""Element files: every format, every fault in its line, and nothing but ElementsError for garbage."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sgp4
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.api import Satrec

from linkemu.errors import ElementsError
from linkemu.orbit import elements, tle
from linkemu.orbit.element_set import Elements, julian
from tests.orbit.cases import STATIONS_TLE, message

TEXT = STATIONS_TLE.read_text(encoding="utf-8")
ISS = "\n".join(TEXT.splitlines()[:3])
JSON = STATIONS_TLE.with_suffix(".omm.json").read_text(encoding="utf-8")
CSV = STATIONS_TLE.with_suffix(".omm.csv").read_text(encoding="utf-8")


def position_km(one: Elements, after_days: float = 1.0) -> np.ndarray:
    error, position, _ = one.satrec.sgp4(*julian(one.epoch + timedelta(days=after_days)))
    assert error == 0
    return np.array(position)


def signed(line: str) -> str:
    """The line with the checksum that it should have."""
    return line[:68] + str(tle.checksum(line))


def changed(line: str, column: int, text: str) -> str:
    return signed(line[: column - 1] + text + line[column - 1 + len(text) :])


def refused(text: str) -> ElementsError:
    with pytest.raises(ElementsError) as caught:
        elements.parse(text, "a.tle")
    assert "\n" not in str(caught.value)
    return caught.value


def test_formats_hold_the_same_elements(tmp_path: Path) -> None:
    by_format = []
    for name, text in (("a", TEXT), ("b", JSON), ("c.tle", CSV)):  # names say nothing
        (tmp_path / name).write_text(text, encoding="utf-8")
        by_format.append(elements.read(tmp_path / name))
    for three in zip(*by_format, strict=True):
        assert len({(one.name, one.norad_id) for one in three}) == 1
        assert all(abs((one.epoch - three[0].epoch).total_seconds()) <= 1e-3 for one in three)
        for other in three[1:]:
            assert np.linalg.norm(position_km(three[0]) - position_km(other)) < 1e-5  # 1 cm after a day


def test_fields_of_a_set() -> None:
    one = elements.read(str(STATIONS_TLE))[0]
    assert (one.name, one.norad_id) == ("ISS (ZARYA)", "25544")
    assert one.epoch == datetime(2024, 5, 9, 8, 48, 19, 938816, tzinfo=UTC)
    assert one.source.endswith("stations_2024-05-09.tle:2")
    assert one.age_days(one.epoch + timedelta(hours=36)) == pytest.approx(1.5)
    assert one.age_days(one.epoch - timedelta(days=2)) == pytest.approx(-2.0)


@pytest.mark.parametrize("name_line", ["0 ISS (ZARYA)", "ISS (ZARYA)              ", "\ufeffISS (ZARYA)"])
def test_lines_for_the_name(name_line: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("\n".join([name_line, *ISS.splitlines()[1:]]), encoding="utf-8")
    assert elements.read(path)[0].name == "ISS (ZARYA)"


def test_two_lines_without_a_name_comments_and_dos_line_ends() -> None:
    first, second = ISS.splitlines()[1:]
    found = elements.parse(f"# a comment\r\n\r\n{first}\r\n{second}\r\n", "x")
    assert [one.name for one in found] == ["NORAD 25544"]


@pytest.mark.parametrize(
    "field,number",
    [
        ("A0000", "100000"),
        ("H9999", "179999"),
        ("J0000", "180000"),
        ("P0001", "230001"),
        ("Z9999", "339999"),
        ("00005", "5"),
        ("    5", "5"),
    ],
)
def test_catalogue_numbers(field: str, number: str) -> None:
    name, first, second = ISS.splitlines()
    text = "\n".join([name, changed(first, 3, field), changed(second, 3, field)])
    found = elements.parse(text, "x")
    assert found[0].norad_id == number
    assert elements.select(found, norad=number) is found[0]
    assert elements.select(found, norad=field.strip()) is found[0]


def test_nine_digits_are_kept() -> None:
    found = elements.parse(json.dumps(message(799500123, 15.0)), "x")
    assert found[0].norad_id == "799500123"
    position_km(found[0])


def test_published_vectors_of_sgp4() -> None:
    """SGP4-VER.TLE and tcppver.out (Vallado et al., AIAA 2006-6753), as they come with the sgp4 package."""
    folder = Path(sgp4.__file__).parent
    lines = [
        line[:69] for line in (folder / "SGP4-VER.TLE").read_text().splitlines() if line[:2] in ("1 ", "2 ")
    ]
    wanted: dict[str, list[list[float]]] = {}
    number = ""
    for line in (folder / "tcppver.out").read_text().splitlines():
        if line.endswith("xx"):
            number = line.split()[0]
            wanted[number] = []
        else:
            wanted[number].append([float(word) for word in line.split()[:4]])
    compared = 0
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        if int(first[2:7]) >= 33333:
            continue  # these three are there to be refused: see below
        (one,) = tle.parse(f"{signed(first)}\n{signed(second)}", "SGP4-VER")
        for minutes, *expected in wanted[one.norad_id]:
            error, position, _ = one.satrec.sgp4_tsince(minutes)
            if error == 0:
                assert np.abs(np.array(position) - expected).max() < 1e-5
                compared += 1
    assert compared > 500


BAD_LINES = [
    (lambda a, b: (a[:-1] + "5", b), 2, "checksum"),
    (lambda a, b: (a, b[:-1] + "9"), 3, "checksum"),
    (lambda a, b: (a[:-1], b), 2, "68 characters, expected 69"),
    (lambda a, b: (a + "0", b), 2, "70 characters"),
    (lambda a, b: (changed(a, 3, "25545"), b), 3, "line 1 is of 25545"),
    (lambda a, b: (changed(a, 3, "2 544"), changed(b, 3, "2 544")), 2, "catalogue number"),
    (lambda a, b: (changed(a, 3, "I5544"), changed(b, 3, "I5544")), 2, "catalogue number"),
    (lambda a, b: (changed(a, 21, "000.5"), b), 2, "day 0.36.* is not in a year|day 0.5"),
    (lambda a, b: (changed(a, 21, "400"), b), 2, "not in a year"),
    (lambda a, b: (changed(a, 19, "x4"), b), 2, "column 19"),
    (lambda a, b: (changed(a, 34, "nan       "), b), 2, "column 34"),
    (lambda a, b: (changed(a, 54, " 1777x-3"), b), 2, "drag term"),
    (lambda a, b: (changed(a, 63, "4"), b), 2, "not SGP4"),
    (lambda a, b: (a, changed(b, 9, "190.0000")), 3, "inclination"),
    (lambda a, b: (a, changed(b, 18, "361.0000")), 3, "node"),
    (lambda a, b: (a, changed(b, 27, "0.00346")), 3, "eccentricity"),
    (lambda a, b: (a, changed(b, 44, "  1 .550")), 3, "mean anomaly"),
    (lambda a, b: (a, changed(b, 53, "00.00000000")), 3, "mean motion"),
    (lambda a, b: (a, changed(b, 53, "99.00000000")), 3, "mean motion"),
    (lambda a, b: (a, changed(b, 27, "9999999")), 2, "SGP4 refuses"),
    (lambda a, b: (a.replace("U", "\u00fc"), b), 2, "ASCII"),
    (lambda a, b: (a.replace(" 98067A", "\t98067A"), b), 2, "ASCII"),
]


@pytest.mark.parametrize("change,line,problem", BAD_LINES)
def test_a_bad_line_is_named(change: Any, line: int, problem: str) -> None:
    name, first, second = ISS.splitlines()
    error = refused("\n".join([name, *change(first, second)]))
    assert error.line == line
    assert re.search(problem, error.problem), error.problem


def test_order_of_lines_is_checked() -> None:
    name, first, second = ISS.splitlines()
    assert refused(f"{name}\n{second}").line == 2
    assert refused(f"{first}\n{name}\n{second}").line == 2
    assert refused(f"{name}\n{name}\n{first}\n{second}").line == 2
    assert refused(f"{ISS}\n{first}").line == 4
    assert refused(f"{ISS}\nCSS").line == 4


def test_what_is_not_an_element_file(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    for path, problem in ((tmp_path / "none", "no such file"), (tmp_path, "directory"), (binary, "text")):
        with pytest.raises(ElementsError, match=problem):
            elements.read(path)
    assert "no element set" in refused("").problem
    assert "no element set" in refused("\n# nothing\n").problem
    assert "no element set" in refused("[]").problem
    assert "XML" in refused("<?xml version='1.0'?><ndm/>").problem
    assert "KVN" in refused("CCSDS_OMM_VERS = 2.0").problem


@pytest.mark.parametrize(
    "key,value,problem",
    [
        ("MEAN_MOTION", "nan", "MEAN_MOTION"),
        ("MEAN_MOTION", 0, "MEAN_MOTION"),
        ("MEAN_MOTION", 10**400, "MEAN_MOTION"),
        ("ECCENTRICITY", 1.0, "ECCENTRICITY"),
        ("ECCENTRICITY", 0.9999, "SGP4 refuses"),
        ("INCLINATION", -1, "INCLINATION"),
        ("BSTAR", True, "not a number"),
        ("BSTAR", [1], "not a number"),
        ("MEAN_ANOMALY", None, "missing"),
        ("MEAN_ANOMALY", "1,5", "not a number"),
        ("EPOCH", "yesterday", "EPOCH"),
        ("EPOCH", "2200-01-01T00:00:00", "EPOCH"),
        ("EPOCH", None, "EPOCH"),
        ("NORAD_CAT_ID", "", "NORAD_CAT_ID"),
        ("NORAD_CAT_ID", "1e5", "NORAD_CAT_ID"),
        ("NORAD_CAT_ID", 1234567890, "NORAD_CAT_ID"),
        ("MEAN_ELEMENT_THEORY", "DSST", "DSST"),
        ("REF_FRAME", "EME2000", "EME2000"),
        ("TIME_SYSTEM", "TAI", "TAI"),
        ("EPHEMERIS_TYPE", 4, "EPHEMERIS_TYPE"),
    ],
)
def test_a_bad_message_is_named(key: str, value: Any, problem: str) -> None:
    good, bad = message(1, 15.5, ECCENTRICITY=0.001), message(2, 15.5)
    bad[key] = value
    error = refused(json.dumps([good, bad]))
    assert problem in error.problem and "message 2" in error.problem


def test_messages_as_space_track_writes_them() -> None:
    texts = {key: str(value) for key, value in message(1, 15.5, ECCENTRICITY=0.001).items()}
    extra = {"MEAN_ELEMENT_THEORY": "SGP4", "REF_FRAME": "TEME", "TIME_SYSTEM": "UTC", "CENTER_NAME": "EARTH"}
    (one,) = elements.parse(json.dumps({**texts, **extra, "EPOCH": "2024-05-09T02:00:00.5+02:00"}), "x")
    assert one.epoch == datetime(2024, 5, 9, 0, 0, 0, 500000, tzinfo=UTC)


def test_a_bad_row_is_named() -> None:
    rows = CSV.splitlines()
    error = refused("\n".join([rows[0], rows[1], rows[2].replace("41.4681", "inclined")]))
    assert error.line == 3 and "INCLINATION" in error.problem
    assert refused("\n".join([rows[0], rows[1][:40]])).line == 2
    assert refused(rows[0]).line is None


def test_omm_gives_sgp4_what_the_tle_does() -> None:
    (by_line, *_), (by_message, *_) = tle.parse(TEXT, "x"), elements.parse(JSON, "x")
    for name in ("no_kozai", "ecco", "inclo", "nodeo", "argpo", "mo", "bstar", "ndot", "nddot"):
        assert getattr(by_message.satrec, name) == pytest.approx(getattr(by_line.satrec, name), rel=1e-12)
    assert isinstance(by_line.satrec, Satrec)


def test_select_by_name_number_or_both() -> None:
    sets = elements.read(STATIONS_TLE)
    assert elements.select(sets, name="css (tianhe)").norad_id == "48274"
    assert elements.select(sets, norad=48274).name == "CSS (TIANHE)"
    assert elements.select(sets, norad="048274", name="CSS (TIANHE)").norad_id == "48274"
    with pytest.raises(ElementsError, match=r"named 'ISS'; did you mean ISS \(ZARYA\)"):
        elements.select(sets, name="ISS")
    with pytest.raises(ElementsError, match="did you mean KASHIWA"):
        elements.select(sets, name="Kashiwo")
    with pytest.raises(ElementsError, match="with NORAD number 25545"):
        elements.select(sets, norad=25545)
    with pytest.raises(ElementsError, match="and with NORAD number 48274"):
        elements.select(sets, name="KASHIWA", norad=48274)
    with pytest.raises(ElementsError, match="no satellite"):
        elements.select([], name="x")


def test_select_among_epochs_and_among_namesakes() -> None:
    def dated(number: int, epoch: str) -> dict[str, Any]:
        return {**message(number, 15.5), "OBJECT_NAME": "ONE", "EPOCH": epoch}

    sets = elements.parse(json.dumps([dated(1, f"2024-05-{day:02}T00:00:00") for day in (3, 9, 6)]), "x")
    assert elements.select(sets, norad=1).epoch.day == 9
    assert elements.select(sets, name="one", at=datetime(2024, 5, 5, tzinfo=UTC)).epoch.day == 6
    assert [one.epoch.day for one in elements.nearest(sets, datetime(2024, 5, 1, tzinfo=UTC))] == [3]
    both = sets + elements.parse(json.dumps(dated(2, "2024-05-03T00:00:00")), "x")
    with pytest.raises(ElementsError, match="'one' fits several objects, choose by norad: 1, 2"):
        elements.select(both, name="one")
    assert len(elements.nearest(both, datetime(2024, 5, 1, tzinfo=UTC))) == 2


def parse_or_refuse(text: str) -> None:
    try:
        found = elements.parse(text, "x")
    except ElementsError as error:
        assert "\n" not in str(error)
    else:
        assert found
        assert all(one.problem_at(one.epoch) is None for one in found)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused(text: str) -> None:
    parse_or_refuse(text)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_mutated_tle_is_read_or_refused(data: st.DataObject) -> None:
    lines = ISS.splitlines()
    which = data.draw(st.sampled_from([1, 2]))
    line = lines[which]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(line) - 1))
        line = line[:at] + data.draw(st.sampled_from("0123456789 .-+ANZ\u0663")) + line[at + 1 :]
    lines[which] = signed(line) if line.isascii() and data.draw(st.booleans()) else line
    parse_or_refuse("\n".join(lines))


@given(st.integers(0, len(ISS)), st.sampled_from([TEXT, JSON, CSV]))
@settings(max_examples=150, deadline=None)
def test_a_truncated_file_is_read_or_refused(length: int, text: str) -> None:
    parse_or_refuse(text[: length * len(text) // len(ISS)])


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({})
)


@given(st.dictionaries(st.sampled_from(sorted(message(1, 15.5))), VALUES, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_mutated_message_is_read_or_refused(changes: dict[str, Any]) -> None:
    parse_or_refuse(json.dumps({**message(1, 15.5, ECCENTRICITY=0.001), **changes}))


@given(
    st.lists(
        st.sampled_from(["[", "{", '"', ",", "NORAD_CAT_ID", "1", "\n", "null", ":", "\x00"]), max_size=40
    )
)
@settings(max_examples=200, deadline=None)
def test_what_looks_like_json_or_csv_is_refused(words: list[str]) -> None:
    parse_or_refuse("".join(words))


def test_deeply_nested_json_is_refused() -> None:
    assert "JSON" in refused("[" * 200_000).problem


@given(st.integers(0, 339_999))
def test_alpha_5_is_read_as_sgp4_writes_it(number: int) -> None:
    from sgp4.alpha5 import to_alpha5

    assert tle.catalogue_number(to_alpha5(number)) == str(number)
