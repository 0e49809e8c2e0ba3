"""configs/handover.toml as it is: Calar Alto loses a file to a cloud, Oberpfaffenhofen sends the rest alone.

The judge stands at the emulator: it sees each frame as it is handed over and as it arrives, and keeps its own
account of the bytes that the satellite holds. No counter of a node is believed before it agrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from linkemu.link.player import Player
from linkemu.machine import Direction
from linkemu.runtime import composed
from linkemu.scenario import load
from linkemu.transfer import frames
from tests.cli.invoked import CONFIGS

SIZE = 256 * 2**20
FIRST, SECOND = "calar-alto", "oberpfaffenhofen"


@dataclass
class Account:
    """Bytes of chunks that have arrived in orbit, and what of them a station has handed over once more."""

    missing: dict[bytes, bytearray] = field(default_factory=dict)  # 1: has not come; empty: all has
    count: dict[bytes, int] = field(default_factory=dict)  # of the bytes that have come
    sent: dict[str, int] = field(default_factory=lambda: {FIRST: 0, SECOND: 0})
    needless: dict[str, int] = field(default_factory=lambda: {FIRST: 0, SECOND: 0})
    held: int = 0
    held_at_handover: int | None = None
    begun_at_handover: int = 0  # chunks of which a part was there
    last_sent_ns: dict[str, int] = field(default_factory=dict)

    def handed_over(self, station: str, frame: frames.Data, now_ns: int) -> None:
        if station == SECOND and self.held_at_handover is None:
            self.held_at_handover = self.held
            self.begun_at_handover = sum(
                0 < self.count[chunk] < len(left) for chunk, left in self.missing.items()
            )
        left = self._left(frame)
        self.sent[station] += len(frame.payload)
        self.needless[station] += len(frame.payload) - left[self._span(frame)].count(1)
        self.last_sent_ns[station] = now_ns

    def arrived(self, frame: frames.Data) -> None:
        left, span = self._left(frame), self._span(frame)
        new = left[span].count(1)
        if new:
            left[span] = bytes(len(frame.payload))
        self.held += new
        self.count[frame.chunk_id] += new
        if self.count[frame.chunk_id] == frame.chunk_bytes:
            self.missing[frame.chunk_id] = bytearray()

    def _left(self, frame: frames.Data) -> bytearray:
        if frame.chunk_id not in self.missing:
            self.missing[frame.chunk_id] = bytearray(b"\1" * frame.chunk_bytes)
            self.count[frame.chunk_id] = 0
        return self.missing[frame.chunk_id]

    def _span(self, frame: frames.Data) -> slice:
        return slice(frame.offset, frame.offset + len(frame.payload))


class WatchedPlayer(Player):
    """The player itself, with somebody looking on."""

    account: Account

    def offer(self, link: int, direction: Direction, datagram: bytes, now_ns: int) -> Any:
        if direction is Direction.UP:
            for frame in _content(datagram):
                self.account.handed_over(self.sky.links[link].station, frame, now_ns)
        return super().offer(link, direction, datagram, now_ns)

    def due(self, now_ns: int) -> Any:
        arrivals = super().due(now_ns)
        for arrival in arrivals:
            if arrival.direction is Direction.UP:
                for frame in _content(arrival.delivery.datagram):
                    self.account.arrived(frame)
        return arrivals


def _content(datagram: bytes) -> Iterator[frames.Data]:
    """The frame if it carries a piece of a chunk."""
    frame = frames.decode(datagram)
    if isinstance(frame, frames.Data) and not frame.is_manifest:
        yield frame


@pytest.fixture(scope="module")
def night() -> tuple[composed.Result, Account, list[dict[str, Any]]]:
    account, lines = Account(), list[str]()
    WatchedPlayer.account = account
    scenario = load(CONFIGS / "handover.toml")
    result = composed.run_virtual(scenario, trace_sink=lines.append, player=WatchedPlayer)
    return result, account, [json.loads(line) for line in lines]


def test_the_second_station_sends_no_byte_that_the_satellite_held(
    night: tuple[composed.Result, Account, list[dict[str, Any]]],
) -> None:
    result, account, trace = night
    assert result.ok
    assert account.held == SIZE
    held = account.held_at_handover
    assert held is not None and 0.25 * SIZE < held < 0.75 * SIZE, "each has its share"
    assert account.begun_at_handover > 0, "the cloud came in mid-chunk"
    assert account.needless[SECOND] == 0
    assert account.sent[SECOND] == SIZE - held
    assert account.sent[FIRST] > held, "what the cloud took was sent, and lost"
    assert not [event for event in trace if event["what"] == "again"]


def test_the_nodes_own_account_is_the_same(
    night: tuple[composed.Result, Account, list[dict[str, Any]]],
) -> None:
    result, account, _ = night
    told = {each.node: each for each in result.transfers}
    assert told[FIRST].sent_bytes == account.sent[FIRST]
    assert told[SECOND].sent_bytes == account.sent[SECOND]
    assert [told[node].resent_chunks for node in (FIRST, SECOND)] == [0, 0]
    assert told[SECOND].repaired_bytes == 0


def test_the_first_station_learns_of_it_by_light_and_sends_nothing_more(
    night: tuple[composed.Result, Account, list[dict[str, Any]]],
) -> None:
    result, account, _ = night
    (cloud,) = load(CONFIGS / "handover.toml").clouds
    told = {each.node: each for each in result.transfers}
    assert account.last_sent_ns[FIRST] / 1e9 < cloud.start_s + 5.0
    assert told[FIRST].state == "verified"
    assert told[FIRST].times["verified"] > told[SECOND].times["verified"] + 3600.0
