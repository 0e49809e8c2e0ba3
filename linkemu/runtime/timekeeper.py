"""The emulator's keeping of scenario time: when it begins, where it goes on, and when it may skip the dark.

Owns the TimeMap (law 12). Every new version is durable before a node hears of it. Carries no light, has no
socket: what is to be said goes through ``say``, and ``changed`` is called after time has changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from linkemu.contract import EmulatorFile, Message, Skip
from linkemu.link.player import Player
from linkemu.runtime.members import Member, Members
from linkemu.runtime.records import Records
from linkemu.runtime.timemap import Piece, TimeMap

_SKIP_EVERY_S = 0.25
_SKIP_LEAD_S = 5.0  # time goes on by itself this long before the next light
_LEAST_SKIP_S = 2.0
_ANSWER_S = 1.0
_START_LEAD_NS = 50_000_000


class Timekeeper:
    """``time_map`` is None until time begins. Call ``heard`` whenever a node has said something."""

    def __init__(
        self,
        file: EmulatorFile,
        records: Records,
        player: Player,
        members: Members,
        say: Callable[[Member, Message], None],
        changed: Callable[[], None],
    ) -> None:
        self.time_map = records.time_map()
        self.resumed_ns = None if self.time_map is None else self.now_ns()
        self._file = file
        self._records = records
        self._player = player
        self._members = members
        self._say = say
        self._changed = changed
        self._news = asyncio.Event()
        self._proposal = 0

    def now_ns(self) -> int:
        """Scenario time, 0 before it begins."""
        return 0 if self.time_map is None else self.time_map.scenario_ns(time.monotonic_ns())

    def heard(self) -> None:
        self._news.set()

    async def begin(self) -> None:
        """Let time begin when all nodes have joined, or after a while; or go on where it is."""
        if self.time_map is not None:
            self._set(self.time_map)
            return
        await self._until(self._complete, self._file.join_timeout_s)
        piece = Piece(time.monotonic_ns() + _START_LEAD_NS, 0, self._file.rate)
        self._set(TimeMap((piece,)))

    async def skip_gaps(self) -> None:
        """Propose to skip the dark whenever it is worth it, for ever; returns at once if not asked for."""
        while self._file.skip_gaps:
            await asyncio.sleep(_SKIP_EVERY_S)
            if (target_ns := self._target_ns()) is not None:
                await self._propose(target_ns)

    def _set(self, time_map: TimeMap) -> None:
        self._records.keep_time_map(time_map)
        self.time_map = time_map
        message = self._members.set_time(time_map)
        for member in self._members.joined():
            self._say(member, message)
        self._changed()

    def _complete(self) -> bool:
        return len(self._members.joined()) == len(self._members.all)

    def _target_ns(self) -> int | None:
        """How far time may jump: all is dark and drained, every node is there, and it is worth it."""
        now_ns = self.now_ns()
        if self.time_map is None or not self._complete() or not self._player.dark_and_drained(now_ns):
            return None
        light_ns = self._player.next_light(now_ns)
        end_ns = round(self._file.duration_s * 1e9)
        target_ns = end_ns if light_ns is None else light_ns - round(_SKIP_LEAD_S * 1e9)
        return target_ns if target_ns - now_ns > _LEAST_SKIP_S * 1e9 else None

    async def _propose(self, target_ns: int) -> None:
        self._proposal += 1
        for member in self._members.all:
            self._say(member, Skip(self._proposal, target_ns))
        await self._until(lambda: self._members.agreed_until(self._proposal) is not None, _ANSWER_S)
        agreed_ns = self._members.agreed_until(self._proposal)
        still_ns = self._target_ns()  # light may have come while they answered
        if agreed_ns is None or still_ns is None or self.time_map is None:
            return
        until_ns = min(agreed_ns, still_ns)
        if until_ns - self.now_ns() > _LEAST_SKIP_S * 1e9:
            self._set(self.time_map.jump(time.monotonic_ns(), until_ns))
            await self._until(self._all_know, _ANSWER_S)

    def _all_know(self) -> bool:
        version = 0 if self.time_map is None else self.time_map.version
        return all(member.time_version == version for member in self._members.joined())

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Return when ``condition``, which only a node's message can change, holds; or after real seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return
