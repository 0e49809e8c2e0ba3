"""Kills and freezes the processes of nodes when the schedule or an operator says so, and writes down when.

By scenario time, read from the emulator's time map. What a fault does to a node from within (its clock, its
disk) the node's process carries with it: linkemu.runtime.ailing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from linkemu.errors import FormatError, ResourceError
from linkemu.runtime import orders
from linkemu.runtime.bus import Bus
from linkemu.runtime.obeyed import obey
from linkemu.runtime.records import Records
from linkemu.runtime.supervisor import Supervisor
from linkemu.schedule import NodeFault

_POLL_S = 0.05  # of the time map: it may skip a gap
_STRIKES = frozenset({"kill", "freeze"})


class Warden:
    """Order of calls: construct, ``run`` in a task of its own until the session ends."""

    def __init__(
        self,
        supervisor: Supervisor,
        records: Records,
        journal: Path,
        nodes: Sequence[str],
        bus: Bus,
        scenario: str,
    ) -> None:
        self._supervisor = supervisor
        self._records = records
        self._journal = journal
        self._nodes = nodes
        self._bus = bus
        self._scenario = scenario
        self._rate = 1.0  # scenario seconds in a real one

    async def run(self, scheduled: Sequence[NodeFault]) -> None:
        """Carry out the schedule, and what is ordered. ResourceError: the journal can't be kept."""
        try:
            await self._run(scheduled)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _run(self, scheduled: Sequence[NodeFault]) -> None:
        async with asyncio.TaskGroup() as group:
            for fault in scheduled:
                if fault.kind in _STRIKES:
                    group.create_task(self._strike(fault), name=f"{fault.kind} {fault.node}")
            topic = orders.node_topic(self._scenario)
            await obey(self._bus, self._scenario, topic, lambda payload: self._carry_out(payload, group))

    def _carry_out(self, payload: bytes, group: asyncio.TaskGroup) -> list[object]:
        """Begin it; the fault that it is. FormatError: it is no order for these nodes, or not now."""
        order = orders.read_strike(payload)
        if order.node not in self._nodes:
            raise FormatError(f"order: there is no node {order.node}")
        now_ns = self._now_ns()
        if now_ns is None:
            raise FormatError("order: the scenario's time has not begun")
        end_ns = None if order.duration_s is None else now_ns + round(order.duration_s * 1e9)
        fault = NodeFault(order.node, order.kind, now_ns, end_ns)
        group.create_task(self._strike(fault), name=f"{fault.kind} {fault.node}")
        return [asdict(fault)]

    async def _strike(self, fault: NodeFault) -> None:
        began_ns = await self._until(fault.start_ns)
        if fault.kind == "kill":
            self._supervisor.kill(fault.node, hold=fault.end_ns is not None)
        else:
            self._supervisor.freeze(fault.node)
        self._keep(replace(fault, start_ns=began_ns))
        if fault.end_ns is not None:
            await self._until(fault.end_ns)
            if fault.kind == "kill":
                self._supervisor.release(fault.node)
            else:
                self._supervisor.freeze(fault.node, thaw=True)

    async def _until(self, at_ns: int) -> int:
        """Wait for a scenario time; the time that it is then."""
        while (now_ns := self._now_ns()) is None or now_ns < at_ns:
            rest_s = _POLL_S if now_ns is None else min(_POLL_S, (at_ns - now_ns) / 1e9 / self._rate)
            await asyncio.sleep(max(rest_s, 1e-4))
        return now_ns

    def _now_ns(self) -> int | None:
        time_map = self._records.time_map()
        if time_map is None:
            return None
        self._rate = time_map.pieces[-1].rate
        return time_map.scenario_ns(time.monotonic_ns())

    def _keep(self, fault: NodeFault) -> None:
        try:
            with self._journal.open("a") as file:
                file.write(json.dumps(asdict(fault)) + "\n")
        except OSError as error:
            raise ResourceError(str(self._journal), error.strerror or str(error)) from None
