"""An Overlay as a JSON object, the same in orders, in the control API, in journals and in recorded runs.

Keys are the fields of Overlay; those that say nothing are left out. A Pick is {"every": n} or {"share": p}.
The reader takes no unknown key and no figure out of range, and says what is wrong in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from linkemu.errors import FormatError
from linkemu.link.overlay import ALL, Overlay, Pick

_FAR_NS = 1 << 62  # as in timelines: sums of two stay within 64 bits
_MOST_BPS = 1 << 50
_MOST_EVERY = 1 << 40
_MOST_NAME = 100


def to_record(overlay: Overlay) -> dict[str, object]:
    """The JSON object; ``of_record`` gives back an equal overlay."""
    record: dict[str, object] = {}
    for field in fields(overlay):
        value = getattr(overlay, field.name)
        if value != field.default:
            record[field.name] = _pick_record(value) if isinstance(value, Pick) else value
    return record


def of_record(record: object) -> Overlay:
    """The overlay of a JSON object; FormatError in one line."""
    if not isinstance(record, Mapping):
        raise FormatError("an overlay is a JSON object")
    strange = [key for key in record if key not in _READERS]
    if strange:
        raise FormatError(f"overlay: {strange[0]!r}: unknown, expected one of {', '.join(_READERS)}")
    if "start_ns" not in record:
        raise FormatError("overlay: start_ns: missing")
    overlay = Overlay(**{key: _READERS[key](key, value) for key, value in record.items()})
    if overlay.end_ns is not None and overlay.end_ns < overlay.start_ns:
        raise FormatError("overlay: end_ns: before start_ns")
    if (overlay.reorder is None) != (overlay.late_ns == 0):
        raise FormatError("overlay: reorder and late_ns go together, late_ns above 0")
    return overlay


def _pick_record(pick: Pick) -> dict[str, object]:
    return {"every": pick.every} if pick.share is None else {"share": pick.share}


def _wrong(key: str, value: object, expected: str) -> FormatError:
    return FormatError(f"overlay: {key}: {str(value)[:40]!r}, expected {expected}")


def _whole(least: int, most: int, *, none: bool = False) -> Callable[[str, object], int | None]:
    def read(key: str, value: object) -> int | None:
        if none and value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise _wrong(key, value, f"an integer from {least} to {most}")
        return value

    return read


def _name(key: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _MOST_NAME or not value.isprintable():
        raise _wrong(key, value, f"at most {_MOST_NAME} printable characters")
    return value


def _pick(key: str, value: object) -> Pick | None:
    if value is None:
        return None
    match value:
        case {"every": every, **rest} if not rest:
            return Pick(_whole(1, _MOST_EVERY)(f"{key}.every", every) or 1)
        case {"share": share, **rest} if not rest:
            if isinstance(share, int | float) and not isinstance(share, bool) and 0.0 < share <= 1.0:
                return ALL if share == 1.0 else Pick(share=float(share))
            raise _wrong(f"{key}.share", share, "a number above 0, at most 1")
    raise _wrong(key, value, '{"every": n} or {"share": p}')


_READERS: dict[str, Callable[[str, object], Any]] = {
    "start_ns": _whole(0, _FAR_NS),
    "end_ns": _whole(0, _FAR_NS, none=True),
    "name": _name,
    "seed": _whole(0, (1 << 63) - 1),
    "rate_cap_bps": _whole(0, _MOST_BPS, none=True),
    "rate_bps": _whole(1, _MOST_BPS, none=True),
    "delay_ns": _whole(0, _FAR_NS >> 1, none=True),
    "delay_added_ns": _whole(0, _FAR_NS >> 1),
    "erase_slots": _pick,
    "erase_datagrams": _pick,
    "duplicate": _pick,
    "corrupt": _pick,
    "reorder": _pick,
    "late_ns": _whole(0, _FAR_NS >> 1),
}
