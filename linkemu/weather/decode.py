"""From the groups of a text to a Report: layers become decks above sea level, bounds become values.

What a text leaves open is filled from the climatology below, and the Report carries a note of it. No text
here.
"""

from __future__ import annotations

from dataclasses import dataclass

from linkemu.weather.genera import HABITS, OKTAS, Genus, LOW_m, MID_m, low, middle
from linkemu.weather.groups import Groups, Layer, Visibility, fog, precipitation_mmph, thunder
from linkemu.weather.report import HIGH, LOW, MIDDLE, OBSCURED, CLEAR_VISIBILITY_m, Deck, Report

# Where a report can't know: near the yearly means of ISCCP for middle and high cloud (Rossow & Schiffer
# 1999), the middle one halved, as a sky clear below is rarely overcast above. Ours, and told in docs/.
UNKNOWN_MIDDLE = 0.1
UNKNOWN_HIGH = 0.2

FOG_DEPTH_m = 250.0  # PHYSICS notes B1: 0.2 to 0.3 km
FOG_m = 1000.0  # visibility below which mist is fog
_FOG_VISIBILITY_m = 500.0  # of fog whose visibility is missing
_BARE_VV_m = 60.0  # how far up one sees where "VV///" doesn't say
_SEEN_m = {
    "SKC": 99_000.0,
    "CLR": 3658.0,
    "NCD": 3658.0,
    "NSC": 1524.0,
    "CAVOK": 1524.0,
}  # 12,000 and 5,000 ft
_STORM_m = 3000.0  # a thunderstorm's own cloud is based below
_AUTOMATIC_m = 3658.0  # ceilometers end at 12,000 ft
_HAZY = ("BR", "FG", "HZ", "FU", "DU", "SA", "VA", "PY", "SS", "DS")
_GENERA = {
    **{"CB": Genus.CUMULONIMBUS, "TCU": Genus.CUMULONIMBUS, "CU": Genus.CUMULUS, "SC": Genus.STRATOCUMULUS},
    **{"ST": Genus.STRATUS, "NS": Genus.ALTOSTRATUS, "AC": Genus.ALTOCUMULUS, "AS": Genus.ALTOSTRATUS},
    **{"CI": Genus.CIRRUS, "CC": Genus.CIRRUS, "CS": Genus.CIRRUS},
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report comes from: heights in it are above this ground."""

    ground_m: float
    automatic: bool = False  # AUTO: no eyes above the ceilometer's reach


def report(time_s: float, groups: Groups, place: Place) -> Report:
    """The Report of some groups at a time."""
    notes: list[str] = []
    decks = _decks(groups, place, notes)
    rain, snow = precipitation_mmph(groups.weather)
    return Report(
        time_s,
        None if decks is None else (*(decks.get(number) for number in (OBSCURED, LOW, MIDDLE, HIGH)),),
        _visibility_m(groups, notes),
        groups.lowest_visibility_m,
        rain,
        snow,
        place.ground_m + FOG_DEPTH_m if fog(groups.weather) else None,
        tuple(notes),
    )


def _visibility_m(groups: Groups, notes: list[str]) -> float | None:
    seen = groups.visibility or Visibility(None)
    if seen.distance_m is None:
        if fog(groups.weather):
            notes.append(f"fog without a visibility: {_FOG_VISIBILITY_m:g} m assumed")
            return _FOG_VISIBILITY_m
        notes.append("visibility missing: the one before stands")
        return None
    if seen.bound == "less than":
        return seen.distance_m / 2.0
    hazy = any(kind in token for token in groups.weather for kind in _HAZY)
    if seen.bound == "at least" and not hazy:
        return max(seen.distance_m, CLEAR_VISIBILITY_m)
    return seen.distance_m


def _decks(groups: Groups, place: Place, notes: list[str]) -> dict[int, Deck] | None:
    """Decks by number, None where nothing tells of them.

    Reports add cover up from below; a deck's own share is what it adds to the rest.
    """
    if not groups.layers and groups.clear is None:
        notes.append("sky missing: the one before stands")
        return None
    decks: dict[int, Deck] = {}
    total = 0.0
    for layer in sorted(groups.layers, key=lambda one: -1.0 if one.height_m is None else one.height_m):
        if layer.cover == "VV":
            top_m = _BARE_VV_m if layer.height_m is None else max(layer.height_m, 15.0)
            decks[OBSCURED] = Deck(1.0, place.ground_m, place.ground_m + top_m, Genus.STRATUS)
            continue
        reached = max(total, OKTAS[layer.cover])
        own = (reached - total) / (1.0 - total) if total < 1.0 else 0.0
        total = reached
        number, deck = _deck(layer, own, thunder(groups.weather), place, notes)
        decks[number] = _joined(decks.get(number), deck)
    if total < 1.0:
        _unknown(groups, place, decks, notes)
    return decks


def _deck(layer: Layer, own: float, storm: bool, place: Place, notes: list[str]) -> tuple[int, Deck]:
    genus = _GENERA.get(layer.kind)
    height_m = layer.height_m
    if genus is None and storm and layer.cover in ("BKN", "OVC") and (height_m or 0.0) < _STORM_m:
        genus = Genus.CUMULONIMBUS
    if height_m is None:
        notes.append(f"{layer.cover} without a height: the usual one assumed")
        height_m = HABITS[genus if genus is not None else low(own)].base_m
    if height_m < LOW_m:
        number, usual = LOW, low(OKTAS[layer.cover])
    elif height_m < MID_m:
        number, usual = MIDDLE, middle(OKTAS[layer.cover])
    else:
        number, usual = HIGH, Genus.CIRRUS
    if number == HIGH and genus not in (None, Genus.CIRRUS):
        number = MIDDLE  # water cloud in spite of its height
    elif genus is Genus.CIRRUS:
        number = HIGH
    return number, Deck.of(own, usual if genus is None else genus, place.ground_m, height_m)


def _joined(first: Deck | None, second: Deck) -> Deck:
    """Two layers in one deck: strewn at random over each other, at the height of the larger."""
    if first is None:
        return second
    main = first if first.cover >= second.cover else second
    cover = 1.0 - (1.0 - first.cover) * (1.0 - second.cover)
    return Deck(cover, main.base_m, max(first.top_m, second.top_m), main.genus)


def _unknown(groups: Groups, place: Place, decks: dict[int, Deck], notes: list[str]) -> None:
    """Cloud above what the report can see, from the climatology."""
    seen_m = _AUTOMATIC_m if place.automatic else 99_000.0
    if groups.clear is not None:
        seen_m = min(seen_m, _SEEN_m[groups.clear])
    for number, base_m, cover, genus in (
        (MIDDLE, LOW_m, UNKNOWN_MIDDLE, Genus.ALTOCUMULUS),
        (HIGH, MID_m, UNKNOWN_HIGH, Genus.CIRRUS),
    ):
        if seen_m < base_m and number not in decks:
            notes.append(f"{genus.name.lower()} unknown: a cover of {cover:g} assumed")
            decks[number] = Deck.of(cover, genus, place.ground_m)
