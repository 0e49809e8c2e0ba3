"""The door of a scenario: what it reads, and what it says to each way of getting it wrong."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linkemu.errors import ScenarioError
from linkemu.machine import Direction
from linkemu.scenario import Scenario, load, loads
from linkemu.scenario.model import Acquisition, Cloud, Front, Mode, Modem, Terminal, Turbulence
from tests import one_pass

GOOD = one_pass.text(75, seed=3, start="2024-05-10T18:51:00Z", elements="sets.tle")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files that GOOD names; the path of the scenario in it."""
    (tmp_path / "sets.tle").write_text("never read here")
    (tmp_path / "image.tif").write_bytes(b"x" * 10)
    return tmp_path / "Test.toml"


def problems(text: str, path: Path) -> dict[str, str]:
    """What the door says, by dotted path; every message is one line."""
    with pytest.raises(ScenarioError) as caught:
        loads(text, path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_code == 2
    return dict(caught.value.problems)


def test_reads_the_least_there_is(place: Path) -> None:
    scenario = loads(GOOD, place)
    assert (scenario.name, scenario.seed, scenario.text) == ("test", 3, GOOD)
    assert scenario.start == datetime(2024, 5, 10, 18, 51, tzinfo=UTC)
    assert (scenario.duration_s, scenario.slot_s) == (75.0, 0.001)
    assert scenario.elements == (place.parent / "sets.tle",)
    (station,) = scenario.stations
    assert (station.latitude_deg, station.longitude_deg, station.altitude_m) == (35.7068, 139.4885, 128.0)
    assert (station.mask_deg, station.sun_exclusion_deg, station.http) == (20.0, 10.0, None)
    (satellite,) = scenario.satellites
    assert (satellite.name, satellite.norad, satellite.terminal.id) == (None, "25544", "illuma-t")
    assert (scenario.clock.mode, scenario.clock.rate) == ("real", 1.0)
    assert (scenario.clouds, scenario.faults, scenario.transfers) == ((), (), ())
    assert (station.sky.source, station.sky.cover, station.sky.visibility_m) == ("state", 0.0, 23_000.0)


def test_reads_every_table(place: Path) -> None:
    scenario = loads(
        GOOD
        + """
http = "[::1]:8080"
[clock]
mode = "scaled"
rate = 10
[weather]
cloud_cover = 0.3
genus = "stratus"
rain = "2 mm/h"
[queue]
size = "8 MiB"
hold = "2 s"
[protocol]
chunk = "256 KiB"
frame = "8 KiB"
[acquisition]
shape = 3
reacquire = "1 s"
short_loss = "5 s"
[[cloud]]
station = "koganei"
start = "1 min"
duration = "6 s"
[[fault]]
station = "koganei"
satellite = "iss"
start = "10 s"
duration = "100 ms"
direction = "down"
known = true
[[transfer]]
at = "20 s"
station = "koganei"
satellite = "iss"
action = "get"
name = "an-old.bin"
[[transfer]]
station = "koganei"
satellite = "iss"
action = "put"
file = "image.tif"
priority = 2
""",
        place,
    )
    assert scenario.stations[0].http == ("::1", 8080)
    assert (scenario.clock.mode, scenario.clock.rate) == ("scaled", 10.0)
    sky = scenario.stations[0].sky
    assert (sky.source, sky.cover, sky.genus, sky.rain_mmph) == ("state", 0.3, "stratus", 2.0)
    assert (scenario.queue.size_bytes, scenario.queue.hold_s) == (8 * 2**20, 2.0)
    assert (scenario.transfer.chunk_bytes, scenario.transfer.frame_bytes) == (2**18, 2**13)
    assert (scenario.acquisition.shape, scenario.acquisition.reacquire_s) == (3.0, 1.0)
    assert scenario.clouds[0].start_s == 60.0
    assert (scenario.faults[0].direction, scenario.faults[0].known) == (Direction.DOWN, True)
    put, get = scenario.transfers  # by time
    assert (put.action, put.name, put.file, put.size_bytes) == (
        "put",
        "image.tif",
        place.parent / "image.tif",
        None,
    )
    assert (get.action, get.at_s, get.name, get.file) == ("get", 20.0, "an-old.bin", None)


def test_a_terminal_of_its_own_starts_from_a_preset(place: Path) -> None:
    mine = """
[[terminal]]
id = "mine"
preset = "illuma-t"
power = "20 dBm"
modes = [
    { rate = "10 Mbit/s", sensitivity = "-60 dBm" },
    { rate = "100 Mbit/s", sensitivity = "100 photons/bit" },
]
"""
    text = GOOD.replace('terminal = "illuma-t"', 'terminal = "mine"') + mine
    terminal = loads(text, place).satellites[0].terminal
    assert terminal.power_W == pytest.approx(0.1)
    assert terminal.aperture_m == 0.1
    assert [mode.rate_bps for mode in terminal.modes] == [100_000_000, 10_000_000]
    # One photon of 1550 nm carries 1.28158e-19 J.
    assert terminal.modes[0].sensitivity_W == pytest.approx(100 * 1e8 * 1.28158e-19, rel=1e-5)
    assert terminal.modes[1].sensitivity_W == pytest.approx(1e-9)


def test_every_figure_of_a_terminal_has_its_own_place(place: Path) -> None:
    mine = """
[[terminal]]
id = "mine"
wavelength = "1064 nm"
power = "2 W"
aperture = "40 cm"
obscuration = "10 cm"
divergence = "11 urad"
jitter = "3 urad"
jitter_bandwidth = "33 Hz"
transmit_loss = "4 dB"
receive_loss = "5 dB"
bias = "6 urad"
truncation = 0.7
coupling = "adaptive"
ao_bandwidth = "88 Hz"
ao_pitch = "9 cm"
detection = "coherent"
field_of_view = "12 urad"
filter = "13 nm"
radio = "14 kbit/s"
slew = "1 rad/s"
acquisition = "16 s"
hold = "17 s"
sun_exclusion = "18 deg"
source = "made up"
modes = [{ rate = "19 kbit/s", sensitivity = "20 nW", name = "a", slope = "0.21 dB" }]
modem = { adaptation = "adaptive", margin = "1 dB", step_up = "2 dB", step_down = "3 dB", dwell = "4 s", \
report = "5 s", filter = "6 s", silence = "7 s", interleaver = "8 s" }
"""
    read = loads(GOOD.replace('"illuma-t"', '"mine"') + mine, place).satellites[0].terminal
    angles = {name: round(getattr(read, name), 12) for name in ("divergence_rad", "jitter_rad", "bias_rad")}
    expected = Terminal(
        id="mine",
        wavelength_m=1064e-9,
        power_W=2.0,
        aperture_m=0.4,
        obscuration_m=0.1,
        divergence_rad=11e-6,
        jitter_rad=3e-6,
        transmit_loss_dB=4.0,
        receive_loss_dB=5.0,
        modes=(Mode(19_000, 20e-9, 0.21, "a"),),
        slew_radps=1.0,
        acquisition_mean_s=16.0,
        hold_s=17.0,
        sun_exclusion_rad=read.sun_exclusion_rad,
        source="made up",
        bias_rad=6e-6,
        truncation=0.7,
        front=Front("adaptive", 88.0, 0.09, "coherent", 12e-6, 13e-9),
        modem=Modem("adaptive", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
        radio_bps=14_000,
        jitter_bandwidth_Hz=33.0,
    )
    assert dataclasses.replace(read, **angles) == expected
    assert read.sun_exclusion_rad == pytest.approx(18.0 * 3.141592653589793 / 180.0)


def test_every_figure_of_the_air_and_of_the_search_has_its_own_place(place: Path) -> None:
    scenario = loads(
        GOOD
        + """
[weather]
cloud_cover = 0.1
genus = "cumulus"
base = "200 m"
cirrus = 0.3
visibility = "4 km"
rain = "5 mm/h"
snow = "6 mm/h"
wind_from = "90 deg"
[acquisition]
shape = 2
reacquire = "3 s"
short_loss = "4 s"
coarse = "5 s"
fine = "6 s"
spin_up = "7 s"
[turbulence]
model = "slc"
wind = "8 m/s"
ground = 9e-15
wander = "belmonte"
precompensation = true
""",
        place,
    )
    sky = scenario.stations[0].sky
    assert (sky.cover, sky.genus, sky.base_m, sky.cirrus) == (0.1, "cumulus", 200.0, 0.3)
    assert (sky.visibility_m, sky.rain_mmph, sky.snow_mmph) == (4000.0, 5.0, 6.0)
    assert sky.wind_from_rad == pytest.approx(3.141592653589793 / 2.0)
    assert scenario.acquisition == Acquisition(2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    assert scenario.turbulence == Turbulence("slc", 8.0, 9e-15, "belmonte", True)


def test_a_start_is_kept_in_utc(place: Path) -> None:
    start = loads(GOOD.replace("18:51:00Z", "20:51:00+02:00"), place).start
    assert isinstance(start, datetime)
    assert start.isoformat() == "2024-05-10T18:51:00+00:00"


def test_bounds_of_ports_names_and_photons(place: Path) -> None:
    for port, ok in ((65535, True), (65536, False)):
        text = GOOD + f'http = "127.0.0.1:{port}"\n'
        if ok:
            assert loads(text, place).stations[0].http == ("127.0.0.1", port)
        else:
            assert "station[0].http" in problems(text, place)
    work = '[[transfer]]\nstation = "koganei"\nsatellite = "iss"\naction = "get"\nname = "{}"\n'
    assert loads(GOOD + work.format("é" * 127), place).transfers[0].name == "é" * 127
    assert "transfer[0].name" in problems(GOOD + work.format("é" * 128), place)  # 256 bytes
    dark = '[[terminal]]\nid = "mine"\npreset = "illuma-t"\n'
    dark += 'modes = [{ rate = "1 Mbit/s", sensitivity = "0 photons/bit" }]\n'
    assert "not above zero" in problems(GOOD + dark, place)["terminal[0].modes[0].sensitivity"]


def test_a_bank_of_clouds_ends_with_its_fault(place: Path) -> None:
    bank = """
[[fault]]
kind = "cloud"
station = "koganei"
start = "10 s"
duration = "25 s"
"""
    train = bank + 'period = "10 s"\nlength = "6 s"\n'
    assert loads(GOOD + bank, place).clouds == (Cloud("koganei", 10.0, 25.0),)
    assert loads(GOOD + train, place).clouds == (
        Cloud("koganei", 10.0, 6.0),
        Cloud("koganei", 20.0, 6.0),
        Cloud("koganei", 30.0, 5.0),
    )


def test_the_queue_holds_a_quarter_second_of_the_fastest_mode(place: Path) -> None:
    assert loads(GOOD, place).queue.size_bytes == round(1.244e9 / 8 / 4)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ('"2024-05-10T18:51:00Z"', datetime(2024, 5, 10, 18, 51, tzinfo=UTC)),
        ('"2024-05-11T03:51:00.5+09:00"', datetime(2024, 5, 10, 18, 51, 0, 500000, tzinfo=UTC)),
        ("2024-05-10T18:51:00Z", datetime(2024, 5, 10, 18, 51, tzinfo=UTC)),
        ('"next-pass"', "next-pass"),
    ],
)
def test_start(text: str, utc: object, place: Path) -> None:
    assert loads(GOOD.replace('"2024-05-10T18:51:00Z"', text), place).start == utc


def test_everything_inside_is_frozen(place: Path) -> None:
    scenario = loads(GOOD, place)
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.seed = 4  # type: ignore[misc]
    assert isinstance(hash(scenario), int)


STATION = 'terminal = "ogs-illuma"\n'  # where GOOD ends: more keys of the station can follow
WORK = '[[transfer]]\nstation = "koganei"\nsatellite = "iss"\n'


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("seed", "seeed", "seeed", 'unknown key, did you mean "seed"?'),
        (STATION, STATION + 'maks = "5 deg"', "station[0].maks", 'unknown key, did you mean "mask"?'),
        (STATION, STATION + "mask = 10", "station[0].mask", "10 has no unit, expected an angle such as"),
        (STATION, STATION + 'mask = "10"', "station[0].mask", "has no unit, expected an angle such as"),
        (
            STATION,
            STATION + 'mask = "10 km"',
            "station[0].mask",
            "no unit of angle, expected an angle such as",
        ),
        (STATION, STATION + 'mask = "95 deg"', "station[0].mask", '"95 deg" is above 89 deg'),
        (STATION, STATION + 'latitude = "95 deg"', "station[0].latitude", '"95 deg" is above 90 deg'),
        (STATION, STATION + 'latitude = "-91 deg"', "station[0].latitude", "is below -90 deg"),
        (STATION, STATION + "http = 8080", "station[0].http", 'such as "127.0.0.1:8080"'),
        (STATION, STATION + 'http = "host:99999"', "station[0].http", 'such as "127.0.0.1:8080"'),
        (STATION, STATION + "mask = true", "station[0].mask", "expected an angle such as"),
        ('preset = "nict-koganei"', "", "station[0].latitude", "is missing, expected an angle such as"),
        ("nict-koganei", "nict-koganey", "station[0].preset", 'did you mean "nict-koganei"?'),
        ("ogs-illuma", "ogs-iluma", "station[0].terminal", 'did you mean "ogs-illuma"?'),
        ("illuma-t", "xyz", "satellite[0].terminal", "known: ascend, cubelct, illuma-t"),
        ("iss", "ISS", "satellite[0].id", "short id of small letters"),
        ('"iss"', '"koganei"', "satellite[0].id", "is already the id of"),
        ('"iss"', '"sky"', "satellite[0].id", '"sky" is a part of every run, as are broker, doors,'),
        ('"koganei"', '"doors"', "station[0].id", '"doors" is a part of every run, as are broker,'),
        ("norad = 25544", "", "satellite[0]", "expected either name ="),
        ("norad = 25544", 'norad = 25544\nname = "ISS"', "satellite[0]", "expected either name ="),
        ("25544", "-5", "satellite[0].norad", "NORAD catalogue number such as 25544"),
        ("sets.tle", "none.tle", "elements[0]", "a path is relative to the scenario"),
        ("sets.tle", "x" * 300, "elements[0]", ""),
        ('elements = ["sets.tle"]', "", "elements", "is missing, expected a list of files"),
        ('["sets.tle"]', "[]", "elements", "expected at least one"),
        ('["sets.tle"]', '"sets.tle"', "elements", "expected a list"),
        ('"75 s"', "75", "duration", '75 has no unit, expected a duration such as "75 s"'),
        ('"75 s"', '"75 m"', "duration", '"m" is no unit of duration'),
        ('duration = "75 s"', "", "duration", 'is missing, expected a duration such as "75 s"'),
        ('"75 s"', '"2 s"\nslot = "0.0100005 ms"', "slot", "whole number of nanoseconds"),
        ("18:51:00Z", "18:51:00", "start", "no zone"),
        ("2024-05-10T18:51:00Z", "tomorrow", "start", 'or "next-pass"'),
        ("seed = 3", "seed = -3", "seed", "expected greater than or equal to 0"),
        ("seed = 3", "seed = 3.5", "seed", "expected an integer"),
        ("seed = 3", 'seed = "3"', "seed", "integer"),
        ("seed = 3", "clock = 7", "clock", "expected a table"),
        ("seed = 3", "cloud = 7", "cloud", "expected an array of tables"),
        ("seed = 3", 'clock = { mode = "warp" }', "clock.mode", "'real', 'scaled' or 'virtual'"),
        ("seed = 3", "clock = { rate = 3 }", "clock", 'goes with mode = "scaled"'),
        ("seed = 3", 'clock = { mode = "scaled" }', "clock", 'goes with mode = "scaled"'),
        ("seed = 3", "weather = { cloud_cover = 1.5 }", "weather.cloud_cover", "less than or equal to 1"),
        ("seed = 3", 'weather = { genus = "cotton" }', "weather.genus", "stratus"),
        ("seed = 3", "weather = { rain = 3 }", "weather.rain", "has no unit"),
        ("seed = 3", 'weather = { elevation = "3 m" }', "weather", "elevation goes with one of"),
        ("seed = 3", 'weather = { metar = "sets.tle" }', "weather", "elevation is missing"),
        ("seed = 3", 'weather = { table = "none.csv" }', "weather.table", "no file"),
        ("seed = 3", 'weather = { table = "sets.tle", taf = "sets.tle" }', "weather", "expected one of"),
        ("seed = 3", 'weather = { table = "sets.tle", cirrus = 0.1 }', "weather", "comes from the table"),
        ("seed = 3", "weather = { cloud_cover = nan }", "weather.cloud_cover", "finite"),
        ("seed = 3", 'protocol = { chunk = "1 Mb" }', "protocol.chunk", "bits or bytes?"),
        ("seed = 3", 'protocol = { chunk = "4 KiB", frame = "8 KiB" }', "protocol", "smaller than a frame"),
    ],
)
def test_says_where_and_what(old: str, new: str, where: str, said: str, place: Path) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1), place)
    assert said in found[where]


@pytest.mark.parametrize(
    ("table", "where", "said"),
    [
        ('[[cloud]]\nstation = "koganai"\n', "cloud[0].station", 'did you mean "koganei"?'),
        ('[[cloud]]\nstation = "koganei"\nstart = "99 s"\nduration = "1 s"', "cloud[0].start", "end at 75 s"),
        ('[[fault]]\nsatellite = "ist"\n', "fault[0].satellite", 'did you mean "iss"?'),
        (WORK + 'action = "send"', "transfer[0].action", "'put' or 'get'"),
        (WORK + 'action = "put"\nname = "a"', "transfer[0]", 'either file = "path" or size = "64 MiB"'),
        (WORK + 'action = "put"\nsize = "1 MB"', "transfer[0]", "name is missing"),
        (WORK + 'action = "get"', "transfer[0]", "name is missing"),
        (WORK + 'action = "get"\nname = "a"\nsize = "1 B"', "transfer[0]", "a get takes a name"),
        (WORK + 'action = "get"\nname = "a/b"', "transfer[0].name", "without a path"),
        (WORK + 'action = "get"\nname = ".."', "transfer[0].name", "without a path"),
        (WORK + 'action = "get"\nname = "a"\nat = "75 s"', "transfer[0].at", "end at 75 s"),
        (WORK + 'action = "put"\nfile = "no.tif"', "transfer[0].file", "relative to the scenario"),
        ('[[terminal]]\nid = "t"\npreset = "iluma-t"', "terminal[0].preset", 'did you mean "illuma-t"?'),
        (
            '[[terminal]]\nid = "t"\npreset = "illuma-t"\ncoupling = "glass"',
            "terminal[0].coupling",
            "detector",
        ),
        (
            '[[terminal]]\nid = "t"\npreset = "illuma-t"\nmodes = [{ rate = "1 Gb/s", sensitivity = 3 }]',
            "terminal[0].modes[0].rate",
            "write Gbit/s or GB/s",
        ),
        (
            '[[terminal]]\nid = "t"\npreset = "illuma-t"\nobscuration = "10 cm"',
            "terminal[0]",
            "as wide as the aperture",
        ),
    ],
)
def test_says_what_is_wrong_in_more_tables(table: str, where: str, said: str, place: Path) -> None:
    assert said in problems(GOOD + table, place)[where]


def test_two_stations_cannot_share_a_door(place: Path) -> None:
    second = '[[station]]\nid = "b"\npreset = "svalbard"\nterminal = "ogs-illuma"\nhttp = "127.0.0.1:8080"\n'
    found = problems(GOOD + 'http = "127.0.0.1:8080"\n' + second, place)
    assert found == {"station[1].http": "is already the door of station[0]"}
    assert len(loads((GOOD + 'http = "127.0.0.1:0"\n' + second).replace("8080", "0"), place).stations) == 2


def test_tables_that_are_missing(place: Path) -> None:
    found = problems("seed = 3", place)
    assert found["station"] == "is missing, expected a table [[station]]"
    assert found["satellite"] == "is missing, expected a table [[satellite]]"


def test_every_problem_is_told_at_once(place: Path) -> None:
    text = GOOD.replace("seed = 3", "seed = -3").replace("75 s", "75").replace("ogs-illuma", "ogs")
    assert problems(text, place).keys() == {"seed", "duration", "station[0].terminal"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = ", "is not TOML"),
        ("seed = 1\nseed = 2", "is not TOML"),
        ("seed = " + "9" * 5000, "is not TOML"),
        ("seed = " + "[" * 5000, "is not TOML: nested too deeply"),
    ],
)
def test_what_is_no_toml(text: str, said: str, place: Path) -> None:
    assert said in problems(text, place)[""]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match=r"is a directory, .*\(linkemu replay"):
        load(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "\xe9"')
    with pytest.raises(ScenarioError, match=r"is not UTF-8 text \(byte 8\)$"):
        load(latin)
    sky = tmp_path / "demo.sky"
    sky.write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(ScenarioError, match="a compiled sky is for linkemu proxy"):
        load(sky)


@pytest.mark.parametrize(
    ("file", "name"), [("My Run!.toml", "my-run"), ("é.toml", "scenario"), ("A.toml", "a")]
)
def test_a_scenario_is_named_after_its_file(file: str, name: str, place: Path) -> None:
    assert loads(GOOD, place.with_name(file)).name == name


def test_load_is_loads_of_the_file(place: Path) -> None:
    place.write_text(GOOD)
    scenario: Scenario = load(place)
    assert scenario == loads(GOOD, place)


def test_a_station_has_its_own_weather_or_that_of_all(place: Path) -> None:
    text = GOOD.replace("seed = 3", "seed = 3\nweather = { cirrus = 0.5 }")
    assert loads(text, place).stations[0].sky.cirrus == 0.5
    own = loads(text + 'weather = { table = "sets.tle", elevation = "12 m" }', place).stations[0].sky
    assert (own.source, own.path, own.elevation_m) == ("table", place.parent / "sets.tle", 12.0)
    assert own.cirrus == 0.0
