"""What an exchange of formats says besides its result: what was rounded, lost or assumed, and who is wrong.

A note is one thing that the other format couldn't say as we do, or that we had to add. Nothing is dropped
in silence: a converter that leaves something out adds a note. A text that can't be read is an InputError
whose place is ``file:line``.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from enum import Enum

from linkemu.errors import InputError

LATEST_S = 10**9  # thirty years: times in ns, and sums of them, stay far within int64
LARGEST_BPS = 10**15


class Kind(Enum):
    """How far a result is from what was given."""

    ROUNDED = "rounded"  # it is there, not exactly
    LOST = "lost"  # it isn't there
    ASSUMED = "assumed"  # it wasn't said, and we took something


@dataclass(frozen=True, slots=True)
class Note:
    """``count`` of such cases; the text says of what, and by how much at most."""

    kind: Kind
    text: str
    count: int = 1

    def row(self) -> dict[str, object]:
        """As in JSON."""
        return {"kind": self.kind.value, "count": self.count, "text": self.text}

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.text}" + (f" ({self.count} times)" if self.count > 1 else "")


@dataclass(frozen=True, slots=True)
class Place:
    """A line (1-based) of a file, or an item of it; ``error`` blames it."""

    file: str
    at: int | str | None = None

    def error(self, problem: str) -> InputError:
        return InputError(self.file if self.at is None else f"{self.file}:{self.at}", problem)

    def number(self, text: object, what: str, low: float, high: float) -> float:
        """A finite number within bounds, from text or a number of JSON."""
        try:
            value = math.nan if isinstance(text, bool) else float(text)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not low <= value <= high:  # nan never is
            raise self.error(f"{what} is {_shown(text)}, expected a number from {low:g} to {high:g}")
        return value

    def whole(self, text: object, what: str, low: int, high: int) -> int:
        """A whole number within bounds, exact however large it is."""
        try:
            value = int(text) if isinstance(text, str) and text.isascii() else text
        except ValueError:
            value = None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(f"{what} is {_shown(text)}, expected a whole number from {low} to {high}")
        return value

    def name(self, text: str) -> str:
        """The name of a node: every format, override and message must be able to say it."""
        if not text or not text.isprintable() or text != text.strip():
            raise self.error(f"name is {_shown(text)}, expected printable letters and no space at either end")
        return text


def lines(text: str) -> list[str]:
    """With their ends, as editors count them: LF, CR LF or CR, and nothing else that Unicode calls a line."""
    return io.StringIO(text, newline="").readlines()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
