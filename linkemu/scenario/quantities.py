"""The values of a scenario file: quantities with their units, ids, names, paths, addresses and times.

Each type reads one value as TOML gives it and says in our words what is wrong with it. The tables that are
made of them stand in shape.py and terminal_shape.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo
from pydantic.annotated_handlers import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from linkemu import units
from linkemu.errors import UnitError
from linkemu.scenario.model import NEXT_PASS


def wrong(problem: str) -> PydanticCustomError:
    """The error of a value, in our own words."""
    return PydanticCustomError("wrong", "{problem}", {"problem": problem})


@dataclass(frozen=True, slots=True)
class Quantity:
    """Marks a field that is written as a number with its unit; ``low`` and ``high`` are quantities too."""

    read: Callable[[str], float]
    expectation: str
    low: str | None = None
    high: str | None = None

    def check(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise wrong(f"{value:.6g} has no unit, expected {self.expectation}")
        if not isinstance(value, str):
            raise wrong(f"expected {self.expectation}")
        try:
            number = self.read(value)
        except UnitError as error:
            raise wrong(error.problem) from error
        if self.low is not None and number < self.read(self.low):
            raise wrong(f'"{value.strip()}" is below {self.low}')
        if self.high is not None and number > self.read(self.high):
            raise wrong(f'"{value.strip()}" is above {self.high}')
        return number

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))


def _sensitivity(text: str) -> float:
    """Power in watts, or photons per bit as a negative number: the rate stands in the same table."""
    if "photon" in text:
        photons = units.photons_per_bit(text)
        if photons <= 0.0:
            raise UnitError("sensitivity", f'"{text}" is not above zero')
        return -photons
    return units.power_W(text)


def _of(read: Callable[[str], float], dimension: units.Dimension, low: str, high: str) -> Quantity:
    return Quantity(read, dimension.expectation, low, high)


# At most 60 s of light time and a year of scenario; the bounds only catch slips of the pen.
Time = Annotated[float, _of(units.duration_s, units.DURATION, "0 s", "366 d")]
Span = Annotated[float, _of(units.duration_s, units.DURATION, "1 us", "366 d")]
Shift = Annotated[float, _of(units.duration_s, units.DURATION, "-30 d", "30 d")]
Delay = Annotated[float, _of(units.duration_s, units.DURATION, "0 s", "1 h")]
Slot = Annotated[float, _of(units.duration_s, units.DURATION, "10 us", "1 s")]
Latitude = Annotated[float, _of(units.angle_deg, units.DEGREES, "-90 deg", "90 deg")]
Longitude = Annotated[float, _of(units.angle_deg, units.DEGREES, "-180 deg", "360 deg")]
Elevation = Annotated[float, _of(units.angle_deg, units.DEGREES, "0 deg", "89 deg")]
Exclusion = Annotated[float, _of(units.angle_rad, units.DEGREES, "0 deg", "180 deg")]
ExclusionDegrees = Annotated[float, _of(units.angle_deg, units.DEGREES, "0 deg", "180 deg")]
Altitude = Annotated[float, Quantity(units.length_m, 'a length such as "128 m"', "-500 m", "9000 m")]
Wavelength = Annotated[float, _of(units.length_m, units.LENGTH, "400 nm", "12 um")]
Diameter = Annotated[float, Quantity(units.length_m, 'a length such as "60 cm"', "1 mm", "40 m")]
Obscuration = Annotated[float, Quantity(units.length_m, 'a length such as "15 cm"', "0 m", "40 m")]
Power = Annotated[float, _of(units.power_W, units.POWER, "1 uW", "100 kW")]
Divergence = Annotated[float, _of(units.angle_rad, units.ANGLE, "0.1 urad", "100 mrad")]
Jitter = Annotated[float, _of(units.angle_rad, units.ANGLE, "0 urad", "10 mrad")]
SlewRate = Annotated[float, _of(units.angular_rate_radps, units.ANGULAR_RATE, "0.01 deg/s", "360 deg/s")]
Wind = Annotated[float, _of(units.speed_mps, units.SPEED, "1 m/s", "120 m/s")]
Bearing = Annotated[float, _of(units.angle_rad, units.DEGREES, "0 deg", "360 deg")]
Sight = Annotated[float, Quantity(units.length_m, 'a length such as "10 km"', "20 m", "400 km")]
Precipitation = Annotated[float, _of(units.precipitation_mmph, units.PRECIPITATION, "0 mm/h", "500 mm/h")]
Frequency = Annotated[float, _of(units.frequency_Hz, units.FREQUENCY, "0.1 Hz", "1 MHz")]
Filter = Annotated[float, Quantity(units.length_m, 'a length such as "1 nm"', "1 pm", "10 um")]
Loss = Annotated[float, _of(units.loss_dB, units.LOSS, "0 dB", "60 dB")]
Rate = Annotated[int, _of(units.rate_bps, units.RATE, "1 kbit/s", "10 Tbit/s")]
Sensitivity = Annotated[
    float, Quantity(_sensitivity, 'a power such as "-45 dBm" or a number of photons such as "60 photons/bit"')
]
Chunk = Annotated[int, Quantity(units.size_bytes, 'an amount of data such as "1 MiB"', "4 KiB", "64 MiB")]
Frame = Annotated[int, Quantity(units.size_bytes, 'an amount of data such as "32 KiB"', "512 B", "60 KiB")]
Queue = Annotated[int, Quantity(units.size_bytes, 'an amount of data such as "32 MiB"', "64 KiB", "64 GiB")]
Size = Annotated[int, Quantity(units.size_bytes, units.SIZE.expectation, "0 B", "100 TB")]

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_FILE_NAME = re.compile(r"[^\x00-\x1f\x7f/\\. ][^\x00-\x1f\x7f/\\]{0,199}")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")


def _identifier(value: object) -> object:
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise wrong('expected a short id of small letters, digits, ".", "_" and "-", such as "nict-koganei"')
    return value


def _file_name(value: object) -> object:
    if not isinstance(value, str) or not _FILE_NAME.fullmatch(value) or len(value.encode()) > 255:
        raise wrong('expected the name of a file without a path, such as "image.tif"')
    return value


def _existing_file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value:
        raise wrong("expected the path of a file")
    context = info.context or {}
    path = _place(value, context)
    try:
        found = path.is_file()
    except (OSError, ValueError) as error:
        raise wrong(f'"{value[:80]}" cannot be a path') from error
    if not found:
        raise wrong(f'no file "{path}" (a path is relative to the scenario)')
    context.get("found", {})[value] = path
    return path


def _place(value: str, context: dict[str, Any]) -> Path:
    """Where the file of this name lies: beside the scenario, or where somebody keeps it for us."""
    kept: Mapping[str, Path] | None = context.get("files")
    if kept is None:
        folder: Path = context.get("folder", Path())
        return folder / value
    if value not in kept:
        raise wrong(f'no file "{value[:80]}" was kept with the scenario')
    return kept[value]


def _address(value: object) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise wrong('expected an address and a port such as "127.0.0.1:8080"')
    return match[1] or match[2], int(match[3])


def _outage(value: object) -> tuple[str, float]:
    """What an outage does to the connections of a door: ("hold", 0), ("reset", seconds), …"""
    name, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon and name in ("hold", "arq", "refuse", "half-open"):
        return name, 0.0
    if name != "reset" or not colon:
        raise wrong('expected "hold", "arq", "reset:30s", "refuse" or "half-open"')
    return name, _of(units.duration_s, units.DURATION, "1 ms", "100 d").check(rest)


def _start(value: object) -> object:
    if value == NEXT_PASS:
        return NEXT_PASS
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        time = None
    if not isinstance(time, datetime):
        raise wrong(f'expected a UTC time such as "2024-05-10T18:51:00Z", or "{NEXT_PASS}"')
    if time.tzinfo is None:
        raise wrong('the time has no zone, expected UTC with a "Z" at its end')
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise wrong("the time is out of range") from error


def _number_of_catalogue(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[0-9A-Z][0-9]{0,8}", text):
        raise wrong("expected a NORAD catalogue number such as 25544")
    return text


Identifier = Annotated[str, BeforeValidator(_identifier)]
FileName = Annotated[str, BeforeValidator(_file_name)]
ExistingFile = Annotated[Any, BeforeValidator(_existing_file)]
Address = Annotated[Any, BeforeValidator(_address)]
Outage = Annotated[Any, BeforeValidator(_outage)]
Start = Annotated[Any, BeforeValidator(_start)]
Norad = Annotated[str, BeforeValidator(_number_of_catalogue)]


class Table(BaseModel):
    """A table of the file: no unknown keys, no conversions behind the user's back."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
