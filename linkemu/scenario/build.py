"""From the tables of a file to the objects of model.py: units are SI already, references are resolved here.

Checks that need more than one table live here too, as ``late_problems``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path

from linkemu.machine import Direction
from linkemu.scenario import model, presets, shape, terminal_shape, weather_shape
from linkemu.scenario.complaints import Problem
from linkemu.scenario.fault_shape import FaultTable

_PHOTON_JOULE_METRE = 6.62607015e-34 * 299792458.0  # h c, exact in SI (CODATA 2018)
_QUEUE_S = 0.25  # of the fastest mode: more than the bandwidth-delay product up to a GEO round trip


def late_problems(file: shape.ScenarioFile) -> list[Problem]:
    """Problems between tables of right shape: times that never come, shared doors, broken slots."""
    problems: list[Problem] = []
    starts = [
        *((f"cloud[{place}].start", cloud.start) for place, cloud in enumerate(file.cloud)),
        *((f"fault[{place}].start", fault.start or 0.0) for place, fault in enumerate(file.fault)),
        *((f"transfer[{place}].at", work.at) for place, work in enumerate(file.transfer)),
    ]
    late = f"is not before the scenario's end at {file.duration:g} s"
    problems += [(place, late) for place, start in starts if start >= file.duration]
    problems += _shared_addresses(file) + _doors_without_link(file)
    datagrams = {row.id for row in file.door if row.protocol == "udp"}
    problems += [
        (f"fault[{place}].door", f'"{row.door}" is for datagrams, which have no connections')
        for place, row in enumerate(file.fault)
        if row.kind in ("reset", "half-open") and row.door in datagrams
    ]
    if abs(file.slot * 1e9 - round(file.slot * 1e9)) > 1e-6:
        problems.append(("slot", "is not a whole number of nanoseconds"))
    return problems


def _shared_addresses(file: shape.ScenarioFile) -> list[Problem]:
    """Two doors can't listen on one address, but for one of streams and one of datagrams."""
    wanted = [
        *((f"station[{n}].http", f"station[{n}]", "tcp", row.http) for n, row in enumerate(file.station)),
        *((f"door[{n}].listen", f"door[{n}]", row.protocol, row.listen) for n, row in enumerate(file.door)),
    ]
    problems: list[Problem] = []
    first: dict[tuple[str, tuple[str, int]], str] = {}
    for place, owner, protocol, address in wanted:
        if address is None or address[1] == 0:
            continue
        before = first.setdefault((protocol, address), owner)
        if before != owner:
            problems.append((place, f"is already the door of {before}"))
    return problems


def _doors_without_link(file: shape.ScenarioFile) -> list[Problem]:
    several = {"station": len(file.station) > 1, "satellite": len(file.satellite) > 1}
    return [
        (f"door[{place}].{end}", f"is missing, as there is more than one {end}")
        for place, row in enumerate(file.door)
        for end in several
        if several[end] and getattr(row, end) is None
    ]


def scenario(
    file: shape.ScenarioFile, path: Path, text: str, preset_terminals: presets.Rows
) -> model.Scenario:
    """The scenario of a valid file."""
    terminals = _terminals(file, preset_terminals)
    return model.Scenario(
        name=file.name or _name_from(path),
        path=path,
        seed=file.seed,
        start=file.start,
        duration_s=file.duration,
        clock=model.ClockSettings(file.clock.mode, file.clock.rate or 1.0),
        slot_s=file.slot,
        elements=tuple(file.elements),
        satellites=tuple(
            model.Satellite(row.id, row.name, row.norad, terminals[row.terminal]) for row in file.satellite
        ),
        stations=tuple(
            _station(row, terminals[row.terminal], row.weather or file.weather) for row in file.station
        ),
        clouds=(
            *(model.Cloud(row.station, row.start, row.duration) for row in file.cloud),
            *(cloud for row in file.fault if row.kind == "cloud" for cloud in _clouds(row)),
        ),
        faults=tuple(_fault(row) for row in file.fault if row.kind == "blackout"),
        transfers=tuple(sorted((_transfer(row) for row in file.transfer), key=lambda work: work.at_s)),
        transfer=model.TransferSettings(file.protocol.chunk, file.protocol.frame),
        queue=_queue(file.queue, terminals.values()),
        acquisition=_acquisition(file.acquisition),
        text=text,
        turbulence=_turbulence(file.turbulence),
        doors=tuple(_door(row, file) for row in file.door),
        troubles=tuple(_trouble(row) for row in file.fault if row.kind not in ("blackout", "cloud")),
    )


def _terminals(file: shape.ScenarioFile, preset_terminals: presets.Rows) -> dict[str, model.Terminal]:
    """Those that are used, by name: the file's own, else presets."""
    own = {row.id: row for row in file.terminal}
    named = {row.terminal for row in file.station} | {row.terminal for row in file.satellite}
    tables = terminal_shape.TerminalTable
    return {
        name: terminal(own[name] if name in own else tables.model_validate(preset_terminals[name]))
        for name in named
    }


def _queue(row: shape.QueueTable, terminals: Collection[model.Terminal]) -> model.QueueSettings:
    rates = [mode.rate_bps for each in terminals for mode in each.modes]
    fastest = max([*rates, *(each.radio_bps for each in terminals)])
    return model.QueueSettings(row.size or max(2**20, round(fastest * _QUEUE_S / 8)), row.hold)


def _acquisition(row: shape.AcquisitionTable) -> model.Acquisition:
    return model.Acquisition(row.shape, row.reacquire, row.short_loss, row.coarse, row.fine, row.spin_up)


def _turbulence(row: shape.TurbulenceTable) -> model.Turbulence:
    return model.Turbulence(row.model, row.wind, row.ground, row.wander, row.precompensation)


def _door(row: shape.DoorTable, file: shape.ScenarioFile) -> model.Door:
    """A door, of the only station and satellite where it names none."""
    ends = row.station or file.station[0].id, row.satellite or file.satellite[0].id
    outage, outage_s = row.outage
    return model.Door(row.id, *ends, row.listen, row.to, row.protocol, outage, outage_s, row.uplink)


def _name_from(path: Path) -> str:
    """A name of the allowed letters, from the file's."""
    return re.sub("[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:63] or "scenario"


def terminal(row: terminal_shape.TerminalTable) -> model.Terminal:
    """A terminal with its modes sorted, fastest first."""
    modes = [_mode(mode, row.wavelength) for mode in row.modes]
    return model.Terminal(
        id=row.id,
        wavelength_m=row.wavelength,
        power_W=row.power,
        aperture_m=row.aperture,
        obscuration_m=row.obscuration,
        divergence_rad=row.divergence,
        jitter_rad=row.jitter,
        transmit_loss_dB=row.transmit_loss,
        receive_loss_dB=row.receive_loss,
        modes=tuple(sorted(modes, key=lambda mode: -mode.rate_bps)),
        slew_radps=row.slew,
        acquisition_mean_s=row.acquisition,
        hold_s=row.hold,
        sun_exclusion_rad=row.sun_exclusion,
        source=row.source,
        bias_rad=row.bias,
        truncation=row.truncation,
        front=model.Front(
            row.coupling, row.ao_bandwidth, row.ao_pitch, row.detection, row.field_of_view, row.filter
        ),
        modem=_modem(row.modem),
        radio_bps=row.radio,
        jitter_bandwidth_Hz=row.jitter_bandwidth,
    )


def _modem(row: terminal_shape.ModemTable) -> model.Modem:
    steps_dB = (row.margin, row.step_up, row.step_down)
    times_s = (row.dwell, row.report, row.filter, row.silence, row.interleaver)
    return model.Modem(row.adaptation, *steps_dB, *times_s)


def _mode(row: terminal_shape.ModeTable, wavelength_m: float) -> model.Mode:
    """Photons per bit n become n (h c / wavelength) rate watts."""
    if row.sensitivity > 0.0:
        return model.Mode(row.rate, row.sensitivity, row.slope, row.name)
    power_W = -row.sensitivity * row.rate * _PHOTON_JOULE_METRE / wavelength_m
    return model.Mode(row.rate, power_W, row.slope, row.name)


def _station(
    row: shape.StationTable, terminal: model.Terminal, weather: weather_shape.WeatherTable
) -> model.Station:
    return model.Station(
        id=row.id,
        latitude_deg=row.latitude,
        longitude_deg=row.longitude,
        altitude_m=row.altitude,
        mask_deg=row.mask,
        sun_exclusion_deg=row.sun_exclusion,
        terminal=terminal,
        http=row.http,
        sky=_sky(weather),
    )


def _sky(row: weather_shape.WeatherTable) -> model.Sky:
    paths = {"metar": row.metar, "taf": row.taf, "table": row.table}
    source = next((name for name, path in paths.items() if path is not None), "state")
    return model.Sky(
        source=source,  # type: ignore[arg-type]
        path=paths.get(source),
        elevation_m=row.elevation,
        cover=row.cloud_cover,
        genus=row.genus,
        base_m=row.base,
        cirrus=row.cirrus,
        visibility_m=row.visibility,
        rain_mmph=row.rain,
        snow_mmph=row.snow,
        wind_from_rad=row.wind_from,
    )


def _fault(row: FaultTable) -> model.Fault:
    return model.Fault(
        row.station or "",
        row.satellite or "",
        row.start or 0.0,
        row.duration or 0.0,
        None if row.direction is None else Direction(row.direction),
        row.known,
    )


def _clouds(row: FaultTable) -> list[model.Cloud]:
    """A bank of clouds: one, or ``length`` of cloud in each ``period``."""
    start_s, duration_s = row.start or 0.0, row.duration or 0.0
    if row.period is None or row.length is None:
        return [model.Cloud(row.station or "", start_s, duration_s)]
    count = math.ceil(duration_s / row.period)
    starts_s = [start_s + each * row.period for each in range(count)]
    end_s = start_s + duration_s
    return [model.Cloud(row.station or "", at_s, min(row.length, end_s - at_s)) for at_s in starts_s]


def _trouble(row: FaultTable) -> model.Trouble:
    return model.Trouble(
        kind=row.kind,
        start_s=row.start or 0.0,
        duration_s=row.duration,
        station=row.station,
        satellite=row.satellite,
        direction=None if row.direction is None else Direction(row.direction),
        node=row.node,
        door=row.door,
        every=row.every,
        share=row.share,
        of=row.of or "slots",
        rate_bps=row.rate,
        delay_s=row.delay,
        added_s=row.added,
        late_s=row.late,
        period_s=row.period,
        length_s=row.length,
        depth_dB=row.depth,
        shift_s=row.shift,
        drift_ppm=row.drift_ppm,
        count=row.count,
    )


def _transfer(row: shape.TransferTable) -> model.Transfer:
    name = row.name if row.name is not None else row.file.name
    return model.Transfer(
        row.at, row.station, row.satellite, row.action, row.file, row.size, name, row.priority
    )
