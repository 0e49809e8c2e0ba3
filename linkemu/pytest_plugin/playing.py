"""What a test holds: a link that plays, its doors, faults for a block, time that skips, the report.

The data plane is a process on a leash: it ends with the one that runs the tests, however that ends, and its
doors with it. All of the link is recorded. Blocks are for ``with`` and ``async with``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from linkemu.access import settings
from linkemu.access.launch import DataPlane
from linkemu.access.settings import Outages, Proxy
from linkemu.client import Link, Override
from linkemu.control.server import Control
from linkemu.errors import InputError, LinkemuError, ResourceError
from linkemu.pytest_plugin import artefacts, command, faults, moments
from linkemu.pytest_plugin.blocks import Block
from linkemu.pytest_plugin.command import Finished
from linkemu.pytest_plugin.entrance import Door
from linkemu.pytest_plugin.source import Found
from linkemu.record.manifest import Pace
from linkemu.record.recording import Recording

_LOOK_S = 0.02
_PATIENCE_S = 60.0


class PlayedLink:
    """The fixture ``link``. ``client`` is that of the control API, ``room`` the directory of artefacts."""

    def __init__(self, found: Found, room: Path, test: str) -> None:
        """Starts the data plane; ResourceError if the machine refuses."""
        self.found = found
        self.room = room
        self._test = test
        self._doors: list[settings.Door] = []
        self._runs = 0
        self._reports: list[dict[str, Any]] = []
        name = found.played.sky.links[found.link]
        self.name = f"{name.station}:{name.satellite}"
        self._line = moments.Line(found.played.sky, found.link)
        self._is_open = True
        with ExitStack() as undo:
            undo.callback(artefacts.discard, room)
            self._record = Recording.begin(room / "link", "proxy", found.played, Pace(), doors=self._told())
            self._control = undo.enter_context(Control(("127.0.0.1", 0)))
            traces = self._record.trace("doors").parent
            proxy = Proxy(
                Path(),
                (),
                found.start_s,
                found.anchor,
                *self._queue(),
                faults=found.played.faults,
                record=traces,
            )
            self._plane = DataPlane.start(proxy, found.played.sky)
            undo.callback(self._plane.close)
            self._control.start(self._plane.control, found.played.sky)
            self.client = Link(self._control.url, self._control.token, self.name)
            self.client.__enter__()
            undo.pop_all()

    @property
    def now_s(self) -> float:
        """Scenario time; it stands still before the first byte, unless the marker says anchor="listen"."""
        return float(self.client.state()["now_s"])

    @property
    def pid(self) -> int:
        """Of the data plane."""
        return self._plane.pid

    def tcp(self, to: int | str, *, outage: str = "hold", uplink: str = "client", name: str = "") -> Door:
        """A door to a TCP server: a port of this machine, or "HOST:PORT"; ``outage`` as of linkemu proxy."""
        return self._open(
            settings.Door(("127.0.0.1", 0), _address(to), "tcp", Outages.parse(outage, "outage")),
            uplink,
            name,
        )

    def udp(self, to: int | str, *, uplink: str = "client", name: str = "") -> Door:
        """A door to a UDP server."""
        return self._open(settings.Door(("127.0.0.1", 0), _address(to), "udp"), uplink, name)

    def http(self, to: int | str, *, outage: str = "hold", uplink: str = "client", name: str = "") -> str:
        """The URL, without a slash at its end, of a door to an HTTP server."""
        return self.tcp(to, outage=outage, uplink=uplink, name=name).url

    def exec(
        self,
        command_line: Sequence[str],
        *,
        serve: str | None = None,
        forward: Mapping[int, str] | None = None,
        pcapng: str | Path | None = None,
        snap: str = "256 B",
        timeout: str | float = 120.0,
    ) -> Finished:
        """Run a command whose only way out is this sky, from the marker's start on (docs/exec.md).

        It has a time of its own, and faults of blocks don't reach it. ``forward``: {port: "HOST:PORT"};
        ``pcapng`` is a file that captures its packets, ``snap`` of each.
        """
        self._runs += 1
        return command.run(
            command_line,
            record=self._record.directory,
            into=self.room / f"exec-{self._runs}",
            link=self.name,
            start_s=self.found.start_s,
            serve=serve,
            forward=forward or {},
            capture=None if pcapng is None else (Path(pcapng), snap),
            timeout_s=moments.duration_s(timeout, "timeout"),
        )

    async def aexec(self, command_line: Sequence[str], **more: Any) -> Finished:
        """The same under asyncio."""
        return await asyncio.to_thread(self.exec, command_line, **more)

    def outage(self, **said: Any) -> Block[Override]:
        """No light for a block, and the sender knows; ``direction`` "up", "down" or both."""
        return Block(lambda: self.client.outage(**said))

    def override(self, **said: Any) -> Block[Override]:
        """Any change for a block: rate=, cap=, delay=, added_delay=, erasure=, … (docs/control.md)."""
        return Block(lambda: self.client.override(**said))

    def fault(self, kind: str, **said: Any) -> Block[Any]:
        """A fault by its name for a block: "blackhole", "loss", "rate", "delay", "refuse", …

        "reset" and "half-open" strike the connections that there are as the block begins.
        """
        if kind in faults.DOORS:
            return Block(lambda: self._at_doors(kind, **said))
        row = faults.effects(kind, said)
        return self.override(**row)

    def advance_to(self, moment: str | float, *, patience: str | float = _PATIENCE_S) -> float:
        """Let scenario time go on to a moment such as "AOS+90s"; which time it is then.

        Stretches in which nothing leaves or arrives are skipped, all else passes at the real clock's pace.
        InputError if the moment has passed, ResourceError if it takes more than ``patience`` of wall time.
        """
        now_s = self.now_s
        until_s = self._line.at(moment, now_s)
        if until_s < now_s:
            raise InputError(f"moment {moment!r}", f"{until_s:.3f} s has passed, it is {now_s:.3f} s")
        if until_s >= self._line.end_s:
            raise InputError(f"moment {moment!r}", f"is after the sky's end at {self._line.end_s:.3f} s")
        end_s = time.monotonic() + moments.duration_s(patience, "patience")
        while (reached_s := self.client.skip(until_s)) < until_s - 1e-9:
            if time.monotonic() > end_s:
                raise ResourceError(
                    "link", f"busy: at {reached_s:.3f} s, {until_s:.3f} s not reached in time"
                )
            time.sleep(min(_LOOK_S, until_s - reached_s))
        return reached_s

    async def aadvance_to(self, moment: str | float, **more: Any) -> float:
        """The same under asyncio."""
        return await asyncio.to_thread(self.advance_to, moment, **more)

    def report(self) -> list[dict[str, Any]]:
        """The fidelity of each door so far, as of ``linkemu proxy --json``."""
        return self.client.report() if self._is_open else self._reports

    def words(self) -> str:
        """How to meet the same sky again, for a test that has failed."""
        record = self._record.directory
        seed = "no chance in it" if self.found.seed is None else f"seed {self.found.seed}"
        start = f" --start-at '{self.found.start_s:g} s'" if self.found.start_s else ""
        lines = [
            f"sky: {self.found.name}, {seed}, {self.found.played.sky.digest()[:16]}",
            f"artefacts: {self.room}",
            f"again: pytest '{self._test}' --linkemu-replay='{record}'",
            f"any client: linkemu proxy '{record}' --to HOST:PORT --link {self.name} "
            f"--anchor {self.found.anchor}{start}",
        ]
        return "\n".join((*lines, *self._happenings()))

    def close(self, *, keep: bool = True) -> None:
        """End it and write down what came of it; nothing is left of its processes and ports."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self.client.close()
            self._plane.stop()
            self._reports = [asdict(each) for each in self._plane.wait()]
            self._record.finish(faults=self._plane.faults, doors=self._told(), reports=self._reports)
        finally:
            self._plane.close()
            self._control.close()
            if not keep:
                artefacts.discard(self.room)

    def _open(self, told: settings.Door, uplink: str, name: str) -> Door:
        name = name or self._name(told)
        shown = self.client.open_door(
            name,
            settings.spoken(told.to),
            protocol=told.protocol,
            uplink=uplink,
            **({"outage": _outage(told.outages)} if told.protocol == "tcp" else {}),
        )
        host, _, port = shown["listen"].rpartition(":")
        listen = host, int(port)
        self._doors.append(
            settings.Door(
                listen, told.to, told.protocol, told.outages, shown["uplink"], self.found.link, name
            )
        )
        return Door(name, host, int(port), told.protocol, self.client)

    def _name(self, told: settings.Door) -> str:
        """Of a door that got none: of the one that the sky's faults of doors strike, else by its server."""
        taken = {each.name for each in self._doors}
        struck = settings.struck(self.found.played.sky)
        if struck is not None and struck not in taken:
            return struck
        name = f"{told.protocol}-{told.to[1]}"
        return f"{name}-{len(taken)}" if name in taken else name

    @contextmanager
    def _at_doors(self, kind: str, door: str = "") -> Iterator[None]:
        names = [door] if door else [each.name for each in self._doors]
        if kind != "refuse":
            for name in names:
                self.client.break_connections(name, kind)  # type: ignore[arg-type]  # of faults.DOORS
            yield
            return
        with self.client.batch() as shut:
            for name in names:
                shut.enable(name, False)
        try:
            yield
        finally:
            with self.client.batch() as opened:
                for name in names:
                    opened.enable(name)

    def _happenings(self) -> list[str]:
        """What doors have seen, a line each."""
        try:
            reports, now_s = self.report(), self.now_s
        except LinkemuError as error:
            return [f"link: {error}"]
        lines = [f"time: {now_s:.3f} s of {self._line.end_s:g} s"]
        for each in reports:
            count = each["connections"]
            ways = ", ".join(f"{way['delivered_bytes']} bytes {way['direction']}" for way in each["ways"])
            lines.append(
                f"door {each['name']}: {count} client{'s' * (count != 1)}, {each['reset']} reset, "
                f"{each['refused']} turned away; {ways}"
            )
        return lines

    def _queue(self) -> tuple[int | None, float]:
        scenario = self.found.played.scenario
        return (None, 10.0) if scenario is None else (scenario.queue.size_bytes, scenario.queue.hold_s)

    def _told(self) -> dict[str, Any]:
        """As ``linkemu proxy`` writes doors down."""
        queue_bytes, hold_s = self._queue()
        return {
            "doors": [each.document() for each in self._doors],
            "anchor": self.found.anchor,
            "start_s": self.found.start_s,
            "queue_bytes": queue_bytes,
            "hold_s": hold_s,
        }


def _address(to: int | str) -> tuple[str, int]:
    return ("127.0.0.1", to) if isinstance(to, int) else settings.address(to, "door")


def _outage(outages: Outages) -> str:
    patience = f":{outages.patience_s:g} s" if outages.patience_s else ""
    return outages.behaviour.value + patience
