"""A link, as a program that tests a client sees it: changed for a block, watched, reported. Blocking calls.

What a ``Link`` imposes inside its own block is leased: it ends with the block, and with the process. Outside
of a block only ``outage`` and ``override`` are; ``set`` and ``impose`` then stand until they are lifted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from linkemu.client.blocks import Batch, Direction, Events, Scope
from linkemu.client.effects import Effects, effects, seconds
from linkemu.client.http import Document, Http, Stream
from linkemu.errors import AbsentError, InputError, ResourceError

_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Override:
    """What stands. Scenario time in seconds; ``end_s`` None: until it is lifted."""

    name: str
    link: str
    directions: tuple[str, ...]
    start_s: float
    end_s: float | None
    effects: Effects

    @classmethod
    def of(cls, document: Document) -> Override:
        return cls(
            document["name"],
            document["link"],
            tuple(document["directions"]),
            document["start_s"],
            document["end_s"],
            document["effects"],
        )


class Link:
    """One link of a running ``proxy`` or ``exec``; ``link`` is STATION:SATELLITE where there are several."""

    def __init__(
        self, url: str, token: str, link: str | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        """Connects at the first question. InputError if ``url`` is not http://HOST:PORT."""
        self.link = link
        self._http = Http(url, token, timeout_s)
        self._lease: tuple[str, Stream] | None = None
        self._is_scope = False
        self._scopes = 0
        self._set: dict[Direction, Override] = {}

    @classmethod
    def at(cls, path: str | Path, link: str | None = None) -> Link:
        """By the file that ``--control-file`` has written. InputError if it is no such file."""
        try:
            content = json.loads(Path(path).read_text())
            return cls(content["url"], content["token"], link)
        except OSError as error:
            raise InputError(str(path), error.strerror or str(error)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(str(path), f"is no file of --control-file ({error!r})") from None

    def __enter__(self) -> Self:
        self._is_scope = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the block: what it has imposed is lifted."""
        self._is_scope = False
        self._end_lease()
        self._http.close()

    def set(self, *, direction: Direction = "both", **said: Any) -> Override | None:
        """Make the link so from the next slot on, instead of what was set before; nothing said: as the sky.

        Said of one direction, the other stays as it was set. What can be said:
        ``linkemu.client.effects.effects``.
        """
        row, before = effects(**said), self._was_set(direction)
        meant: dict[Direction, Effects] = {direction: row} if row else {}
        if direction != "both" and "both" in before:
            meant = {"down" if direction == "up" else "up": before["both"].effects, **meant}
        rows = [self._row(each, way) for way, each in meant.items()]
        made = self._change(rows, [each.name for each in before.values()])
        self._set = {way: each for way, each in self._set.items() if way not in before}
        self._set.update(zip(meant, made, strict=True))
        return made[-1] if row else None

    def impose(
        self, *, direction: Direction = "both", duration: str | float | None = None, **said: Any
    ) -> Override:
        """Put something on the link besides what stands; ``lift`` ends it."""
        row = effects(**said)
        if not row:
            raise InputError("override", "it has no effect")
        (override,) = self._change([self._row(row, direction, duration)], [])
        return override

    def override(
        self, *, direction: Direction = "both", duration: str | float | None = None, **said: Any
    ) -> Scope:
        """The same for a block: ``with link.override(cap="1 Mbit/s"):``."""
        row = effects(**said)
        if not row:
            raise InputError("override", "it has no effect")
        return Scope(self, [self._row(row, direction, duration)])

    def outage(self, *, direction: Direction = "both", duration: str | float | None = None) -> Scope:
        """No light for a block, and the sender knows: ``with link.outage(direction="up"):``."""
        return self.override(direction=direction, duration=duration, rate=0)

    def lift(self, override: Override | str) -> None:
        """End an override at the next slot; one that has ended is no error."""
        name = override if isinstance(override, str) else override.name
        try:
            self._http.ask("DELETE", f"/v1/overrides/{quote(name)}")
        except AbsentError:
            return

    def batch(self) -> Batch:
        """Several changes at one slot's edge, or none: ``with link.batch() as batch:``."""
        return Batch(self)

    def reset(self) -> None:
        """Lift everything, whoever has imposed it, and enable all doors."""
        self._set.clear()
        self._http.ask("POST", "/v1/reset")

    def skip(self, until_s: float) -> float:
        """Skip time in which nothing leaves or arrives, at most up to ``until_s``; scenario time after it.

        Of a ``proxy`` only; the processes under ``exec`` live by the kernel's clock.
        """
        return float(self._http.ask("POST", "/v1/skip", {"until_s": until_s})["now_s"])

    def state(self) -> Document:
        """Time, links, doors and overrides."""
        return self._http.ask("GET", "/v1/state")

    def overrides(self) -> list[Override]:
        """All that stand, whoever has imposed them."""
        return [Override.of(each) for each in self._http.ask("GET", "/v1/overrides")["overrides"]]

    def report(self) -> list[Document]:
        """The fidelity of each door so far, as the command's own report."""
        reports: list[Document] = self._http.ask("GET", "/v1/report")["reports"]
        return reports

    def events(self, *kinds: str) -> Events:
        """What happens from now on: ``for event in link.events("light", "override"):``."""
        return Events(self._http.stream(f"/v1/events?kinds={','.join(kinds)}"))

    def doors(self) -> list[Document]:
        doors: list[Document] = self._http.ask("GET", "/v1/doors")["doors"]
        return doors

    def open_door(self, name: str, to: str, **more: str) -> Document:
        """One more door over this link; ``more``: listen, protocol, outage, uplink."""
        told = {"name": name, "to": to, **more}
        return self._http.ask("POST", "/v1/doors", told if self.link is None else {**told, "link": self.link})

    def close_door(self, name: str) -> None:
        self._http.ask("DELETE", f"/v1/doors/{quote(name, safe='')}")

    def enable(self, door: str, wanted: bool = True) -> None:
        """Let a door take clients, or refuse them and reset those that are there."""
        self._http.ask("PATCH", f"/v1/doors/{quote(door, safe='')}", {"is_enabled": wanted})

    def disable(self, door: str) -> None:
        self.enable(door, False)

    def connections(self, door: str, *, after: int = 0, most: int = 100) -> list[Document]:
        """Open connections with numbers above ``after``."""
        path = f"/v1/doors/{quote(door, safe='')}/connections?after={after}&most={most}"
        connections: list[Document] = self._http.ask("GET", path)["connections"]
        return connections

    def break_connections(self, door: str, how: Literal["reset", "half-open"] = "reset") -> int:
        """Reset a door's connections, or let the far side forget them; how many there were."""
        path = f"/v1/doors/{quote(door, safe='')}/connections?how={how}"
        return int(self._http.ask("DELETE", path)["broken"])

    def _row(self, row: Effects, direction: Direction, duration: str | float | None = None) -> Document:
        told = {**row, "direction": direction}
        if self.link is not None:
            told["link"] = self.link
        if duration is not None:
            told["duration_s"] = seconds("duration", duration)
        return told

    def _change(
        self,
        impose: list[Document],
        lift: list[str],
        doors: dict[str, bool] | None = None,
        *,
        is_scoped: bool = False,
    ) -> list[Override]:
        asked: Document = {"impose": impose, "lift": lift, "doors": doors or {}}
        if impose and (is_scoped or self._is_scope):
            asked["lease"] = self._held_lease()
        return [Override.of(each) for each in self._http.ask("POST", "/v1/batch", asked)["overrides"]]

    def _was_set(self, direction: Direction) -> dict[Direction, Override]:
        """What was set for a direction, alone or together with the other, and still stands."""
        standing = {each.name for each in self.overrides()} if self._set else set()
        return {
            way: each
            for way, each in self._set.items()
            if each.name in standing and (direction == "both" or way in (direction, "both"))
        }

    def _held_lease(self) -> str:
        if self._lease is None:
            stream = self._http.stream("/v1/lease")
            first = next(iter(stream), None)
            if first is None:
                stream.close()
                raise ResourceError(self._http.url, "gave no lease")
            self._lease = first["lease"], stream
        return self._lease[0]

    def _end_lease(self) -> None:
        if self._lease is not None:
            lease, self._lease = self._lease, None
            lease[1].close()

    def _enter(self, rows: list[Document]) -> list[Override]:
        self._scopes += 1
        try:
            return self._change(rows, [], is_scoped=True)
        except BaseException:
            self._leave(())
            raise

    def _leave(self, overrides: Iterable[Override]) -> None:
        self._scopes -= 1
        try:
            for override in overrides:
                self.lift(override)
        finally:
            if self._scopes == 0 and not self._is_scope:
                self._end_lease()
