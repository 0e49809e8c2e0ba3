"""Toxics of Toxiproxy, and what each does to a link of ours: as an override, or to connections. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linkemu.access.line import Document
from linkemu.errors import InputError

_MOST_MS = 10_000_000


@dataclass(slots=True)
class Toxic:
    """As its client has asked for it, and the override that it has become (None: it has none)."""

    name: str
    type: str
    stream: str
    attributes: dict[str, int]
    override: str | None = None

    def shown(self) -> Document:
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": 1.0,
            "attributes": self.attributes,
        }

    @property
    def life_s(self) -> float | None:
        """How long it lets connections live; None: it doesn't end them."""
        timeout_ms = self.attributes.get("timeout", 0)
        ends = self.type == "reset_peer" or (self.type == "timeout" and timeout_ms > 0)
        return timeout_ms / 1e3 if ends else None


_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "latency": ("latency", "jitter"),
    "bandwidth": ("rate",),
    "timeout": ("timeout",),
    "reset_peer": ("timeout",),
}


def attributes(kind: str, given: Any) -> dict[str, int]:
    """All attributes of a type, 0 where none is given. InputError for what a link can't do."""
    known = _ATTRIBUTES.get(kind)
    if known is None:
        raise InputError("type", f"{kind[:40]!r} is not one of {', '.join(_ATTRIBUTES)}")
    if not isinstance(given or {}, dict):
        raise InputError("attributes", "expected an object")
    attributes = {name: (given or {}).get(name, 0) for name in known}
    for name, value in attributes.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_MS:
            raise InputError(f"attributes.{name}", f"expected a whole number from 0 to {_MOST_MS}")
    if attributes.get("jitter"):
        raise InputError("attributes.jitter", "only 0: the delay of a link is a function of its sky")
    return attributes


def effect(toxic: Toxic) -> Document:
    """The effects of link.overlayform; none for a toxic that only ends connections."""
    match toxic.type:
        case "latency" if toxic.attributes["latency"]:
            return {"delay_added_ns": toxic.attributes["latency"] * 1_000_000}
        case "bandwidth":
            return {"rate_cap_bps": toxic.attributes["rate"] * 8000}  # of kilobytes a second
        case "timeout":
            return {"rate_cap_bps": 0}
        case _:
            return {}
