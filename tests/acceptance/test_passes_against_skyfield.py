"""``linkemu passes --json`` as a user calls it, against exact roots of Skyfield's altaz and Orekit's cases.

Skyfield reads the element file itself, and its roots are found here; nothing of linkemu stands on that side.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from skyfield.api import EarthSatellite, load, wgs84

from tests.cli.invoked import CONFIGS, ELEMENTS, LINKEMU, ROOT, document
from tests.orbit.cases import GROUND_CASES, case_id, orbit_class

START = datetime(2024, 5, 10, tzinfo=UTC)  # of configs/constellation.toml
WEEK_S = 7 * 86400.0
GRID_S = 30.0
WITHIN_S = 0.01
SATELLITES = {"iss": 25544, "css": 48274, "burstcube": 59562}
STATIONS = {"koganei": (35.7068, 139.4885, 128.0), "tenerife": (28.30094, -16.51183, 2393.0)}
MASK_DEG = {"constellation.toml": 15.0, "demo.toml": 20.0}
PROMISED_S = {"LEO": 0.05, "MEO": 0.1, "HEO": 0.5, "GEO": 1.0}


class Sight:
    """Elevation of a satellite over a place, by Skyfield alone."""

    scale = load.timescale(builtin=True)
    grid_s = np.arange(0.0, WEEK_S + GRID_S, GRID_S)
    grid = scale.utc(START.year, START.month, START.day, 0, 0, grid_s)

    def __init__(self, norad: int, place: tuple[float, float, float]) -> None:
        lines = ELEMENTS.read_text().splitlines()
        index = next(i for i, line in enumerate(lines) if line.startswith(f"1 {norad}"))
        satellite = EarthSatellite(lines[index], lines[index + 1], None, self.scale)
        self._sight = satellite - wgs84.latlon(*place)
        self._height = self._sight.at(self.grid).altaz()[0].degrees

    def elevation_deg(self, t_s: float) -> float:
        time = self.scale.utc(START.year, START.month, START.day, 0, 0, t_s)
        return float(self._sight.at(time).altaz()[0].degrees)

    def roots(self, mask_deg: float) -> NDArray[np.float64]:
        """All AOS and LOS of the week, in order, (N,) seconds; passes shorter than the grid are found too."""
        knots = [(t, h > mask_deg) for t, h in zip(self.grid_s, self._height, strict=True)]
        inner = self._height[1:-1]
        tops = np.flatnonzero((inner > self._height[:-2]) & (inner >= self._height[2:])) + 1
        for top in tops[np.abs(self._height[tops] - mask_deg) < 3.0]:
            around = (self.grid_s[top - 1], self.grid_s[top + 1])
            best = minimize_scalar(
                lambda t: -self.elevation_deg(t), bounds=around, method="bounded", options={"xatol": 1e-4}
            )
            knots.append((float(best.x), -best.fun > mask_deg))
        knots.sort()
        return np.array(
            [
                brentq(lambda t: self.elevation_deg(t) - mask_deg, t0, t1, xtol=1e-7)
                for (t0, above0), (t1, above1) in itertools.pairwise(knots)
                if above0 != above1
            ]
        )


def skyfield_range_m(case: dict[str, Any], utc: str) -> float:
    """Range at the very time that a row names."""
    satellite = EarthSatellite(*case["tle"], None, Sight.scale)
    site = case["site"]
    place = wgs84.latlon(site["lat_deg"], site["lon_deg"], site["alt_m"])
    time = Sight.scale.from_datetime(datetime.fromisoformat(utc))
    return float((satellite - place).at(time).distance().m)


def since(start: datetime, text: str) -> float:
    """Seconds from ``start`` to a time in a row."""
    return (datetime.fromisoformat(text) - start).total_seconds()


def test_a_week_of_the_constellation_is_within_10_ms_of_skyfields_roots() -> None:
    """The real command, in a process of its own: three satellites over two stations, masks as configured."""
    path = CONFIGS / "constellation.toml"
    ended = subprocess.run(
        [*LINKEMU, "passes", str(path), "--hours", "168", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rows = json.loads(ended.stdout)
    worst_s, count = 0.0, 0
    for name, norad in SATELLITES.items():
        for station, place in STATIONS.items():
            mine = [row for row in rows if (row["satellite"], row["station"]) == (name, station)]
            assert {row["norad_id"] for row in mine} == {str(norad)}
            exact = Sight(norad, place).roots(MASK_DEG[path.name])
            ours = np.array([[since(START, row[key]) for key in ("aos", "los")] for row in mine]).ravel()
            assert ours.shape == exact.shape, (name, station)
            worst_s = max(worst_s, float(np.abs(ours - exact).max()))
            count += len(mine)
    assert count == len(rows) > 100
    assert worst_s < WITHIN_S


def test_a_week_of_the_demo_is_within_10_ms_of_skyfields_roots() -> None:
    rows = document("passes", CONFIGS / "demo.toml", "--start", "2024-05-10T00:00:00Z", "--hours", 168)
    exact = Sight(SATELLITES["iss"], STATIONS["koganei"]).roots(MASK_DEG["demo.toml"])
    ours = np.array([[since(START, row[key]) for key in ("aos", "los")] for row in rows]).ravel()
    assert ours.shape == exact.shape
    assert np.abs(ours - exact).max() < WITHIN_S


@pytest.mark.parametrize("case", GROUND_CASES, ids=case_id)
def test_each_ground_case_by_the_command_line(case: dict[str, Any], tmp_path_factory: Any) -> None:
    file = tmp_path_factory.mktemp("case") / "case.tle"
    file.write_text("\n".join(case["tle"]) + "\n")
    site, kind = case["site"], orbit_class(case)
    place = ("--lat", site["lat_deg"], "--lon", site["lon_deg"], "--alt", site["alt_m"])
    span = ("--mask", case["mask_deg"], "--start", case["t0_utc"], "--hours", case["duration_s"] / 3600)
    rows = document("passes", "--tle", file, *place, *span)
    start = datetime.fromisoformat(case["t0_utc"])
    assert len(rows) == case["n_passes"]
    for ours, theirs in zip(rows, case["passes"], strict=True):
        assert since(start, ours["aos"]) == pytest.approx(theirs["aos_s"], abs=PROMISED_S[kind])
        assert since(start, ours["los"]) == pytest.approx(theirs["los_s"], abs=PROMISED_S[kind])
        if theirs["tca_s"] is None:
            continue
        assert ours["max_elevation_deg"] == pytest.approx(theirs["max_el_deg"], abs=0.005)
        range_m = ours["range_at_tca_m"]
        assert range_m == pytest.approx(skyfield_range_m(case, ours["tca"]), abs=50.0)
        if kind in ("LEO", "MEO"):  # the others' culmination is flat: its time is ill conditioned
            assert since(start, ours["tca"]) == pytest.approx(theirs["tca_s"], abs=PROMISED_S[kind])
            assert range_m == pytest.approx(theirs["at_tca"]["range_m"], abs=50.0)
