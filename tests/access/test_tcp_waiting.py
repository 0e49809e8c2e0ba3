"""No byte leaves before it was there: what is known of a socket, against a model that remembers each byte."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.waiting import Waiting

arrivals = st.tuples(st.just("come"), st.integers(1, 50))
reads = st.tuples(st.just("read"), st.integers(1, 60))
looks = st.tuples(st.just("look"), st.just(0))


@given(st.lists(st.one_of(arrivals, reads, looks), max_size=60))
def test_no_byte_is_taken_for_older_than_it_is(events: list[tuple[str, int]]) -> None:
    waiting = Waiting()
    came: list[int] = []  # of each byte that waits
    seen: list[int] = []  # when it was first looked at, of those
    for now_ns, (event, size) in enumerate(events):
        if event == "come":
            came += [now_ns] * size
        elif event == "look":
            waiting.found(len(came), now_ns)
            seen += [now_ns] * (len(came) - len(seen))
        elif came:
            taken = min(size, len(came))
            there_ns = waiting.take(taken, now_ns)
            assert there_ns >= came[taken - 1], "before it came"
            assert there_ns == (seen[taken - 1] if taken <= len(seen) else now_ns), "as old as is known"
            del came[:taken], seen[:taken]
        assert waiting.since_ns(now_ns) == (seen[0] if seen else now_ns)


def test_the_kernel_tells_what_waits() -> None:
    near, far = socket.socketpair()
    with near, far:
        waiting = Waiting()
        waiting.look(far.fileno(), 1)
        assert waiting.since_ns(2) == 2, "nothing waits"
        near.sendall(bytes(100))
        waiting.look(far.fileno(), 3)
        near.sendall(bytes(50))
        waiting.look(far.fileno(), 4)
        assert waiting.since_ns(9) == 3
        assert (waiting.take(100, 9), waiting.take(50, 9), waiting.take(1, 9)) == (3, 4, 9)
