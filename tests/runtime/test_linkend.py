"""The node's ends: planned delays, and an epoch that grows over every start and power cut."""

import contextlib
from pathlib import Path

import pytest

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.errors import IntegrityError
from linkemu.plan import Plan, Window
from linkemu.runtime.linkend import delay, next_epoch

ROOT = Path("/node")


def window(link: int, start: float, *samples: tuple[float, float]) -> Window:
    return Window(link, "iss", start, samples[-1][0] if samples else start + 10, ((start, 1),), samples, 40.0)


PLAN = Plan(
    "ground", 1, (window(0, 100, (100, 0.006), (110, 0.002), (130, 0.004)), window(0, 500, (500, 0.005)))
)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (100, 0.006),
        (105, 0.004),
        (120, 0.003),
        (130, 0.004),
        (90, 0.006),
        (140, 0.004),
        (499, 0.005),
        (900, 0.005),
    ],
)
def test_the_delay_is_linear_in_a_window_and_that_of_the_nearest_outside(now: float, expected: float) -> None:
    assert delay(PLAN, 0, now) == pytest.approx(expected)


def test_a_delay_that_nobody_planned_is_a_long_one() -> None:
    for plan in (None, Plan("ground", 1, ()), Plan("ground", 1, (window(0, 0),)), PLAN):
        assert delay(plan, 1, 0.0) >= 0.01


@pytest.mark.parametrize("seed", range(4))
async def test_epochs_grow_over_power_cuts(seed: int) -> None:
    disk = SimulatedDisk()
    await disk.make_directory(ROOT)
    last = 0
    for cut in range(1, 24):  # a start takes twelve calls
        disk.power_cut_at = disk.calls + cut
        try:
            epoch = await next_epoch(disk, ROOT)
        except PowerCut:
            disk.reboot(seed)
        else:
            assert epoch > last
            last = epoch
            disk.power_cut_at = None
    assert last > 1


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("name", ["starts", "starts.copy"])
async def test_a_count_of_starts_of_which_one_bit_rots_goes_on(name: str, bit: int) -> None:
    """A bit makes another number of a digit, and a peer ignores what a node says that counts from less."""
    disk, last = await started(12)
    size = await disk.size(ROOT / name)
    assert size is not None
    for offset in range(size):
        disk.damage(ROOT / name, offset, bit)
        now = await next_epoch(disk, ROOT)
        assert last < now <= last + 2
        last = now


async def test_a_count_of_starts_that_cannot_be_read_goes_on_with_its_copy() -> None:
    disk, last = await started(3)
    disk.lose(ROOT / "starts", 0, 4)
    assert await next_epoch(disk, ROOT) == last + 2
    assert await next_epoch(disk, ROOT) == last + 3


@pytest.mark.parametrize("cut", range(1, 11))
@pytest.mark.parametrize("name", ["starts", "starts.copy"])
async def test_no_start_is_counted_twice_if_one_count_rots_after_a_power_cut(name: str, cut: int) -> None:
    disk, last = await started(5)
    disk.power_cut_at = disk.calls + 2 + cut  # after both were read
    with contextlib.suppress(PowerCut):
        last = await next_epoch(disk, ROOT)
    disk.reboot(cut)
    disk.damage(ROOT / name, 0)
    assert await next_epoch(disk, ROOT) > last


async def test_a_count_of_starts_of_earlier_days_is_read() -> None:
    disk = SimulatedDisk()
    disk.install(ROOT / "starts", b"41")
    assert [await next_epoch(disk, ROOT) for _ in range(2)] == [42, 43]


async def test_a_damaged_count_of_starts_is_told() -> None:
    disk = SimulatedDisk()
    await disk.make_directory(ROOT)
    await disk.write(ROOT / "starts", b"none")
    with pytest.raises(IntegrityError, match="not a number of starts"):
        await next_epoch(disk, ROOT)


async def started(times: int) -> tuple[SimulatedDisk, int]:
    """The disk of a node that was started so often, and its last epoch."""
    disk = SimulatedDisk()
    await disk.make_directory(ROOT)
    return disk, [await next_epoch(disk, ROOT) for _ in range(times)][-1]
