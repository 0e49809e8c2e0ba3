"""Every trial of the benchmark: who is measured at what, in which order.

Those that are compared stand next to each other, so that a busy minute hits them alike. How a measurement is
made stands in ``measure``; what is required of the figures, in ``judge``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.dataplane import measure, networks, relays
from bench.dataplane.measure import Figures
from bench.dataplane.peers import Peers

PARTS = ("throughput", "rate", "delay", "exec", "udp")
NEAR_S, FAR_S, EXEC_FAR_S = 0.005, 0.12, 0.06
RATES_BPS = (10**7, 10**8, 10**9, 5 * 10**9, 10**10)
EXEC_RATES_BPS = (10**8, 10**9)
BULKS_BPS = (10**9, 5 * 10**9)  # what a stream beside the messages is held to
FULL_BPS = 10**12  # not held: as fast as it goes
SIZES = (1200, 64)
_SEGMENTS = 40  # as many as a client of QUIC hands over at once


@dataclass(frozen=True, slots=True)
class Window:
    """When a sink looks: ``seconds`` long, after warming up: at 60 ms slow start needs 14 round trips."""

    seconds: float
    warm_s: float = 1.0
    far_warm_s: float = 4.0
    offered_kpps: tuple[int, ...] = (
        50,
        75,
        105,
        150,
        210,
        300,
        420,
        600,
    )  # of datagrams, until it's hopeless


@dataclass(frozen=True, slots=True)
class Trial:
    """One contestant at one task."""

    part: str
    task: str
    who: str
    run: Callable[[Window], Figures]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.part, self.task, self.who

    @property
    def name(self) -> str:
        return ", ".join(self.key)


def trials(peers: Peers) -> Iterator[Trial]:
    """All that can run here, those to be compared next to each other."""
    yield from _throughput(peers)
    yield from _rate(peers)
    yield from _delay(peers)
    yield from _exec(peers)
    yield from _udp(peers)


def _throughput(peers: Peers) -> Iterator[Trial]:
    def trial(task: str, who: str, relay: relays.Contestant) -> Trial:
        return Trial("throughput", task, who, lambda at: measure.bulk(relay, at.warm_s, at.seconds))

    for delay_s in (NEAR_S, FAR_S):
        task = f"{delay_s * 1e3:.0f} ms"
        yield trial(task, "proxy", relays.ours(delay_s))
        if peers.toxiproxy:
            yield trial(task, "toxiproxy", relays.toxiproxy(peers.toxiproxy, delay_s=delay_s))
    yield trial("no delay", "direct", relays.direct)
    if peers.socat:
        yield trial("no delay", "socat", relays.socat(peers.socat))
        yield trial("no delay", "socat -b 1 MiB", relays.socat(peers.socat, "-b", str(1 << 20)))
    if peers.haproxy:
        yield trial("no delay", "haproxy", relays.haproxy(peers.haproxy))
    if peers.nginx:
        yield trial("no delay", "nginx", relays.nginx(peers.nginx))


def _rate(peers: Peers) -> Iterator[Trial]:
    def trial(rate_bps: int, who: str, relay: relays.Contestant) -> Trial:
        def run(at: Window) -> Figures:
            return measure.rate(relay, rate_bps, at.warm_s, at.seconds)

        return Trial("rate", named(rate_bps), who, run)

    for rate_bps in RATES_BPS:
        yield trial(rate_bps, "proxy", relays.ours(NEAR_S, rate_bps))
        if peers.toxiproxy:
            yield trial(rate_bps, "toxiproxy", relays.toxiproxy(peers.toxiproxy, rate_bps=rate_bps))


def _delay(peers: Peers) -> Iterator[Trial]:
    def trial(delay_s: float, bulk_bps: int | None, who: str, relay: relays.Contestant) -> Trial:
        load = "idle" if bulk_bps is None else "full load" if bulk_bps == FULL_BPS else named(bulk_bps)
        task = f"{delay_s * 1e3:.0f} ms, {load}"
        return Trial("delay", task, who, lambda at: measure.delay(relay, delay_s, bulk_bps, at.seconds))

    yield trial(0.0, None, "direct", relays.direct)
    beside = [(NEAR_S, bulk_bps) for bulk_bps in (*BULKS_BPS, FULL_BPS)]
    for delay_s, bulk_bps in [(NEAR_S, None), (FAR_S, None), *beside, (FAR_S, FULL_BPS)]:
        yield trial(delay_s, bulk_bps, "proxy", relays.ours(delay_s))
        if peers.toxiproxy:
            yield trial(delay_s, bulk_bps, "toxiproxy", relays.toxiproxy(peers.toxiproxy, delay_s=delay_s))


def _exec(peers: Peers) -> Iterator[Trial]:
    def far(delay_s: float, who: str, network: networks.Contestant) -> Trial:
        def run(at: Window) -> Figures:
            warm_s = at.warm_s if delay_s < EXEC_FAR_S else at.far_warm_s
            return measure.across(network, warm_s, at.seconds)

        return Trial("exec", f"{delay_s * 1e3:.0f} ms", who, run)

    def narrow(rate_bps: int, who: str, network: networks.Contestant) -> Trial:
        def run(at: Window) -> Figures:
            return measure.shaped(network, rate_bps, at.warm_s, at.seconds)

        return Trial("exec", named(rate_bps), who, run)

    if peers.exec_refusal is not None:
        return
    for delay_s in (NEAR_S, EXEC_FAR_S):
        yield far(delay_s, "exec", networks.ours(delay_s))
        if peers.mm_delay:
            yield far(delay_s, "mm-delay", networks.mahimahi(peers.mm_delay, f"{delay_s * 1e3:.0f}"))
    for rate_bps in EXEC_RATES_BPS:
        yield narrow(rate_bps, "exec", networks.ours(NEAR_S, rate_bps))
        if peers.mm_link:
            yield narrow(rate_bps, "mm-link", networks.mahimahi(peers.mm_link, links=(rate_bps, rate_bps)))


def _udp(peers: Peers) -> Iterator[Trial]:
    def trial(size: int, segments: int, who: str, relay: relays.Contestant) -> Trial:
        task = f"{size} B" + (", client with GSO" if segments > 1 else "")
        return Trial(
            "udp", task, who, lambda at: measure.datagrams(relay, size, segments, at.offered_kpps, at.seconds)
        )

    for size, segments in (*((size, 1) for size in SIZES), (SIZES[0], _SEGMENTS)):
        yield trial(size, segments, "direct", relays.direct)
        yield trial(size, segments, "proxy", relays.ours(NEAR_S, udp=True))
        if peers.socat:
            yield trial(size, segments, "socat", relays.socat(peers.socat, udp=True))


def named(rate_bps: int) -> str:
    return f"{rate_bps // 10**9} Gbit/s" if rate_bps >= 10**9 else f"{rate_bps // 10**6} Mbit/s"
