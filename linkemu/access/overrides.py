"""Overrides of a data plane by their names: read from an order, imposed and lifted in a batch, shown, ended.

An override acts on one direction of a link or on both, and has one name; what it does there is an Overlay.
Those that have ended are remembered for a minute, so that their ends can still be told.
"""

from __future__ import annotations

import json
from typing import Any

from linkemu.access.imposed import Changed, change
from linkemu.access.line import Document
from linkemu.access.stage import Stage
from linkemu.errors import AbsentError, InputError
from linkemu.link.overlay import Overlay
from linkemu.link.overlayform import to_record
from linkemu.link.player import Key
from linkemu.runtime.orders import Impose, read_fault

_REMEMBERED_NS = 60 * 10**9


class Overrides:
    """What is imposed by its name: one override may act on several directions."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._count = 0
        self._known: dict[str, list[tuple[Key, Overlay]]] = {}

    def change(self, rows: Any, lift: Any, now_ns: int) -> Changed:
        """Impose the rows of an order (runtime.orders) and lift names, at one slot's edge, or do nothing."""
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError("impose", "expected a list of objects")
        if not isinstance(lift, list) or not all(isinstance(name, str) for name in lift):
            raise InputError("lift", "expected a list of names")
        live = self.names(now_ns)
        for name in lift:
            if name not in live:
                raise AbsentError(f"override {name}", "no override of this name stands")
        named = self._named(rows, (set(live) | self._stage.standings.names(now_ns)) - set(lift))
        impose: list[tuple[Key, Overlay]] = []
        if named:
            order = read_fault(json.dumps({"faults": named}).encode())
            assert isinstance(order, Impose)
            impose = order.overlays(self._stage.sky, now_ns)
        changed = change(self._stage.standings, impose, lift, now_ns)
        self._keep(changed, now_ns)
        return changed

    def names(self, now_ns: int) -> list[str]:
        """Of all that stand, now or from later on."""
        return [
            name
            for name, parts in self._known.items()
            if any(_stands(overlay, now_ns) for _, overlay in parts)
        ]

    def one(self, name: str) -> Document:
        """An override as people see it; its effects as in link.overlayform."""
        parts = self._known[name]
        (link, _), overlay = parts[0]
        station = self._stage.sky.links[link]
        record = to_record(overlay)
        effects = {key: value for key, value in record.items() if key not in ("name", "start_ns", "end_ns")}
        return {
            "name": name,
            "link": f"{station.station}:{station.satellite}",
            "directions": [key[1].value for key, _ in parts],
            "start_s": overlay.start_ns / 1e9,
            "end_s": None if overlay.end_ns is None else overlay.end_ns / 1e9,
            "effects": effects,
        }

    def shown(self, now_ns: int) -> list[Document]:
        return [self.one(name) for name in self.names(now_ns)]

    def edges(self, since_ns: int, now_ns: int) -> list[Document]:
        """Beginnings and ends within (since, now]."""
        return [
            {"event": "override", "at_s": at_ns / 1e9, "name": name, "what": what}
            for name, parts in self._known.items()
            for what, at_ns in _edges(parts[0][1])
            if since_ns < at_ns <= now_ns
        ]

    def next_edge(self, now_ns: int) -> int | None:
        later = [at for parts in self._known.values() for _, at in _edges(parts[0][1]) if at > now_ns]
        return min(later, default=None)

    def _named(self, rows: list[Document], live: set[str]) -> list[Document]:
        """The rows, each with a name that no other has."""
        named: list[Document] = []
        for row in rows:
            name = row.get("name")
            while name is None or (row.get("name") is None and name in live):
                self._count += 1
                name = f"override-{self._count}"
            if not isinstance(name, str) or not name or name in live:
                raise InputError("name", f"{str(name)[:40]!r} is taken or no name")
            live.add(name)
            named.append({**row, "name": name})
        return named

    def _keep(self, changed: Changed, now_ns: int) -> None:
        since_ns = now_ns - _REMEMBERED_NS
        self._known = {name: parts for name, parts in self._known.items() if _stands(parts[0][1], since_ns)}
        for key, overlay in changed.imposed:
            self._known.setdefault(overlay.name, []).append((key, overlay))
        ended = {(overlay.name, key): overlay for key, overlay in changed.ended}
        for name in {name for name, _ in ended}:
            self._known[name] = [(key, ended.get((name, key), each)) for key, each in self._known[name]]
        self._stage.relit({key[0] for key, _ in (*changed.imposed, *changed.ended)})


def _stands(overlay: Overlay, now_ns: int) -> bool:
    return overlay.end_ns is None or overlay.end_ns > max(now_ns, overlay.start_ns)


def _edges(overlay: Overlay) -> list[tuple[str, int]]:
    edges = [("begins", overlay.start_ns)]
    if overlay.end_ns is not None:
        edges.append(("ends", overlay.end_ns))
    return edges
