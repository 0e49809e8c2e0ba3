"""Steps: each resumption of a machine's task is asked for first, so that a crash can strike there.

A task belongs to the machine in whose context it was made, and so do the tasks that it makes. When a machine
is off is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol

from linkemu.campaign.disk import PowerCut


class Powered(Protocol):
    def step(self) -> bool:
        """Before each resumption of a task; False if the power is off."""
        ...


_current: ContextVar[Powered | None] = ContextVar("machine", default=None)


def context_of(machine: Powered) -> Context:
    """A context whose tasks belong to ``machine``."""
    variables = copy_context()
    variables.run(_current.set, machine)
    return variables


def stepping(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Future[Any]:
    """A task factory: tasks of a machine are stepped by it, others are as ever."""
    machine = _current.get()
    if machine is None:
        return asyncio.Task(coroutine, loop=loop, **more)
    return asyncio.Task(_Stepped(coroutine, machine), loop=loop, **more)


class _Stepped(Coroutine[Any, Any, Any]):
    """A coroutine of a machine's task, which meets PowerCut at its next resumption once the power is off."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], machine: Powered) -> None:
        self._coroutine = coroutine
        self._machine = machine

    def send(self, value: Any) -> Any:
        if self._machine.step():
            return self._coroutine.send(value)
        return self._coroutine.throw(PowerCut())

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()
