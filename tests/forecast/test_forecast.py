"""The forecast on real elements: each law of the link that the Sky must carry, and what the Plan may know."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linkemu.errors import ElementsError, InputError
from linkemu.forecast import forecast, geometry
from linkemu.link.outages import delay_s, outages
from linkemu.link.timeline import Cause, LinkTimeline, check
from linkemu.link.timeline import Sky as CompiledSky
from linkemu.machine import Direction
from linkemu.orbit import elements
from linkemu.orbit.site import Site
from linkemu.orbit.track import Track
from linkemu.scenario.model import Cloud, Fault, Mode, Satellite, Scenario, Sky

UP, DOWN = Direction.UP, Direction.DOWN
Make = Callable[..., Scenario]


def story(timeline: LinkTimeline) -> list[tuple[float, str, bool]]:
    """Segments as (start s, cause or rate, known)."""
    rows = zip(timeline.edge_ns[:-1], timeline.rate_bps, timeline.cause, timeline.known, strict=True)
    return [(e / 1e9, str(r) if r else Cause(c).name, bool(k)) for e, r, c, k in rows]


def both(scenario: Scenario) -> tuple[LinkTimeline, LinkTimeline]:
    sky = forecast(scenario).sky
    return sky.timelines[0, UP], sky.timelines[0, DOWN]


def erased(timeline: LinkTimeline, cause: Cause) -> list[tuple[int, int]]:
    chosen = timeline.erased_cause == cause
    first, count = timeline.erased_slot[chosen], timeline.erased_count[chosen]
    return list(zip(first.tolist(), (first + count).tolist(), strict=True))


def light_s(timeline: LinkTimeline, at_s: float) -> float:
    return float(delay_s(timeline, np.array([round(at_s * 1e9)]))[0])


def whole_pass(make: Make, **changes: Any) -> Scenario:
    return make(start=datetime(2024, 5, 10, 18, 48, tzinfo=UTC), duration_s=360.0, **changes)


def test_a_pass_from_below_the_mask_to_below_the_mask(scenario: Make) -> None:
    result = forecast(whole_pass(scenario))
    (one,) = result.passes
    up, down = result.sky.timelines[0, UP], result.sky.timelines[0, DOWN]
    names = [name for _, name, _ in story(up)]
    assert names == ["BELOW_MASK", "SLEWING", "ACQUIRING", "155000000", "BELOW_MASK"]
    starts = {name: start for start, name, _ in story(up)}
    assert starts["ACQUIRING"] == pytest.approx(one.aos_s, abs=1e-6)
    assert story(up)[-1][0] == pytest.approx(one.los_s, abs=1e-6)
    assert story(down)[-1][0] == pytest.approx(one.los_s - light_s(down, one.los_s), abs=1e-6)
    assert [known for _, _, known in story(up)] == [True, True, False, False, True]
    assert [name for _, name, _ in story(down)] == [
        *("BELOW_MASK", "SLEWING", "ACQUIRING", "311000000", "1244000000", "311000000", "BELOW_MASK")
    ]


def test_a_cloud_is_erasure_first_then_silence_then_a_scan(scenario: Make) -> None:
    up, down = both(scenario(clouds=(Cloud("koganei", 40.0, 6.0),)))
    light = light_s(up, 40.0)
    for timeline, notice_s in ((up, 41.0), (down, 41.0 + light)):
        at = [(start, name) for start, name, _ in story(timeline)]
        (lost_s, _), (scan_s, _), (back_s, _) = at[2:5]
        assert [name for _, name in at[1:5]] == [at[1][1], "CLOUD", "ACQUIRING", at[1][1]]
        assert lost_s == pytest.approx(notice_s, abs=1e-6)
        assert scan_s == pytest.approx(46.0 + (notice_s - 41.0), abs=1e-4)
        assert 0.05 < back_s - scan_s < 12.0
        assert erased(timeline, Cause.CLOUD) == [(40_000, 46_000)]
        (rescan,) = erased(timeline, Cause.ACQUIRING)
        assert rescan[0] == 46_000 and rescan[1] == pytest.approx((back_s - notice_s + 41.0) * 1e3, abs=1.1)
        assert not any(known for start, _, known in story(timeline) if start < 74.0)
    causes = [(row.cause, row.known) for row in outages(up)]
    assert causes == [(Cause.ACQUIRING, False), (Cause.CLOUD, False), (Cause.ACQUIRING, False)]


def test_a_cloud_within_the_hold_time_costs_slots_only(scenario: Make) -> None:
    up, down = both(scenario(clouds=(Cloud("koganei", 40.0, 0.9),)))
    clear_up, clear_down = both(scenario())
    assert story(up) == story(clear_up) and story(down) == story(clear_down)
    assert erased(up, Cause.CLOUD) == erased(down, Cause.CLOUD) == [(40_000, 40_900)]


def test_an_unknown_fault_goes_as_a_cloud_does(scenario: Make) -> None:
    up, _ = both(scenario(faults=(Fault("koganei", "iss", 40.0, 6.0, None, False),)))
    assert [name for _, name, _ in story(up)][2:4] == ["FAULT", "ACQUIRING"]
    assert erased(up, Cause.FAULT) == [(40_000, 46_000)]


def test_a_known_fault_stands_in_the_plan(scenario: Make) -> None:
    result = forecast(scenario(faults=(Fault("koganei", "iss", 40.0, 6.0, None, True),)))
    up = result.sky.timelines[0, UP]
    fault = next(row for row in story(up) if row[1] == "FAULT")
    assert fault == (40.0, "FAULT", True)
    assert "SLEWING" not in [name for start, name, _ in story(up) if start >= 40.0]
    assert erased(up, Cause.FAULT) == []
    for node in ("koganei", "iss"):
        first, second = result.plans[node].windows
        assert first.end_s == pytest.approx(40.0, abs=0.01) and second.start_s == 46.0


@pytest.mark.parametrize("known", [True, False])
def test_a_fault_of_one_direction_leaves_the_other_and_the_lock(scenario: Make, known: bool) -> None:
    up, down = both(scenario(faults=(Fault("koganei", "iss", 40.0, 6.0, UP, known),)))
    clear_up, clear_down = both(scenario())
    assert story(down) == story(clear_down)
    if known:
        assert [row for row in story(up) if row[1] == "FAULT"] == [(40.0, "FAULT", True)]
        assert len(up.erased_slot) == len(clear_up.erased_slot)
    else:
        assert story(up) == story(clear_up)
        assert erased(up, Cause.FAULT) == [(40_000, 46_000)]


def test_faults_of_another_link_are_none_of_this_one(scenario: Make) -> None:
    first = scenario().satellites[0]
    twins = (first, replace(first, id="twin"))
    kinds = [(direction, known) for direction in (None, UP) for known in (True, False)]
    faults = tuple(Fault("koganei", "twin", 20.0 + 12.0 * i, 6.0, *kind) for i, kind in enumerate(kinds))
    clear, troubled = (forecast(scenario(satellites=twins, faults=each)).sky for each in ((), faults))
    for way in Direction:
        assert story(troubled.timelines[0, way]) == story(clear.timelines[0, way])
        assert erased(troubled.timelines[0, way], Cause.FAULT) == []


def test_the_plan_knows_no_cloud_no_scan_and_no_seed(scenario: Make) -> None:
    plain = forecast(scenario()).plans
    clouded = forecast(scenario(clouds=(Cloud("koganei", 5.0, 60.0),), seed=99)).plans
    broken = forecast(scenario(faults=(Fault("koganei", "iss", 4.0, 6.0, None, False),))).plans
    assert plain == clouded == broken
    (window,) = plain["iss"].windows
    assert (window.peer, window.start_s, window.link) == ("koganei", 0.0, 0)
    assert window.expected_rate == ((0.0, 1_244_000_000),)
    times, delays = zip(*window.delay, strict=True)
    assert times[0] == window.start_s and times[-1] == window.end_s
    assert all(1.7e-3 < delay < 2.6e-3 for delay in delays)


def test_no_light_towards_the_sun(scenario: Make) -> None:
    blind = replace(tenerife(scenario), sun_exclusion_deg=175.0)
    day = scenario(stations=(blind,), start=datetime(2024, 5, 10, tzinfo=UTC), duration_s=86_400.0)
    result = forecast(day)
    rows = [row for row in outages(result.sky.timelines[0, UP]) if row.cause is Cause.SUN]
    assert rows and all(row.known for row in rows)
    track = Track(iss(), site(day), result.epoch)
    for row in rows:
        assert track.sun_elevation_rad(np.array([row.start_s]))[0] > -0.02
    for window in result.plans["tenerife"].windows:
        middle = np.array([(window.start_s + window.end_s) / 2.0])
        apart, height = track.sun_separation_rad(middle)[0], track.sun_elevation_rad(middle)[0]
        assert apart > np.radians(175.0) or height < 0.02


def iss() -> elements.Elements:
    path = Path(__file__).parents[2] / "configs" / "elements" / "stations_2024-05-09.tle"
    return elements.select(elements.read(path), name="ISS (ZARYA)")


def site(scenario: Scenario) -> Site:
    one = scenario.stations[0]
    return Site(one.id, one.latitude_deg, one.longitude_deg, one.altitude_m, one.mask_deg)


def test_delay_is_the_light_time_of_the_track(scenario: Make) -> None:
    made = whole_pass(scenario)
    result = forecast(made)
    track = Track(iss(), site(made), result.epoch)
    (one,) = result.passes
    t_s = np.linspace(one.aos_s, one.los_s, 777)
    for direction in Direction:
        timeline = result.sky.timelines[0, direction]
        error = delay_s(timeline, np.round(t_s * 1e9).astype(np.int64)) - track.light_time(t_s, direction)
        assert np.max(np.abs(error)) < 2e-9
        look = track.look(timeline.sample_ns / 1e9)
        assert np.max(np.abs(timeline.range_m - look.range_m)) < 0.01
        assert np.max(np.abs(timeline.elevation_deg - np.degrees(look.elevation_rad))) < 1e-3
        assert np.all(np.diff(timeline.sample_ns) == 10**9)


def marginal(make: Make, **changes: Any) -> Scenario:
    """A downlink that closes, but whose fades erase slots."""
    station = make().stations[0]
    weak = replace(station.terminal, modes=(Mode(311_000_000, 1.6e-6),), aperture_m=0.05, obscuration_m=0.0)
    loud = replace(make().satellites[0].terminal, power_W=20.0, modes=(Mode(155_000_000, 6.3e-7),))
    satellites = (replace(make().satellites[0], terminal=loud),)
    return make(stations=(replace(station, terminal=weak),), satellites=satellites, **changes)


def fade_slots(timeline: LinkTimeline) -> set[int]:
    return {slot for first, stop in erased(timeline, Cause.FADE) for slot in range(first, stop)}


def test_fades_belong_to_utc_and_not_to_the_scenario(scenario: Make) -> None:
    later = marginal(scenario)
    earlier = marginal(scenario, start=later.start - timedelta(seconds=7), duration_s=82.0)  # type: ignore[operator]
    for one, two in zip(both(later), both(earlier), strict=True):
        mine, theirs = fade_slots(one), {slot - 7000 for slot in fade_slots(two)}
        common = range(25_000, 74_000)  # locked in both, whatever the scans
        assert mine & set(common) == theirs & set(common)
    assert all(len(fade_slots(timeline)) > 5 for timeline in both(later))


def test_fades_leave_no_record_while_nobody_sends(scenario: Make) -> None:
    up, down = both(marginal(scenario, clouds=(Cloud("koganei", 30.0, 20.0),)))
    assert not fade_slots(up) & set(range(30_000, 50_000))
    assert not fade_slots(down) & set(range(30_000, 50_000))
    assert all(slot > story(up)[1][0] * 1e3 - 2 for slot in fade_slots(up))


def test_a_fade_that_outlasts_the_hold_time_costs_lock(scenario: Make) -> None:
    def shaky(end: Any, hold_s: float) -> Any:
        """A beam that often leaves its target for tens of milliseconds."""
        modes = tuple(replace(mode, sensitivity_W=mode.sensitivity_W / 4.0) for mode in end.terminal.modes)
        changes: dict[str, Any] = {"jitter_rad": 50e-6, "jitter_bandwidth_Hz": 5.0, "modes": modes}
        return replace(end, terminal=replace(end.terminal, hold_s=hold_s, **changes))

    made = marginal(scenario, duration_s=30.0)
    patient, hasty = (
        both(
            replace(
                made,
                stations=(shaky(made.stations[0], hold_s),),
                satellites=(shaky(made.satellites[0], hold_s),),
            )
        )
        for hold_s in (5.0, 0.03)
    )
    for before, after in zip(patient, hasty, strict=True):
        assert "FADE" not in [name for _, name, _ in story(before)]
        names = [name for _, name, _ in story(after)]
        assert all(names[k + 1] == "ACQUIRING" for k, name in enumerate(names) if name == "FADE")
        assert "FADE" in names
    longest = max(stop - first for timeline in patient for first, stop in erased(timeline, Cause.FADE))
    assert longest > 30


class Heaven:
    """A sky of four instants: Sun from the satellite, height of the Sun, and whether the satellite is lit."""

    def __init__(self, apart_deg: list[float], height_deg: list[float], lit: list[int]) -> None:
        self.sun_separation_rad = lambda t_s: np.radians(apart_deg)
        self.sun_elevation_rad = lambda t_s: np.radians(height_deg)
        self.sunlit = lambda t_s: np.array(lit)


def test_the_sun_is_avoided_from_both_ends_unless_it_is_hidden(scenario: Make) -> None:
    station, satellite = scenario().stations[0], scenario().satellites[0]  # exclusions 10 deg and 0.2 rad
    t_s = np.arange(4.0)

    def shut(apart_deg: list[float], height_deg: float, lit: int) -> list[tuple[float, float]]:
        heaven: Any = Heaven(apart_deg, [height_deg] * 4, [lit] * 4)
        return [(span.start_s, span.end_s) for span in geometry._sun(heaven, t_s, station, satellite)]

    assert shut([30.0, 20.0, 0.0, 20.0], 40.0, 2) == [(pytest.approx(1.5), pytest.approx(2.5))]
    assert shut([30.0, 20.0, 0.0, 20.0], -5.0, 2) == []
    assert shut([160.0, 175.0, 175.0, 175.0], 5.0, 2) == [(pytest.approx(0.57, abs=0.01), 3.0)]
    assert shut([160.0, 175.0, 175.0, 175.0], 5.0, 0) == []


def test_a_link_that_never_closes_says_margin_and_warns(scenario: Make) -> None:
    deaf = replace(scenario().stations[0].terminal, modes=(Mode(10**9, 1e-3),))
    result = forecast(scenario(stations=(replace(scenario().stations[0], terminal=deaf),)))
    down = result.sky.timelines[0, DOWN]
    assert {name for _, name, _ in story(down)} == {"ACQUIRING", "MARGIN"}
    assert "iss over koganei: no mode ever closes down" in result.warnings
    assert np.isnan(down.margin_dB).all() and np.isfinite(down.power_dBm).all()


def test_the_same_seed_gives_the_same_sky_in_another_process(scenario: Make, tmp_path: Path) -> None:
    digests = set()
    for hashseed in ("0", "1"):
        code = (
            "import importlib.util as u, sys; from linkemu.forecast import forecast; "
            f"s = u.spec_from_file_location('c', {str(Path(__file__).with_name('conftest.py'))!r}); "
            "c = u.module_from_spec(s); s.loader.exec_module(c); "
            "print(forecast(c.whole()).sky.digest())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": hashseed, "PATH": ""},
        )
        digests.add(done.stdout.strip())
    digests.add(forecast(scenario()).sky.digest())
    assert len(digests) == 1
    assert forecast(scenario(seed=8)).sky.digest() not in digests


def test_a_day_of_three_satellites_and_two_stations(scenario: Make, tmp_path: Path) -> None:
    from_file = scenario().satellites[0].terminal
    names = {"iss": "ISS (ZARYA)", "css": "CSS (TIANHE)", "cube": "BURSTCUBE"}
    day = scenario(
        start=datetime(2024, 5, 10, tzinfo=UTC),
        duration_s=86_400.0,
        satellites=tuple(Satellite(key, name, None, from_file) for key, name in names.items()),
        stations=tuple(
            replace(each, sky=Sky(cover=0.3)) for each in (scenario().stations[0], tenerife(scenario))
        ),
    )
    told: list[tuple[float, str]] = []
    result = forecast(day, lambda share, text: told.append((share, text)))
    assert [share for share, _ in told] == sorted(share for share, _ in told) and told[-1][0] == 1.0
    assert len(result.sky.timelines) == 12 and len(result.passes) > 10
    for timeline in result.sky.timelines.values():
        check(timeline)
    promised = [(w.start_s, w.end_s) for w in result.plans["koganei"].windows]
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(promised))
    result.sky.save(tmp_path / "day.sky")
    assert CompiledSky.load(tmp_path / "day.sky").digest() == result.sky.digest()
    assert any(Cause.CLOUD in timeline.cause for timeline in result.sky.timelines.values())


def tenerife(make: Make) -> Any:
    return replace(
        make().stations[0], id="tenerife", latitude_deg=28.3, longitude_deg=-16.51, altitude_m=2390.0
    )


def test_two_satellites_at_once_leave_one_unassigned(scenario: Make) -> None:
    first = scenario().satellites[0]
    twins = (first, replace(first, id="twin"))
    timelines = forecast(whole_pass(scenario, satellites=twins)).sky.timelines
    served = {name for _, name, _ in story(timelines[0, UP])}
    waiting = {name for _, name, _ in story(timelines[1, UP])}
    assert "155000000" in served and waiting == {"BELOW_MASK", "UNASSIGNED"}


def test_old_elements_and_an_empty_sky_are_warned_of(scenario: Make) -> None:
    late = forecast(scenario(start=datetime(2024, 5, 22, 3, tzinfo=UTC)))
    assert late.warnings[0].startswith("the elements of iss are 12.")
    assert late.warnings[0].endswith("before it): passes may be off by seconds or minutes")
    (stale, _) = forecast(scenario(start=datetime(2024, 7, 22, 3, tzinfo=UTC))).warnings
    assert stale.endswith("before it): passes may be off by minutes or hours")
    assert late.warnings[1] == "no satellite rises over any station in this scenario"
    assert not late.plans["iss"].windows
    assert forecast(scenario()).warnings == ()


def test_next_pass_begins_before_the_first_rise_after_the_elements(scenario: Make) -> None:
    result = forecast(scenario(start="next-pass", duration_s=600.0))
    rises = min(one.aos_s for one in result.passes)
    assert 30.0 <= rises < 31.0 and result.epoch.microsecond == 0
    assert 0 <= (result.epoch - iss().epoch).total_seconds() + 31.0 < 86_400.0
    assert result.plans["iss"].windows[0].start_s == pytest.approx(rises, abs=1e-6)


def test_next_pass_without_any_pass_is_bad_input(scenario: Make) -> None:
    pole = replace(scenario().stations[0], latitude_deg=-89.0)
    with pytest.raises(InputError, match="no satellite rises over any station within 10 days"):
        forecast(scenario(start="next-pass", stations=(pole,)))


def test_an_unknown_satellite_is_bad_input(scenario: Make) -> None:
    stranger = replace(scenario().satellites[0], name="ISS (ZARIA)")
    with pytest.raises(ElementsError, match="did you mean"):
        forecast(scenario(satellites=(stranger,)))
