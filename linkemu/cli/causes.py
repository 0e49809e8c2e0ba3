"""Causes of outages in the words of a person, by their names on the bus and in JSON."""

from __future__ import annotations

from collections.abc import Mapping

CAUSES: Mapping[str, str] = {
    "below_mask": "below the mask",
    "unassigned": "terminal points elsewhere",
    "slewing": "slewing",
    "acquiring": "acquiring",
    "sun": "too near the Sun",
    "cloud": "cloud",
    "fade": "fade",
    "fault": "fault",
    "margin": "no mode closes",
    "keyhole": "keyhole at the zenith",
}
