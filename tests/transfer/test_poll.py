"""When to ask the peer for its inventory, and how long to wait for a file. No link here."""

from __future__ import annotations

import pytest

from linkemu.transfer import frames
from linkemu.transfer.events import Event, FileRequested
from linkemu.transfer.frames import Request
from linkemu.transfer.poll import Poller
from linkemu.transfer.requests import Requests

FILE = b"f" * 32


def test_a_time_out_is_a_round_trip_and_what_both_ends_may_take() -> None:
    poller = Poller(0.1)
    poller.resume(0.5, 0.0)
    poller.next(0.0)
    assert poller.due() == pytest.approx(2 * 0.5 + 0.1 + 0.010)


def test_news_are_asked_about_at_once_but_not_with_every_one() -> None:
    poller = Poller(0.0)
    poller.next(7.0)
    poller.hurry(7.0)
    assert poller.due() == pytest.approx(7.002)


def test_a_slow_answer_is_forgotten_once_answers_are_quick() -> None:
    poller = Poller(0.0)
    poller.heard(poller.next(0.0), 8.0)
    slow_s = poller.due() - 8.0
    for second in range(10, 30):
        poller.heard(poller.next(second), second + 0.001)
    assert poller.due() - 29.001 < slow_s / 10


def test_a_peer_that_speaks_is_asked_now_and_then_all_the_same() -> None:
    poller = Poller(0.0)
    poller.resume(0.01, 0.0)
    token = poller.next(0.0)
    for tick in range(1, 2000):
        poller.heard(token, tick * 0.001)
        if poller.due() <= tick * 0.001:
            break
    assert tick * 0.001 == pytest.approx(1.0, abs=0.01)


def asked(requests: Requests, now: float) -> int:
    return sum(isinstance(frames.decode(frame), Request) for frame in requests.frames(now))


def test_a_request_is_repeated_after_two_round_trips_and_at_last_every_five_seconds() -> None:
    requests = Requests(1, lambda event: None)
    requests.resume(0.5, 0.0)
    requests.ask("a", 0, 0.0)
    assert (asked(requests, 0.0), requests.due()) == (1, pytest.approx(2.1))
    now = 0.0
    gaps = []
    for _ in range(6):
        due = requests.due()
        assert due is not None
        gaps.append(due - now)
        now = due
        assert asked(requests, now) == 1
    assert gaps == pytest.approx([2.1, 4.2, 5.0, 5.0, 5.0, 5.0])


def test_a_request_of_the_peer_is_told_once_and_anew_when_its_answer_is_gone() -> None:
    told: list[Event] = []
    requests = Requests(1, told.append)
    request = Request(2, 7, 3, "a")
    for _ in range(2):  # repeated before the node has answered
        assert requests.asked(request, lambda _: False) is None
    assert told == [FileRequested(7, "a", None, 3)]
    requests.offered(7, FILE)
    assert requests.asked(request, lambda file_id: file_id == FILE) == FILE
    assert len(told) == 1
    assert requests.asked(request, lambda _: False) is None  # the offer has ended meanwhile
    assert len(told) == 2


def test_what_a_life_of_the_peer_was_refused_another_may_ask() -> None:
    told: list[Event] = []
    requests = Requests(1, told.append)
    request = Request(2, 7, 3, "a")
    requests.asked(request, lambda _: False)
    requests.refuse(7, "no such file")
    requests.peer_started()
    assert requests.frames(0.0) == []
    requests.asked(request, lambda _: False)
    assert len(told) == 2
