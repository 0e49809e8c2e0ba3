"""The second judge: what a link must do at given instants, from elements, reports and plain numbers alone.

Shares no code with linkemu, and must not: it reads the scenario's figures and the report's words by itself,
asks Skyfield where things are, and has the rest from textbooks. It says what is expected, and refuses where a
textbook can't know. ``python judge.py SCENARIO`` prints it.
"""

from __future__ import annotations

import math
import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from skyfield.api import EarthSatellite, Time, load, wgs84
from skyfield.searchlib import find_discrete
from skyfield.vectorlib import VectorSum

LIGHT_KM_S = 299_792.458  # exact, SI
IP_UDP_BYTES = 28  # RFC 791, RFC 768: headers without options
IP_TCP_BYTES = 52  # RFC 9293 with the timestamps of RFC 7323, as Linux sends them
ECHO_BYTES = 84  # RFC 791, RFC 792: headers and the 56 bytes that ping(8) sends
MTU_BYTES = 1500
DOUBT_dB = 1.0  # closer to a threshold than this, a textbook's budget doesn't say
CLEAR_AIR_dB = (
    0.15  # about 1550 nm, at the zenith, visibility above 20 km; a tenth of it matters to nobody here
)
LOW_CLOUD_FT = 6500  # low cloud of water (WMO Cloud Atlas): light doesn't get through
_UNITS = {
    "s": 1.0, "us": 1e-6, "h": 3600.0, "m": 1.0, "cm": 1e-2, "nm": 1e-9, "deg": math.pi / 180, "urad": 1e-6,
    "Mbit/s": 1e6, "dB": 1.0,
}  # fmt: skip


def quantity(text: str) -> float:
    """SI (radians; dBm for power) of a scenario's "number unit"."""
    number, unit = text.split()
    if unit == "dBm":
        return float(number)
    if unit == "W":
        return 10.0 * math.log10(float(number) * 1e3)
    return float(number) * _UNITS[unit]


@dataclass(frozen=True)
class Edges:
    """Light comes back (``opens``) or goes (``closes``), in seconds of the scenario, and why."""

    opens: tuple[float, ...]
    closes: tuple[float, ...]


class Judge:
    """Of one scenario with one station and one satellite. Times are seconds of the scenario."""

    def __init__(self, scenario: Path) -> None:
        self.table: dict[str, Any] = tomllib.loads(scenario.read_text())
        self._room = scenario.parent
        (self._station,), (satellite,) = self.table["station"], self.table["satellite"]
        self._terminals = {row["id"]: row for row in self.table["terminal"]}
        self._ground, self._orbit = (self._terminals[each["terminal"]] for each in (self._station, satellite))
        self._time = load.timescale(builtin=True)
        self.start = datetime.fromisoformat(self.table["start"]).astimezone(UTC)
        self._mask_deg = math.degrees(quantity(self._station["mask"]))
        where = [math.degrees(quantity(self._station[key])) for key in ("latitude", "longitude")]
        self._site = wgs84.latlon(*where, elevation_m=quantity(self._station["altitude"]))
        self._satellite = self._elements(satellite["norad"])

    def _elements(self, number: int) -> EarthSatellite:
        lines = [
            line for name in self.table["elements"] for line in (self._room / name).read_text().splitlines()
        ]
        first = next(i for i, line in enumerate(lines) if line.startswith(f"1 {number}"))
        return EarthSatellite(lines[first], lines[first + 1], ts=self._time)

    def at(self, second: float) -> Time:
        return self._time.from_datetime(self.start + timedelta(seconds=second))

    def _up_s(self, second: float) -> float:
        """Light time of what leaves the ground now, iterated in the inertial frame."""
        return self._flight_s(second, self._site, self._satellite)

    def _down_s(self, second: float) -> float:
        return self._flight_s(second, self._satellite, self._site)

    def _flight_s(self, second: float, sender: VectorSum, receiver: VectorSum) -> float:
        begin, flight_s = sender.at(self.at(second)).position.km, 0.0
        for _ in range(4):  # v/c is 2.5e-5: each round gains nine digits in two
            end = receiver.at(self.at(second + flight_s)).position.km
            flight_s = float(np.linalg.norm(end - begin)) / LIGHT_KM_S
        return flight_s

    def round_trip_s(self, second: float) -> float:
        """Of light that leaves the ground now and is answered at once."""
        up_s = self._up_s(second)
        return up_s + self._down_s(second + up_s)

    def echo_s(self, second: float) -> float:
        """Round trip of an echo of ping(8) that begins to leave now: light, and its bits in a row."""
        spent_s = sum(8 * ECHO_BYTES / self.rate_bps(second, way) for way in ("up", "down"))
        return self.round_trip_s(second) + spent_s

    def elevation_deg(self, second: float) -> float:
        return float(self._look(second)[0])

    def range_m(self, second: float) -> float:
        return float(self._look(second)[1])

    def _look(self, second: float) -> tuple[float, float]:
        elevation, _, distance = (self._satellite - self._site).at(self.at(second)).altaz()
        return elevation.degrees, distance.m

    def passes(self) -> list[tuple[float, float]]:
        """(rise, set) over the mask of every whole pass within the scenario."""

        def above(time: Time) -> Any:
            return (self._satellite - self._site).at(time).altaz()[0].degrees > self._mask_deg

        above.step_days = 60.0 / 86400.0  # type: ignore[attr-defined]  # Skyfield asks for it there
        times, states = find_discrete(
            self.at(0), self.at(quantity(self.table["duration"])), above, epsilon=1e-9
        )
        seconds = [(moment - self.start).total_seconds() for moment in times.utc_datetime()]
        events = list(zip(seconds, states, strict=True))
        return [(rise, fall) for (rise, up), (fall, _) in pairwise(events) if up]

    def scripted(self) -> list[tuple[float, float]]:
        """(start, end) of the scenario's clouds, each shorter than a terminal holds its lock."""
        clouds = [(quantity(row["start"]), quantity(row["duration"])) for row in self.table.get("cloud", ())]
        for _, length_s in clouds:
            if length_s >= min(quantity(each["hold"]) for each in (self._ground, self._orbit)):
                raise ValueError("a cloud that costs the lock ends when the search does, and that is chance")
        return [(start_s, start_s + length_s) for start_s, length_s in clouds]

    def is_overcast(self, second: float) -> bool:
        """By the reports around: True if both are overcast with low cloud, False if both are clear.

        ValueError if they say anything between, of which nobody can know a line of sight.
        """
        if "weather" not in self._station:
            return False
        moment = self.start + timedelta(seconds=second)
        reports = sorted(self._reports())
        before = [covered for stamp, covered in reports if stamp <= moment][-1:]
        after = [covered for stamp, covered in reports if stamp > moment][:1]
        said = {*before, *after}
        if len(said) != 1 or None in said:
            raise ValueError(f"the reports around {moment} don't say whether the sky is closed")
        return said == {True}

    def _reports(self) -> list[tuple[datetime, bool | None]]:
        """When each report was made and whether the sky was closed; None for neither closed nor clear."""
        found: list[tuple[datetime, bool | None]] = []
        for line in (self._room / self._station["weather"]["metar"]).read_text().splitlines():
            if not line.startswith("METAR"):
                continue
            day, hour, minute = (int(part) for part in re.findall(r"\b(\d\d)(\d\d)(\d\d)Z\b", line)[0])
            stamp = self.start.replace(day=day, hour=hour, minute=minute, second=0)
            closed = re.search(r"\bOVC(\d{3})\b", line)
            if closed and int(closed[1]) * 100 <= LOW_CLOUD_FT:
                found.append((stamp, True))
            else:
                found.append((stamp, False if re.search(r"\bSKC\b", line) else None))
        return found

    def rate_bps(self, second: float, way: str) -> float:
        """Of a way ("up", "down") in light: the fastest mode that the received power carries with its margin.

        ValueError if the power is too close to where the modes change.
        """
        sender, receiver = (self._ground, self._orbit) if way == "up" else (self._orbit, self._ground)
        power_dBm = self.received_dBm(second, sender, receiver)
        modem = receiver.get("modem", {})
        margin_dB, step_up_dB = (
            quantity(modem.get(key, usual)) for key, usual in (("margin", "3 dB"), ("step_up", "1 dB"))
        )
        modes = [(quantity(row["rate"]), quantity(row["sensitivity"])) for row in receiver["modes"]]
        for rate_bps, sensitivity_dBm in sorted(modes, reverse=True):
            spare_dB = power_dBm - sensitivity_dBm - margin_dB
            if spare_dB > step_up_dB + DOUBT_dB / 2:
                return rate_bps
            if spare_dB > -DOUBT_dB:
                raise ValueError(f"{power_dBm:.1f} dBm is too close to where the modes change")
        raise ValueError(f"{power_dBm:.1f} dBm carries no mode")

    def received_dBm(self, second: float, sender: dict[str, Any], receiver: dict[str, Any]) -> float:
        """Far field of a Gaussian beam in a bucket: Farid & Hranilovic 2007, eq. 8, without turbulence."""
        spot_m = quantity(sender["divergence"]) * self.range_m(second)
        collected = 1.0 - math.exp(-2.0 * (quantity(receiver["aperture"]) / 2.0 / spot_m) ** 2)
        lost_dB = quantity(sender["transmit_loss"]) + quantity(receiver["receive_loss"])
        air_dB = CLEAR_AIR_dB / math.sin(math.radians(self.elevation_deg(second)))
        return quantity(sender["power"]) + 10.0 * math.log10(collected) - lost_dB - air_dB


def main() -> None:
    """Print the passes of a scenario with what is expected of their middle."""
    judge = Judge(Path(sys.argv[1]))
    for rise, fall in judge.passes():
        middle = (rise + fall) / 2
        print(f"light {rise:.4f} to {fall:.4f} s; in the middle, {middle:.1f} s:")
        print(
            f"  elevation {judge.elevation_deg(middle):.2f} deg, range {judge.range_m(middle) / 1e3:.3f} km"
        )
        print(f"  round trip {judge.round_trip_s(middle) * 1e3:.4f} ms")
        for way in ("up", "down"):
            print(f"  {way} {judge.rate_bps(middle, way) / 1e6:g} Mbit/s")


if __name__ == "__main__":
    main()
