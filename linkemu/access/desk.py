"""The data plane's end of the control channel: answers requests and tells events, between rounds of its loop.

A request has ``id`` and ``do``; its answer has the same ``id`` and ``done``, or ``refused`` (one line) and
``blame``: "input", "absent" or "resource". An event has ``event`` and scenario time ``at_s``; events are told
only while somebody listens, and left out, but counted, while the other end doesn't read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from linkemu.access.line import MOST_WAITING_BYTES, Document, Line
from linkemu.access.overrides import Overrides
from linkemu.access.settings import Door
from linkemu.access.stage import Stage
from linkemu.errors import AbsentError, FormatError, InputError, LinkemuError, ResourceError
from linkemu.machine import Direction

_WARN_EVERY_NS = 2_000_000_000
_MOST_CONNECTIONS = 500
_NEVER_NS = 1 << 62


class Desk:
    """Order of calls: ``serve`` when the line is readable or writable, ``step`` in each round."""

    def __init__(self, line: Line, stage: Stage, skip: Callable[[int], int] | None = None) -> None:
        """``skip``: let time skip up to a moment (ns) as far as nothing happens, and say which time it is."""
        self._line = line
        self._stage = stage
        self._overrides = Overrides(stage)
        self._is_listening = False
        self._left_out = 0
        self._told_ns = stage.now_ns()
        self._next_ns = _NEVER_NS
        self._warned: dict[str, tuple[str, ...]] = {}
        self._warn_ns = 0
        self._deeds: dict[str, Callable[[Document], object]] = {
            "state": lambda _: self._state(),
            "report": lambda _: {"reports": stage.reports()},
            "connections": self._connections,
            "batch": self._batch,
            "drop": self._drop,
            "reset": lambda _: self._reset(),
            "open": self._open,
            "close": lambda asked: stage.close(self._door(asked)),
            "doom": self._doom,
            "break": self._break,
            "listen": self._listen,
        }
        if skip is not None:
            self._deeds["skip"] = lambda asked: {"now_s": skip(_until_ns(asked)) / 1e9}

    def fileno(self) -> int:
        return self._line.fileno()

    def serve(self) -> bool:
        """Answer what has come; False once the other end is gone."""
        self._line.flush()
        try:
            for asked in self._line.read():
                self._line.write(self._answer(asked))
        except FormatError:
            self._line.is_open = False
        return self._line.is_open

    def step(self, now_ns: int) -> int | None:
        """Tell what has happened by ``now_ns``; when there is something to tell next."""
        if not self._is_listening:
            return None
        if now_ns >= self._next_ns:
            for event in self._happened(now_ns):
                self._tell(event)
            self._told_ns = now_ns
            self._next_ns = self._next(now_ns)
        return self._next_ns

    def close(self) -> None:
        self._line.close()

    def _answer(self, asked: Document) -> Document:
        number = asked.get("id")
        deed = self._deeds.get(str(asked.get("do")))
        if deed is None:
            return {"id": number, "refused": f"{asked.get('do')!r} is no deed", "blame": "input"}
        try:
            return {"id": number, "done": deed(asked)}
        except AbsentError as error:
            return {"id": number, "refused": _line(error), "blame": "absent"}
        except ResourceError as error:
            return {"id": number, "refused": _line(error), "blame": "resource"}
        except LinkemuError as error:
            return {"id": number, "refused": _line(error), "blame": "input"}

    def _state(self) -> Document:
        stage, now_ns = self._stage, self._stage.now_ns()
        return {
            "now_s": now_ns / 1e9,
            "links": [self._link(number, now_ns) for number in range(len(stage.sky.links))],
            "doors": stage.doors(),
            "overrides": self._overrides.shown(now_ns),
        }

    def _link(self, number: int, now_ns: int) -> Document:
        name = self._stage.sky.links[number]
        shown: Document = {"link": f"{name.station}:{name.satellite}"}
        for direction in Direction:
            if (number, direction) in self._stage.sky.timelines:
                standing = self._stage.standings[number, direction]
                edge = _edge_after(standing.lights, now_ns)
                shown[direction.value] = {
                    "rate_bps": standing.rate_bps(now_ns),
                    "delay_s": standing.delay_ns(now_ns) / 1e9,
                    "has_light": _is_lit(standing.lights, now_ns),
                    "until_s": None if edge is None else edge / 1e9,
                }
        return shown

    def _connections(self, asked: Document) -> Document:
        after, most = asked.get("after", 0), asked.get("most", _MOST_CONNECTIONS)
        if not isinstance(after, int) or not isinstance(most, int) or not 0 < most <= _MOST_CONNECTIONS:
            raise InputError("connections", f"expected after: a number, most: 1 to {_MOST_CONNECTIONS}")
        return {"connections": self._stage.connections(self._door(asked), after, most)}

    def _batch(self, asked: Document) -> Document:
        """All of it or nothing: doors are checked before the links are changed."""
        doors = asked.get("doors", {})
        if not isinstance(doors, dict) or not all(isinstance(wanted, bool) for wanted in doors.values()):
            raise InputError("doors", "expected names of doors with true or false")
        for name in doors:
            self._door({"door": name})
        changed = self._overrides.change(asked.get("impose", []), asked.get("lift", []), self._stage.now_ns())
        for name, wanted in doors.items():
            self._stage.enable(name, wanted)
        self._next_ns = 0
        names = list(dict.fromkeys(overlay.name for _, overlay in changed.imposed))
        return {
            "at_s": changed.at_ns / 1e9,
            "overrides": [self._overrides.one(name) for name in names],
            "lifted": list(dict.fromkeys(overlay.name for _, overlay in changed.ended)),
        }

    def _drop(self, asked: Document) -> Document:
        """Lift those of these names that still stand."""
        names, now_ns = asked.get("names"), self._stage.now_ns()
        if not isinstance(names, list):
            raise InputError("names", "expected a list")
        left = [name for name in self._overrides.names(now_ns) if name in names]
        self._overrides.change([], left, now_ns)
        self._next_ns = 0
        return {"lifted": left}

    def _reset(self) -> Document:
        """The sky as it was compiled, and every door open."""
        now_ns = self._stage.now_ns()
        changed = self._overrides.change([], self._overrides.names(now_ns), now_ns)
        for door in self._stage.doors():
            self._stage.enable(door["name"], True)
            if door["protocol"] == "tcp":
                self._stage.doom(door["name"], None)
        self._next_ns = 0
        return {"at_s": changed.at_ns / 1e9}

    def _open(self, asked: Document) -> Document:
        told = Door.of(asked.get("door") or {})
        self._stage.open(told)
        return next(each for each in self._stage.doors() if each["name"] == told.name)

    def _doom(self, asked: Document) -> None:
        after_s = asked.get("after_s")
        if after_s is not None and not (isinstance(after_s, int | float) and 0 <= after_s <= 1e7):
            raise InputError("after_s", f"{after_s!r} is no number of seconds")
        self._stage.doom(self._door(asked), after_s)

    def _break(self, asked: Document) -> Document:
        return {"broken": self._stage.break_connections(self._door(asked), str(asked.get("how")))}

    def _listen(self, asked: Document) -> None:
        self._is_listening = asked.get("on") is True
        self._told_ns = self._stage.now_ns()
        self._next_ns = 0
        self._stage.announce(self._tell if self._is_listening else None)

    def _door(self, asked: Document) -> str:
        name = str(asked.get("door"))
        if name not in {each["name"] for each in self._stage.doors()}:
            raise AbsentError(f"door {name}", "there is no door of this name")
        return name

    def _tell(self, event: Document) -> None:
        if self._line.waiting_bytes > MOST_WAITING_BYTES:
            self._left_out += 1
            return
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            self._line.write({"event": "left-out", "at_s": event["at_s"], "count": left_out})
        self._line.write(event)

    def _happened(self, now_ns: int) -> list[Document]:
        """Light and overrides that have begun or ended since the last time, in order; then new warnings."""
        since_ns = self._told_ns
        events = self._overrides.edges(since_ns, now_ns)
        for (number, direction), standing in self._stage.standings.items():
            name = self._stage.sky.links[number]
            where = {"link": f"{name.station}:{name.satellite}", "direction": direction.value}
            edges = (
                edge for light in standing.lights for edge in zip(("begins", "ends"), light, strict=True)
            )
            events += [
                {"event": "light", "at_s": at_ns / 1e9, **where, "what": what}
                for what, at_ns in edges
                if since_ns < at_ns <= now_ns
            ]
        events.sort(key=lambda event: event["at_s"])
        return events + self._new_warnings(now_ns)

    def _new_warnings(self, now_ns: int) -> list[Document]:
        """Bounds that are not met any more; the figures in a warning change, so its first words count."""
        if now_ns < self._warn_ns:
            return []
        self._warn_ns = now_ns + _WARN_EVERY_NS
        events: list[Document] = []
        for report in self._stage.reports():
            name, lines = report.get("name", ""), tuple(report["warnings"])
            for line in lines:
                if _kind(line) not in map(_kind, self._warned.get(name, ())):
                    events.append({"event": "bound", "at_s": now_ns / 1e9, "door": name, "warning": line})
            self._warned[name] = lines
        return events

    def _next(self, now_ns: int) -> int:
        edges = [_edge_after(standing.lights, now_ns) for standing in self._stage.standings.values()]
        times = [*edges, self._overrides.next_edge(now_ns), self._warn_ns]
        return min(each for each in times if each is not None)


def _line(error: LinkemuError) -> str:
    """One line, whatever was quoted in it."""
    text = str(error)
    return text if text.isprintable() else repr(text)[1:-1]


def _edge_after(lights: list[tuple[int, int]], now_ns: int) -> int | None:
    place = bisect_right(lights, (now_ns, _NEVER_NS))
    before = [lights[place - 1][1]] if place and lights[place - 1][1] > now_ns else []
    after = [lights[place][0]] if place < len(lights) else []
    return min(before + after, default=None)


def _is_lit(lights: list[tuple[int, int]], now_ns: int) -> bool:
    place = bisect_right(lights, (now_ns, _NEVER_NS))
    return place > 0 and now_ns < lights[place - 1][1]


def _until_ns(asked: Document) -> int:
    until_s = asked.get("until_s")
    if isinstance(until_s, bool) or not isinstance(until_s, int | float) or not 0 <= until_s <= 1e9:
        raise InputError("until_s", f"{until_s!r} is no time of the scenario in seconds")
    return round(until_s * 1e9)


def _kind(warning: str) -> str:
    """A warning without its figures."""
    return "".join(letter for letter in warning if not letter.isdigit())
