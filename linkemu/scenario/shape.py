"""The shape of a scenario file: its tables and keys, each with type, unit, range and default.

Pydantic models of what stands in the TOML, and nothing else: they never leave this package. References
between tables are checked in references.py, and build.py turns these tables into model.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from linkemu.scenario.fault_shape import FaultTable
from linkemu.scenario.quantities import (
    Address,
    Altitude,
    Chunk,
    Elevation,
    ExclusionDegrees,
    ExistingFile,
    FileName,
    Frame,
    Identifier,
    Latitude,
    Longitude,
    Norad,
    Outage,
    Queue,
    Size,
    Slot,
    Span,
    Start,
    Table,
    Time,
    Wind,
    wrong,
)
from linkemu.scenario.terminal_shape import TerminalTable
from linkemu.scenario.weather_shape import WeatherTable


class ClockTable(Table):
    mode: Literal["real", "scaled", "virtual"] = "real"
    rate: float | None = Field(default=None, gt=0.0, le=1000.0)

    @model_validator(mode="after")
    def _rate_is_for_scaled(self) -> ClockTable:
        if (self.rate is not None) != (self.mode == "scaled"):
            raise wrong('a rate goes with mode = "scaled", and only with it')
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
    weather: WeatherTable | None = None
    source: str = "the scenario"
    confidence: Literal["surveyed", "published", "recalled"] = "published"


class CloudTable(Table):
    station: Identifier
    start: Time
    duration: Span


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


class DoorTable(Table):
    id: Identifier
    station: Identifier | None = None
    satellite: Identifier | None = None
    listen: Address = ("127.0.0.1", 0)
    to: Address
    protocol: Literal["tcp", "udp"] = "tcp"
    outage: Outage = ("hold", 0.0)
    uplink: Literal["client", "server"] = "client"

    @model_validator(mode="after")
    def _can_be_opened(self) -> DoorTable:
        if self.protocol == "udp" and self.outage[0] != "hold":
            raise wrong("an outage has no meaning for datagrams, which are lost or held")
        if self.to[1] == 0:
            raise wrong("to needs the port of a server")
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
    coarse: Time = 2.0
    fine: Time = 1.0
    spin_up: Span = 1.0


class TurbulenceTable(Table):
    model: Literal["hufnagel-valley", "slc"] = "hufnagel-valley"
    wind: Wind = 21.0
    ground: float = Field(default=1.7e-14, ge=1e-17, le=1e-11)
    wander: Literal["andrews", "belmonte"] = "andrews"
    precompensation: bool = False


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
    door: list[DoorTable] = Field(default_factory=list)
    protocol: ProtocolTable = ProtocolTable()
    queue: QueueTable = QueueTable()
    acquisition: AcquisitionTable = AcquisitionTable()
    weather: WeatherTable = WeatherTable()
    turbulence: TurbulenceTable = TurbulenceTable()
