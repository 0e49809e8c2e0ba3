"""How one measurement is made: a contestant between our source and our sink, and the numbers that come of it.

Throughput, rate and delay are what the sink saw in its window; processor time is that of the relay meanwhile.
TrialError: a program did not do its part.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from bench.dataplane import networks, relays
from bench.dataplane.programs import Relay, TrialError, Words, end, free_port, speaking, started

Figures = dict[str, float]  # by name with unit

_LOSSLESS = 0.999
_HOPELESS = 0.75  # delivered of what was offered: faster makes no sense any more
_SHORT = 0.9  # offered of what should have been: the source is at its end
_STEP_S = 0.5
_MORE_S = 20.0  # patience of the harness beyond what a window takes
_PROBES_WARM_S = 0.5


def bulk(relay: relays.Contestant, warm_s: float, seconds: float) -> Figures:
    """One connection as fast as it goes."""
    return _told(_saw(relay, warm_s, seconds))


def rate(relay: relays.Contestant, asked_bps: int, warm_s: float, seconds: float) -> Figures:
    """One connection as fast as it may: how far the sink's rate was from the one asked."""
    saw = _saw(relay, warm_s, seconds)
    return {"error %": _off(saw["slope_bps"], asked_bps)} | _told(saw)


def delay(relay: relays.Contestant, asked_s: float, bulk_bps: int | None, seconds: float) -> Figures:
    """Messages of 64 bytes, one way: how late they came. Perhaps with a stream beside them."""
    with ExitStack() as stack:
        warm_s = _PROBES_WARM_S
        words = stack.enter_context(_sink(warm_s, seconds))
        between = stack.enter_context(relay(("127.0.0.1", words.next("port", _MORE_S)["port"])))
        lasts_s = warm_s + seconds + _MORE_S
        if bulk_bps is not None:
            stack.enter_context(started(end("ends", "source", *between.address, lasts_s, "--pace", bulk_bps)))
            words.next("bulk", warm_s + _MORE_S)
        stack.enter_context(started(end("ends", "probe", *between.address, lasts_s)))
        saw = words.next("probe", lasts_s)
        carried = words.next("bulk", lasts_s) if bulk_bps is not None else None
    if saw["probe"] != "ended":
        raise TrialError("the messages ended early")
    figures = {f"{name} us": (saw[key] - asked_s) * 1e6 for name, key in _LATENESS}
    return figures | ({} if carried is None else {"Gbit/s": carried["mean_bps"] / 1e9})


_LATENESS = (("least", "least_s"), ("p50", "p50_s"), ("p99", "p99_s"), ("most", "most_s"))


def across(network: networks.Contestant, warm_s: float, seconds: float) -> Figures:
    """One connection as fast as it goes through a network."""
    with network(warm_s, seconds) as world:
        return _told(_window(world.words, Relay(("", 0), world.pids), warm_s + seconds))


def shaped(network: networks.Contestant, asked_bps: int, warm_s: float, seconds: float) -> Figures:
    """The same at a rate asked: how far the payload was from what that leaves for it, headers charged."""
    with network(warm_s, seconds) as world:
        saw = _window(world.words, Relay(("", 0), world.pids), warm_s + seconds)
    return {"error %": _off(saw["slope_bps"], asked_bps * networks.PAYLOAD_SHARE)} | _told(saw)


def datagrams(
    relay: relays.Contestant, size: int, segments: int, offered_kpps: Sequence[int], seconds: float
) -> Figures:
    """Offered faster and faster: the most that was delivered, and the most without loss, in 1000 a second.

    One step takes a quarter of ``seconds``, at most half a second.
    """
    step_s = min(_STEP_S, seconds / 4)
    with ExitStack() as stack:
        words = stack.enter_context(speaking(end("blast", "sink", size)))
        between = stack.enter_context(relay(("127.0.0.1", words.next("port", _MORE_S)["port"])))
        before_s, carried, steps = between.cpu_s(), 0, []
        for offered, delivered, over_s in _steps(words, between, size, segments, offered_kpps, step_s):
            carried += delivered
            steps.append((delivered / offered, delivered / over_s / 1e3))
        used_s = between.cpu_s() - before_s
    return {
        "kpps": max(kpps for _, kpps in steps),
        "lossless kpps": max((kpps for share, kpps in steps if share >= _LOSSLESS), default=0.0),
        "CPU s/Mpkt": used_s / (max(1, carried) / 1e6),
    }


def _steps(
    words: Words, between: Relay, size: int, segments: int, offered_kpps: Sequence[int], step_s: float
) -> Iterator[tuple[int, int, float]]:
    """Offered and delivered, and how long the sink saw some: buffers that fill up make no relay faster.

    All come from one port: a relay may know but one client.
    """
    local = free_port(socket.SOCK_DGRAM)
    for kpps in (1, *offered_kpps):
        command = end("blast", "source", *between.address, size, kpps * 1000, step_s, "--from", local)
        with speaking([*command, "--segments", str(segments)]) as near:
            saw = words.next("datagrams", step_s + _MORE_S)
            sent = near.next("sent", _MORE_S)["sent"]
        if kpps > 1:  # the first only opens the way
            yield sent, saw["datagrams"], max(saw["over_s"], step_s)
            if saw["datagrams"] < _HOPELESS * sent or sent < _SHORT * kpps * 1000 * step_s:
                return


def _sink(warm_s: float, seconds: float) -> AbstractContextManager[Words]:
    return speaking(end("ends", "sink", "--warm", warm_s, "--seconds", seconds))


def _saw(relay: relays.Contestant, warm_s: float, seconds: float) -> dict[str, Any]:
    """What the sink says of one stream through a relay."""
    with ExitStack() as stack:
        words = stack.enter_context(_sink(warm_s, seconds))
        between = stack.enter_context(relay(("127.0.0.1", words.next("port", _MORE_S)["port"])))
        stack.enter_context(started(end("ends", "source", *between.address, warm_s + seconds + _MORE_S)))
        return _window(words, between, warm_s + seconds)


def _window(words: Words, between: Relay, seconds: float) -> dict[str, Any]:
    """What the sink saw, with what the relay used meanwhile as ``used_s``."""
    words.next("bulk", seconds + _MORE_S)
    before_s = between.cpu_s()
    saw = words.next("bulk", seconds + _MORE_S)
    if saw["bulk"] != "ended":
        raise TrialError("the stream ended early")
    return saw | {"used_s": between.cpu_s() - before_s}


def _told(saw: dict[str, Any]) -> Figures:
    return {"Gbit/s": saw["mean_bps"] / 1e9, "CPU s/GB": saw["used_s"] / (saw["bytes"] / 1e9)}


def _off(achieved_bps: float, asked_bps: float) -> float:
    """In per cent."""
    return (achieved_bps / asked_bps - 1) * 100
