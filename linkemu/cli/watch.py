"""Shows a run as it goes: redrawn on a terminal, one line for each change anywhere else.

Feed it events in the order in which they come. What is drawn stands in display.py, what is told in
narrator.py.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from linkemu.cli import display
from linkemu.cli.narrator import Narrator, stamped
from linkemu.cli.picture import Picture
from linkemu.runtime.session import BrokerChange, Compiling, Event, Ready
from linkemu.runtime.supervisor import ProcessChange
from linkemu.telemetry import Message

LINES_KEPT = 6
FRAMES_PER_SECOND = 8


class Watch:
    """A picture on a console for as long as the context lasts."""

    def __init__(self, console: Console, every_s: float = 0.0) -> None:
        self.picture = Picture()
        self._console = console
        redrawn = console.is_terminal and not console.is_dumb_terminal
        self._narrator = Narrator(0.0 if redrawn else every_s, brief=redrawn)
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._busy: str | None = None
        self._heard = time.monotonic()
        self._told = 0.0  # the latest scenario time that a line bore
        self._lock = threading.Lock()  # rich redraws from a thread of its own
        self._live: Live | None = None
        if redrawn:
            self._live = Live(
                console=console,
                refresh_per_second=FRAMES_PER_SECOND,
                get_renderable=self._draw,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            if error is None:
                self._console.print(self._draw())

    def follow(self, event: Event) -> None:
        """Take whatever a session says."""
        match event:
            case Compiling():
                self.busy(f"compiling the sky {100 * event.fraction:.0f} %")
            case Ready():
                for warning in event.warnings:
                    self.note(f"warning: {warning}")
                for station, (host, port) in event.marker.doors.items():
                    self.note(f"{station}: door open at http://{host}:{port}")
            case BrokerChange(None):
                self.note("broker: answers again")
            case BrokerChange(trouble):
                self.note(f"broker: no connection ({trouble}): data goes on, telemetry waits for it")
            case _:
                self.take(event)

    def take(self, message: Message | ProcessChange) -> None:
        """Take a message in, and tell what it changes."""
        with self._lock:
            self._busy = None
            before = self.picture.now
            self._told = max(self._told, self._now())  # before the message can end the reckoning
            self.picture.take(message)
            if self.picture.now > before:
                self._heard = time.monotonic()
            self._told = max(self._told, self.picture.now)
            lines = self._narrator.tell(message, self.picture, self._told)
        self._tell(lines)

    def note(self, text: str) -> None:
        """Tell something that no message says."""
        self._tell([stamped(self._now(), text)])

    def busy(self, text: str) -> None:
        """What keeps us before there is anything to draw; until the next message."""
        if self._live is None and self._busy is None:
            self._console.print(text, markup=False)
        self._busy = text

    def _now(self) -> float:
        return self.picture.reckon(time.monotonic() - self._heard)

    def _tell(self, lines: list[str]) -> None:
        with self._lock:
            self._lines.extend(lines)
        if self._live is None:
            for line in lines:
                self._console.print(line, markup=False, soft_wrap=True)

    def _draw(self) -> RenderableType:
        with self._lock:
            if self._busy is not None:
                return Group(Text(f" {self._busy}", style="dim"))
            return display.screen(self.picture, self._now(), self._lines)
