"""The process of a proxy: ``python -m linkemu.access.dataplane FILE`` (a settings.Proxy).

It plays one link of the Sky between its clients and one server until the scenario ends or SIGTERM comes. On
stdout it says two lines of JSON: where it listens, and at the end the report of what it did. It is a process
of its own because a busy thread beside it would cost 18 ms at p99.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

from linkemu.access.gauge import DoorReport, Gauge, WayReport, warnings
from linkemu.access.pace import Pace
from linkemu.access.reactor import Reactor
from linkemu.access.serialiser import Serialiser, long_lights
from linkemu.access.settings import Behaviour, Proxy, spoken
from linkemu.access.tcp import TcpDoor
from linkemu.access.udp import UdpDoor
from linkemu.access.way import Way
from linkemu.errors import InputError, LinkemuError
from linkemu.link.channel import Channel, DelayCurve
from linkemu.link.timeline import LinkTimeline, Sky
from linkemu.machine import Direction
from linkemu.runtime import realtime

_LEAST_WINDOW_BYTES = 1 << 17
_MOST_WINDOW_BYTES = 64 << 20
_LEAST_WINDOW_NS = 20_000_000
_COLLECT_EVERY_NS = 5_000_000_000


class Plane:
    """Order of calls: construct (the address is bound), ``run``, ``report``."""

    def __init__(self, proxy: Proxy) -> None:
        """InputError or FormatError if the sky can't be played, ResourceError if the address is taken."""
        self._proxy = proxy
        sky = Sky.load(proxy.sky)
        there, back = _timelines(sky, proxy)
        name = sky.links[proxy.link]
        self._link = f"{name.station} - {name.satellite}"
        self._end_ns = max(each.end_ns + DelayCurve(each).longest() for each in (there, back))
        self._reactor = Reactor()
        self._reactor.stop_at_signals()
        self._pace = Pace(round(proxy.start_s * 1e9))
        self._gauges = tuple(Gauge(each.direction.value, long_lights(each)) for each in (there, back))
        self._channels: tuple[Channel, Channel] | None = None
        self.door: TcpDoor | UdpDoor
        self.door = self._tcp(there, back) if proxy.protocol == "tcp" else self._udp(there, back)
        self._scheduling = realtime.tune(precedence=False)
        self._collected_ns = 0
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()
        self._stolen_s = realtime.stolen_s()
        if proxy.anchor == "listen":
            self._pace.begin()

    @property
    def zero_ns(self) -> int | None:
        """CLOCK_MONOTONIC at scenario time 0, None if time doesn't go yet."""
        return (
            self._pace.monotonic_ns(self._pace.start_ns) - self._pace.start_ns if self._pace.begun else None
        )

    def run(self) -> None:
        """Until the scenario has ended, or a signal."""
        try:
            self._reactor.run(self._step)
        finally:
            self.door.close()
            self._reactor.close()

    def report(self) -> DoorReport:
        proxy, door = self._proxy, self.door
        wall_s = time.monotonic() - self._began_s
        cpu_s = time.process_time() - self._cpu_s
        stolen_s = realtime.stolen_s()
        stolen = None if stolen_s is None else stolen_s - (self._stolen_s or 0.0)
        drops = door.kernel_drops if isinstance(door, UdpDoor) else 0
        ways = self._way_reports()
        carried_GB = sum(way.delivered_bytes for way in ways) / 1e9
        outages = proxy.outages
        patience = f" after {outages.patience_s:g} s" if outages.behaviour is Behaviour.RESET else ""
        return DoorReport(
            spoken(door.address),
            spoken(proxy.to),
            proxy.protocol,
            self._link,
            f"{outages.behaviour.value}{patience}" if proxy.protocol == "tcp" else "lost",
            self._pace.now_ns() / 1e9,
            wall_s,
            ways,
            connections=door.connections,
            refused=door.refused,
            unreached=door.unreached if isinstance(door, TcpDoor) else door.unsent,
            reset=door.reset if isinstance(door, TcpDoor) else 0,
            kernel_drops=drops,
            scheduling=self._scheduling,
            cpu_s=cpu_s,
            cpu_s_per_GB=cpu_s / carried_GB if carried_GB > 0.001 else None,
            stolen_s=stolen,
            warnings=tuple(
                warnings(ways, cpu_share=cpu_s / max(wall_s, 1e-3), stolen_s=stolen or 0.0, drops=drops)
            ),
        )

    def _way_reports(self) -> tuple[WayReport, ...]:
        if self._channels is None:
            return tuple(gauge.report() for gauge in self._gauges)
        for gauge, channel in zip(self._gauges, self._channels, strict=True):
            gauge.erased(channel.counters.erased_bytes, channel.counters.erased)
        return tuple(
            gauge.report(dropped=channel.counters.refused + channel.counters.expired)
            for gauge, channel in zip(self._gauges, self._channels, strict=True)
        )

    def _step(self) -> int | None:
        next_ns = self.door.step()
        now_ns = self._pace.now_ns()
        if now_ns >= self._end_ns:
            self._reactor.stop()
        if self.door.is_idle and now_ns - self._collected_ns > _COLLECT_EVERY_NS:
            self._collected_ns = now_ns
            gc.collect()
        if not self._pace.begun:
            return None
        return self._pace.monotonic_ns(self._end_ns if next_ns is None else min(next_ns, self._end_ns))

    def _tcp(self, there: LinkTimeline, back: LinkTimeline) -> TcpDoor:
        repeat = self._proxy.outages.behaviour is Behaviour.ARQ
        ways = [
            Way(Serialiser(one, other, repeat=repeat), self._pace, gauge, int(one.rate_bps.max()))
            for one, other, gauge in zip((there, back), (back, there), self._gauges, strict=True)
        ]
        return TcpDoor(
            self._proxy.listen,
            self._proxy.to,
            (ways[0], ways[1]),
            self._reactor,
            self._pace,
            self._proxy.outages,
            long_lights(there, back),
            window_bytes=max(_window_bytes(each) for each in (there, back)),
            on_client=self._pace.begin if self._proxy.anchor == "first-byte" else _nothing,
        )

    def _udp(self, there: LinkTimeline, back: LinkTimeline) -> UdpDoor:
        proxy = self._proxy
        self._channels = (
            Channel(there, queue_bytes=proxy.queue_bytes, hold_s=proxy.hold_s),
            Channel(back, queue_bytes=proxy.queue_bytes, hold_s=proxy.hold_s),
        )
        return UdpDoor(
            proxy.listen,
            proxy.to,
            self._channels,
            (self._gauges[0], self._gauges[1]),
            self._reactor,
            self._pace,
            at_first_byte=proxy.anchor == "first-byte",
        )


def _nothing() -> None:
    """Time goes already."""


def _timelines(sky: Sky, proxy: Proxy) -> tuple[LinkTimeline, LinkTimeline]:
    """Client to server, and back."""
    there = Direction.UP if proxy.uplink == "client" else Direction.DOWN
    try:
        timelines = sky.timelines[proxy.link, there], sky.timelines[proxy.link, there.other]
    except KeyError:
        raise InputError(str(proxy.sky), f"has no link {proxy.link} with both directions") from None
    if not all(each.rate_bps.any() for each in timelines):
        raise InputError(str(proxy.sky), "the link never has light in both directions")
    return timelines


def _window_bytes(timeline: LinkTimeline) -> int:
    """What a source may have on its way to the door: a round trip of the link, or 20 ms, at its rate."""
    trip_ns = max(2 * DelayCurve(timeline).longest(), _LEAST_WINDOW_NS)
    wanted = int(timeline.rate_bps.max()) * trip_ns // (8 * 1_000_000_000)
    return min(max(wanted, _LEAST_WINDOW_BYTES), _MOST_WINDOW_BYTES)


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _tell(document: object) -> None:
    sys.stdout.write(json.dumps(document, allow_nan=False) + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command; one line on stderr and an exit code for what goes wrong."""
    if len(sys.argv) != 2:
        print("usage: python -m linkemu.access.dataplane PROXY_FILE", file=sys.stderr)
        return 2
    try:
        _raise_descriptor_limit()
        plane = Plane(Proxy.load(Path(sys.argv[1])))
        _tell({"listening": list(plane.door.address), "zero_ns": plane.zero_ns})
        plane.run()
        _tell({"report": asdict(plane.report())})
    except LinkemuError as error:
        print(f"proxy: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
