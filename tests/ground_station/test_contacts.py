"""What goes on a link in a pass, from plan and ledger alone."""

import pytest

from ground_station import contacts
from ground_station.custody import Entry
from linkemu.plan import Plan, Window


def window(start: float, end: float, *rate: tuple[float, int], peer: str = "iss") -> Window:
    return Window(0, peer, start, end, rate or ((start, 8_000_000),), ((start, 0.004),), 50.0)


def entry(name: str, size: int, priority: int = 0, at: float = 0.0, held: int = 0) -> Entry:
    return Entry(
        name, "put", "iss", name, priority, "spooled", {"spooled": at}, size, "", 1000, None, set(range(held))
    )


def test_the_open_window_else_the_next_of_that_peer() -> None:
    plan = Plan("ground", 1, (window(0, 10), window(20, 30, peer="css"), window(40, 50)))
    assert contacts.window(plan, "iss", 5) is plan.windows[0]
    assert contacts.window(plan, "iss", 10) is plan.windows[2]
    assert contacts.window(plan, "css", 10) is plan.windows[1]
    assert contacts.window(plan, "iss", 60) is None
    assert contacts.window(None, "iss", 0) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0.0, 15_000_000), (10.0, 15_000_000), (12.0, 13_000_000), (17.5, 5_000_000), (20.0, 0)],
)
def test_what_the_rest_of_a_window_carries(now: float, expected: int) -> None:
    pass_ = window(10, 20, (10.0, 8_000_000), (15.0, 16_000_000))
    assert contacts.expected_bytes(pass_, now) == expected


def test_order_is_priority_then_age() -> None:
    waiting = [entry("late", 10, 1, 5.0), entry("urgent", 10, 0, 9.0), entry("early", 10, 1, 1.0)]
    chosen = contacts.shares(waiting, window(0, 10), 0.0)
    assert [share.entry.name for share in chosen] == ["urgent", "early", "late"]
    assert [share.ahead_bytes for share in chosen] == [0, 10, 20]


def test_files_beyond_the_window_wait_and_the_one_that_overlaps_says_so() -> None:
    waiting = [entry(f"{number:02}", 4_000_000, at=number) for number in range(9)]
    chosen = contacts.shares(waiting, window(0, 10), 0.0)  # 10 MB
    assert [(share.entry.name, share.fits) for share in chosen] == [("00", True), ("01", True), ("02", False)]


def test_rates_from_before_the_window_count_from_its_start() -> None:
    assert contacts.expected_bytes(window(10, 20, (0.0, 8_000_000)), 0.0) == 10_000_000


def test_files_that_fill_the_window_to_the_last_byte_fit_and_one_more_goes() -> None:
    waiting = [entry(f"{number:02}", 5_000_000, at=number) for number in range(4)]
    chosen = contacts.shares(waiting, window(0, 10), 0.0)  # 10 MB
    assert [(share.entry.name, share.fits) for share in chosen] == [("00", True), ("01", True), ("02", False)]


def test_what_is_acknowledged_needs_no_room() -> None:
    (share,) = contacts.shares([entry("a", 10_500_000, held=600)], window(0, 10), 0.0)
    assert share.fits


def test_without_a_plan_something_goes_anyway() -> None:
    waiting = [entry(f"{number:02}", 10, at=number) for number in range(50)]
    chosen = contacts.shares(waiting, None, 0.0)
    assert 1 <= len(chosen) < 50 and not any(share.fits for share in chosen)
    assert contacts.shares([], None, 0.0) == ()
