"""Opening and closing of connections during an outage that nobody knows the end of: they wait as bytes do."""

from __future__ import annotations

import socket
import time

from linkemu.access.flow import Flow
from linkemu.access.pieces import Mark, Stock
from linkemu.access.way import Way
from linkemu.link.overlay import Overlay, outage
from tests.access.test_tcp_flow import Ends, a_gauge, a_way, pair
from tests.waiting import until

S = 10**9


def darken(way: Way, overlay: Overlay) -> None:
    """Impose it, and wait for its slot."""
    now_ns = way._pace.now_ns
    begins_ns = way.serialiser.impose(overlay, now_ns()).start_ns
    until(lambda: now_ns() > begins_ns)


def test_a_mark_made_in_an_open_outage_goes_when_it_is_lifted_and_before_the_bytes_behind_it() -> None:
    source, read_end = pair()
    write_end, sink = pair()
    way, ends, stock = a_way(10**7), Ends(), Stock(0)
    flow = Flow(way, ends, stock, a_gauge())
    flow.source, flow.sink = read_end, write_end
    now_ns = way._pace.now_ns
    darken(way, outage(0, name="stop"))
    way.mark(flow, Mark.OPEN)
    source.send(b"after it")
    source.shutdown(socket.SHUT_WR)
    way.wake(flow)
    way.step()
    assert way.next_ns() is None and ends.said == []
    way.serialiser.lift("stop", now_ns())
    way.step()
    assert way.next_ns() is not None
    deadline = time.monotonic() + 60.0
    while Mark.END not in ends.said and time.monotonic() < deadline:
        way.wake(flow)
        way.step()
    assert ends.said == [Mark.OPEN, Mark.END]
    sink.settimeout(60.0)
    assert sink.recv(100) == b"after it"
    flow.discard()
    stock.close()
    for end in (source, read_end, write_end, sink):
        end.close()


def test_a_mark_waits_no_longer_than_an_outage_that_is_cut_short() -> None:
    way, ends, stock = a_way(), Ends(), Stock(0)
    flow = Flow(way, ends, stock, a_gauge())
    now_ns = way._pace.now_ns
    darken(way, outage(0, 50 * S))
    way.mark(flow, Mark.RESET)
    way.step()
    next_ns = way.next_ns()
    assert next_ns is not None and next_ns > 49 * S
    way.serialiser.lift(None, now_ns())
    deadline = time.monotonic() + 60.0
    while not ends.said and time.monotonic() < deadline:
        way.step()
    assert ends.said == [Mark.RESET] and now_ns() < 49 * S
    stock.close()
