"""Our end of the control channel to a data plane (access.desk), for asyncio: ask and await, hear events.

Refusals come back as the errors that they were. Once the data plane is gone every question is a
ResourceError, and ``gone`` is set.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import Any

from linkemu.access.line import Document, Line
from linkemu.errors import AbsentError, FormatError, InputError, LinkemuError, ResourceError

_ANSWER_S = 10.0


class Wire:
    """Order of calls: construct in a running loop, ``ask`` and ``hear``, ``close``."""

    def __init__(self, end: socket.socket) -> None:
        self._line = Line(end)
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Document]] = {}
        self._hear: Callable[[Document], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._is_writing = False
        self.gone = asyncio.Event()
        self._loop.add_reader(self._line.fileno(), self._read)

    async def ask(self, do: str, **more: object) -> Any:
        """What was ``done``. InputError, AbsentError, ResourceError as the desk refuses."""
        if self.gone.is_set():
            raise _gone()
        number = next(self._numbers)
        answer: asyncio.Future[Document] = self._loop.create_future()
        self._asked[number] = answer
        self._line.write({"id": number, "do": do, **more})
        self._keep_writing()
        try:
            async with asyncio.timeout(_ANSWER_S):
                said = await answer
        except TimeoutError:
            raise ResourceError("data plane", f"doesn't answer within {_ANSWER_S:.0f} s") from None
        finally:
            self._asked.pop(number, None)
        if "refused" in said:
            raise _refusal(said)
        return said["done"]

    async def ask_while_there(self, do: str, **more: object) -> None:
        """The same; a data plane that has ended meanwhile has nothing left to do."""
        try:
            await self.ask(do, **more)
        except ResourceError:
            if not self.gone.is_set():
                raise

    async def hear(self, told: Callable[[Document], None] | None) -> None:
        """Call ``told`` with each event from now on; None: hear no more."""
        self._hear = told
        await self.ask_while_there("listen", on=told is not None)

    def close(self) -> None:
        """Ask no more."""
        if not self.gone.is_set():
            self._end()

    def _read(self) -> None:
        try:
            for said in self._line.read():
                self._sort(said)
        except FormatError:
            self._end()
        if not self._line.is_open:
            self._end()

    def _sort(self, said: Document) -> None:
        answer = self._asked.get(said.get("id") or 0)
        if answer is not None and not answer.done():
            answer.set_result(said)
        elif "event" in said and self._hear is not None:
            self._hear(said)

    def _keep_writing(self) -> None:
        """Write what the socket has not taken as soon as it takes more."""
        if self._line.waiting_bytes and not self._is_writing:
            self._loop.add_writer(self._line.fileno(), self._flush)
            self._is_writing = True

    def _flush(self) -> None:
        self._line.flush()
        if not self._line.waiting_bytes:
            self._loop.remove_writer(self._line.fileno())
            self._is_writing = False

    def _end(self) -> None:
        if self.gone.is_set():
            return
        self.gone.set()
        self._loop.remove_reader(self._line.fileno())
        if self._is_writing:
            self._loop.remove_writer(self._line.fileno())
        self._line.close()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(_gone())


def _gone() -> ResourceError:
    return ResourceError("data plane", "has ended")


def _refusal(said: Document) -> LinkemuError:
    where, _, problem = str(said["refused"]).partition(": ")
    kinds: dict[str, type[InputError | ResourceError]] = {"absent": AbsentError, "resource": ResourceError}
    return kinds.get(said.get("blame", ""), InputError)(where, problem)
