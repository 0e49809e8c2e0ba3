"""The compiled sky: per link and direction, what light can do at every moment of the scenario.

Only arrays live here, and the file that holds them (docs/timeline-format.md). No physics: a timeline loads
and plays where neither skyfield nor scipy is installed. The forecast writes them, the channel plays them.

Times are integer nanoseconds since the scenario's start. Rates belong to the *sending* terminal's time.
Slots belong to the moment at which light crosses the atmosphere over the ground end, in both directions:
uplink crossing = leaving, downlink crossing = arriving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from linkemu.machine import Direction


class Cause(IntEnum):
    """Why a link carries nothing: of a segment at rate 0, or of a run of erased slots."""

    NONE = 0
    BELOW_MASK = 1
    UNASSIGNED = 2  # in view, but a terminal is planned to point elsewhere
    SLEWING = 3
    ACQUIRING = 4
    SUN = 5
    CLOUD = 6
    FADE = 7
    FAULT = 8
    MARGIN = 9  # in view and tracked, but no mode closes


@dataclass(frozen=True, slots=True, eq=False)
class LinkTimeline:
    """One direction of one link. n segments of rate, m of delay, r runs of erased slots, k samples."""

    station: str
    satellite: str
    direction: Direction
    slot_ns: int
    edge_ns: NDArray[np.int64]  # (n+1,) from 0 to the scenario's end, strictly increasing
    rate_bps: NDArray[np.int64]  # (n,) 0: the modem holds
    cause: NDArray[np.uint8]  # (n,) Cause of rate 0, NONE where rate > 0
    known: NDArray[np.bool_]  # (n,) the outage stands in the plan (known in advance)
    delay_start_ns: NDArray[np.int64]  # (m,) segments of equal length, sorted, gaps between contacts
    delay_length_ns: int
    delay_s: NDArray[np.float64]  # (m, 8) one-way light time = sum of c_k u^k, u = (t - start) / length
    erased_slot: NDArray[np.int64]  # (r,) first slot of each run, sorted, runs disjoint
    erased_count: NDArray[np.int64]  # (r,) slots in the run
    erased_cause: NDArray[np.uint8]  # (r,)
    sample_ns: NDArray[np.int64]  # (k,) contacts only, about 1 a second: for displays, never for the channel
    elevation_deg: NDArray[np.float32]  # (k,)
    azimuth_deg: NDArray[np.float32]  # (k,)
    range_m: NDArray[np.float64]  # (k,)
    range_rate_mps: NDArray[np.float64]  # (k,)
    power_dBm: NDArray[np.float32]  # (k,) mean received power at the receiving end
    margin_dB: NDArray[np.float32]  # (k,) over the mode in use, nan where none


@dataclass(frozen=True, slots=True)
class LinkName:
    """A link is a pair of terminals; its number is its place in ``Sky.links``."""

    station: str
    satellite: str


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """All timelines of a scenario: the truth, which only the emulator holds."""

    header: Mapping[str, object]  # scenario, seed, versions, slot length, epoch (docs/timeline-format.md)
    links: tuple[LinkName, ...]
    timelines: Mapping[tuple[int, Direction], LinkTimeline]
