"""The compiled sky: per link and direction, what light can do at every moment of the scenario.

Only arrays live here, their invariants, and how they enter a file (docs/timeline-format.md). No physics: a
timeline loads and plays where neither skyfield nor scipy is installed. The forecast writes them, the channel
plays them, linkemu.link.outages answers questions about them.

Times are integer nanoseconds since the scenario's start. Rates belong to the *sending* terminal's time.
Slots belong to the moment at which light crosses the atmosphere over the ground end, in both directions:
uplink crossing = leaving, downlink crossing = arriving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu import wholefile
from linkemu.errors import TimelineError
from linkemu.link import skyfile
from linkemu.link.cause import PLANNED as PLANNED
from linkemu.link.cause import Cause as Cause
from linkemu.link.invariants import ARRAYS, DELAY_TERMS
from linkemu.link.invariants import check as check
from linkemu.machine import Direction


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

    @property
    def end_ns(self) -> int:
        """End of the scenario."""
        return int(self.edge_ns[-1])


@dataclass(frozen=True, slots=True)
class LinkName:
    """A link is a pair of terminals; its number is its place in ``Sky.links``."""

    station: str
    satellite: str


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """All timelines of a scenario: the truth, which only the emulator holds.

    They stand in the order of their links, up before down, whoever made them: what plays a sky goes through
    them in this order, and a sky from a file must play as the one that was saved.
    """

    header: Mapping[str, object]  # scenario, seed, versions, slot length, epoch (docs/timeline-format.md)
    links: tuple[LinkName, ...]
    timelines: Mapping[tuple[int, Direction], LinkTimeline] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = sorted(self.timelines.items(), key=lambda item: (item[0][0], item[0][1] is Direction.DOWN))
        object.__setattr__(self, "timelines", dict(ordered))

    @classmethod
    def of(cls, *timelines: LinkTimeline, header: Mapping[str, object] | None = None) -> Sky:
        """A sky of these timelines; links are numbered in the order in which they first come."""
        links = tuple(dict.fromkeys(LinkName(each.station, each.satellite) for each in timelines))
        numbers = {link: number for number, link in enumerate(links)}
        byname = {
            (numbers[LinkName(each.station, each.satellite)], each.direction): each for each in timelines
        }
        return cls(header or {}, links, byname)

    def digest(self) -> str:
        """blake2b-256 over all that light does, hexadecimal; of the header ``schedule`` has a part in it."""
        description, arrays = _describe(self)
        scheduled = {"schedule": self.header["schedule"]} if "schedule" in self.header else {}
        return skyfile.digest({**description, **scheduled}, arrays)

    def save(self, path: Path) -> None:
        """Write the file, after the same checks that ``load`` makes; the same sky gives the same bytes.

        A file that was there is replaced whole, or stays as it is (ResourceError).
        """
        for timeline in self.timelines.values():
            check(timeline)
        description, arrays = _describe(self)
        header = {"sky": dict(self.header), **description, "digest": self.digest()}
        wholefile.put(path, skyfile.pack(header, arrays))

    @classmethod
    def load(cls, path: Path) -> Sky:
        """Read a file and check all of it: digest, types, shapes and the invariants of each timeline.

        Raises:
            TimelineError: in one line, what is wrong with the file.
        """
        header, arrays = skyfile.unpack(path)
        try:
            sky = _compose(header, arrays)
            for timeline in sky.timelines.values():
                check(timeline)
        except TimelineError as error:
            raise TimelineError(f"{path}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TimelineError(f"{path}: header or arrays are incomplete ({error!r})") from error
        if header["digest"] != sky.digest():
            raise TimelineError(f"{path}: the arrays are not those whose digest the header states")
        return sky


def _describe(sky: Sky) -> tuple[dict[str, object], dict[str, NDArray[Any]]]:
    """Links and scalars as a JSON document, and all arrays by their names in the file."""
    rows: list[dict[str, object]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for number, direction in sorted(sky.timelines, key=lambda key: (key[0], key[1].value)):
        timeline = sky.timelines[number, direction]
        row = {"link": number, "direction": direction.value}
        rows.append({**row, "slot_ns": timeline.slot_ns, "delay_length_ns": timeline.delay_length_ns})
        for name, dtype, _ in ARRAYS:
            array = getattr(timeline, name)
            arrays[f"{number}/{direction.value}/{name}"] = array.astype(
                dtype, casting="same_kind", copy=False
            )
    links = [[link.station, link.satellite] for link in sky.links]
    return {"links": links, "timelines": rows}, arrays


def _compose(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Sky:
    links = tuple(LinkName(str(station), str(satellite)) for station, satellite in header["links"])
    timelines: dict[tuple[int, Direction], LinkTimeline] = {}
    for row in header["timelines"]:
        number, direction = row["link"], Direction(row["direction"])
        if not isinstance(number, int) or not 0 <= number < len(links):
            raise TimelineError(f"timeline of link {number!r}, but there are {len(links)} links")
        name = f"{number}/{direction.value}"
        timelines[number, direction] = LinkTimeline(
            station=links[number].station,
            satellite=links[number].satellite,
            direction=direction,
            slot_ns=row["slot_ns"],
            delay_length_ns=row["delay_length_ns"],
            **{each: arrays[f"{name}/{each}"] for each, _, _ in ARRAYS},
        )
    if len(arrays) != len(ARRAYS) * len(timelines):
        raise TimelineError("it holds arrays of no timeline")
    if not isinstance(header["sky"], dict):
        raise TimelineError("its 'sky' header is not a table")
    return Sky(header["sky"], links, timelines)


def constant(
    station: str,
    satellite: str,
    direction: Direction,
    rate_bps: int,
    delay_s: float,
    duration_s: float,
    *,
    erased: Sequence[tuple[int, int]] = (),
    dark: Sequence[tuple[float, float, Cause]] = (),
    slot_s: float = 1e-3,
) -> LinkTimeline:
    """A link of one rate and one delay, for tests and for links written by hand.

    ``erased`` holds runs (first slot, slots) of cause FADE, ``dark`` holds (start s, end s, cause) at rate 0,
    sorted and disjoint; outages whose cause a plan can foresee (PLANNED) are marked as known.
    """
    end = round(duration_s * 1e9)
    edges, rates, causes = [0], list[int](), list[Cause]()

    def until(edge_ns: int, rate: int, cause: Cause) -> None:
        if edge_ns > edges[-1]:
            edges.append(min(edge_ns, end))
            rates.append(rate)
            causes.append(cause)

    for start_s, stop_s, cause in dark:
        until(round(start_s * 1e9), rate_bps, Cause.NONE)
        until(round(stop_s * 1e9), 0, cause)
    until(end, rate_bps, Cause.NONE)
    coefficients = np.zeros((1, DELAY_TERMS))
    coefficients[0, 0] = delay_s
    runs = np.array(erased, dtype=np.int64).reshape(-1, 2)
    timeline = LinkTimeline(
        station=station,
        satellite=satellite,
        direction=direction,
        slot_ns=round(slot_s * 1e9),
        edge_ns=np.array(edges, dtype=np.int64),
        rate_bps=np.array(rates, dtype=np.int64),
        cause=np.array(causes, dtype=np.uint8),
        known=np.array([cause in PLANNED for cause in causes], dtype=np.bool_),
        delay_start_ns=np.zeros(1, dtype=np.int64),
        delay_length_ns=end + 10**10,
        delay_s=coefficients,
        erased_slot=runs[:, 0].copy(),
        erased_count=runs[:, 1].copy(),
        erased_cause=np.full(len(runs), Cause.FADE, dtype=np.uint8),
        **no_samples(),
    )
    check(timeline)
    return timeline


def no_samples() -> dict[str, Any]:
    """The sample arrays of a timeline without any, as keyword arguments of LinkTimeline."""
    return {name: np.zeros(0, dtype=dtype) for name, dtype, axis in ARRAYS if axis == "samples"}
