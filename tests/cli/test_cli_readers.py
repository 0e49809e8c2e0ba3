"""Readers of arguments: what they give is in range, and whatever else is given names its option."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.cli import readers
from linkemu.errors import InputError

NUMBERS = {
    readers.latitude: ("--lat", -90.0, 90.0),
    readers.longitude: ("--lon", -360.0, 360.0),
    readers.altitude: ("--alt", -1000.0, 100_000.0),
    readers.mask: ("--mask", -5.0, 89.9),
    readers.timeout: ("--timeout", 0.0, 1e7),
}


@pytest.mark.parametrize("reader", NUMBERS, ids=lambda reader: NUMBERS[reader][0])
@given(text=st.one_of(st.text(max_size=20), st.floats().map(repr), st.integers().map(str)))
def test_a_number_is_in_range_or_the_option_is_named(reader, text):
    option, lowest, highest = NUMBERS[reader]
    try:
        value = reader(text)
    except InputError as error:
        assert error.where == option
        assert error.exit_code == 2
    else:
        assert math.isfinite(value)
        assert lowest <= value <= highest
        assert value == float(text)


@given(st.floats(min_value=-90, max_value=90))
def test_every_latitude_of_the_earth_is_read(value):
    assert readers.latitude(repr(value)) == value


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "95", "-90.001", "", "35N", "0x10"])
def test_no_latitude(text):
    with pytest.raises(InputError, match=r"^--lat: "):
        readers.latitude(text)


@pytest.mark.parametrize(
    ("reader", "option"), [(readers.hours, "--hours"), (readers.rate, "--rate"), (readers.size, "--size")]
)
def test_nothing_is_not_enough(reader, option):
    with pytest.raises(InputError, match=option):
        reader("0 B" if reader is readers.size else "0")


@given(st.datetimes(min_value=datetime(1957, 10, 4), max_value=datetime(2100, 1, 1)))
def test_an_instant_is_utc_with_or_without_z(moment):
    expected = moment.replace(tzinfo=UTC)
    assert readers.instant(moment.isoformat()) == expected
    assert readers.instant(moment.isoformat() + "Z") == expected
    assert readers.instant(moment.isoformat() + "+00:00").utcoffset() == timedelta(0)


@given(st.text(max_size=30))
def test_an_instant_is_aware_or_an_input_error(text):
    try:
        assert readers.instant(text).tzinfo is UTC
    except InputError as error:
        assert error.where == "--start"


def test_another_zone_is_refused():
    with pytest.raises(InputError, match="not UTC"):
        readers.instant("2024-05-10T18:50:00+09:00")


def test_a_size_needs_its_unit():
    assert readers.size("64 MiB") == 64 * 2**20
    with pytest.raises(InputError, match="unit"):
        readers.size("64")


@given(st.integers(min_value=-1000, max_value=1000))
def test_priorities_are_bytes(value):
    if 0 <= value <= 255:
        assert readers.priority(str(value)) == value
    else:
        with pytest.raises(InputError, match="--priority"):
            readers.priority(str(value))


def test_a_priority_is_whole():
    with pytest.raises(InputError, match="whole"):
        readers.priority("1.5")


def test_one_of_names_the_choices():
    read = readers.one_of("--clock", "real", "virtual")
    assert read("real") == "real"
    with pytest.raises(InputError, match=r"--clock: 'fast' is not one of real, virtual"):
        read("fast")
