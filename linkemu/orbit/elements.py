"""The door for element sets: read a file of any of the usual formats, choose an object in it.

The format is told by the content, never by the name of the file. Formats themselves are in tle.py and omm.py.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from linkemu.errors import ElementsError
from linkemu.orbit import omm, tle
from linkemu.orbit.element_set import Elements as Elements

_SUGGESTIONS = 4


def read(path: Path | str) -> list[Elements]:
    """All element sets of a TLE, 3LE, OMM JSON or OMM CSV file, in order; ElementsError if any is wrong."""
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ElementsError(file, None, "not a text file (UTF-8)") from None
    except FileNotFoundError:
        raise ElementsError(file, None, "no such file") from None
    except (OSError, ValueError) as error:
        raise ElementsError(file, None, getattr(error, "strerror", None) or str(error)) from None
    return parse(text, file)


def parse(text: str, file: str) -> list[Elements]:
    """The same from a text; ``file`` is what error messages call it."""
    first_line = text.lstrip().partition("\n")[0]
    if first_line.startswith(("[", "{")):
        found = omm.parse_json(text, file)
    elif "NORAD_CAT_ID" in first_line and "," in first_line:
        found = omm.parse_csv(text.lstrip(), file)
    elif first_line.startswith("<") or first_line.startswith("CCSDS_OMM_VERS"):
        raise ElementsError(file, 1, "an OMM in XML or KVN; give it as JSON, CSV or TLE")
    else:
        found = tle.parse(text, file)
    if not found:
        raise ElementsError(file, None, "no element set in it")
    return found


def select(
    sets: Sequence[Elements],
    name: str | None = None,
    norad: int | str | None = None,
    at: datetime | None = None,
) -> Elements:
    """The one object of that name (case ignored) or catalogue number (alpha-5 too), or both.

    Of several sets of one object, the one whose epoch is nearest to ``at``, or the newest without it.
    Raises ElementsError if there is none, with near names, or if the name fits several objects.
    """
    number = None if norad is None else _decimal(str(norad).strip())
    found = [one for one in sets if _fits(one, name, number)]
    files = ", ".join(sorted({one.source.partition(":")[0] for one in sets})) or "elements"
    if not found:
        raise ElementsError(files, None, _absence(sets, name, norad))
    ids = sorted({one.norad_id for one in found}, key=int)
    if len(ids) > 1:
        what = f"{name!r} fits several objects" if name else "several objects"
        raise ElementsError(files, None, f"{what}, choose by norad: {_listing(ids)}")
    if at is None:
        return max(found, key=lambda one: one.epoch)
    return min(found, key=lambda one: abs(one.age_days(at)))


def nearest(sets: Sequence[Elements], at: datetime) -> list[Elements]:
    """One set of each object, in order of the file: the one whose epoch is nearest to ``at``."""
    best: dict[str, Elements] = {}
    for one in sets:
        known = best.get(one.norad_id)
        if known is None or abs(one.age_days(at)) < abs(known.age_days(at)):
            best[one.norad_id] = one
    return list(best.values())


def _fits(one: Elements, name: str | None, number: str | None) -> bool:
    named = name is None or one.name.casefold() == name.strip().casefold()
    return named and (number is None or one.norad_id == number)


def _decimal(norad: str) -> str:
    """A catalogue number without leading zeros, and alpha-5 as the number it stands for."""
    alpha_5 = len(norad) == 5 and norad[0] in string.ascii_uppercase and norad[1:].isdecimal()
    return tle.catalogue_number(norad) if alpha_5 else norad.lstrip("0") or "0"


def _absence(sets: Sequence[Elements], name: str | None, norad: int | str | None) -> str:
    wanted = " and ".join(
        [f"named {name!r}"] * (name is not None) + [f"with NORAD number {norad}"] * (norad is not None)
    )
    near = _near_names(sets, name) if name is not None else []
    return f"no satellite {wanted}" + (f"; did you mean {_listing(near)}?" if near else "")


def _near_names(sets: Sequence[Elements], name: str) -> list[str]:
    names = {one.name.casefold(): one.name for one in sets}
    wanted = name.strip().casefold()
    containing = [key for key in names if wanted in key]
    close = get_close_matches(wanted, list(names), n=_SUGGESTIONS)
    return [names[key] for key in dict.fromkeys(containing[:_SUGGESTIONS] + close)][:_SUGGESTIONS]


def _listing(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_SUGGESTIONS])
    return shown + (f" and {len(items) - _SUGGESTIONS} more" if len(items) > _SUGGESTIONS else "")
