"""Units: exact numbers from text, bits never taken for bytes, no number without its unit."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linkemu import units
from linkemu.errors import UnitError

DIMENSIONS = [value for value in vars(units).values() if isinstance(value, units.Dimension)]
READERS = [
    units.rate_bps,
    units.size_bytes,
    units.duration_s,
    units.angle_rad,
    units.angle_deg,
    units.angular_rate_radps,
    units.length_m,
    units.frequency_Hz,
    units.speed_mps,
    units.loss_dB,
    units.photons_per_bit,
    units.power_W,
    units.power_dBm,
]


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (units.rate_bps, "1.2 Gbit/s", 1_200_000_000),
        (units.rate_bps, "1.244Gbit/s", 1_244_000_000),
        (units.rate_bps, "155 MB/s", 1_240_000_000),
        (units.rate_bps, "1 MiB/s", 8 * 2**20),
        (units.rate_bps, "1e3 bit/s", 1000),
        (units.size_bytes, "25 MB", 25_000_000),
        (units.size_bytes, "64 MiB", 64 * 2**20),
        (units.size_bytes, "0.5 KiB", 512),
        (units.size_bytes, "8 Mbit", 1_000_000),
        (units.size_bytes, "1.1 TB", 1_100_000_000_000),
        (units.duration_s, "1 ms", 0.001),
        (units.duration_s, "2 h", 7200.0),
        (units.duration_s, " 1.5 d ", 129_600.0),
        (units.angle_deg, "35.7068 deg", 35.7068),
        (units.angle_deg, "-16.51183 deg", -16.51183),
        (units.angle_deg, "30 arcmin", 0.5),
        (units.angle_rad, "180 deg", math.pi),
        (units.angle_rad, "15 urad", 15e-6),
        (units.angle_rad, "15 µrad", 15e-6),
        (units.angle_rad, "1 arcsec", math.pi / 648_000),
        (units.angular_rate_radps, "5 deg/s", math.pi / 36),
        (units.length_m, "1550 nm", 1.55e-6),
        (units.length_m, "40 cm", 0.4),
        (units.length_m, "420 km", 420_000.0),
        (units.frequency_Hz, "2.5 kHz", 2500.0),
        (units.speed_mps, "1 m/s", 1.0),
        (units.speed_mps, "36 km/h", 10.0),
        (units.loss_dB, "3 dB", 3.0),
        (units.photons_per_bit, "60 photons/bit", 60.0),
        (units.power_W, "2.5 W", 2.5),
        (units.power_W, "-40 dBm", 1e-7),
        (units.power_W, "3 dBW", 10**0.3),
        (units.power_dBm, "-40 dBm", -40.0),
        (units.power_dBm, "1 mW", 0.0),
        (units.power_dBm, "1 dBW", 31.0),
    ],
)
def test_reads(read: object, text: str, value: float) -> None:
    assert callable(read)
    assert read(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (units.rate_bps, "12", 'has no unit, expected a data rate such as "1.2 Gbit/s"'),
        (units.rate_bps, "1 Mb/s", "bits or bytes? write Mbit/s or MB/s"),
        (units.rate_bps, "1 Mbps", "bits or bytes? write Mbit/s or MB/s"),
        (units.rate_bps, "1 MBps", "bits or bytes? write Mbit/s or MB/s"),
        (units.rate_bps, "1 Kb/s", "write kbit/s or kB/s"),
        (units.rate_bps, "1 gbit/s", 'did you mean "Gbit/s"?'),
        (units.rate_bps, "1 GB", '"GB" is no unit of data rate'),
        (units.rate_bps, "1 s", '"s" is no unit of data rate'),
        (units.rate_bps, "0.1 bit/s", "not a whole number of bit/s"),
        (units.size_bytes, "3 Mb", "bits or bytes? write Mbit or MB"),
        (units.size_bytes, "1 bit", "not a whole number of bytes"),
        (units.size_bytes, "1.5 B", "not a whole number of bytes"),
        (units.size_bytes, "25 MB/s", '"MB/s" is no unit of amount of data'),
        (units.loss_dB, "3 dBm", '"dBm" is no unit of ratio in decibel'),
        (units.angle_deg, "4 degrees", "no unit of angle"),
        (units.angle_deg, "10", "has no unit"),
        (units.length_m, "1e999 m", "out of any range"),
        (units.power_W, "1e99 dBm", "out of any range"),
        (units.power_W, "3 dB", "no unit of power"),
        (units.power_dBm, "0 W", "has no level"),
        (units.loss_dB, "nan dB", "is not a quantity"),
        (units.loss_dB, "inf dB", "is not a quantity"),
        (units.duration_s, "", "is not a quantity"),
        (units.duration_s, "1 2 s", "no unit of duration"),
        (units.duration_s, "١ s", "is not a quantity"),
    ],
)
def test_refuses_in_one_clear_line(read: object, text: str, said: str) -> None:
    assert callable(read)
    with pytest.raises(UnitError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_error_names_the_place() -> None:
    with pytest.raises(UnitError, match=r"^--mask: "):
        units.angle_deg("10", where="--mask")


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda dimension: dimension.example)
def test_the_example_in_a_message_can_be_read(dimension: units.Dimension) -> None:
    assert units.parse(dimension.example, dimension) > 0.0


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda dimension: dimension.example)
def test_every_unit_has_its_factor(dimension: units.Dimension) -> None:
    for unit, factor in dimension.units.items():
        number = 8 if dimension.whole else 2
        assert units.parse(f"{number} {unit}", dimension) == pytest.approx(number * float(factor))


@given(st.one_of(st.text(), st.from_regex(units._QUANTITY, fullmatch=True)), st.sampled_from(READERS))
def test_any_text_is_a_finite_number_or_a_unit_error(text: str, read: object) -> None:
    assert callable(read)
    try:
        number = read(text)
    except UnitError as error:
        assert "\n" not in str(error)
    else:
        assert math.isfinite(number)


@given(st.integers(0, 10**13), st.sampled_from(["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]))
def test_rates_are_exact(count: int, unit: str) -> None:
    factor = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}[unit]
    assert units.rate_bps(f"{count} {unit}") == count * factor
    assert units.rate_bps(f"{count * factor / 10**9:.9f} Gbit/s") == pytest.approx(count * factor)


@given(st.floats(-180.0, 180.0))
def test_degrees_keep_every_bit(angle: float) -> None:
    text = f"{angle:.17f}"
    assert units.angle_deg(f"{text} deg") == float(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (1000, "1.000 kbit/s"),
        (155e6, "155.0 Mbit/s"),
        (1.244e9, "1.244 Gbit/s"),
        (999_999, "1.000 Mbit/s"),
        (2.5e15, "2500 Tbit/s"),
    ],
)
def test_rates_for_people(value: float, text: str) -> None:
    assert units.format_rate(value) == text
    assert units.format_bytes(value) == text.replace("bit/s", "B")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (1e-9, "1.000 ns"),
        (0.00174, "1.740 ms"),
        (0.99999, "1.000 s"),
        (75.2, "75.2 s"),
        (-75.2, "-75.2 s"),
        (99.96, "1 min 40 s"),
        (125.0, "2 min 05 s"),
        (-125.0, "-2 min 05 s"),
        (3599.9, "1 h 00 min"),
        (3720.0, "1 h 02 min"),
        (86_399.0, "1 d 00 h"),
        (270_000.0, "3 d 03 h"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


def test_lengths_and_levels_for_people() -> None:
    assert units.format_length(521_300.0) == "521.3 km"
    assert units.format_length(0.4) == "400.0 mm"
    assert units.format_length(1.55e-6) == "1.550 µm"
    assert units.format_dBm(1.5e-7) == "-38.2 dBm"
    assert units.format_dBm(0.0) == "dark"


@given(st.integers(1, 10**15))
@example(9855)
@example(99_955_000)
@example(999_960)
def test_what_is_shown_reads_back(value: int) -> None:
    assert units.rate_bps(units.format_rate(value)) == pytest.approx(value, rel=5e-4)
    assert units.size_bytes(units.format_bytes(value)) == pytest.approx(value, rel=5e-4)


@given(st.floats(1e-9, 0.999))
def test_short_durations_read_back(value: float) -> None:
    assert units.duration_s(units.format_duration(value)) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    ("rate_bps", "text"),
    [(9_855, "9.855 kbit/s"), (9_999.4, "9.999 kbit/s"), (9_999.6, "10.00 kbit/s"), (99_960, "99.96 kbit/s")],
)
def test_four_digits_stay_four_below_a_power_of_ten(rate_bps: float, text: str) -> None:
    assert units.format_rate(rate_bps) == text
