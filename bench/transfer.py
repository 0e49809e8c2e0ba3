"""Cost and goodput of the transfer room: two Endpoints over two Channels in virtual time, no sockets.

    python bench/transfer.py [--size-MiB 1024] [--rate-Mbps 1000] [--delay-ms 5] [--erased 0.02] [--profile]

Goodput is compared with what the timeline allows: capacity, less erased slots, less whole frames that touch
one. CPU is the Endpoints' own, measured around their calls, without the channels and the disk. As over
sockets, an Endpoint is driven once for all frames of a millisecond. The last row is the cost of a statement
of inventory while a hundred chunks wait for the disk, in a file of 1 GiB and in one of 100 GiB.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import time
from collections.abc import Callable
from typing import Any

from linkemu.link.channel import Channel
from linkemu.link.timeline import constant
from linkemu.machine import Direction
from linkemu.transfer import events
from linkemu.transfer.endpoint import Endpoint
from linkemu.transfer.frames import DATA_OVERHEAD_BYTES
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Builder, Manifest, chunk_id_of
from linkemu.transfer.pacing import LinkCue, frame_bytes_for

_MIB = 1 << 20
_GATHER_S = 0.001  # as linkemu.runtime.terminal
_STATEMENTS = 200


class Meter:
    """CPU seconds inside the calls of one Endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.cpu_s = 0.0

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        result = method(*arguments)
        self.cpu_s += time.process_time() - start
        return result


def allowed_goodput(
    rate_bps: int, slots: int, erased: list[tuple[int, int]], frame_bytes: int, seconds: float
) -> float:
    """Payload bit/s if every frame that touches no erased slot arrived, and nothing else were sent."""
    frame_s = 8 * frame_bytes / rate_bps
    lost = {slot for start, count in erased for slot in range(start, start + count)}
    clean = total = 0
    while (total + 1) * frame_s < min(seconds, slots * 1e-3):
        first, last = int(total * frame_s * 1e3), int(((total + 1) * frame_s - 1e-12) * 1e3)
        clean += not any(slot in lost for slot in range(first, last + 1))
        total += 1
    return rate_bps * clean / total * (1 - DATA_OVERHEAD_BYTES / frame_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size-MiB", type=int, default=1024, dest="size_MiB")
    parser.add_argument("--rate-Mbps", type=float, default=1000.0)
    parser.add_argument("--delay-ms", type=float, default=5.0)
    parser.add_argument("--erased", type=float, default=0.02)
    parser.add_argument("--frame-bytes", type=int, default=0)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(run, arguments)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    else:
        run(arguments)
        short, long = statement_us(1_000), statement_us(100_000)
        print(f"statement        {short:.0f} us at both ends of 1,000 chunks, {long:.0f} us of 100,000")


def receive(endpoint: Endpoint, datagrams: list[bytes], now: float) -> None:
    for datagram in datagrams:
        endpoint.receive(datagram, now)


def statement_us(chunks: int) -> float:
    """CPU of stating one more chunk durable, and of taking that statement, in a file of so many chunks."""
    length, waiting = 2000, 100
    contents = [index.to_bytes(4, "big") * (length // 4) for index in range(1_000)]
    ids = [chunk_id_of(content) for content in contents]
    ids += [index.to_bytes(32, "big") for index in range(len(ids), chunks)]
    manifest = Manifest("bench", chunks * length, bytes(32), length, tuple(ids))
    holdings = Holdings()
    holdings.know(manifest)
    ends = ground, satellite = Endpoint(Holdings(), 1), Endpoint(holdings, 1)
    for endpoint in ends:
        endpoint.cue(LinkCue(100_000_000, True, 0.005, 8192), 0.0)
    ground.offer(manifest, 0, (), 0.0)
    now, arrived = 0.0, list[bytes]()
    while len(arrived) < waiting + _STATEMENTS:
        now += _GATHER_S
        for event in ground.events():
            if isinstance(event, events.ChunkWanted):
                ground.supply(event.chunk_id, contents[event.index], now, checked=True)
        receive(satellite, ground.transmit(now), now)
        arrived += [each.chunk_id for each in satellite.events() if isinstance(each, events.ChunkReceived)]
        receive(ground, satellite.transmit(now), now)
    start = time.process_time()
    for chunk_id in arrived[:_STATEMENTS]:
        now += 0.1
        satellite.stored(chunk_id, now)
        receive(ground, satellite.transmit(now), now)
    return 1e6 * (time.process_time() - start) / _STATEMENTS


class Play:
    """One file over one link, from ground to satellite, until the satellite says that it is complete."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.size = options.size_MiB * _MIB
        self.rate_bps = round(options.rate_Mbps * 1e6)
        self.frame_bytes = options.frame_bytes or frame_bytes_for(self.rate_bps)
        duration_s = 3 * 8 * self.size / self.rate_bps + 10
        draw = random.Random(7)
        self.slots = int(duration_s * 1000)
        erased = [[(slot, 1) for slot in range(self.slots) if draw.random() < options.erased] for _ in "ud"]
        self.erased = erased[0]
        delay_s = options.delay_ms / 1e3
        self.channels = [
            Channel(constant("g", "s", way, self.rate_bps, delay_s, duration_s, erased=runs))
            for way, runs in zip(Direction, erased, strict=True)
        ]
        self._pattern = draw.randbytes(_MIB)
        builder = Builder("bench")
        for index in range(options.size_MiB):
            builder.add(self._content(index))
        self._manifest = builder.finish()
        self.ground, self.satellite = Meter(Endpoint(Holdings(), 1)), Meter(Endpoint(Holdings(), 1))
        for meter in (self.ground, self.satellite):
            meter.endpoint.cue(LinkCue(self.rate_bps, True, delay_s, self.frame_bytes), 0.0)
        self.ground.endpoint.offer(self._manifest, 0, (), 0.0)
        self.finished_s: float | None = None

    def run(self) -> float:
        """The time at which the file was complete."""
        now, meters = 0.0, (self.ground, self.satellite)
        while self.finished_s is None:
            for meter, out, back in zip(meters, self.channels, self.channels[::-1], strict=True):
                meter.call(receive, meter.endpoint, back.transmit(now), now)
                for event in meter.call(meter.endpoint.events):
                    self._answer(meter, event, now)
                for datagram in meter.call(meter.endpoint.transmit, now):
                    out.receive(datagram, now)
            times = [meter.call(meter.endpoint.next_wakeup) for meter in meters]
            times += [channel.next_wakeup() for channel in self.channels]
            now = max(now + _GATHER_S, min(time for time in times if time is not None))
        return self.finished_s

    def _answer(self, meter: Meter, event: events.Event, now: float) -> None:
        """As a node with a disk that takes no time."""
        match event:
            case events.ChunkWanted(_, index, chunk_id, _, _):
                meter.call(meter.endpoint.supply, chunk_id, self._content(index), now, True)
            case events.ChunkReceived(chunk_id, _):
                meter.call(meter.endpoint.stored, chunk_id, now)
            case events.FileComplete(file_id):
                self.finished_s = now
                meter.call(meter.endpoint.verified, file_id, self._manifest.sha256, True, now)

    def _content(self, index: int) -> bytes:
        return index.to_bytes(8, "big") + self._pattern[8:]


def run(options: argparse.Namespace) -> None:
    play = Play(options)
    finished_s = play.run()
    goodput_bps = 8 * play.size / finished_s
    allowed_bps = allowed_goodput(play.rate_bps, play.slots, play.erased, play.frame_bytes, finished_s)
    there, back = play.ground.endpoint.counters, play.satellite.endpoint.counters
    GB, frames = play.size / 1e9, there.frames_sent
    print(f"size {options.size_MiB} MiB, {play.rate_bps / 1e6:.0f} Mbit/s, one way {options.delay_ms} ms, "
          f"{options.erased:.1%} of slots erased, frames of {play.frame_bytes} B")  # fmt: skip
    print(f"goodput          {goodput_bps / 1e6:.1f} Mbit/s in {finished_s:.3f} s")
    print(f"allowed          {allowed_bps / 1e6:.1f} Mbit/s, ratio {goodput_bps / allowed_bps:.4f}")
    repaired = there.repaired_bytes / play.size
    print(f"frames           {frames}, lost {play.channels[0].counters.erased}, "
          f"repaired {repaired:.2%}, duplicates {back.duplicate_bytes} B")  # fmt: skip
    print(f"reports          {back.report_bytes_sent / play.size:.4%} of the file's bytes")
    for who, meter in (("sender", play.ground), ("receiver", play.satellite)):
        print(f"{who + ' CPU':<16} {meter.cpu_s / GB:.3f} s/GB, {1e6 * meter.cpu_s / frames:.1f} us/frame")
    print(f"acknowledged chunks resent: {there.acknowledged_resent}")


if __name__ == "__main__":
    main()
