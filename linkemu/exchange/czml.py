"""CZML for Cesium: stations, satellites on their orbits, and links as lines that show while they have light.

A document as the CZML Writer's guide of AnalyticalGraphicsInc describes it: packets with ``availability``
intervals in ISO 8601, positions Earth-fixed. Rate and light time go along as custom ``properties`` by
interval, so that a document of ours can be imported again; pictures of others hold nothing to play.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from urllib.parse import quote, unquote

from linkemu.exchange.blame import LARGEST_BPS, LATEST_S, Place
from linkemu.exchange.contactplan import Contact, ContactPlan, Range, S, stretches
from linkemu.exchange.extract import Grain
from linkemu.exchange.places import Places

GRAIN = Grain(time_ns=1, rate_bps=1, delay_ns=1)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_COLOURS = {"up": [80, 200, 255, 220], "down": [120, 255, 140, 220]}
_FARTHEST_S = 1e6


def write(plan: ContactPlan, places: Places, name: str, epoch: datetime) -> str:
    """The document of a plan in ns whose time 0 is ``epoch``; without places links have no line."""
    zero_ns = _unix_ns(epoch)
    span = _interval(zero_ns, 0, plan.end_ns or 0)
    clock = {"interval": span, "currentTime": span.partition("/")[0], "multiplier": 10, "range": "CLAMPED"}
    packets: list[dict[str, Any]] = [{"id": "document", "name": name, "version": "1.0", "clock": clock}]
    packets += _stations(places)
    packets += _satellites(places, span)
    packets += _links(plan, places, zero_ns)
    return "[\n" + ",\n".join(json.dumps(packet, allow_nan=False) for packet in packets) + "\n]\n"


def _stations(places: Places) -> Iterator[dict[str, Any]]:
    for name, (latitude, longitude, altitude) in places.stations.items():
        yield {
            "id": _id("station", name),
            "name": name,
            "position": {"cartographicDegrees": [longitude, latitude, altitude]},
            "point": {"pixelSize": 8, "color": {"rgba": [255, 210, 90, 255]}},
            "label": {"text": name, "font": "12px sans-serif", "pixelOffset": {"cartesian2": [0, -16]}},
        }


def _satellites(places: Places, span: str) -> Iterator[dict[str, Any]]:
    for name, track_m in places.satellites.items():
        rows = zip(places.time_s.tolist(), track_m.tolist(), strict=True)
        samples = [round(value, 3) for time_s, place in rows for value in (time_s, *place)]
        yield {
            "id": _id("satellite", name),
            "name": name,
            "availability": span,
            "position": {
                "epoch": span.partition("/")[0],
                "referenceFrame": "FIXED",
                "interpolationAlgorithm": "LAGRANGE",
                "interpolationDegree": 5,
                "cartesian": samples,
            },
            "point": {"pixelSize": 6, "color": {"rgba": [255, 255, 255, 255]}},
            "label": {"text": name, "font": "12px sans-serif", "pixelOffset": {"cartesian2": [0, -16]}},
            "path": {"width": 1, "leadTime": 3000, "trailTime": 3000},
        }


def _links(plan: ContactPlan, places: Places, zero_ns: int) -> Iterator[dict[str, Any]]:
    ways: dict[tuple[str, str], list[tuple[Contact, int]]] = {
        way: [] for ground, orbit in plan.links for way in ((ground, orbit), (orbit, ground))
    }
    for contact, delay_ns in stretches(plan):
        ways[contact.source, contact.dest].append((contact, delay_ns))
    for ground, orbit in plan.links:
        for direction, rows in (("up", ways[ground, orbit]), ("down", ways[orbit, ground])):
            packet = {
                "id": _id("link", ground, orbit, direction),
                "name": f"{ground} - {orbit} {direction}",
                "availability": _availability(rows, zero_ns),
                "properties": {
                    "rate_bps": [
                        {"interval": _interval(zero_ns, one.start_ns, one.end_ns), "number": one.rate_bps}
                        for one, _ in rows
                    ],
                    "delay_s": [
                        {"interval": _interval(zero_ns, one.start_ns, one.end_ns), "number": delay_ns / 1e9}
                        for one, delay_ns in rows
                    ],
                },
            }
            if ground in places.stations and orbit in places.satellites:
                packet["polyline"] = _line(ground, orbit, direction)
            yield packet


def _line(ground: str, orbit: str, direction: str) -> dict[str, Any]:
    ends = [f"{_id('station', ground)}#position", f"{_id('satellite', orbit)}#position"]
    return {
        "positions": {"references": ends},
        "arcType": "NONE",
        "width": 2,
        "material": {"solidColor": {"color": {"rgba": _COLOURS[direction]}}},
    }


def _availability(rows: Sequence[tuple[Contact, int]], zero_ns: int) -> list[str] | str:
    """Stretches of light; CZML has no empty list of intervals, so darkness for ever is one of no length."""
    spans: list[list[int]] = []
    for contact, _ in rows:
        if spans and spans[-1][1] == contact.start_ns:
            spans[-1][1] = contact.end_ns
        else:
            spans.append([contact.start_ns, contact.end_ns])
    return [_interval(zero_ns, *span) for span in spans] or _interval(zero_ns, 0, 0)


def _id(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _unix_ns(moment: datetime) -> int:
    return (moment - _UNIX) // timedelta(microseconds=1) * 1000


def _interval(zero_ns: int, start_ns: int, end_ns: int) -> str:
    return "/".join(_said(zero_ns + time_ns) for time_ns in (start_ns, end_ns))


def _said(unix_ns: int) -> str:
    seconds, rest = divmod(unix_ns, S)
    moment = (_UNIX + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return f"{moment}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def read(text: str, file: str) -> ContactPlan:
    """The links of a document of ours. InputError names the line, or the packet."""
    try:
        packets = json.loads(text)
    except json.JSONDecodeError as error:
        raise Place(file, error.lineno).error(f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Place(file).error(f"not JSON that can be read ({error})") from None
    if not isinstance(packets, list) or not all(isinstance(packet, dict) for packet in packets):
        raise Place(file, 1).error("expected a list of packets")
    zero_ns, end_ns = _clock(packets, file)
    contacts: list[Contact] = []
    ranges: list[Range] = []
    links: dict[tuple[str, str], None] = {}
    for packet in packets:
        match str(packet.get("id", "")).split("/"):
            case ["link", ground, orbit, "up" | "down" as direction]:
                place = Place(file, str(packet["id"])[:60])
                pair = place.name(unquote(ground)), place.name(unquote(orbit))
                links.setdefault(pair)
                way = pair if direction == "up" else pair[::-1]
                contacts += _contacts(place, packet, way, zero_ns)
                ranges += _ranges(place, packet, way, zero_ns)
    if not contacts:
        raise Place(file).error("holds no link with rates: only documents of linkemu's do")
    epoch = _UNIX + timedelta(microseconds=zero_ns // 1000)
    return ContactPlan(tuple(contacts), tuple(ranges), tuple(links), (), end_ns, epoch)


def _clock(packets: list[dict[str, Any]], file: str) -> tuple[int, int]:
    for packet in packets:
        clock = packet.get("clock")
        if packet.get("id") == "document" and isinstance(clock, dict):
            start_ns, end_ns = _span(Place(file, "document"), clock.get("interval"))
            if end_ns - start_ns > LATEST_S * S:
                raise Place(file, "document").error("its clock spans more than thirty years")
            return start_ns, end_ns - start_ns
    raise Place(file, "document").error("expected a packet 'document' with a clock and its interval")


def _values(place: Place, packet: dict[str, Any], what: str, zero_ns: int) -> Iterator[tuple[int, int, Any]]:
    properties = packet.get("properties")
    rows = properties.get(what) if isinstance(properties, dict) else None
    if not isinstance(rows, list):
        raise place.error(f"expected properties.{what}, a list of intervals")
    for row in rows:
        if not isinstance(row, dict):
            raise place.error(f"expected properties.{what}, a list of intervals")
        start_ns, end_ns = (time_ns - zero_ns for time_ns in _span(place, row.get("interval")))
        place.number(start_ns / S, "start of an interval, seconds,", 0, LATEST_S)
        place.number(end_ns / S, "end of an interval, seconds,", 0, LATEST_S)
        yield start_ns, end_ns, row.get("number")


def _contacts(place: Place, packet: dict[str, Any], way: tuple[str, str], zero_ns: int) -> Iterator[Contact]:
    rows = _values(place, packet, "rate_bps", zero_ns)
    for rate, same in groupby(rows, key=lambda row: place.whole(row[2], "rate_bps", 1, LARGEST_BPS)):
        for start_ns, end_ns, _ in same:
            yield Contact(*way, start_ns, end_ns, rate)


def _ranges(place: Place, packet: dict[str, Any], way: tuple[str, str], zero_ns: int) -> Iterator[Range]:
    for start_ns, end_ns, value in _values(place, packet, "delay_s", zero_ns):
        yield Range(*way, start_ns, end_ns, round(place.number(value, "delay_s", 0.0, _FARTHEST_S) * 1e9))


def _span(place: Place, text: object) -> tuple[int, int]:
    """Start and end of an interval, ns since 1970."""
    found = [_MOMENT.fullmatch(part) for part in str(text).split("/")]
    if len(found) != 2 or not all(found):
        raise place.error(
            f"interval is {str(text)[:60]!r}, expected two UTC times such as 2024-05-10T18:50:34Z"
        )
    start_ns, end_ns = (_moment_ns(place, each) for each in found if each is not None)
    if end_ns <= start_ns:
        raise place.error(f"interval {text} is empty")
    return start_ns, end_ns


def _moment_ns(place: Place, found: re.Match[str]) -> int:
    try:
        moment = datetime.fromisoformat(found[1] + "+00:00")
    except ValueError:
        raise place.error(f"{found[0]!r} is no date") from None
    return _unix_ns(moment) + int(Decimal(f"0.{found[2] or 0}") * S)
