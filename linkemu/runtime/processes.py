"""What each process of a session is told, as files, and the commands that start them.

A node gets its own file alone: its terminal and its links, and its plan by way of the emulator. Only the
emulator's file has all addresses and the sky. Addresses are chosen once and kept over restarts. Nothing is
started here.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from linkemu.contract import Address, EmulatorFile, NodeEntry, NodeFile, NodeLink
from linkemu.contract.files import Role
from linkemu.errors import ResourceError
from linkemu.forecast import Forecast
from linkemu.runtime.broker import LOOPBACK
from linkemu.runtime.launch import Settings
from linkemu.runtime.layout import RunDirectory
from linkemu.runtime.records import Records
from linkemu.runtime.supervisor import Program
from linkemu.scenario import Scenario
from linkemu.schedule import Schedule

EMULATOR = "emulator"
_INSIDE = frozenset({"clock", "bit-flip", "disk"})  # faults that a node's process carries with it
_LEAD_S = 0.05  # of live faults, beside doors: five times what they need to hear of them (access.heard)
_MODULES: Mapping[Role, str] = {"ground": "ground_station", "satellite": "satellite_node"}


@dataclass(frozen=True, slots=True)
class Told:
    """What was written for the processes of a session."""

    forecast: Forecast
    broker: str | None
    nodes: Mapping[str, Role]
    doors: Mapping[str, Address]


def tell(
    scenario: Scenario,
    forecast: Forecast,
    directory: RunDirectory,
    broker: str | None,
    rate: float,
    skip_gaps: bool,
    trace: Callable[[str], Path] | None = None,
) -> Told:
    """Write sky, plans, node files and emulator file. ``trace``: where that of a node is recorded."""
    told = Told(forecast, broker, roles(scenario), _doors(scenario))
    emulator, *terminals = free_addresses(1 + len(told.nodes), socket.SOCK_DGRAM)
    forecast.sky.save(directory.sky)
    try:
        directory.scenario.write_text(scenario.text)
        entries = []
        for name, terminal in zip(told.nodes, terminals, strict=True):
            record = None if trace is None else trace(name).absolute()
            file = _node_file(scenario, told, directory, name, emulator, terminal, record)
            file.save(directory.node_file(name))
            directory.plan(name).write_text(forecast.plans[name].to_json())
            entries.append(_entry(file, directory, forecast.schedule))
        if forecast.schedule.overlays:
            Records(directory.emulator).keep_overlays(forecast.schedule.overlays)
        EmulatorFile(
            scenario=scenario.name,
            address=emulator,
            sky=directory.sky,
            state=directory.emulator,
            nodes=tuple(entries),
            duration_s=scenario.duration_s,
            rate=rate,
            queue_bytes=scenario.queue.size_bytes,
            hold_s=scenario.queue.hold_s,
            skip_gaps=skip_gaps,
            broker=broker,
            lead_s=_LEAD_S if scenario.doors else 0.0,
        ).save(directory.emulator_file)
    except OSError as error:
        raise ResourceError(str(error.filename or directory.root), error.strerror or str(error)) from error
    return told


def _node_file(
    scenario: Scenario,
    told: Told,
    directory: RunDirectory,
    name: str,
    emulator: Address,
    terminal: Address,
    record: Path | None,
) -> NodeFile:
    settings = Settings(
        scenario=scenario.name,
        epoch=told.forecast.epoch,
        seed=scenario.seed,
        root=directory.node_root(name),
        transfer=scenario.transfer,
        work=tuple(each for each in scenario.transfers if each.station == name),
        broker=told.broker,
        http=told.doors.get(name),
        ledger=directory.ledger(name),
        record=record,
        faults=tuple(each for each in told.forecast.schedule.of_node(name) if each.kind in _INSIDE),
    )
    links = links_of(told.forecast, name)
    token = secrets.randbits(64)
    return NodeFile(name, told.nodes[name], emulator, terminal, token, links, settings.as_mapping())


def _entry(file: NodeFile, directory: RunDirectory, schedule: Schedule) -> NodeEntry:
    """What the emulator is told of a node."""
    late_ns = (each.start_ns for each in schedule.of_node(file.name) if each.kind == "plan-late")
    return NodeEntry(
        file.name,
        file.role,
        file.terminal,
        file.token,
        tuple(link.link for link in file.links),
        directory.plan(file.name),
        max(late_ns, default=0) / 1e9,
    )


def programs(told: Told, directory: RunDirectory) -> tuple[Program, ...]:
    """The emulator, then the nodes."""
    python = (sys.executable, "-m")
    emulator = (*python, "linkemu.runtime.emulator", str(directory.emulator_file))
    nodes = [
        Program(
            name,
            (*python, _MODULES[role], "--node-file", str(directory.node_file(name))),
            directory.log(name),
        )
        for name, role in told.nodes.items()
    ]
    return (Program(EMULATOR, emulator, directory.log(EMULATOR)), *nodes)


def roles(scenario: Scenario) -> dict[str, Role]:
    """All nodes of a scenario with their roles, stations first."""
    stations: dict[str, Role] = {station.id: "ground" for station in scenario.stations}
    return {**stations, **{satellite.id: "satellite" for satellite in scenario.satellites}}


def links_of(forecast: Forecast, node: str) -> tuple[NodeLink, ...]:
    """The links of a node by their numbers in the Sky, with the peer's name."""
    return tuple(
        NodeLink(number, link.satellite if link.station == node else link.station)
        for number, link in enumerate(forecast.sky.links)
        if node in (link.station, link.satellite)
    )


def free_addresses(count: int, kind: socket.SocketKind) -> list[Address]:
    """Different loopback addresses that nothing holds now."""
    with contextlib.ExitStack() as held:
        addresses: list[Address] = []
        for _ in range(count):
            probe = held.enter_context(socket.socket(socket.AF_INET, kind))
            probe.bind((LOOPBACK, 0))
            addresses.append((LOOPBACK, probe.getsockname()[1]))
        return addresses


def _doors(scenario: Scenario) -> dict[str, Address]:
    """HTTP doors by station; port 0 becomes a free one now, so that a restarted station has it again.

    Raises:
        ResourceError: somebody else listens on a port that the scenario asks for.
    """
    doors: dict[str, Address] = {}
    for station in scenario.stations:
        if station.http is None:
            continue
        host, port = station.http
        try:
            with socket.create_server((host, port)) as probe:
                doors[station.id] = (host, probe.getsockname()[1])
        except OSError as error:
            problem = f"the HTTP door of station {station.id} can't open: {error.strerror or error}"
            raise ResourceError(f"{host}:{port}", problem) from None
    return doors
