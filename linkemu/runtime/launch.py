"""A node as a process of its own: from its node file to a Context, to ``run``, to an exit code.

``python -m ground_station --node-file F`` and ``python -m satellite_node --node-file F`` come here. SIGTERM
and SIGINT end the node cleanly with exit code 0; an error is one line on standard error and an exit code.
The node file's ``settings`` are those of this file (``Settings``): the contract knows nothing of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from linkemu.contract import Address, NodeFile
from linkemu.contract.files import Role
from linkemu.errors import InputError, LinkemuError
from linkemu.record.chain import ChainWriter
from linkemu.runtime import mqtt
from linkemu.runtime.ailing import ailing
from linkemu.runtime.clock import MappedClock, real_loop
from linkemu.runtime.disk import AioDisk, refusal
from linkemu.runtime.ledger import Ledger
from linkemu.runtime.node import Context, Run, find
from linkemu.runtime.terminal import UdpTerminal
from linkemu.scenario import Transfer, TransferSettings
from linkemu.schedule import NodeFault
from linkemu.telemetry import NodeState, NodeStatus
from linkemu.trace import Trace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the composition tells a node process besides the contract."""

    scenario: str
    epoch: datetime
    seed: int
    root: Path
    transfer: TransferSettings
    work: tuple[Transfer, ...] = ()
    broker: str | None = None
    http: Address | None = None
    ledger: Path | None = None
    entry_point: str | None = None  # another node than the role's own
    record: Path | None = None  # where the trace of a recorded run goes; None: beside the node's files
    faults: tuple[NodeFault, ...] = ()  # of its clock and its disk

    def as_mapping(self) -> Mapping[str, Any]:
        """For ``NodeFile.settings``."""
        mapping: Mapping[str, Any] = _SETTINGS.dump_python(self, mode="json")
        return mapping

    @classmethod
    def of(cls, mapping: Mapping[str, Any], file: Path) -> Settings:
        """InputError, with the file and the key, if ``mapping`` isn't what ``as_mapping`` makes."""
        try:
            return _SETTINGS.validate_python(mapping)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, ("settings", *first["loc"])))
            raise InputError(f"{file}: {where}", first["msg"]) from None


_SETTINGS = TypeAdapter(Settings)


def main(role: Role, arguments: list[str] | None = None) -> int:
    """Run a node process; returns its exit code."""
    parser = argparse.ArgumentParser(description=f"Run a {role} node of linkemu.")
    parser.add_argument("--node-file", type=Path, required=True, help="made by the session")
    path: Path = parser.parse_args(arguments).node_file
    try:
        node = NodeFile.load(path)
        if node.role != role:
            raise InputError(str(path), f"is the file of a {node.role} node, not of a {role} node")
        settings = Settings.of(node.settings, path)
        run = find(role, settings.entry_point)
        with asyncio.Runner(loop_factory=real_loop) as runner:
            runner.run(_live(node, settings, run))
    except LinkemuError as error:
        print(f"{role} node: {error}", file=sys.stderr)
        return error.exit_code
    return 0


async def _live(node: NodeFile, settings: Settings, run: Run) -> None:
    """Run the node until it ends by itself or a signal comes."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with _context(node, settings) as context:
            gc.collect()
            gc.freeze()  # what was loaded so far lasts: later collections need not walk it
            await run(context)


@contextlib.asynccontextmanager
async def _context(node: NodeFile, settings: Settings) -> AsyncIterator[Context]:
    """The Context of a process; says on the bus that the node is up, and at the end that it has stopped."""
    try:
        settings.root.mkdir(parents=True, exist_ok=True)
        lines = _TraceFile(settings)
    except OSError as error:
        raise refusal(settings.root, error) from error
    with contextlib.closing(lines):
        clock = MappedClock()
        terminal = UdpTerminal(node, clock)
        ledger = Ledger(settings.ledger)
        lost = _status(node, "lost")
        will = mqtt.Will(lost.topic(settings.scenario), lost.payload())
        bus = mqtt.connect(settings.broker, f"linkemu-{settings.scenario}-{node.name}", will)
        context = Context(
            name=node.name,
            role=node.role,
            scenario=settings.scenario,
            epoch=settings.epoch,
            seed=settings.seed,
            clock=clock,
            terminal=terminal,
            disk=AioDisk(),
            root=settings.root,
            bus=bus,
            trace=Trace(lines.write),
            settings=settings.transfer,
            work=settings.work,
            http=settings.http,
            observe=ledger.observe,
        )
        if settings.faults:
            context = ailing(context, settings.faults)
        context.announce(_status(node, "up"))
        try:
            yield context
        finally:
            ledger.write()
            context.announce(_status(node, "stopped"))
            await terminal.close()
            await bus.close()


class _PlainFile:
    """The trace of a run that isn't recorded: of all runs of a node, one after the other."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, line: str) -> None:
        self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        self._file.close()


class _TraceFile:
    """Takes lines for as long as the disk does: a trace must not end what it traces."""

    def __init__(self, settings: Settings) -> None:
        """OSError or ResourceError if the file can't be opened."""
        self._file: ChainWriter | _PlainFile
        if settings.record is None:
            self._file = _PlainFile(settings.root / "trace.jsonl")
        else:
            self._file = ChainWriter(settings.record, eager=True)
        self._takes_more = True

    def write(self, line: str) -> None:
        if not self._takes_more:
            return
        try:
            self._file.write(line)
        except OSError as error:
            self._takes_more = False
            _log.warning("the trace ends here: %s", error.strerror)

    def close(self) -> None:
        if self._takes_more:
            self._file.close()


def _status(node: NodeFile, state: NodeState) -> NodeStatus:
    return NodeStatus(node.name, node.role, state, os.getpid())
