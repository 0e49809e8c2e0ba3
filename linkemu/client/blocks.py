"""What a ``with`` block of a Link is: overrides for its time, a batch at its end, events while it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from linkemu.client.effects import effects
from linkemu.client.http import Document, Stream

if TYPE_CHECKING:
    from linkemu.client.link import Link, Override

Direction = Literal["up", "down", "both"]


class Scope:
    """Overrides that stand as long as a block."""

    def __init__(self, link: Link, rows: list[Document]) -> None:
        self._link = link
        self._rows = rows
        self._overrides: list[Override] = []

    def __enter__(self) -> Override:
        self._overrides = self._link._enter(self._rows)
        return self._overrides[0]

    def __exit__(self, *_: object) -> None:
        self._link._leave(self._overrides)


class Batch:
    """Collects changes, and asks for all of them when its block ends well; then ``overrides`` stand."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._impose: list[Document] = []
        self._lift: list[str] = []
        self._doors: dict[str, bool] = {}
        self.overrides: list[Override] = []

    def impose(
        self, *, direction: Direction = "both", duration: str | float | None = None, **said: Any
    ) -> None:
        """As ``Link.impose``."""
        self._impose.append(self._link._row(effects(**said), direction, duration))

    def outage(self, *, direction: Direction = "both", duration: str | float | None = None) -> None:
        self.impose(direction=direction, duration=duration, rate=0)

    def lift(self, override: Override | str) -> None:
        """End an override that stands."""
        self._lift.append(override if isinstance(override, str) else override.name)

    def enable(self, door: str, wanted: bool = True) -> None:
        self._doors[door] = wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.overrides = self._link._change(self._impose, self._lift, self._doors)


class Events:
    """An iterator of events; ``close`` it, or use it in a block."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._events = iter(stream)

    def __iter__(self) -> Iterator[Document]:
        return self._events

    def __next__(self) -> Document:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
