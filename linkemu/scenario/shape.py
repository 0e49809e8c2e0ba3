"""The shape of a scenario file: its tables and keys, each with type, unit, range and default.

Pydantic models of what stands in the TOML, and nothing else: they never leave this package. References
between tables are checked in references.py, and build.py turns these tables into model.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
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
    folder: Path = (info.context or {}).get("folder", Path())
    path = folder / value
    try:
        found = path.is_file()
    except (OSError, ValueError) as error:
        raise wrong(f'"{value[:80]}" cannot be a path') from error
    if not found:
        raise wrong(f'no file "{path}" (a path is relative to the scenario)')
    return path


def _address(value: object) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise wrong('expected an address and a port such as "127.0.0.1:8080"')
    return match[1] or match[2], int(match[3])


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
Start = Annotated[Any, BeforeValidator(_start)]
Norad = Annotated[str, BeforeValidator(_number_of_catalogue)]


class Table(BaseModel):
    """A table of the file: no unknown keys, no conversions behind the user's back."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ClockTable(Table):
    mode: Literal["real", "scaled", "virtual"] = "real"
    rate: float | None = Field(default=None, gt=0.0, le=1000.0)

    @model_validator(mode="after")
    def _rate_is_for_scaled(self) -> ClockTable:
        if (self.rate is not None) != (self.mode == "scaled"):
            raise wrong('a rate goes with mode = "scaled", and only with it')
        return self


class ModeTable(Table):
    rate: Rate
    sensitivity: Sensitivity


class TerminalTable(Table):
    id: Identifier
    preset: Identifier | None = None
    wavelength: Wavelength
    power: Power
    aperture: Diameter
    obscuration: Obscuration = 0.0
    divergence: Divergence
    jitter: Jitter
    transmit_loss: Loss
    receive_loss: Loss
    modes: list[ModeTable] = Field(min_length=1, max_length=64)
    slew: SlewRate
    acquisition: Time
    hold: Span = 1.0
    sun_exclusion: Exclusion
    source: str = "the scenario"
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _mirror_has_light(self) -> TerminalTable:
        if self.obscuration >= self.aperture:
            raise wrong("the obscuration is as wide as the aperture")
        return self


class SatelliteTable(Table):
    id: Identifier
    name: str | None = None
    norad: Norad | None = None
    terminal: Identifier

    @model_validator(mode="after")
    def _is_chosen_once(self) -> SatelliteTable:
        if (self.name is None) == (self.norad is None):
            raise wrong('expected either name = "ISS (ZARYA)" or norad = 25544')
        return self


class StationTable(Table):
    id: Identifier
    preset: Identifier | None = None
    latitude: Latitude
    longitude: Longitude
    altitude: Altitude
    mask: Elevation = 20.0
    sun_exclusion: ExclusionDegrees = 10.0
    terminal: Identifier
    http: Address = None
    source: str = "the scenario"


class CloudTable(Table):
    station: Identifier
    start: Time
    duration: Span


class FaultTable(Table):
    station: Identifier
    satellite: Identifier
    start: Time
    duration: Span
    direction: Literal["up", "down"] | None = None
    known: bool = False


class TransferTable(Table):
    at: Time = 0.0
    station: Identifier
    satellite: Identifier
    action: Literal["put", "get"]
    file: ExistingFile = None
    size: Size | None = None
    name: FileName | None = None
    priority: int = Field(default=0, ge=0, le=255)

    @model_validator(mode="after")
    def _has_something_to_move(self) -> TransferTable:
        if self.action == "get" and (self.file is not None or self.size is not None):
            raise wrong("a get takes a name, neither file nor size")
        if self.action == "put" and (self.file is None) == (self.size is None):
            raise wrong('a put takes either file = "path" or size = "64 MiB"')
        if self.name is None and self.file is None:
            raise wrong("name is missing")
        return self


class ProtocolTable(Table):
    chunk: Chunk = 2**20
    frame: Frame = 60 * 2**10

    @model_validator(mode="after")
    def _chunk_holds_frames(self) -> ProtocolTable:
        if self.chunk < self.frame:
            raise wrong("a chunk is not smaller than a frame")
        return self


class QueueTable(Table):
    size: Queue | None = None
    hold: Span = 10.0


class AcquisitionTable(Table):
    shape: float = Field(default=2.0, ge=0.5, le=100.0)
    reacquire: Time = 2.0
    short_loss: Time = 30.0


class WeatherTable(Table):
    cloud_cover: float = Field(default=0.0, ge=0.0, le=1.0)
    correlation: Span = 1200.0


class ScenarioFile(Table):
    """The whole file; arrays of tables carry the singular, as [[station]] reads."""

    name: Identifier | None = None
    seed: int = Field(default=1, ge=0, lt=2**63)
    start: Start
    duration: Span
    slot: Slot = 1e-3
    elements: list[ExistingFile] = Field(min_length=1)
    clock: ClockTable = ClockTable()
    terminal: list[TerminalTable] = Field(default_factory=list)
    satellite: list[SatelliteTable] = Field(min_length=1)
    station: list[StationTable] = Field(min_length=1)
    cloud: list[CloudTable] = Field(default_factory=list)
    fault: list[FaultTable] = Field(default_factory=list)
    transfer: list[TransferTable] = Field(default_factory=list)
    protocol: ProtocolTable = ProtocolTable()
    queue: QueueTable = QueueTable()
    acquisition: AcquisitionTable = AcquisitionTable()
    weather: WeatherTable = WeatherTable()
