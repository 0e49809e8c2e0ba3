"""What the second judge expects against what is seen; ``python tests/blackbox/compare.py [PASS]`` prints it.

Round trips: the least of a burst of echoes, as the pinging program and both kernels only add to it. Rates:
IP packets through a link that is kept full. Edges: the last reply before darkness and the first one after it,
of many pings abreast, for in darkness one alone sends each 10 ms or later. An echo is lost if its request
leaves in darkness or its answer would come in it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from judge import IP_TCP_BYTES, IP_UDP_BYTES, MTU_BYTES, Judge
from watch import Burst, Echo, Link

HERE = Path(__file__).parent
TRIP_BOUND_S, RATE_BOUND, EDGE_BOUND_S = 0.1e-3, 0.02, 5e-3
_AHEAD_S, _ABREAST = 0.4, 16
_ATTEMPTS = 5  # a machine that is kept busy for a moment makes light late, and never early


@dataclass(frozen=True)
class Finding:
    """One comparison; ``off`` and ``bound`` in the unit of both, or as a share."""

    what: str
    expected: float
    seen: float
    off: float
    bound: float

    @property
    def agrees(self) -> bool:
        return abs(self.off) <= self.bound

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "DIFFERS"
        return f"{self.what}: expected {self.expected:.6g}, seen {self.seen:.6g}, {self.off:+.2g} ({verdict})"


class Compare:
    """One scenario before the judge and on the link."""

    def __init__(self, name: str, room: Path) -> None:
        self.judge = Judge(HERE / f"{name}.toml")
        self.link = Link(HERE / f"{name}.toml", room)

    def trip(self, second: float) -> Finding:
        def once() -> Finding:
            burst = self.link.ping(second, count=30)
            assert burst.least_s is not None, "no reply at all"
            expected_s = min(self.judge.echo_s(echo.sent_s) for echo in burst.echoes)
            off_s = burst.least_s - expected_s
            return Finding(f"round trip at {second:.1f} s", expected_s, burst.least_s, off_s, TRIP_BOUND_S)

        return _best(once)

    def datagrams(self, second: float, way: str) -> Finding:
        expected = self.judge.rate_bps(second, way)
        payload = MTU_BYTES - IP_UDP_BYTES

        def once() -> Finding:
            seen = self.link.datagrams_bps(second, way, 1.15 * expected, payload=payload, header=IP_UDP_BYTES)
            return Finding(
                f"rate {way} at {second:.1f} s, UDP", expected, seen, seen / expected - 1, RATE_BOUND
            )

        return _best(once)

    def stream(self, second: float, way: str) -> Finding:
        expected = self.judge.rate_bps(second, way)
        payload = MTU_BYTES - IP_TCP_BYTES

        def once() -> Finding:
            seen = self.link.stream_bps(second, way, payload=payload, header=IP_TCP_BYTES)
            return Finding(
                f"rate {way} at {second:.1f} s, TCP", expected, seen, seen / expected - 1, RATE_BOUND
            )

        return _best(once)

    def rise(self, second: float) -> Finding:
        """The first reply: that of an echo that has waited for the first light, and left with it."""

        def once() -> Finding:
            burst = self._echoes(second)
            expected_s = second + self.judge.round_trip_s(second)
            return _edge("first light", expected_s, min(echo.came_s for echo in burst.echoes))

        return _best(once)

    def fall(self, second: float) -> Finding:
        """The last reply: light that leaves later would come from below the mask."""

        def once() -> Finding:
            return _edge("last light", second, max(echo.came_s for echo in self._echoes(second).echoes))

        return _best(once)

    def cloud(self, start: float, end: float) -> list[Finding]:
        """Its edges, and what came through between them: each from the burst that disturbs it least."""
        middle, dark = (start + end) / 2, (start + EDGE_BOUND_S, end - EDGE_BOUND_S)

        def findings(echoes: tuple[Echo, ...]) -> list[Finding]:
            last_s = max(echo.came_s for echo in echoes if echo.came_s < middle)
            first_s = min(echo.sent_s for echo in echoes if echo.came_s > middle)
            moments = [(echo.sent_s, echo.came_s) for echo in echoes]
            through = sum(any(dark[0] < moment_s < dark[1] for moment_s in each) for each in moments)
            return [
                _edge("cloud begins", start, last_s),
                _edge("cloud ends", end, first_s),
                Finding("echoes through the cloud", 0, through, through, 0),
            ]

        best = findings(self._echoes(start, end - start).echoes)
        for _ in range(_ATTEMPTS - 1):
            if all(each.agrees for each in best):
                break
            again = findings(self._echoes(start, end - start).echoes)
            best = [min(pair, key=lambda each: abs(each.off)) for pair in zip(best, again, strict=True)]
        return best

    def overcast(self, second: float) -> Finding:
        assert self.judge.is_overcast(second)
        seen = len(self.link.ping(second, count=50).echoes)
        return Finding(f"echoes under an overcast sky at {second:.1f} s", 0, seen, seen, 0)

    def _echoes(self, second: float, length_s: float = 0.0) -> Burst:
        """Around an edge, or from before a stretch to after it."""
        count = round((2 * _AHEAD_S + length_s) / 0.01)
        return self.link.ping(second - _AHEAD_S, count=count, abreast=_ABREAST)


def _edge(what: str, expected_s: float, seen_s: float) -> Finding:
    return Finding(f"{what} at {expected_s:.3f} s", expected_s, seen_s, seen_s - expected_s, EDGE_BOUND_S)


def _best(once: Callable[[], Finding]) -> Finding:
    """The first that agrees; else the last."""
    for _ in range(_ATTEMPTS):
        finding = once()
        if finding.agrees:
            break
    return finding


def iss_koganei(room: Path) -> Iterator[Finding]:
    """One mode each way, a scripted cloud, the mask at the end."""
    pass_ = Compare("iss-koganei", room)
    (rise, fall), (cloud,) = pass_.judge.passes()[0], pass_.judge.scripted()
    yield pass_.trip(rise + 5)
    yield pass_.trip((rise + fall) / 2)
    yield from pass_.cloud(*cloud)
    yield pass_.datagrams(fall - 60, "up")
    yield pass_.fall(fall)


def css_tenerife(room: Path) -> Iterator[Finding]:
    """A downlink of two modes; the mask at the beginning."""
    pass_ = Compare("css-tenerife", room)
    rise, fall = pass_.judge.passes()[0]
    yield pass_.rise(rise)
    yield pass_.datagrams(rise + 4, "down")
    yield pass_.datagrams((rise + fall) / 2, "down")
    yield pass_.trip((rise + fall) / 2)
    yield pass_.trip(fall - 5)


def fregat_perth(room: Path) -> Iterator[Finding]:
    """Far away, under reports: overcast in one pass, a clear sky in another."""
    pass_ = Compare("fregat-perth", room)
    closed, _, opened = pass_.judge.passes()
    assert not pass_.judge.is_overcast(opened[0])
    yield pass_.overcast(sum(closed) / 2)
    yield pass_.trip(opened[0] + 5)
    yield pass_.stream(sum(opened) / 2, "up")
    yield pass_.trip(sum(opened) / 2)
    yield pass_.fall(opened[1])


PASSES = {"iss-koganei": iss_koganei, "css-tenerife": css_tenerife, "fregat-perth": fregat_perth}


def main() -> int:
    names, differs = sys.argv[1:] or list(PASSES), 0
    for name in names:
        print(name)
        with tempfile.TemporaryDirectory() as room:
            for finding in PASSES[name](Path(room)):
                print(f"  {finding}", flush=True)
                differs += not finding.agrees
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
