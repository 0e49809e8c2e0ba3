"""The clock of one life: wrong by its skew, never early, and silent once its machine is off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from linkemu.campaign.clock import LifeClock
from linkemu.campaign.faults import Skew
from linkemu.runtime.clock import Timer, VirtualClock, VirtualLoop


class _Settable(VirtualClock):
    """Stands at a time, and takes down at what times it is to call."""

    def __init__(self) -> None:
        super().__init__(VirtualLoop())
        self._loop.close()
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def call_at(self, at: float, callback: object, *, essential: bool = False) -> Timer:
        self.at = at
        return _Done()


class _Done:
    def cancel(self) -> None: ...


@given(st.floats(0.0, 1e5), st.floats(-0.01, 0.01), st.floats(-5.0, 5.0))
def test_no_timer_is_early_by_the_clock_that_set_it(at: float, drift: float, offset_s: float) -> None:
    true = _Settable()
    clock = LifeClock(true, Skew("a", 0.0, offset_s, drift), lambda: None)
    clock.call_at(at, lambda: None)
    assert at <= clock.now() < at + 1e-9


def test_timers_of_a_machine_that_is_off_never_fire() -> None:
    loop = VirtualLoop()
    try:
        told = list[str]()
        clock = LifeClock(VirtualClock(loop), None, lambda: told.append("counted"))
        clock.call_at(1.0, lambda: told.append("fired"))
        clock.call_at(2.0, lambda: setattr(clock, "alive", False))
        clock.call_at(3.0, lambda: told.append("fired"))
        loop.call_at(4.0, loop.stop)
        loop.run_forever()
        assert told == ["counted", "fired", "counted"]
    finally:
        loop.close()
