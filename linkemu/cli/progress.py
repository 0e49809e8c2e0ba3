"""How far a long computation has come, on stderr: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from linkemu.cli import output

if TYPE_CHECKING:
    from rich.console import Console

LINE_EVERY_S = 30.0

Tell = Callable[[float, str], None]  # the share that is done, and words


@contextmanager
def shown(what: str) -> Iterator[Tell]:
    """What to tell as it goes on."""
    console = output.notices()
    if not console.is_terminal:
        yield _by_lines(what)
        return
    with _bar(what, console) as tell:
        yield tell


@contextmanager
def _bar(what: str, console: Console) -> Iterator[Tell]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    words = (TextColumn(what), BarColumn(), TextColumn("{task.description}"))
    with Progress(
        *words, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda share, words: progress.update(task, completed=share, description=words)


def _by_lines(what: str) -> Tell:
    last_s = time.monotonic()

    def tell(share: float, words: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= LINE_EVERY_S:
            last_s = time.monotonic()
            output.say(f"{what}: {100.0 * share:.0f} %, {words}")

    return tell
