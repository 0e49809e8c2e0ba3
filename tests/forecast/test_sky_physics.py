"""What fades, feedback, radio, mounts and steps of time do to a compiled sky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from linkemu.forecast import forecast, geometry
from linkemu.forecast.fades import segments
from linkemu.link.outages import available_bits, outages
from linkemu.link.timeline import Cause, LinkTimeline, check
from linkemu.machine import Direction
from linkemu.optics.tracking import State
from linkemu.scenario.model import Cloud, Front, Mode, Modem, Scenario, Sky

UP, DOWN = Direction.UP, Direction.DOWN
Make = Callable[..., Scenario]


def terminals(made: Scenario, ground: dict[str, Any], orbit: dict[str, Any]) -> Scenario:
    """The scenario with these changes to its two terminals."""
    station, satellite = made.stations[0], made.satellites[0]
    return replace(
        made,
        stations=(replace(station, terminal=replace(station.terminal, **ground)),),
        satellites=(replace(satellite, terminal=replace(satellite.terminal, **orbit)),),
    )


def faint(make: Make, **changes: Any) -> Scenario:
    """A whole pass whose fades erase slots in both directions, under broken cloud and cirrus."""
    down = (Mode(1_244_000_000, 3e-6), Mode(311_000_000, 4e-7))
    up = (Mode(155_000_000, 2.5e-7), Mode(40_000_000, 1.2e-7))
    made = make(start=datetime(2024, 5, 10, 18, 48, tzinfo=UTC), duration_s=360.0, seed=6, **changes)
    return terminals(made, {"modes": down, "aperture_m": 0.2}, {"modes": up})


def lost(timeline: LinkTimeline, cause: Cause) -> int:
    """Slots erased for a cause."""
    return int(timeline.erased_count[timeline.erased_cause == cause].sum())


def test_the_step_of_geometry_changes_nothing_that_matters(scenario: Make) -> None:
    """1, 0.5 and 0.1 s: bytes within 0.5 %, outages of 2 s and more within one step."""
    made = faint(scenario, clouds=(Cloud("koganei", 170.0, 9.0),))
    made = replace(made, stations=(replace(made.stations[0], sky=Sky(cirrus=0.2, cover=0.3)),))
    skies = {step_s: forecast(made, step_s=step_s).sky for step_s in (1.0, 0.5, 0.1)}
    for direction in Direction:
        finest = skies[0.1].timelines[0, direction]
        assert lost(finest, Cause.FADE) > 300
        best = [each for each in outages(finest, 2.0) if each.end_s - each.start_s >= 2.0]
        assert {each.cause for each in best} >= {Cause.CLOUD, Cause.ACQUIRING}
        for step_s in (1.0, 0.5):
            coarse = skies[step_s].timelines[0, direction]
            check(coarse)  # slots lost to clouds and to fades lie in one order
            ratio = available_bits(coarse, 0.0, 360.0) / available_bits(finest, 0.0, 360.0)
            assert ratio == pytest.approx(1.0, abs=5e-3)
            rows = [each for each in outages(coarse, 2.0) if each.end_s - each.start_s >= 2.0]
            assert [each.cause for each in rows] == [each.cause for each in best]
            for one, other in zip(rows, best, strict=True):
                assert abs(one.start_s - other.start_s) <= step_s and abs(one.end_s - other.end_s) <= step_s


def test_what_is_drawn_has_the_mean_and_the_index_of_its_conditions(scenario: Make) -> None:
    (meeting,) = forecast(faint(scenario)).links[0].meetings
    for direction in Direction:
        light = meeting.light[direction]
        conditions = light.fading.conditions
        first = light.first_slot + 60_000
        power = light.fading.relative(first, first + 240_000)
        assert power.mean() == pytest.approx(1.0, abs=0.03)
        assert power.min() >= 0.0
        assert 0.2 * conditions.index.min() < power.var() < 1.5 * conditions.index.max()
        np.testing.assert_array_equal(
            power[70_000:71_000], light.fading.relative(first + 70_000, first + 71_000)
        )


def test_wander_alone_spreads_the_power_of_an_uplink_as_its_closed_form_says(scenario: Make) -> None:
    still = {"jitter_rad": 0.0, "bias_rad": 0.0}
    (meeting,) = forecast(terminals(faint(scenario), still, still)).links[0].meetings
    fading = meeting.light[UP].fading
    first = meeting.light[UP].first_slot + 60_000
    edges = np.arange(30_001) * 1e-3
    numbers = [number for number, _, _ in segments(first, first + 240_000, fading.slot_ns)]
    power = np.concatenate([fading._pointing(number, edges) for number in numbers])
    seconds = np.concatenate([np.r_[fading._scene.rows(number)][1:31] for number in numbers])
    sigma, width = fading.conditions.wander_rad[seconds], fading.conditions.width_rad[seconds]
    gamma2 = (width / (2.0 * sigma)) ** 2  # Farid and Hranilovic, JLT 25:1702, eq. 11: p = u^(1 / gamma2)
    assert power.mean() == pytest.approx(1.0, abs=0.05)
    lag = np.linspace(0.0, 1.0, 1001)[:, None]  # of a slot, over which the power is averaged:
    scaled = fading.conditions.wander_rate[seconds] * 1e-3 * lag  # its correlation is the offset's, squared
    kept = 2.0 * np.mean((1.0 - lag) * ((1.0 + scaled) * np.exp(-scaled)) ** 2, axis=0)
    assert kept.min() > 0.2 and kept.max() < 0.6
    assert power.var() == pytest.approx(np.mean(kept / (gamma2 * (gamma2 + 2.0))), rel=0.1)
    down = meeting.light[DOWN].fading._pointing(numbers[0], edges)
    np.testing.assert_array_equal(down, np.ones(30_000))  # none: the whole beam has come through the air


def test_a_mount_that_cannot_follow_has_a_known_outage_around_culmination(scenario: Make) -> None:
    slow = {"slew_radps": np.radians(1.0)}
    result = forecast(terminals(faint(scenario), slow, {}))
    (one,) = result.passes
    up = result.sky.timelines[0, UP]
    (hole,) = [each for each in outages(up) if each.cause is Cause.KEYHOLE]
    assert hole.known and hole.start_s < one.tca_s < hole.end_s
    assert 60.0 < hole.end_s - hole.start_s < 120.0  # a turn of some 100 degrees
    first, second = result.plans["koganei"].windows
    assert first.end_s == pytest.approx(hole.start_s) and second.start_s == pytest.approx(hole.end_s)
    quick = forecast(faint(scenario)).sky.timelines[0, UP]
    assert Cause.KEYHOLE not in quick.cause


def test_the_story_of_the_lock_fills_the_contact(scenario: Make) -> None:
    (meeting,) = forecast(scenario(clouds=(Cloud("koganei", 40.0, 6.0),))).links[0].meetings
    states = [phase.state for phase in meeting.story]
    assert states[-4:] == [State.BLOCKED, State.COARSE, State.FINE, State.COMM]
    assert states.index(State.SCAN) < states.index(State.COARSE) < states.index(State.COMM)
    assert meeting.story[-1].end_s == meeting.contact.end_s


def test_modes_by_reports_fall_back_in_silence_and_the_plan_does_not_know(scenario: Make) -> None:
    modem = Modem(adaptation="adaptive", margin_dB=3.0)
    cloudy = faint(scenario, clouds=(Cloud("koganei", 170.0, 9.0),))
    told = forecast(terminals(cloudy, {"modem": modem}, {"modem": modem}))
    up, plan = told.sky.timelines[0, UP], told.links[0].planned[UP]
    (meeting,) = told.links[0].meetings
    steps, light = meeting.steps[UP], meeting.light[UP]
    silent = steps.index[(steps.t_s > 171.5) & (steps.t_s < 179.0)]
    assert np.all(silent == len(light.modes) - 1)  # the slowest, from a second of silence on
    assert np.all(steps.index[(steps.t_s > 190.0) & (steps.t_s < 200.0)] == 0)
    assert up.rate_bps[np.searchsorted(up.edge_ns, round(195e9), side="right") - 1] == 155_000_000
    assert light.planned.at(np.array([175.0]))[0] == 0
    variable = forecast(cloudy).links[0].planned[UP]
    np.testing.assert_array_equal(plan.rate_bps, variable.rate_bps)


def test_a_way_by_radio_knows_no_clouds_and_needs_no_lock(scenario: Make) -> None:
    made = terminals(
        scenario(clouds=(Cloud("koganei", 20.0, 30.0),)), {}, {"modes": (), "radio_bps": 256_000}
    )
    result = forecast(made)
    up, down = result.sky.timelines[0, UP], result.sky.timelines[0, DOWN]
    assert set(up.rate_bps.tolist()) == {256_000} and len(up.erased_slot) == 0
    assert Cause.CLOUD in down.cause
    assert result.plans["koganei"].windows[0].expected_rate[0][1] == 256_000


def test_an_interleaver_mends_fades_and_comes_later(scenario: Make) -> None:
    short, long = (
        forecast(terminals(faint(scenario), {"modem": Modem(interleaver_s=s)}, {})) for s in (0.0, 0.05)
    )
    one, other = (each.sky.timelines[0, DOWN] for each in (short, long))
    assert lost(other, Cause.FADE) < 0.6 * lost(one, Cause.FADE)
    np.testing.assert_allclose(other.delay_s[:, 0] - one.delay_s[:, 0], 0.05, atol=1e-12)
    early, late = (each.plans["iss"].windows[0].delay[3][1] for each in (short, long))
    assert late - early == pytest.approx(0.05)


def test_cirrus_dims_what_clouds_block(scenario: Make) -> None:
    plain = faint(scenario)
    thin = replace(plain, stations=(replace(plain.stations[0], sky=Sky(cirrus=1.0)),))
    clear, dimmed = (forecast(each).sky.timelines[0, DOWN] for each in (plain, thin))
    assert np.all(dimmed.power_dBm <= clear.power_dBm + 1e-3)
    assert np.mean(clear.power_dBm - dimmed.power_dBm) > 0.3
    assert lost(dimmed, Cause.CLOUD) > 0 == lost(clear, Cause.CLOUD)


def test_rain_takes_what_its_slab_has_along_the_line_of_sight(scenario: Make) -> None:
    plain = faint(scenario)
    wet = replace(plain, stations=(replace(plain.stations[0], sky=Sky(rain_mmph=0.5)),))
    light = forecast(wet).links[0].meetings[0].light[DOWN]
    zenith_dB = (light.clear_dBm - light.power_dBm) * np.sin(light.view.elevation_rad)
    up = light.view.elevation_rad > np.radians(10.0)
    assert np.ptp(light.view.elevation_rad[up]) > 0.3
    assert zenith_dB[up].min() > 0.5
    # a slab of the same depth everywhere: loss goes as 1/sin; between whole seconds it is interpolated
    np.testing.assert_allclose(zenith_dB[up], zenith_dB[up].mean(), rtol=2e-3)


def test_a_fibre_fades_and_its_correction_helps(scenario: Make) -> None:
    erased = {}
    for coupling in ("detector", "fibre", "adaptive"):
        front = Front(coupling=coupling, ao_bandwidth_Hz=500.0)  # type: ignore[arg-type]
        made = terminals(faint(scenario), {"front": front, "modes": (Mode(311_000_000, 2e-9),)}, {})
        (meeting,) = forecast(made).links[0].meetings
        light = meeting.light[DOWN]
        first = light.first_slot + 100_000
        erased[coupling] = float(light.fading.relative(first, first + 100_000).var())
    assert erased["detector"] < erased["adaptive"] < erased["fibre"]


def test_jitter_and_its_bandwidth_are_seen(scenario: Make) -> None:
    def deep(**changes: Any) -> float:
        (meeting,) = (
            forecast(terminals(faint(scenario), {}, {"jitter_rad": 30e-6, **changes})).links[0].meetings
        )
        light = meeting.light[DOWN]
        first = light.first_slot + 100_000
        power = 10.0 * np.log10(light.fading.relative(first, first + 100_000))
        below = power < -6.0
        return float(np.count_nonzero(below[1:] & ~below[:-1]) / max(1, np.count_nonzero(below)))

    assert deep(jitter_bandwidth_Hz=5.0) < 0.5 * deep(jitter_bandwidth_Hz=50.0)  # fewer, longer fades


def test_eclipses_are_recorded_and_turbulence_knows_night(scenario: Make) -> None:
    result = forecast(faint(scenario))
    (link,) = result.links
    assert result.sky.header["eclipses"] == {"iss": link.pair.eclipses}
    assert link.meetings[0].view.night.all()  # 03:50 local time
    assert not result.sky.header["eclipses"]["iss"]  # type: ignore[index]  # the Sun is already up at 420 km
    shadow: Any = SimpleNamespace(sunlit=lambda t_s: np.array([2, 1, 0, 0, 0, 1, 2, 0]))
    assert geometry._eclipse(shadow, np.arange(8.0)) == [(2.0, 4.0), (7.0, 7.0)]
