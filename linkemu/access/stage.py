"""What a data plane shows to its control desk, and lets it do: links, doors, deeds. Seconds of scenario time.

A deed that can't be done is an InputError (no such door), or a ResourceError (its address is taken), and has
changed nothing. The doors of a proxy are here; a command under ``exec`` has links only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from linkemu.access.connection import Connection
from linkemu.access.imposed import Standings
from linkemu.access.line import Document
from linkemu.access.settings import Behaviour, Door, spoken
from linkemu.access.tcp import TcpDoor
from linkemu.errors import InputError
from linkemu.link.timeline import Sky

if TYPE_CHECKING:
    from linkemu.access.opened import Opened
    from linkemu.access.plane import Plane

Notice = Callable[[Document], None]


class Stage(Protocol):
    """All that a desk needs to know of a data plane."""

    sky: Sky
    standings: Standings

    def now_ns(self) -> int: ...

    def relit(self, links: Iterable[int]) -> None:
        """Light on these links has changed from some moment on."""
        ...

    def announce(self, notice: Notice | None) -> None:
        """Say by ``notice`` from now on what happens at the doors; None: no more."""
        ...

    def doors(self) -> list[Document]: ...

    def reports(self) -> list[Document]: ...

    def connections(self, door: str, after: int, most: int) -> list[Document]: ...

    def open(self, door: Door) -> None: ...

    def close(self, door: str) -> None: ...

    def check(self, door: str) -> None:
        """InputError if there is no such door."""
        ...

    def enable(self, door: str, wanted: bool) -> None: ...

    def doom(self, door: str, after_s: float | None) -> None:
        """Reset each connection when it has lived so long; None: let them live."""
        ...

    def break_connections(self, door: str, how: str) -> int:
        """ "reset" all, or let the far side forget them ("half-open"); how many there were."""
        ...


class Doors:
    """The stage of a proxy."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._notice: Notice | None = None
        self.sky = plane.sky
        self.standings = plane.standings

    def now_ns(self) -> int:
        return self._plane.now_ns()

    def relit(self, links: Iterable[int]) -> None:
        for number in links:
            self._plane.relight(number)

    def announce(self, notice: Notice | None) -> None:
        self._notice = notice
        for opened in self._plane.doors.values():
            self._attend(opened)

    def doors(self) -> list[Document]:
        return [_shown(opened) for opened in self._plane.doors.values()]

    def reports(self) -> list[Document]:
        return [asdict(report) for report in self._plane.reports()]

    def connections(self, door: str, after: int, most: int) -> list[Document]:
        return [
            {
                "number": each.number,
                "peer": each.peer,
                "opened_s": each.opened_ns / 1e9,
                "is_connected": each.is_connected,
                "held_bytes": [each.there.held, each.back.held],
            }
            for each in self._tcp(door).listing(after, most)
        ]

    def open(self, door: Door) -> None:
        self._attend(self._plane.open(door))
        self._say("door", door.name, "opened")

    def close(self, door: str) -> None:
        self._opened(door)
        self._plane.close(door)
        self._say("door", door, "closed")

    def check(self, door: str) -> None:
        self._opened(door)

    def enable(self, door: str, wanted: bool) -> None:
        opened = self._opened(door)
        if opened.door.is_enabled is not wanted:
            opened.door.enable(wanted)
            self._say("door", door, "enabled" if wanted else "disabled")

    def doom(self, door: str, after_s: float | None) -> None:
        self._tcp(door).doom(None if after_s is None else round(after_s * 1e9))

    def break_connections(self, door: str, how: str) -> int:
        tcp = self._tcp(door)
        if how not in ("reset", Behaviour.HALF_OPEN.value):
            raise InputError(f"door {door}", f"{how!r} is not one of reset, half-open")
        return tcp.reset_all() if how == "reset" else tcp.forget_all()

    def _opened(self, name: str) -> Opened:
        opened = self._plane.doors.get(name)
        if opened is None:
            raise InputError(f"door {name}", "there is no door of this name")
        return opened

    def _tcp(self, name: str) -> TcpDoor:
        door = self._opened(name).door
        if not isinstance(door, TcpDoor):
            raise InputError(f"door {name}", "datagrams have no connections")
        return door

    def _attend(self, opened: Opened) -> None:
        """Hear of the connections of a door, or no longer."""
        if not isinstance(opened.door, TcpDoor):
            return
        name = opened.told.name

        def tell(what: str, connection: Connection) -> None:
            self._say("connection", name, what, number=connection.number, peer=connection.peer)

        opened.door.notice = None if self._notice is None else tell

    def _say(self, event: str, door: str, what: str, **more: object) -> None:
        if self._notice is not None:
            at_s = self._plane.now_ns() / 1e9
            self._notice({"event": event, "at_s": at_s, "door": door, "what": what, **more})


def _shown(opened: Opened) -> Document:
    told, door = opened.told, opened.door
    return told.document() | {
        "listen": spoken(door.address),
        "to": spoken(told.to),
        "link": opened.played.name,
        "is_enabled": door.is_enabled,
        "doom_s": door.doom_ns / 1e9 if isinstance(door, TcpDoor) and door.doom_ns is not None else None,
        "connections": door.connections,
        "refused": door.refused,
    }
