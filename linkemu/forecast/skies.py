"""The weather of a scenario's stations: what the files tell, one sky for each.

The only place that reads weather files on behalf of a scenario. A station's fields hang on its own name and
on those of stations before it that are near, never on later ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from linkemu.errors import InputError
from linkemu.forecast.geometry import site
from linkemu.scenario.model import Scenario, Sky, Station
from linkemu.weather import metar, table, taf
from linkemu.weather.correlation import mixtures
from linkemu.weather.decode import FOG_DEPTH_m, FOG_m
from linkemu.weather.genera import Genus
from linkemu.weather.report import HIGH, LOW, MIDDLE, Deck, History, Report, seconds
from linkemu.weather.station import Weather

_GRACE_s = 2 * 3600.0  # by which reports may miss the start or the end of a scenario
_MIDDLE = (Genus.ALTOCUMULUS, Genus.ALTOSTRATUS)


def skies(scenario: Scenario, epoch: datetime) -> dict[str, Weather]:
    """The weather of each station, by id. InputError if a file of reports is wrong."""
    shared = mixtures({one.id: site(one).position_m().tolist() for one in scenario.stations})
    end = epoch + timedelta(seconds=scenario.duration_s)
    return {
        one.id: Weather(
            station=one.id,
            altitude_m=one.altitude_m,
            epoch=epoch,
            history=history(one, epoch, end, scenario.seed),
            seed=scenario.seed,
            parts=shared[one.id],
            wind_from_rad=one.sky.wind_from_rad,
        )
        for one in scenario.stations
    }


def history(station: Station, epoch: datetime, end: datetime, seed: int) -> History:
    """What the reports of a station tell from the epoch to the end."""
    sky = station.sky
    if sky.path is None:
        return History([_state(sky, station, epoch)])
    text, where = _text(sky.path), str(sky.path)
    if sky.source == "table":
        return table.read(text, where, sky.elevation_m).history(epoch, end)
    ground_m = station.altitude_m if sky.elevation_m is None else sky.elevation_m
    if sky.source == "metar":
        return metar.read(text, where, ground_m, epoch)
    return taf.read(text, where, ground_m, epoch, seed)


def warnings(scenario: Scenario, found: dict[str, Weather]) -> list[str]:
    """What a user should know about the reports, one line each."""
    lines = []
    for station in scenario.stations:
        weather = found[station.id]
        begin_s = seconds(weather.epoch)
        if not weather.history.covers(begin_s, begin_s + scenario.duration_s, _GRACE_s):
            lines.append(f"{station.id}: the reports of its weather don't reach over the scenario")
        if notes := weather.history.notes:
            more = f", and {len(notes) - 1} more" if len(notes) > 1 else ""
            lines.append(f"{station.id}: weather: {notes[0]}{more}")
    return lines


def _state(sky: Sky, station: Station, epoch: datetime) -> Report:
    """The fixed state of a scenario, as a report that holds for ever."""
    decks: list[Deck | None] = [None] * 4
    if sky.cover > 0.0:
        genus = Genus[sky.genus.upper()]
        ground_m, base_m = (station.altitude_m, None) if sky.base_m is None else (0.0, sky.base_m)
        decks[MIDDLE if genus in _MIDDLE else LOW] = Deck.of(sky.cover, genus, ground_m, base_m)
    if sky.cirrus > 0.0:
        decks[HIGH] = Deck.of(sky.cirrus, Genus.CIRRUS, 0.0)
    fog_top_m = station.altitude_m + FOG_DEPTH_m if sky.visibility_m < FOG_m else None
    return Report(
        seconds(epoch), tuple(decks), sky.visibility_m, None, sky.rain_mmph, sky.snow_mmph, fog_top_m
    )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"is not UTF-8 text (byte {error.start})") from error
