"""What a scenario is, once it has been read: frozen objects in SI units, valid by construction.

Nothing here reads TOML or checks anything: linkemu.scenario.door does, once. Angles that describe a place
are in degrees, all others in radians; times are seconds since the scenario's start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from linkemu.machine import Direction

NEXT_PASS: Literal["next-pass"] = "next-pass"


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """How scenario time goes: with the wall clock, ``rate`` times as fast, or from event to event."""

    mode: Literal["real", "scaled", "virtual"]
    rate: float  # scenario seconds in a wall second; 1.0 unless scaled


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to receive: the rate, and the mean power at the detector or fibre that it needs."""

    rate_bps: int
    sensitivity_W: float
    slope_dB: float = 0.3  # of the codeword error curve
    name: str = ""  # modulation and code, for people


@dataclass(frozen=True, slots=True)
class Modem:
    """How a receiving terminal's modes are chosen; with "adaptive" it reports what it measures."""

    adaptation: Literal["fixed", "variable", "adaptive"] = "variable"
    margin_dB: float = 3.0
    step_up_dB: float = 1.0
    step_down_dB: float = 0.5
    dwell_s: float = 1.0
    report_s: float = 0.1
    filter_s: float = 0.5
    silence_s: float = 1.0
    interleaver_s: float = 0.0  # codewords average linear power over it, and come so much later


@dataclass(frozen=True, slots=True)
class Front:
    """What lies between a telescope and its receiver, and what else shines in."""

    coupling: Literal["detector", "fibre", "tip-tilt", "adaptive"] = "detector"
    ao_bandwidth_Hz: float = 100.0  # of adaptive optics, closed loop
    ao_pitch_m: float = 0.05  # between its actuators, as seen in the pupil
    detection: Literal["direct", "coherent"] = "direct"
    field_of_view_rad: float = 1e-4  # full angle
    filter_m: float = 1e-9  # width of the filter in wavelength


@dataclass(frozen=True, slots=True)
class Terminal:
    """An optical terminal. ``modes`` are used to receive, fastest first; the peer's are used to transmit.

    Without modes it receives no data by light; with ``radio_bps`` it gets them by radio, which knows no
    clouds.
    """

    id: str
    wavelength_m: float  # of the transmitter
    power_W: float
    aperture_m: float  # diameter
    obscuration_m: float  # diameter of the central obscuration, 0 without
    divergence_rad: float  # 1/e^2 half-angle of the transmitted beam
    jitter_rad: float  # residual pointing error, standard deviation per axis
    transmit_loss_dB: float
    receive_loss_dB: float
    modes: tuple[Mode, ...]
    slew_radps: float
    acquisition_mean_s: float
    hold_s: float  # darkness that the tracking survives before it counts as loss of lock
    sun_exclusion_rad: float
    source: str  # where the figures come from
    bias_rad: float = 0.0  # static pointing error of the transmitted beam, radial
    truncation: float = 0.0  # aperture radius over the beam's there; 0: the edge clips nothing
    front: Front = Front()
    modem: Modem = Modem()
    radio_bps: int = 0
    jitter_bandwidth_Hz: float = 20.0  # of the residual pointing error


@dataclass(frozen=True, slots=True)
class Satellite:
    """A satellite, chosen from the element files by ``name`` or ``norad`` (exactly one is given)."""

    id: str
    name: str | None
    norad: str | None  # text: catalogue numbers may be alpha-5 or longer than five digits
    terminal: Terminal


@dataclass(frozen=True, slots=True)
class Sky:
    """The weather over a station: a fixed state, or reports in the file ``path``, by what ``source`` says.

    With reports only ``elevation_m`` and ``wind_from_rad`` count besides.
    """

    source: Literal["state", "metar", "taf", "table"] = "state"
    path: Path | None = None
    elevation_m: float | None = None  # of the place that reports, above sea level; None: the table tells it
    cover: float = 0.0  # of water cloud
    genus: str = "stratocumulus"  # of it
    base_m: float | None = None  # of it above sea level, None: usual for its genus above the station
    cirrus: float = 0.0  # cover of ice cloud, which dims
    visibility_m: float = 23_000.0
    rain_mmph: float = 0.0
    snow_mmph: float = 0.0  # as water
    wind_from_rad: float = math.radians(270.0)  # along which all clouds drift


@dataclass(frozen=True, slots=True)
class Station:
    """An optical ground station; ``http`` is where its door listens (port 0: any free one)."""

    id: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float  # above the WGS84 ellipsoid
    mask_deg: float
    sun_exclusion_deg: float
    terminal: Terminal
    http: tuple[str, int] | None
    sky: Sky = Sky()


@dataclass(frozen=True, slots=True)
class Cloud:
    """A scripted cloud over a station: every line of sight is blocked."""

    station: str
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A scripted fault of a link. ``known`` faults stand in the plan; ``direction`` None means both."""

    station: str
    satellite: str
    start_s: float
    duration_s: float
    direction: Direction | None
    known: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """A scripted fault of another kind than darkness (docs/faults.md); None: its kind has no such figure.

    One of a link has station and satellite (``direction`` None: both), one of a node ``node``, one of a door
    ``door``. ``duration_s`` None: to the end; of a killed node: it comes back at once.
    """

    kind: str
    start_s: float
    duration_s: float | None
    station: str | None = None
    satellite: str | None = None
    direction: Direction | None = None
    node: str | None = None
    door: str | None = None
    every: int | None = None
    share: float | None = None
    of: Literal["slots", "datagrams"] = "slots"
    rate_bps: int | None = None
    delay_s: float | None = None
    added_s: float | None = None
    late_s: float | None = None
    period_s: float | None = None
    length_s: float | None = None
    depth_dB: float | None = None
    shift_s: float | None = None
    drift_ppm: float | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Scripted work: at ``at_s`` the station is asked to put or get ``name``.

    A put has either ``file`` or ``size_bytes`` (synthetic bytes drawn from the seed and the name); a get has
    neither.
    """

    at_s: float
    station: str
    satellite: str
    action: Literal["put", "get"]
    file: Path | None
    size_bytes: int | None
    name: str
    priority: int  # 0 first


@dataclass(frozen=True, slots=True)
class Door:
    """A door for clients that know nothing of us, over one link (docs/proxy.md)."""

    id: str
    station: str
    satellite: str
    listen: tuple[str, int]  # port 0: any free one
    to: tuple[str, int]
    protocol: Literal["tcp", "udp"]
    outage: Literal["hold", "arq", "reset", "refuse", "half-open"]
    patience_s: float  # of reset
    uplink: Literal["client", "server"]  # who is on the ground


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Sizes of the transfer protocol."""

    chunk_bytes: int
    frame_bytes: int  # the largest frame, header included; slow links take smaller ones


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The queue before each transmitter; when full, the newest datagram is dropped."""

    size_bytes: int
    hold_s: float  # a datagram that has waited this long is dropped


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a scan for the peer goes, over all terminals: gamma distributed in time."""

    shape: float  # of the gamma distribution whose mean is the terminal's acquisition_mean_s
    reacquire_s: float  # after a loss of lock shorter than ``short_loss_s``
    short_loss_s: float
    coarse_s: float = 2.0  # of it, at its end, on the wide sensor
    fine_s: float = 1.0  # and last of all in the field of the fast mirror
    spin_up_s: float = 1.0  # in which a mount on the ground reaches its full rate


@dataclass(frozen=True, slots=True)
class Turbulence:
    """The turbulence over every station: its profile, and what is done about the wander of uplinks."""

    model: Literal["hufnagel-valley", "slc"] = "hufnagel-valley"
    wind_mps: float = 21.0  # rms wind aloft
    ground: float = 1.7e-14  # Cn2 at the ground by day, m^(-2/3); Hufnagel-Valley only
    wander: Literal["andrews", "belmonte"] = "andrews"
    precompensation: bool = False  # uplinks are steered by the tilt of the downlink


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything a run is given. ``text`` is the TOML file as read, kept for records."""

    name: str
    path: Path
    seed: int
    start: datetime | Literal["next-pass"]  # aware, UTC
    duration_s: float
    clock: ClockSettings
    slot_s: float
    elements: tuple[Path, ...]
    satellites: tuple[Satellite, ...]
    stations: tuple[Station, ...]
    clouds: tuple[Cloud, ...]
    faults: tuple[Fault, ...]
    transfers: tuple[Transfer, ...]
    transfer: TransferSettings
    queue: QueueSettings
    acquisition: Acquisition
    text: str
    turbulence: Turbulence = Turbulence()
    doors: tuple[Door, ...] = ()
    troubles: tuple[Trouble, ...] = ()
