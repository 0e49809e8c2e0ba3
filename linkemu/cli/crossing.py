"""Follows a file on its way: a progress bar on stderr, with what it waits for. For put, get and ls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from linkemu.cli import output
from linkemu.cli.crossed import share
from linkemu.cli.stationdoor import Custody, Sight, StationDoor
from linkemu.errors import LinkemuError, ResourceError
from linkemu.units import format_bytes, format_duration, format_rate

POLL_S = 0.25


class Outlook(Protocol):
    """Says in words what stands in the way of light between two terminals, as far as is known."""

    def cause(self, station: str, satellite: str, action: str) -> str | None: ...


class Bar:
    """One bar; ``advance`` as bytes go, ``show`` as custody tells."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, size: int) -> None:
        self._progress.advance(self._task, size)

    def show(self, done: int, total: int | None, note: str) -> None:
        self._progress.update(self._task, completed=done, total=total, note=note)


class _Amount(ProgressColumn):
    """How much of how much, and how fast."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text()
        rate = f"  {format_rate(8 * task.speed)}" if task.speed else ""
        return Text(f"{format_bytes(task.completed)} of {format_bytes(task.total)}{rate}")


@contextmanager
def bar(label: str, total: int | None, quiet: bool) -> Iterator[Bar]:
    """A bar on stderr for as long as the context lasts; nothing is drawn where there is no terminal."""
    console = output.notices()
    note = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        _Amount(),
        TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=note),
    )
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, expand=True, transient=True) as progress:
        yield Bar(progress, progress.add_task(label, total=total, note=""))


def follow(
    door: StationDoor,
    custody: Custody,
    *,
    timeout_s: float | None,
    quiet: bool,
    outlook: Outlook | None = None,
) -> Custody:
    """Wait until custody has ended well.

    Raises:
        LinkemuError: the transfer failed, and why.
        ResourceError: ``timeout_s`` (by the wall clock) is over; the station goes on.
    """
    began = time.monotonic()
    with bar(custody.name, custody.size_bytes, quiet) as drawn:
        while not custody.ended:
            sight = next(each for each in door.sights() if each.satellite == custody.satellite)
            known = outlook.cause(door.station, custody.satellite, custody.action) if outlook else None
            size = custody.size_bytes
            drawn.show(round(share(custody) * (size or 0)), size, f"{custody.state}; {state(sight, known)}")
            if timeout_s is not None and time.monotonic() - began > timeout_s:
                raise ResourceError(
                    custody.name, f"still {custody.state} after {timeout_s:g} s; {door.station} goes on"
                )
            time.sleep(POLL_S)
            custody = door.custody(custody.id)
    if custody.state == "failed":
        raise LinkemuError(f"{custody.name}: failed: {custody.problem or 'no reason given'}")
    return custody


def catalogue(
    door: StationDoor, satellite: str, *, timeout_s: float | None, quiet: bool
) -> list[dict[str, Any]]:
    """What the satellite says it holds. ResourceError if it has not come after ``timeout_s``."""
    began = time.monotonic()
    with bar(f"asking {satellite}", None, quiet) as drawn:
        while True:
            left_s = POLL_S * 8 if timeout_s is None else began + timeout_s - time.monotonic()
            files = door.listing(satellite, max(0.0, min(POLL_S * 8, left_s)))
            if files is not None:
                return files
            if left_s <= 0.0:
                raise ResourceError(
                    satellite, f"no answer after {timeout_s:g} s; {door.station} goes on asking"
                )
            sight = next(each for each in door.sights() if each.satellite == satellite)
            drawn.show(0, None, state(sight, None))


def state(sight: Sight, known: str | None) -> str:
    """A link in words: its rate, or why there is none and when the next window comes."""
    if sight.light and known is None:
        return f"link open, {format_rate(sight.rate_bps)}" if sight.rate_bps else "link open"
    if sight.window_s is None:
        return "no further window"
    if sight.window_s > sight.at_s:
        return f"next window in {format_duration(sight.window_s - sight.at_s)}"
    return known or "no light in the window"
