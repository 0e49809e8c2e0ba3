"""A Subject: a file that the peer named, and what of its inventory is news to that peer.

News are chunks that became durable or were lost since the last statement, and chunks that came again. Each
is stated a few times, as any report may be lost. What is under way is stated as long as it is. So a
statement costs what has changed and what is under way, however long the file is.
"""

from __future__ import annotations

from collections import deque

from linkemu.transfer.progress import Progress

REPEATS = 3  # reports that state a change

_Span = tuple[int, int]  # first and last + 1


class Subject:
    """What one link's Receiver knows of one file."""

    __slots__ = (
        "_came_again", "_changes_seen", "_progress", "_recent", "_verdicts_seen", "_whole_statements",
        "declined", "polled", "priority", "repeats", "request",
    )  # fmt: skip

    def __init__(self) -> None:
        self.priority = 0
        self.request = 0
        self.declined: bytes | None = None
        self.polled = False  # asked for since the last report
        self.repeats = 0  # reports that have still to name the file
        self._whole_statements = 0  # how many of them from the first chunk to the last
        self._progress: Progress | None = None
        self._changes_seen = 0
        self._verdicts_seen = 0
        self._came_again: list[int] = []
        self._recent: deque[_Span | None] = deque(maxlen=REPEATS)

    def repeat(self) -> None:
        """There is news that is not in the file's Progress, or not on single chunks."""
        self.repeats = REPEATS

    def came_again(self, indices: tuple[int, ...]) -> None:
        """The peer sends a chunk that is here: it should hear so."""
        self._came_again += indices
        self.repeats = REPEATS

    def look(self, progress: Progress) -> None:
        """Take note of what is new since the last statement."""
        if progress is not self._progress:
            self._first_look(progress)
        news = progress.changes[self._changes_seen :] + self._came_again
        self._changes_seen = len(progress.changes)
        self._came_again.clear()
        if news or progress.verdicts != self._verdicts_seen:
            self._verdicts_seen = progress.verdicts
            self.repeats = REPEATS
        self._recent.append((min(news), max(news) + 1) if news else None)

    def window(self, progress: Progress) -> _Span:
        """The chunks of which the next statement has to speak: all if asked, else the news and what moves."""
        spans = [span for span in (*self._recent, progress.whole.span()) if span is not None]
        spans += [(index, index + 1) for index in progress.partials]
        if self.polled or self._whole_statements or not spans:
            return 0, len(progress.manifest.chunks)
        return min(first for first, _ in spans), max(last for _, last in spans)

    def state(self) -> None:
        """A statement has left."""
        self.polled = False
        self.repeats = max(0, self.repeats - 1)
        self._whole_statements = max(0, self._whole_statements - 1)

    def _first_look(self, progress: Progress) -> None:
        """The file has just become known here: all of it is news."""
        self._progress = progress
        self._changes_seen, self._verdicts_seen = len(progress.changes), progress.verdicts
        self.repeats = self._whole_statements = REPEATS
