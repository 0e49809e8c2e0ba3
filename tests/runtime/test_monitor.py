"""What a session says of a broker that isn't its own: nobody answers there, somebody does again."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from rich.console import Console

from linkemu.cli.watch import Watch
from linkemu.runtime import broker
from linkemu.runtime.layout import RunDirectory
from linkemu.runtime.monitor import Monitor
from linkemu.runtime.runbook import BrokerChange
from linkemu.scenario import load
from tests.cli.invoked import CONFIGS


async def test_a_broker_that_does_not_answer_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    plan = broker.plan("embedded", tmp_path)
    assert plan.command is not None and plan.url is not None
    told: asyncio.Queue[object] = asyncio.Queue()
    monitor = Monitor(load(CONFIGS / "demo.toml"), RunDirectory(tmp_path / "run"), told.put_nowait)
    async with asyncio.timeout(60), monitor.watching(plan.url):
        gone = await told.get()
        started = await asyncio.create_subprocess_exec(*plan.command)
        try:
            back = await told.get()
        finally:
            started.kill()
            await started.wait()
    assert isinstance(gone, BrokerChange) and "refused" in str(gone.trouble)
    assert back == BrokerChange(None)
    assert told.empty() and not monitor.failed.done()


def test_it_is_shown_in_a_line_each() -> None:
    shown = io.StringIO()
    with Watch(Console(file=shown, width=200)) as watch:
        watch.follow(BrokerChange("[Errno 111] Connection refused"))
        watch.follow(BrokerChange(None))
    lost, back = (line.split(None, 2)[2] for line in shown.getvalue().splitlines())
    why = "[Errno 111] Connection refused"
    assert lost == f"broker: no connection ({why}): data goes on, telemetry waits for it"
    assert back == "broker: answers again"
