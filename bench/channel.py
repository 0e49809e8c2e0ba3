"""How exact is the emulator under load? blaster -> UDP emulator -> sink, three busy processes; prints it.

    python bench/channel.py [--rate 1e9] [--frame 32768] [--seconds 10] [--no-realtime]

The sender paces itself at --share of the link's rate, as linkemu.transfer does. The added delay is egress
less the channel's answer, by the emulator's own fidelity report; the sink also measures one-way delay by
itself, from stamps of CLOCK_MONOTONIC inside the frames, as a second judge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from linkemu.contract import EmulatorFile, NodeEntry, NodeFile, NodeLink
from linkemu.link.fidelity import Fidelity
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from linkemu.runtime.clock import MappedClock, real_loop
from linkemu.runtime.terminal import UdpTerminal

STAMP = struct.Struct("!q")
DELAY_S = 0.005


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(room: Path, rate_bps: int, seconds: float, realtime: bool) -> None:
    """Write the sky, the emulator file and two node files into ``room``."""
    ways = [constant("ground", "orbit", way, rate_bps, DELAY_S, seconds + 60) for way in Direction]
    Sky.of(*ways).save(room / "sky")
    emulator, ground, orbit = (("127.0.0.1", free_port()) for _ in range(3))
    entries = (
        NodeEntry("ground", "ground", ground, 11, (0,)),
        NodeEntry("orbit", "satellite", orbit, 12, (0,)),
    )
    EmulatorFile(
        "bench", emulator, room / "sky", room / "state", entries, seconds + 60, realtime=realtime
    ).save(room / "emulator.json")
    for entry, peer in zip(entries, ("orbit", "ground"), strict=True):
        links = (NodeLink(0, peer),)
        NodeFile(entry.name, entry.role, emulator, entry.terminal, entry.token, links).save(
            room / f"{entry.name}.json"
        )


def terminal_of(path: Path) -> UdpTerminal:
    return UdpTerminal(NodeFile.load(path), MappedClock())


async def blast(path: Path, rate_bps: float, frame: int, seconds: float) -> None:
    """Send stamped frames, paced to ``rate_bps``."""
    terminal = terminal_of(path)
    await terminal.start()
    await asyncio.sleep(1.0)
    body = bytes(frame - STAMP.size)
    step = frame * 8 / rate_bps
    at = time.monotonic()
    end = at + seconds
    while at < end:
        terminal.send(0, STAMP.pack(time.monotonic_ns()) + body)
        at += step
        if (rest := at - time.monotonic()) > 0.0005:
            await asyncio.sleep(rest)
    await asyncio.sleep(1.0)
    await terminal.close()


async def sink(path: Path, report: Path, seconds: float) -> None:
    """Take frames and measure their one-way delay."""
    terminal, delays = terminal_of(path), list[int]()
    terminal.attach(
        lambda link, data, now: delays.append(time.monotonic_ns() - STAMP.unpack_from(data)[0]),
        lambda *_: None,
        lambda *_: None,
    )
    await terminal.start()
    await asyncio.sleep(seconds + 3.0)
    delays.sort()
    quantiles = {name: delays[int(share * (len(delays) - 1))] / 1e6 for name, share in SHARES.items()}
    report.write_text(json.dumps({"frames": len(delays), "drops": terminal.drops, **quantiles}))
    await terminal.close()


SHARES = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}


def in_process(kind: str, *arguments: object) -> None:
    work = {"blast": blast, "sink": sink}[kind]
    with asyncio.Runner(loop_factory=real_loop) as runner:
        runner.run(work(*arguments))  # type: ignore[operator]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=float, default=1e9, help="of the link, bit/s")
    parser.add_argument("--share", type=float, default=0.98, help="of the rate that is offered")
    parser.add_argument("--frame", type=int, default=32768, help="bytes")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--no-realtime", action="store_true", help="don't ask for SCHED_FIFO")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        prepare(room, int(options.rate), options.seconds, not options.no_realtime)
        emulator = subprocess.Popen(
            [sys.executable, "-m", "linkemu.runtime.emulator", room / "emulator.json"]
        )
        offered = options.rate * options.share
        ends = [
            ("sink", room / "orbit.json", room / "sink.json", options.seconds),
            ("blast", room / "ground.json", offered, options.frame, options.seconds),
        ]
        processes = [multiprocessing.Process(target=in_process, args=end) for end in ends]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        emulator.send_signal(signal.SIGTERM)
        emulator.wait()
        show(options, Fidelity.from_json((room / "state" / "fidelity.json").read_text()), room / "sink.json")


def show(options: argparse.Namespace, fidelity: Fidelity, seen: Path) -> None:
    number, up = next((i, link) for i, link in enumerate(fidelity.links) if link.direction == "up")
    print(
        f"offered {up.offered_bytes * 8 / options.seconds / 1e9:.3f} Gbit/s, frames of {options.frame} bytes"
    )
    for name, value in fidelity.rows()[number].items():
        print(f"  {name:16} {value}")
    print(f"  scheduling       {fidelity.scheduling}")
    print(f"  timers late      p99 {1e6 * (fidelity.lag_p99_s or 0):.0f} us")
    print(f"  emulator's CPU   {fidelity.cpu_s_per_GB:.2f} s/GB, kernel drops {fidelity.kernel_drops}")
    print(f"  stolen from us   {fidelity.stolen_s} s by the hypervisor, over all processors")
    judge = json.loads(seen.read_text())
    print(f"  sink's own view  {judge} (link's delay {DELAY_S * 1e3} ms and one frame's time included)")


if __name__ == "__main__":
    main()
