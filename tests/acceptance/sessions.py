"""What tests of whole sessions share: the demo's pass with other work, and what a session says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from linkemu import scenario
from linkemu.runtime.session import Event, Session
from linkemu.runtime.supervisor import ProcessChange
from linkemu.scenario import Scenario, Transfer
from tests.waiting import until_async as until

CONFIG = Path(__file__).parents[2] / "configs" / "demo.toml"


def demo(*transfers: Transfer, **changes: object) -> Scenario:
    """The demo's pass without its cloud, and with this work."""
    return dataclasses.replace(scenario.load(CONFIG), clouds=(), transfers=transfers, **changes)


def put(file: Path) -> Transfer:
    return Transfer(0.0, "koganei", "iss", "put", file, None, "up.bin", 0)


def alive(pids: list[int]) -> list[str]:
    """Command lines of those that still run."""
    lines = []
    for pid in pids:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if line:
            lines.append(line.replace(b"\0", b" ").decode())
    return lines


class Heard(list[Event]):
    """Events of a session, and all pids that it ever had."""

    def pids(self) -> list[int]:
        return [event.pid for event in self if isinstance(event, ProcessChange)]

    def of(self, kind: type) -> list[Event]:
        return [event for event in self if isinstance(event, kind)]


async def until_transfer(session: Session, action: str, *states: str) -> None:
    """Wait until a transfer of the session is in one of these states."""
    await until(lambda: any(each.action == action and each.state in states for each in session.transfers()))
