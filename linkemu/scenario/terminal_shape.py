"""The shape of a terminal, in a scenario or a preset: its keys with type, unit, range and default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from linkemu.scenario.quantities import (
    Diameter,
    Divergence,
    Exclusion,
    Filter,
    Frequency,
    Identifier,
    Jitter,
    Loss,
    Obscuration,
    Power,
    Rate,
    Sensitivity,
    SlewRate,
    Span,
    Table,
    Time,
    Wavelength,
    wrong,
)


class ModeTable(Table):
    rate: Rate
    sensitivity: Sensitivity
    name: str = ""
    slope: Loss = 0.3

    @model_validator(mode="after")
    def _curve_has_a_slope(self) -> ModeTable:
        if self.slope <= 0.0:
            raise wrong("the slope of the error curve is not above 0 dB")
        return self


class ModemTable(Table):
    adaptation: Literal["fixed", "variable", "adaptive"] = "variable"
    margin: Loss = 3.0
    step_up: Loss = 1.0
    step_down: Loss = 0.5
    dwell: Time = 1.0
    report: Span = 0.1
    filter: Time = 0.5
    silence: Span = 1.0
    interleaver: Time = 0.0


class TerminalTable(Table):
    id: Identifier
    preset: Identifier | None = None
    wavelength: Wavelength
    power: Power
    aperture: Diameter
    obscuration: Obscuration = 0.0
    divergence: Divergence
    jitter: Jitter
    jitter_bandwidth: Frequency = 20.0
    transmit_loss: Loss
    receive_loss: Loss
    bias: Jitter = 0.0
    truncation: float = Field(default=0.0, ge=0.0, le=5.0)
    coupling: Literal["detector", "fibre", "tip-tilt", "adaptive"] = "detector"
    ao_bandwidth: Frequency = 100.0
    ao_pitch: Diameter = 0.05
    detection: Literal["direct", "coherent"] = "direct"
    field_of_view: Divergence = 1e-4
    filter: Filter = 1e-9
    modes: list[ModeTable] = Field(max_length=64)
    modem: ModemTable = ModemTable()
    radio: Rate = 0
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
