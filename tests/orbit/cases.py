"""What the tests of linkemu.orbit share: the cases of Orekit, and orbits made to measure."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linkemu.orbit import elements, tle
from linkemu.orbit.element_set import Elements
from linkemu.orbit.frames import EarthOrientation
from linkemu.orbit.site import Site

ROOT = Path(__file__).parents[2]
STATIONS_TLE = ROOT / "configs" / "elements" / "stations_2024-05-09.tle"
_CASES = json.loads((ROOT / "tests" / "reference" / "geometry_cases.json").read_text(encoding="utf-8"))
GROUND_CASES = [case for case in _CASES["cases"] if case["kind"] == "ground_pass"]
ISL_CASES = [case for case in _CASES["cases"] if case["kind"] == "isl"]
PUBLISHED = {case["id"]: case for case in _CASES["published"]}
KOGANEI = (35.7068, 139.4885, 128.0)  # IGS KGN0
EPOCH = datetime(2024, 5, 9, tzinfo=UTC)


def case_id(case: dict[str, Any]) -> str:
    return str(case["id"])


def orbit_class(case: dict[str, Any]) -> str:
    return str(case["orbit_class"]).partition("-")[0]


def case_elements(lines: list[str]) -> Elements:
    return tle.parse("\n".join(lines), "case")[0]


def case_site(case: dict[str, Any]) -> Site:
    site = case["site"]
    return Site(site.get("id", "site"), site["lat_deg"], site["lon_deg"], site["alt_m"], case["mask_deg"])


def case_epoch(case: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(case["t0_utc"])


def case_orientation(case: dict[str, Any]) -> EarthOrientation:
    eop = case["eop"]
    return EarthOrientation.measured(
        (eop["ut1_minus_utc_s"], eop["ut1_minus_utc_end_s"]),
        case["duration_s"],
        (eop["xp_arcsec"], eop["yp_arcsec"]),
    )


def message(number: int, mean_motion: float, **fields: float) -> dict[str, Any]:
    """An OMM for an orbit made to measure, circular and equatorial unless ``fields`` say otherwise."""
    return {
        "OBJECT_NAME": f"MADE {number}",
        "NORAD_CAT_ID": number,
        "EPOCH": "2024-05-09T00:00:00",
        "MEAN_MOTION": mean_motion,
        "ECCENTRICITY": 0.0,
        "INCLINATION": 0.0,
        "RA_OF_ASC_NODE": 0.0,
        "ARG_OF_PERICENTER": 0.0,
        "MEAN_ANOMALY": 0.0,
        "BSTAR": 0.0,
        "MEAN_MOTION_DOT": 0.0,
        "MEAN_MOTION_DDOT": 0.0,
        **fields,
    }


def made(messages: list[dict[str, Any]]) -> list[Elements]:
    return elements.parse(json.dumps(messages), "made")


def mean_motion(altitude_km: float) -> float:
    """Revolutions a day of a circular orbit (two bodies)."""
    return 86400.0 / math.tau / math.sqrt((6378.137 + altitude_km) ** 3 / 398600.8)
