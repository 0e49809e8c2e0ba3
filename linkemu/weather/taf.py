"""TAF: a file of forecasts of one aerodrome to a History, with its chances drawn.

The package metar-taf-parser-mivek (MIT) reads the structure: validity, kinds of change, probabilities.
Values are read by groups.py from the same parts of the text, as the package loses units and bounds. FM
replaces everything; BECMG leads over in its window; TEMPO and PROB come in episodes of under an hour, drawn
hour by hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from metar_taf_parser.parser.parser import TAFParser

from linkemu.errors import InputError
from linkemu.rng import Stream
from linkemu.weather.decode import Place, report
from linkemu.weather.groups import Groups
from linkemu.weather.groups import read as read_groups
from linkemu.weather.moments import nearest
from linkemu.weather.report import History, Report, seconds

Kind = Literal["FM", "BECMG", "TEMPO", "PROB"]

LONGEST = 4000  # characters of a forecast
TEMPO_SHARE = (
    0.4  # of hours with an episode: TEMPO means less than half of the time (WMO No. 306, FM 51, 51.9.2)
)
EPISODE_s = 2700.0  # each lasts less than an hour
_EDGE_s = 120.0  # in which the sky changes over
_LONGEST_VALIDITY = timedelta(hours=36)
_HEAD = re.compile(
    r"(?:TAF )+(?:(?:AMD|COR) )?([A-Z][A-Z0-9]{3}) (\d{2})(\d{2})(\d{2})Z "
    r"(?:(\d{2})(\d{2})/(\d{2})(\d{2})|NIL)(?: (.*))?"
)
_CHANGE = re.compile(r"(?:^| )(FM\d{6}|BECMG|PROB\d\d(?: TEMPO)?|TEMPO)(?= |$)")
_PERIOD = re.compile(r"(\d{2})(\d{2})/(\d{2})(\d{2})(?: (.*))?")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a forecast after its first: what changes, when, how likely."""

    kind: Kind
    start: datetime
    end: datetime
    share: float  # of hours with an episode; 1 for FM and BECMG
    groups: Groups


@dataclass(frozen=True, slots=True)
class Taf:
    """One forecast: the state that it begins with, and its changes in the order of the text."""

    aerodrome: str
    issued: datetime
    start: datetime
    end: datetime
    first: Groups
    parts: tuple[Part, ...]


def read(text: str, where: str, ground_m: float, near: datetime, seed: int) -> History:
    """The History of a file's text: forecasts begin with "TAF", run over lines, and "#" starts a comment.

    A later forecast takes over where its validity begins. Months are those nearest to ``near``.

    Raises:
        InputError: what is no TAF, forecasts of two aerodromes, or none at all.
    """
    forecasts = [one for place, each in _texts(text, where) if (one := parse(each, place, near)) is not None]
    if not forecasts:
        raise InputError(where, "holds no TAF")
    if len(names := sorted({one.aerodrome for one in forecasts})) > 1:
        raise InputError(where, f"holds forecasts of {', '.join(names)}: one aerodrome a file")
    forecasts.sort(key=lambda one: (one.start, one.issued))
    reports: list[Report] = []
    for one, following in zip(forecasts, [*forecasts[1:], None], strict=True):
        until = one.end if following is None else min(one.end, following.start)
        if one.start < until:
            reports += _reports(one, seconds(until), ground_m, seed)
    return History(reports)


def parse(text: str, where: str, near: datetime) -> Taf | None:
    """One TAF; None for NIL and cancelled ones. InputError if it isn't one."""
    text = " ".join(text.rstrip("= \t\r\n").split())
    head = _HEAD.fullmatch(text) if len(text) <= LONGEST and text.isascii() else None
    if head is None:
        raise InputError(
            where, f'"{text[:60]}" is no TAF: expected such as "TAF KGSO 101730Z 1018/1118 20008KT P6SM SKC"'
        )
    issued = _moment(head[2], head[3], head[4], near, where)
    body = head[9] or ""
    if head[5] is None or body.split()[:1] == ["CNL"]:
        return None
    start = _moment(head[5], head[6], "00", issued, where)
    end = _moment(head[7], head[8], "00", start + timedelta(hours=12), where)
    if not timedelta(0) < end - start <= _LONGEST_VALIDITY:
        raise InputError(where, f"is valid from {start:%d %H:%M} to {end:%d %H:%M}, expected up to 36 hours")
    body = body.split(" RMK", 1)[0]
    pieces = _CHANGE.split(body)
    _check(text, pieces[1::2], where)
    first = read_groups(pieces[0].split())
    if not first.layers and first.clear is None:
        raise InputError(where, "doesn't tell the sky that it begins with")
    parts = tuple(
        _part(name, rest.strip(), start, end, where)
        for name, rest in zip(pieces[1::2], pieces[2::2], strict=True)
    )
    return Taf(head[1], issued, start, end, first, parts)


def _part(name: str, text: str, start: datetime, end: datetime, where: str) -> Part:
    if name.startswith("FM"):
        begin = _moment(name[2:4], name[4:6], name[6:8], start + timedelta(hours=12), where)
        _inside(begin, end, start, end, name, where)
        return Part("FM", begin, end, 1.0, read_groups(text.split()))
    period = _PERIOD.fullmatch(text)
    if period is None:
        raise InputError(where, f'{name} without a period such as "1112/1114"')
    begin = _moment(period[1], period[2], "00", start + timedelta(hours=12), where)
    stop = _moment(period[3], period[4], "00", begin, where)
    _inside(begin, stop, start, end, name, where)
    found = read_groups((period[5] or "").split())
    if name.startswith("PROB"):
        percent = int(name[4:6])
        if percent not in (30, 40):
            raise InputError(where, f"{name[:6]}, expected PROB30 or PROB40")
        return Part("PROB", begin, stop, percent / 100.0, found)
    return Part("TEMPO" if name == "TEMPO" else "BECMG", begin, stop, TEMPO_SHARE, found)


def _moment(day: str, hour: str, minute: str, near: datetime, where: str) -> datetime:
    moment = nearest(int(day), int(hour), int(minute), near)
    if moment is None:
        raise InputError(where, f"{day}{hour}{minute} is no day and time around {near:%Y-%m}")
    return moment


def _inside(begin: datetime, stop: datetime, start: datetime, end: datetime, name: str, where: str) -> None:
    if not start <= begin < stop <= end:
        raise InputError(where, f"{name} from {begin:%d %H:%M} to {stop:%d %H:%M} is outside the forecast")


def _check(text: str, changes: Sequence[str], where: str) -> None:
    """The structure, by the package: it must find the same changes as we do."""
    try:
        trends = TAFParser().parse(text).trends
    except Exception as error:  # it raises whatever its lists and regular expressions do
        raise InputError(where, f"is no TAF: {type(error).__name__} while reading its changes") from error
    ours = [change[:2] if change[:2] == "FM" else change.split()[-1][:5] for change in changes]
    theirs = [trend.type.value[:5] for trend in trends]
    if [kind.rstrip("0123456789")[:4] for kind in ours] != [kind[:4] for kind in theirs]:
        raise InputError(where, f"has changes that can't be told apart: {', '.join(changes)[:80]}")


def _texts(text: str, where: str) -> list[tuple[str, str]]:
    """(place, forecast) of each forecast of a file."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#", 1)[0].strip()
        if line.split(" ", 1)[0] == "TAF" and (not found or found[-1][1] != "TAF"):
            found.append((f"{where}:{number}", line))
        elif line and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line}")
        elif line:
            raise InputError(f"{where}:{number}", f'"{line[:60]}" stands before the first TAF')
    return found


def _reports(taf: Taf, until_s: float, ground_m: float, seed: int) -> list[Report]:
    """Reports at every change up to a time, with the episodes of this seed."""
    place = Place(ground_m)
    steps: list[tuple[datetime, datetime, Groups]] = [(taf.start, taf.start, taf.first)]
    for part in taf.parts:
        if part.kind == "FM":
            steps.append((part.start, part.start, part.groups))
        elif part.kind == "BECMG":
            steps.append((part.start, part.end, _merged(steps[-1][2], part.groups)))
    points: list[tuple[float, Groups]] = [(seconds(taf.start), taf.first)]
    for (_, _, before), (begin, done, after) in pairwise(steps):
        over_s = max(seconds(done), seconds(begin) + _EDGE_s)
        points += [(seconds(begin), before), (over_s, after)]
    points.append((seconds(taf.end), steps[-1][2]))
    points.sort(key=lambda point: point[0])
    for number, part in enumerate(taf.parts):
        if part.kind in ("TEMPO", "PROB"):
            for start_s in _episodes(taf, number, part, seed):
                points = _overlaid(points, start_s, start_s + EPISODE_s, part.groups)
    kept = [point for point in points if point[0] < until_s]
    return [report(time_s, each, place) for time_s, each in [*kept, (until_s, _at(points, until_s))]]


def _episodes(taf: Taf, number: int, part: Part, seed: int) -> list[float]:
    """Starts of the episodes of a part: each hour has one or none, somewhere in it."""
    begin_s, hours = seconds(part.start), round((part.end - part.start) / timedelta(hours=1))
    stream = Stream(seed, "taf", taf.aerodrome, number)
    luck = stream.uniform(2 * round(begin_s // 3600.0), 2 * hours).reshape(-1, 2)
    return [
        begin_s + 3600.0 * hour + float(shift) * (3600.0 - EPISODE_s)
        for hour, (draw, shift) in enumerate(luck)
        if draw < part.share
    ]


def _overlaid(
    points: list[tuple[float, Groups]], start_s: float, end_s: float, changes: Groups
) -> list[tuple[float, Groups]]:
    """Points with an episode laid over them: within it every state takes the changes."""
    before, after = _at(points, start_s), _at(points, end_s)
    inner = [(t, _merged(g, changes)) for t, g in points if start_s + _EDGE_s < t < end_s - _EDGE_s]
    episode = [
        (start_s, before),
        (start_s + _EDGE_s, _merged(before, changes)),
        *inner,
        (end_s - _EDGE_s, _merged(after, changes)),
        (end_s, after),
    ]
    rest = [(t, g) for t, g in points if t < start_s or t > end_s]
    return sorted([*rest, *episode], key=lambda point: point[0])


def _at(points: Sequence[tuple[float, Groups]], time_s: float) -> Groups:
    return [groups for at_s, groups in points if at_s <= time_s][-1]


def _merged(before: Groups, changes: Groups) -> Groups:
    """A state after changes: what they don't tell stays."""
    merged = replace(before)
    if changes.visibility is not None:
        merged.visibility, merged.lowest_visibility_m = changes.visibility, changes.lowest_visibility_m
    if changes.tells_sky:
        merged.layers, merged.clear, merged.sky_missing = changes.layers, changes.clear, changes.sky_missing
    if changes.tells_weather:
        merged.weather, merged.no_weather = changes.weather, changes.no_weather
    return merged
