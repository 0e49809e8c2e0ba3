"""Why a link carries nothing: a table of its own, as timelines, checks and displays all name causes."""

from __future__ import annotations

from enum import IntEnum


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
    KEYHOLE = 10  # too near the zenith for the mount to follow


PLANNED = frozenset({Cause.BELOW_MASK, Cause.UNASSIGNED, Cause.SLEWING, Cause.SUN, Cause.KEYHOLE})
