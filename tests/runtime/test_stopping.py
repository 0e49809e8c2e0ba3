"""Stopping: what the first, the second and the third signal do, and what is left behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from linkemu.runtime.stopping import Stopping

INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.fixture(autouse=True)
def handlers() -> Iterator[list[object]]:
    """Those of before, which are put back."""
    before = [signal.getsignal(number) for number in (INT, TERM)]
    yield list(before)
    for number, handler in zip((INT, TERM), before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("numbers", [(INT, INT, INT), (TERM, INT, TERM), (INT, TERM, TERM)])
def test_the_first_asks_the_second_says_nothing_new_the_third_interrupts(
    numbers: tuple[signal.Signals, ...],
) -> None:
    asked: list[None] = []
    first, second, third = numbers
    with Stopping() as stopping, pytest.raises(KeyboardInterrupt):
        stopping.calls(lambda: asked.append(None))
        signal.raise_signal(first)
        assert (stopping.asked, len(asked)) == (True, 1)
        signal.raise_signal(second)
        assert len(asked) == 1
        signal.raise_signal(third)
    assert len(asked) == 1


def test_a_signal_that_comes_early_is_remembered() -> None:
    asked: list[None] = []
    with Stopping() as stopping:
        signal.raise_signal(INT)
        signal.raise_signal(INT)
        stopping.calls(lambda: asked.append(None))
        assert len(asked) == 1


def test_what_was_before_comes_back_unless_the_process_is_about_to_end(handlers: list[object]) -> None:
    with Stopping() as stopping:
        assert signal.getsignal(INT) not in handlers
    assert not stopping.asked
    assert [signal.getsignal(number) for number in (INT, TERM)] == handlers
    with Stopping():
        signal.raise_signal(TERM)
    assert [signal.getsignal(number) for number in (INT, TERM)] == [signal.SIG_IGN] * 2


def test_work_is_broken_off_and_what_follows_is_not() -> None:
    done: list[str] = []
    with Stopping() as stopping:
        with stopping.breaking_off():
            done.append("begun")
            signal.raise_signal(INT)
            done.append("ended")
        signal.raise_signal(INT)
        done.append("reported")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(INT)
    assert done == ["begun", "reported"]


def test_a_signal_after_the_work_breaks_nothing_off() -> None:
    with Stopping() as stopping:
        with stopping.breaking_off():
            pass
        signal.raise_signal(INT)
        assert stopping.asked


def test_work_is_not_begun_after_a_signal() -> None:
    with Stopping() as stopping:
        signal.raise_signal(INT)
        with pytest.raises(KeyboardInterrupt), stopping.breaking_off():
            pytest.fail("it has begun")


def test_a_loop_is_woken_and_one_that_has_ended_is_not_missed() -> None:
    async def wait(stopping: Stopping) -> None:
        asked = asyncio.Event()
        stopping.calls_in_loop(asked.set)
        asyncio.get_running_loop().call_soon(signal.raise_signal, INT)
        await asyncio.wait_for(asked.wait(), 20)

    async def go(stopping: Stopping) -> None:
        stopping.calls_in_loop(lambda: pytest.fail("its loop has ended"))

    with Stopping() as stopping:
        asyncio.run(wait(stopping))
    with Stopping() as stopping:
        asyncio.run(go(stopping))
        signal.raise_signal(INT)
        assert stopping.asked
