"""Listens to the bus of a running session from a thread, for commands that are not part of it.

Keeps a Picture, nothing more. Without a broker the picture stays empty: what the doors tell must do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from types import TracebackType
from typing import Self

from linkemu.cli.picture import Picture, why
from linkemu.errors import FormatError
from linkemu.runtime import mqtt
from linkemu.runtime.layout import Marker
from linkemu.telemetry import LinkTelemetry, everything, read


class BusFeed:
    """The picture that the bus gives, for as long as the context lasts."""

    def __init__(self, marker: Marker) -> None:
        self.picture = Picture()
        self._marker = marker
        self._loop = asyncio.new_event_loop()
        self._heard = threading.Event()
        self._thread = threading.Thread(target=self._run, name="busfeed", daemon=True)
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the first telemetry of a link; False if none came in time."""
        return self._marker.broker is not None and self._heard.wait(timeout_s)

    def cause(self, station: str, satellite: str, action: str) -> str | None:
        """Why the beam that carries ``action`` is dark or blocked, in words; None while it is open."""
        link = self.picture.link(station, satellite)
        if link is None:
            return None
        beam = link.telemetry.up if action == "put" else link.telemetry.down
        return None if beam.state == "open" else why(beam)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._task = self._loop.create_task(self._listen())
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _listen(self) -> None:
        marker = self._marker
        bus = mqtt.connect(marker.broker, f"linkemu-watch-{os.getpid()}")
        try:
            async for note in bus.subscribe(everything(marker.scenario)):
                try:
                    message = read(note.topic, note.payload)
                except FormatError:  # a foreign node's message: nothing to draw
                    continue
                if message is not None:
                    self.picture.take(message)
                    if isinstance(message, LinkTelemetry):
                        self._heard.set()
        finally:
            await bus.close()
