"""The air before one terminal: frames that come spoilt, and a plan that is late or wrong.

A machine has one of these over all its lives: a frame that is delayed or doubled may meet a later life than
that for which it was meant. Chances are drawn by the seed of each fault and the number of the frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from linkemu.campaign.faults import BadPlan, Fault, Frames
from linkemu.campaign.weather import goes
from linkemu.link.timeline import LinkName
from linkemu.machine import Direction
from linkemu.plan import Plan
from linkemu.rng import Stream

_BLOCK = 64  # frames whose chances are drawn together
_PER_FRAME = 2


class Air:
    """``hear`` gets (link, datagram), ``believe`` a plan: as they reach the machine, if it is on then."""

    def __init__(
        self,
        node: str,
        links: Sequence[LinkName],
        faults: Sequence[Fault],
        hear: Callable[[int, bytes], None],
        believe: Callable[[Plan], None],
    ) -> None:
        self._hear = hear
        self._believe = believe
        self._plans = [fault for fault in faults if isinstance(fault, BadPlan) and fault.node == node]
        self._spoilers: dict[int, list[_Spoiler]] = {}
        for number, link in enumerate(links):
            incoming = Direction.UP if link.satellite == node else Direction.DOWN
            self._spoilers[number] = [
                _Spoiler(fault, incoming)
                for fault in faults
                if isinstance(fault, Frames)
                and LinkName(fault.station, fault.satellite) == link
                and goes(fault.way, incoming)
            ]

    def frame(self, link: int, datagram: bytes, now: float) -> None:
        """A frame that light has brought, at true time ``now``."""
        for spoiler in self._spoilers[link]:
            if spoiler.strikes(now):
                self._spoil(spoiler, link, datagram)
                return
        self._hear(link, datagram)

    def plan(self, plan: Plan) -> None:
        """A plan from the emulator, at the start of a life."""
        late_s = max((fault.late_s for fault in self._plans), default=0.0)
        for fault in self._plans:
            plan = _wrong(plan, fault)
        if late_s:
            asyncio.get_running_loop().call_later(late_s, self._believe, plan)
        else:
            self._believe(plan)

    def _spoil(self, spoiler: _Spoiler, link: int, datagram: bytes) -> None:
        fault = spoiler.fault
        match fault.effect:
            case "corrupt":
                at = int(spoiler.chance * len(datagram))
                changed = bytes([datagram[at] ^ (1 << int(spoiler.chance * 8e6) % 8)])
                self._hear(link, datagram[:at] + changed + datagram[at + 1 :])
            case "drop":
                pass
            case "delay" | "duplicate":
                if fault.effect == "duplicate":
                    self._hear(link, datagram)
                late_s = fault.late_s * spoiler.chance
                asyncio.get_running_loop().call_later(late_s, self._hear, link, datagram)


class _Spoiler:
    """One fault of frames on one direction; ``chance`` is that of the frame struck last, in (0, 1)."""

    def __init__(self, fault: Frames, direction: Direction) -> None:
        self.fault = fault
        self.chance = 0.0
        self._stream = Stream(
            fault.seed, "frames", fault.effect, fault.station, fault.satellite, direction.value
        )
        self._block: list[float] = []
        self._count = 0

    def strikes(self, now: float) -> bool:
        fault = self.fault
        if not fault.at_s <= now < fault.at_s + fault.for_s:
            return False
        at = self._count % _BLOCK * _PER_FRAME
        if at == 0:
            self._block = self._stream.uniform(self._count * _PER_FRAME, _BLOCK * _PER_FRAME).tolist()
        self._count += 1
        self.chance = self._block[at + 1]
        return self._block[at] < fault.share


def _wrong(plan: Plan, fault: BadPlan) -> Plan:
    shift_s = fault.shift_s
    windows = [
        replace(
            window,
            start_s=window.start_s + shift_s,
            end_s=window.end_s + shift_s,
            expected_rate=tuple((at + shift_s, rate) for at, rate in window.expected_rate),
            delay=tuple((at + shift_s, delay_s) for at, delay_s in window.delay),
        )
        for number, window in enumerate(plan.windows, start=1)
        if not fault.missing or number % fault.missing
    ]
    return replace(plan, windows=tuple(windows))
