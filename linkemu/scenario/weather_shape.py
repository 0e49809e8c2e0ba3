"""The shape of the weather in a scenario: a fixed state, or a file of reports; for all stations or one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from linkemu.scenario.quantities import (
    Altitude,
    Bearing,
    ExistingFile,
    Precipitation,
    Sight,
    Table,
    wrong,
)

Genus = Literal["cumulus", "stratocumulus", "stratus", "cumulonimbus", "altocumulus", "altostratus"]
REPORTS = ("metar", "taf", "table")
_STATE = ("cloud_cover", "genus", "base", "cirrus", "visibility", "rain", "snow")


class WeatherTable(Table):
    cloud_cover: float = Field(default=0.0, ge=0.0, le=1.0)
    genus: Genus = "stratocumulus"
    base: Altitude | None = None
    cirrus: float = Field(default=0.0, ge=0.0, le=1.0)
    visibility: Sight = 23_000.0
    rain: Precipitation = 0.0
    snow: Precipitation = 0.0
    wind_from: Bearing = 4.71238898038469
    metar: ExistingFile = None
    taf: ExistingFile = None
    table: ExistingFile = None
    elevation: Altitude | None = None

    @model_validator(mode="after")
    def _is_one_weather(self) -> WeatherTable:
        given = [name for name in REPORTS if getattr(self, name) is not None]
        if len(given) > 1:
            raise wrong(f"expected one of {', '.join(REPORTS)}, not {' and '.join(given)}")
        state = [name for name in _STATE if name in self.model_fields_set]
        if given and state:
            raise wrong(f"{', '.join(state)}: comes from the {given[0]}")
        if given in (["metar"], ["taf"]) and self.elevation is None:
            raise wrong("elevation is missing: heights of cloud are above the aerodrome that reports")
        if not given and self.elevation is not None:
            raise wrong(f"elevation goes with one of {', '.join(REPORTS)}")
        return self
