"""Blocks of a test, for ``with`` and for ``async with`` alike; under asyncio they don't hold the loop up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Block(Generic[T]):
    """``enter`` makes the context manager as the block begins; a block may be entered again."""

    def __init__(self, enter: Callable[[], AbstractContextManager[T]]) -> None:
        self._make = enter
        self._within: list[AbstractContextManager[T]] = []

    def __enter__(self) -> T:
        inner = self._make()
        entered = inner.__enter__()
        self._within.append(inner)
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._within.pop().__exit__(kind, error, trace)

    async def __aenter__(self) -> T:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.__exit__, kind, error, trace))
