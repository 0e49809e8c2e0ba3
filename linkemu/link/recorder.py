"""Collects what an emulator has achieved, for the fidelity report: one Recorder for all links of a Player.

Pure statistics over integer ns: it is fed the moments at which datagrams really left, and compares them with
the channel's answers. Going on from an earlier report, it adds to that; nothing is guessed of the gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from linkemu.link.capacity import BYTE
from linkemu.link.channel import Channel, Delivery
from linkemu.link.fidelity import Edge, Fidelity, Histogram, LinkFidelity
from linkemu.link.player import Player

_MOST_EDGES = 1_000


class _LinkRecorder:
    """Collects for one direction; ``before`` is what an earlier emulator has reported."""

    def __init__(self, station: str, satellite: str, channel: Channel, before: LinkFidelity) -> None:
        self._name = (station, satellite, channel.timeline.direction.value)
        self._channel = channel
        self._before = before
        self._errors = Histogram({int(ns): n for ns, n in before.errors_ns.items()}, before.largest_error_ns)
        self._busy_bits, self._busy_ns, self._achieved_ns = before.busy
        self._dark = before.dark_frames
        self._edges = {(round(e.start_s * 1e9), round(e.end_s * 1e9)): e for e in before.edges}
        self._last: tuple[int, int, int] | None = None  # end of leaving, due, achieved
        self._light = (0, 0)
        self._lights: list[tuple[int, int]] = []
        self._capacity: object = None
        channel.overlaid.erased_until(0)

    def delivered(self, delivery: Delivery, achieved_ns: int) -> None:
        late_ns = max(0, achieved_ns - delivery.due_ns)
        self._errors.add(late_ns)
        self._note_rate(delivery, achieved_ns)
        self._note_edge(delivery, late_ns)

    def _note_rate(self, delivery: Delivery, achieved_ns: int) -> None:
        if self._last is not None and delivery.start_ns - self._last[0] in (-1, 0):  # back to back
            self._busy_bits += 8 * len(delivery.datagram)
            self._busy_ns += delivery.due_ns - self._last[1]
            self._achieved_ns += achieved_ns - self._last[2]
        self._last = (delivery.end_ns, delivery.due_ns, achieved_ns)

    def _note_edge(self, delivery: Delivery, late_ns: int) -> None:
        start_ns, end_ns = delivery.start_ns, delivery.end_ns
        if self._capacity is not self._channel.capacity:  # the first time, or a live fault came
            self._relight()
        if not self._light[0] <= start_ns <= end_ns <= self._light[1]:
            self._light = self._light_of(start_ns, end_ns)
        if self._light == (0, 0):
            self._dark += 1
            return
        key, last_s = self._light, (end_ns + late_ns) / 1e9
        edge = self._edges.get(key)
        if edge is not None:
            self._edges[key] = Edge(edge.start_s, edge.end_s, edge.first_s, max(edge.last_s, last_s))
        elif len(self._edges) < _MOST_EDGES:
            self._edges[key] = Edge(key[0] / 1e9, key[1] / 1e9, (start_ns + late_ns) / 1e9, last_s)

    def _relight(self) -> None:
        """Light that a fault has cut or prolonged has another end from now on; its beginning stays."""
        self._capacity = self._channel.capacity
        self._lights = self._channel.capacity.lights()
        self._light = (0, 0)
        ends = dict(self._lights)
        for (start_ns, end_ns), edge in list(self._edges.items()):
            if ends.get(start_ns, end_ns) != end_ns:
                del self._edges[start_ns, end_ns]
                changed = replace(edge, end_s=ends[start_ns] / 1e9)
                self._edges[start_ns, ends[start_ns]] = changed

    def _light_of(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        return next((light for light in self._lights if light[0] <= start_ns and end_ns <= light[1]), (0, 0))

    def report(self, now_ns: int) -> LinkFidelity:
        before, count = self._before, self._channel.counters
        delivered_bytes = before.delivered_bytes + count.delivered_bytes
        erased_bytes = before.erased_bytes + count.erased_bytes
        capacity_bytes = self._channel.capacity.position(now_ns) // BYTE
        return LinkFidelity(
            *self._name,
            offered_frames=before.offered_frames + count.offered,
            offered_bytes=before.offered_bytes + count.offered_bytes,
            delivered_frames=before.delivered_frames + count.delivered,
            delivered_bytes=delivered_bytes,
            erased_frames=before.erased_frames + count.erased,
            erased_bytes=erased_bytes,
            queue_dropped_frames=before.queue_dropped_frames + count.refused,
            expired_frames=before.expired_frames + count.expired,
            corrupted_frames=before.corrupted_frames + count.corrupted,
            reordered_frames=before.reordered_frames + count.reordered,
            duplicated_frames=before.duplicated_frames + count.duplicated,
            erased_slots=self._channel.overlaid.erased_until(now_ns),
            capacity_bytes=capacity_bytes,
            used_share=(delivered_bytes + erased_bytes) / capacity_bytes if capacity_bytes else None,
            delay_error_p50_s=self._errors.quantile_s(0.5),
            delay_error_p99_s=self._errors.quantile_s(0.99),
            delay_error_max_s=self._errors.largest_ns / 1e9 if self._errors.buckets else None,
            requested_rate_bps=self._busy_bits * 1e9 / self._busy_ns if self._busy_ns else None,
            achieved_rate_bps=self._busy_bits * 1e9 / self._achieved_ns if self._achieved_ns > 0 else None,
            dark_frames=self._dark,
            edges=tuple(self._edges.values()),
            errors_ns={str(ns): n for ns, n in sorted(self._errors.buckets.items())},
            largest_error_ns=self._errors.largest_ns,
            busy=(self._busy_bits, self._busy_ns, self._achieved_ns),
        )


class Recorder:
    """Collects for all links of a player, going on from an ``earlier`` report of the run if there is one."""

    def __init__(self, scenario: str, player: Player, earlier: Fidelity | None = None) -> None:
        self._scenario = scenario
        self._lag = Histogram()
        self.earlier = earlier
        before = {(e.station, e.satellite, e.direction): e for e in (earlier.links if earlier else ())}
        self._links: dict[tuple[int, object], _LinkRecorder] = {}
        for key, channel in player.channels.items():
            name = player.sky.links[key[0]]
            identity = (name.station, name.satellite, key[1].value)
            empty = LinkFidelity(*identity)
            recorder = _LinkRecorder(name.station, name.satellite, channel, before.get(identity, empty))
            self._links[key] = recorder

    def delivered(self, link: int, direction: object, delivery: Delivery, achieved_ns: int) -> None:
        """A datagram has left the emulator at ``achieved_ns`` of scenario time."""
        self._links[(link, direction)].delivered(delivery, achieved_ns)

    def woke(self, late_ns: int) -> None:
        """A timer of the emulator fired this late."""
        self._lag.add(max(0, late_ns))

    def report(self, now_ns: int, *, gaps: Iterable[tuple[float, float]] = (), **facts: Any) -> Fidelity:
        """The report now; ``facts`` are fields of Fidelity that only the emulator knows."""
        all_gaps = (*(self.earlier.gaps if self.earlier else ()), *gaps)
        links = tuple(recorder.report(now_ns) for recorder in self._links.values())
        carried_GB = sum(link.delivered_bytes for link in links) / 1e9
        cpu_s = facts.pop("cpu_s", 0.0) + (self.earlier.cpu_s if self.earlier else 0.0)
        return Fidelity(
            self._scenario,
            now_ns / 1e9,
            links,
            lag_p50_s=self._lag.quantile_s(0.5),
            lag_p99_s=self._lag.quantile_s(0.99),
            lag_max_s=self._lag.largest_ns / 1e9 if self._lag.buckets else None,
            cpu_s=cpu_s,
            cpu_s_per_GB=cpu_s / carried_GB if carried_GB > 0.001 else None,
            restarts=len(all_gaps),
            gaps=all_gaps,
            **facts,
        )
