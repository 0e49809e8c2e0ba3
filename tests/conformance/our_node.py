"""The node under test that is built on linkemu's own terminal: it echoes light, as foreign_node.py does."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from linkemu.contract import NodeFile
from linkemu.runtime.clock import MappedClock, real_loop
from linkemu.runtime.terminal import UdpTerminal


async def echo(path: Path) -> None:
    terminal = UdpTerminal(NodeFile.load(path), MappedClock())
    terminal.attach(
        lambda link, datagram, now: terminal.send(link, datagram), lambda *_: None, lambda *_: None
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    start = asyncio.create_task(terminal.start())
    await stop.wait()
    start.cancel()
    await terminal.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=real_loop) as runner:
        runner.run(echo(Path(sys.argv[1])))
