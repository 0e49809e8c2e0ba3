"""When an Endpoint speaks: reports after gaps and within bounds, polls into silence, nothing in the dark."""

from __future__ import annotations

from itertools import pairwise

import pytest

from linkemu.transfer import frames, report
from linkemu.transfer.endpoint import Endpoint, Settings
from linkemu.transfer.frames import Body, Poll
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.pacing import DARK, LinkCue
from linkemu.transfer.poll import Poller

CUE = LinkCue(100_000_000, True, 0.005, 8192)


def lit(settings: Settings | None = None) -> Endpoint:
    """An Endpoint that has greeted, and whose greeting was answered."""
    endpoint = Endpoint(Holdings(), 1, settings)
    endpoint.cue(CUE, 0.0)
    endpoint.transmit(0.0)
    endpoint.receive(report.encode(report.Report(1, 1, 1, 3, 1, 0, ())), 0.0)
    assert endpoint.next_wakeup() is None
    return endpoint


def piece(sequence: int) -> bytes:
    return frames.encode_data(1, False, sequence, b"c" * 32, 100_000, 1000 * sequence, bytes(1000))


def reports(datagrams: list[bytes]) -> list[report.Report]:
    bodies = [frame for frame in map(frames.decode, datagrams) if isinstance(frame, Body)]
    return [report.decode(body.epoch, body.content) for body in bodies]


def feed(endpoint: Endpoint, sequences: list[int], now: float) -> None:
    for sequence in sequences:
        endpoint.receive(piece(sequence), now)


def test_in_order_pieces_are_reported_seldom() -> None:
    endpoint = lit()
    feed(endpoint, [1], 1.0)
    [first] = reports(endpoint.transmit(1.0))
    assert first.highest == 1
    feed(endpoint, [2, 3, 4, 5, 6, 7, 8], 1.001)
    assert endpoint.next_wakeup() == pytest.approx(1.020)


def test_a_gap_is_reported_once_it_counts_as_a_loss() -> None:
    endpoint = lit()
    feed(endpoint, [1], 1.0)
    endpoint.transmit(1.0)
    feed(endpoint, [3, 4, 5], 1.001)
    assert endpoint.next_wakeup() == pytest.approx(1.020)
    feed(endpoint, [6], 1.001)
    assert endpoint.next_wakeup() == pytest.approx(1.005)
    [second] = reports(endpoint.transmit(1.005))
    assert second.highest == 6


def test_a_poll_is_answered_at_once_with_all_that_is_asked() -> None:
    endpoint = lit()
    feed(endpoint, [1], 1.0)
    endpoint.transmit(1.0)
    entry = frames.Entry(b"f" * 32, 100, 0, 0)
    endpoint.receive(frames.encode_poll(Poll(1, 9, 4, (entry,))), 1.001)
    [answer] = reports(endpoint.transmit(1.001))
    assert (answer.highest, answer.token) == (9, 4)
    assert [section.state for section in answer.sections] == [report.State.UNKNOWN]


def test_a_budget_spaces_reports() -> None:
    endpoint = lit(Settings(acknowledgement_bps=8_000))
    endpoint.receive(frames.encode_poll(Poll(1, 9, 4, ())), 1.0)
    [sent] = endpoint.transmit(1.0)
    endpoint.receive(frames.encode_poll(Poll(1, 19, 5, ())), 1.001)
    assert endpoint.next_wakeup() == pytest.approx(1.0 + len(sent) / 1000)
    assert endpoint.transmit(1.002) == []


def test_polls_into_silence_come_ever_more_slowly() -> None:
    endpoint = lit()
    endpoint.offer(Manifest.of("a", b"content"), 0, (), 1.0)
    times = []
    while len(times) < 8:
        wake = endpoint.next_wakeup()
        assert wake is not None
        if any(isinstance(frames.decode(datagram), Poll) for datagram in endpoint.transmit(wake)):
            times.append(wake)
    waits = [after - before for before, after in pairwise(times[:6])]
    assert all(before < after for before, after in pairwise(waits[1:5]))
    assert times[-1] - times[-2] == pytest.approx(1.0, rel=0.05)


def test_in_the_dark_no_timer_runs() -> None:
    endpoint = lit()
    endpoint.offer(Manifest.of("a", b"content"), 0, (), 1.0)
    endpoint.request("b", 0, 1.0)
    feed(endpoint, [1, 5, 9], 1.0)
    endpoint.cue(DARK, 1.0)
    assert endpoint.next_wakeup() is None
    assert endpoint.transmit(50.0) == []
    endpoint.cue(LinkCue(100_000_000, False, 0.005, 8192), 60.0)
    assert endpoint.next_wakeup() is None, "a link without lock is dark"
    endpoint.cue(CUE, 100.0)
    kinds = [type(frames.decode(datagram)) for datagram in endpoint.transmit(100.0)]
    assert kinds == [Body, frames.Request, Poll]


def test_an_answer_from_before_the_outage_does_not_end_the_wait() -> None:
    poller = Poller(0.04)
    poller.resume(0.005, 0.0)
    old = poller.next(0.0)
    poller.resume(0.005, 5.0)
    new = poller.next(5.0)
    assert not poller.heard(old, 5.01)
    assert poller.heard(new, 5.02)


def test_a_path_slower_than_expected_is_learnt() -> None:
    """Queues that the cue doesn't know of: no poll before an answer can have come."""
    poller = Poller(0.04)
    poller.resume(0.005, 0.0)
    for start in (0.0, 2.0):
        token = poller.next(start)
        poller.heard(token, start + 0.4)
    assert poller.due() >= 2.4 + 0.4
