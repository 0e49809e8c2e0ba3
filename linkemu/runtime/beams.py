"""What the emulator tells the bus about links: the truth of the Sky as telemetry, for displays alone.

Pure reading of a Player at a given time: no socket, no clock, no effect on any link. Fades of single slots
are left out: a beam counts as blocked when the slot belongs to an erased run of at least 100 ms, or to a live
fault that erases all for as long.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from linkemu.link.channel import Channel
from linkemu.link.overlay import ALL, Overlay
from linkemu.link.player import Player
from linkemu.link.timeline import Cause, LinkTimeline
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.telemetry import Beam, LinkState, LinkTelemetry

_BLOCKED_NS = 100_000_000
_SAMPLE_REACH_NS = 2_000_000_000


class Observer:
    """Reads a player. ``plans`` of the stations give the planned windows."""

    def __init__(self, player: Player, plans: Mapping[str, Plan]) -> None:
        self._player = player
        self._plans = plans
        self._told: dict[int, tuple[object, ...]] = {}

    def changes(self, now_ns: int) -> list[LinkState]:
        """State of each link whose state has changed since the last call."""
        changed: list[LinkState] = []
        for link in range(len(self._player.sky.links)):
            up, down = self._beams(link, now_ns)
            essence = (*_essence(up), *_essence(down))
            if self._told.get(link) != essence:
                self._told[link] = essence
                name = self._player.sky.links[link]
                changed.append(LinkState(name.station, name.satellite, now_ns / 1e9, up, down))
        return changed

    def telemetry(self, now_ns: int) -> list[LinkTelemetry]:
        """All about each link."""
        return [self._telemetry_of(link, now_ns) for link in range(len(self._player.sky.links))]

    def _telemetry_of(self, link: int, now_ns: int) -> LinkTelemetry:
        name = self._player.sky.links[link]
        up, down = self._beams(link, now_ns)
        view = self._player.sky.timelines.get((link, Direction.DOWN))
        i = None if view is None else _sample(view, now_ns)
        now = now_ns / 1e9
        windows = [] if name.station not in self._plans else self._windows(name.station, link)
        current = next((each for each in windows if each.start_s <= now < each.end_s), None)
        following = next((each for each in windows if each.start_s > now), None)
        return LinkTelemetry(
            name.station,
            name.satellite,
            now,
            elevation_deg=None if view is None or i is None else float(view.elevation_deg[i]),
            azimuth_deg=None if view is None or i is None else float(view.azimuth_deg[i]),
            range_m=None if view is None or i is None else float(view.range_m[i]),
            range_rate_mps=None if view is None or i is None else float(view.range_rate_mps[i]),
            up=up,
            down=down,
            window_end_s=None if current is None else current.end_s,
            next_window_s=None if following is None else following.start_s,
        )

    def _windows(self, station: str, link: int) -> list[Window]:
        return [window for window in self._plans[station].windows if window.link == link]

    def _beams(self, link: int, now_ns: int) -> tuple[Beam, Beam]:
        up, down = (self._player.channels.get((link, way)) for way in (Direction.UP, Direction.DOWN))
        return _beam(up, now_ns), _beam(down, now_ns)


def _essence(beam: Beam) -> tuple[object, ...]:
    return beam.state, beam.cause, beam.known, beam.rate_bps


def _beam(channel: Channel | None, now_ns: int) -> Beam:
    if channel is None:  # a link of one direction
        return Beam("dark", None, True, 0, None, None, None)
    timeline, count = channel.timeline, channel.counters
    rate_bps = channel.capacity.rate(now_ns)
    segment = min(bisect_right(timeline.edge_ns, now_ns), len(timeline.rate_bps)) - 1
    cause, known = Cause(int(timeline.cause[segment])), bool(timeline.known[segment])
    if rate_bps == 0 and cause is Cause.NONE:  # a live fault
        cause = Cause.FAULT
    blocked = _blocking(channel, now_ns) if rate_bps else None
    i = _sample(timeline, now_ns)
    return Beam(
        state="blocked"
        if blocked
        else "open"
        if rate_bps
        else "acquiring"
        if cause is Cause.ACQUIRING
        else "dark",
        cause=(blocked or cause).name.lower() if blocked or not rate_bps else None,
        known=known,
        rate_bps=rate_bps,
        delay_s=None if i is None and not rate_bps else channel.delay(now_ns) / 1e9,
        power_dBm=None if i is None else float(timeline.power_dBm[i]),
        margin_dB=None if i is None else float(timeline.margin_dB[i]),
        sent_bytes=count.delivered_bytes + count.erased_bytes,
        delivered_bytes=count.delivered_bytes,
        lost_frames=count.erased,
        dropped_frames=count.refused + count.expired,
        queue_bytes=channel.queued_bytes,
    )


def _blocking(channel: Channel, now_ns: int) -> Cause | None:
    """Why all that is sent now is lost, and for long: an erased run of the sky, or a live fault."""
    timeline = channel.timeline
    slot = now_ns // timeline.slot_ns
    run = int(timeline.erased_slot.searchsorted(slot, side="right")) - 1
    count = int(timeline.erased_count[run]) if run >= 0 else 0
    if count * timeline.slot_ns >= _BLOCKED_NS and timeline.erased_slot[run] + count > slot:
        return Cause(int(timeline.erased_cause[run]))
    is_fault = any(_loses_all(each, now_ns) for each in channel.overlaid.all)
    return Cause.FAULT if is_fault else None


def _loses_all(fault: Overlay, now_ns: int) -> bool:
    is_long = fault.end_ns is None or fault.end_ns - fault.start_ns >= _BLOCKED_NS
    return is_long and fault.holds_at(now_ns) and ALL in (fault.erase_slots, fault.erase_datagrams)


def _sample(timeline: LinkTimeline, now_ns: int) -> int | None:
    """The display sample of now, None far from any contact."""
    i = int(timeline.sample_ns.searchsorted(now_ns, side="right")) - 1
    if i < 0 or now_ns - int(timeline.sample_ns[i]) > _SAMPLE_REACH_NS:
        return None
    return i
