"""Faults by name for a block of a test, as effects on the link or on its doors. A table; no deeds.

Their names and keys are those of docs/faults.md where both have them; what needs a schedule (clouds with a
period, plans, clocks, nodes) stands in a scenario.
"""

from __future__ import annotations

from typing import Any, Literal

from linkemu.client import Every
from linkemu.errors import InputError

Deed = Literal["refuse", "reset", "half-open"]
DOORS: tuple[Deed, ...] = ("refuse", "reset", "half-open")
LINK = ("blackout", "blackhole", "loss", "rate", "delay", "reorder", "duplicate", "corrupt")


def effects(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    """What ``linkemu.client.Link.override`` takes for a fault of the link. InputError for a wrong key."""
    said = dict(told)
    match kind:
        case "blackout":
            found: dict[str, Any] = {"rate": 0}
        case "blackhole":
            found = {"erasure": 1.0}
        case "loss":
            found = {_of(said): _pick(kind, said)}
        case "rate":
            found = {"cap": _must(kind, said, "rate")}
        case "delay":
            found = {"delay": said.pop("delay")} if "delay" in said else {}
            found |= {"added_delay": _must(kind, said, "added")} if not found else {}
        case "reorder":
            found = {"reorder": _pick(kind, said), "late": _must(kind, said, "late")}
        case "duplicate" | "corrupt":
            found = {kind: _pick(kind, said)}
        case _:
            raise InputError(f"fault {kind!r}", f"unknown, expected one of {', '.join((*LINK, *DOORS))}")
    found |= {key: said.pop(key) for key in ("direction", "duration", "seed") if key in said}
    if said:
        raise InputError(f"fault {kind!r}", f"unknown key {sorted(said)[0]!r}")
    return found


def _of(said: dict[str, Any]) -> str:
    of = said.pop("of", "slots")
    if of not in ("slots", "datagrams"):
        raise InputError("fault 'loss'", f"of={of!r} is not one of slots, datagrams")
    return "erasure" if of == "slots" else "erase_datagrams"


def _pick(kind: str, said: dict[str, Any]) -> float | Every:
    if "every" in said:
        every = said.pop("every")
        if not isinstance(every, int) or every < 1:
            raise InputError(f"fault {kind!r}", f"every={every!r} is no number from 1 on")
        return Every(every)
    share = said.pop("share", 1.0)
    if not isinstance(share, float | int):
        raise InputError(f"fault {kind!r}", f"share={share!r} is no share")
    return float(share)


def _must(kind: str, said: dict[str, Any], key: str) -> Any:
    if key not in said:
        raise InputError(f"fault {kind!r}", f"expected {key}=")
    return said.pop(key)
