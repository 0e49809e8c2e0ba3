"""The control channel of a data plane: whatever is asked is answered, and changes all or nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from doors import sky
from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.desk import Desk, _edge_after, _is_lit, _until_ns
from linkemu.access.exec_desk import Links
from linkemu.access.exec_laser import Beam
from linkemu.access.line import Line
from linkemu.access.settings import Door
from linkemu.errors import FormatError, InputError
from linkemu.machine import Direction

MS = 10**6
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)
DEEDS = (
    *("state", "report", "connections", "batch", "drop", "reset"),
    *("open", "close", "doom", "break", "listen"),
)
ROW = st.fixed_dictionaries(
    {"station": st.just("ground"), "satellite": st.just("orbit")},
    optional={
        "direction": st.sampled_from(["up", "down", "both", "left"]),
        "duration_s": st.floats(-1, 1e6) | PLAIN,
        "start_s": st.floats(-1, 100) | PLAIN,
        "name": st.text(max_size=3),
        "rate_cap_bps": st.integers(-1, 10**12) | PLAIN,
        "rate_bps": st.integers(-1, 10**12),
        "delay_added_ns": st.integers(-1, 10**12),
        "erase_slots": st.fixed_dictionaries({"every": st.integers(0, 5)}) | JSON,
        "speed": PLAIN,
    },
)


class Bench:
    """A desk over two beams, and the other end of its channel; time is the test's."""

    def __init__(self, theirs: socket.socket, ours: socket.socket) -> None:
        played = sky(10**7, 0.005)
        self.now_ns = 10 * MS
        self.beams = {way: Beam(played.timelines[0, way], queue_bytes=None, hold_s=10.0) for way in Direction}
        stage = Links(played, 0, self.beams, lambda: self.now_ns, lambda: {"directions": []})
        self.desk = Desk(Line(theirs), stage)
        self._file = ours.makefile("rwb", buffering=0)
        self._ours = ours

    def ask(self, do: object, **more: Any) -> dict[str, Any]:
        self._file.write(json.dumps({"id": 7, "do": do, **more}).encode() + b"\n")
        assert self.desk.serve()
        answer: dict[str, Any] = json.loads(self._file.readline())
        assert answer["id"] == 7
        assert ("done" in answer) != ("refused" in answer)
        assert "\n" not in answer.get("refused", "")
        return answer

    def told(self) -> list[dict[str, Any]]:
        """Events that have come."""
        self.desk.step(self.now_ns)
        self._ours.setblocking(False)
        try:
            return [json.loads(line) for line in self._ours.recv(1 << 20).splitlines()]
        except BlockingIOError:
            return []
        finally:
            self._ours.setblocking(True)


@contextmanager
def bench() -> Iterator[Bench]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Bench(theirs, ours)


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=5), st.sampled_from(DEEDS) | JSON)
def test_anything_that_is_asked_is_answered(more, do):
    more = {key: value for key, value in more.items() if key not in ("id", "do")}
    with bench() as at:
        at.ask(do, **more)
        assert "done" in at.ask("state")


@given(st.lists(ROW, max_size=4), st.lists(st.text(max_size=3), max_size=2))
def test_a_batch_changes_all_or_nothing(rows, lift):
    with bench() as at:
        at.ask("batch", impose=[{"station": "ground", "satellite": "orbit", "rate_cap_bps": 5, "name": "a"}])
        before = at.ask("state")["done"]["overrides"]
        answer = at.ask("batch", impose=rows, lift=lift)
        after = at.ask("state")["done"]["overrides"]
        if "refused" in answer:
            assert after == before
            return
        done = answer["done"]
        assert len(done["overrides"]) == len(rows)
        assert all(each["start_s"] >= done["at_s"] for each in done["overrides"])
        ended = {each["name"] for each in done["overrides"] if each["end_s"] is not None}
        stands = {each["name"] for each in after}
        named = {each["name"] for each in done["overrides"]}
        assert stands >= (named - ended)
        if "a" not in lift:
            assert "a" in stands


@given(st.binary(max_size=200))
def test_what_is_not_json_ends_the_channel(data):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        at = Bench(theirs, ours)
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        assert at.desk.serve() is False


@pytest.mark.parametrize("line", [b"{\n", b"[1]\n", b"3\n"])
def test_who_writes_no_object_is_heard_no_more_though_the_channel_is_open(line):
    with bench() as at:
        at._ours.sendall(line)
        assert at.desk.serve() is False


def test_a_line_without_end_is_refused():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(theirs)
        ours.setblocking(False)
        with pytest.raises(FormatError, match="a line of more than"):
            for _ in range(100):
                ours.send(b"x" * (1 << 16))
                line.read()
        assert not line.is_open


def test_all_of_a_batch_begins_at_one_slot_on_both_directions_and_ends_when_lifted():
    both = {"station": "ground", "satellite": "orbit"}
    with bench() as at:
        done = at.ask(
            "batch", impose=[{**both, "direction": "up", "rate_cap_bps": 0}, {**both, "delay_ns": 20 * MS}]
        )["done"]
        assert done["at_s"] == 0.011
        assert {each["start_s"] for each in done["overrides"]} == {0.011}
        up, down = at.beams[Direction.UP].channel, at.beams[Direction.DOWN].channel
        assert (up.capacity.rate(11 * MS - 1), up.capacity.rate(11 * MS)) == (10**7, 0)
        for channel in (up, down):
            assert (channel.delay(11 * MS - 1), channel.delay(11 * MS)) == (5 * MS, 20 * MS)
        assert down.capacity.rate(11 * MS) == 10**7
        at.now_ns = 500 * MS
        state = at.ask("state")["done"]["links"][0]
        assert (state["up"]["has_light"], state["up"]["rate_bps"], state["down"]["delay_s"]) == (
            False,
            0,
            0.02,
        )
        lifted = at.ask("batch", lift=[each["name"] for each in done["overrides"]])["done"]
        assert lifted["at_s"] == 0.501
        assert (up.capacity.rate(501 * MS), up.delay(501 * MS)) == (10**7, 5 * MS)


def test_events_come_with_their_times_and_only_to_who_listens():
    row = {"station": "ground", "satellite": "orbit", "direction": "up", "rate_cap_bps": 0, "duration_s": 0.2}
    with bench() as at:
        at.ask("batch", impose=[{**row, "name": "unheard"}])
        at.now_ns = 300 * MS
        assert at.told() == []
        at.ask("listen", on=True)
        at.ask("batch", impose=[{**row, "name": "heard"}])
        assert at.told() == []
        at.now_ns = 600 * MS
        seen = [(each["event"], each["what"], each["at_s"]) for each in at.told()]
        assert sorted(seen) == [
            ("light", "begins", 0.5),
            ("light", "ends", 0.301),
            ("override", "begins", 0.301),
            ("override", "ends", 0.5),
        ]


def test_an_edge_is_told_once_though_asked_at_its_very_moment():
    row = {"station": "ground", "satellite": "orbit", "direction": "up", "rate_cap_bps": 0}
    with bench() as at:
        at.ask("listen", on=True)
        at.ask("batch", impose=[row])
        at.now_ns = 11 * MS
        assert sorted(each["event"] for each in at.told()) == ["light", "override"]
        at.ask("batch", impose=[{**row, "start_s": 5.0}])
        assert at.told() == []
        at.ask("listen", on=False)
        at.now_ns = 6000 * MS
        assert at.told() == []


def test_a_bound_that_is_missed_is_told_once_whatever_its_figures():
    with bench() as at:
        at.desk._stage._report = lambda: {"directions": [{"direction": "up", "warnings": warnings}]}
        warnings = ["late by 5 ms"]
        at.ask("listen", on=True)
        assert [each["warning"] for each in at.told()] == ["up: late by 5 ms"]
        for second, told in ((3, ["late by 7 ms"]), (6, []), (9, ["late by 9 ms", "rate off by 1 %"])):
            at.now_ns, warnings = second * 1000 * MS, told
            expected = {3: [], 6: [], 9: ["up: late by 9 ms", "up: rate off by 1 %"]}[second]
            assert [each["warning"] for each in at.told()] == expected


@pytest.mark.parametrize(
    ("asked", "blame"),
    [
        ({"do": "connections", "door": "d", "most": 501}, "input"),
        ({"do": "connections", "door": "d", "most": 0}, "input"),
        ({"do": "connections", "door": "d", "most": 500}, "absent"),
        ({"do": "drop", "names": "a"}, "input"),
        ({"do": "open", "door": {"name": "two\nlines"}}, "input"),
        ({"do": "two\nlines"}, "input"),
        ({"do": "close", "door": "two\nlines"}, "absent"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_by_whom_it_blames(asked, blame):
    with bench() as at:
        assert at.ask(**asked)["blame"] == blame


def test_light_by_its_edges():
    lights = [(10, 20), (30, 40)]
    assert [_edge_after(lights, now) for now in (0, 10, 19, 20, 29, 30, 39, 40)] == [
        *(10, 20, 20, 30, 30, 40, 40, None),
    ]
    assert [_is_lit(lights, now) for now in (9, 10, 19, 20, 30, 40)] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    for wrong in (None, True, "5", -1, 2e9):
        with pytest.raises(InputError, match="until_s"):
            _until_ns({"until_s": wrong})
    assert _until_ns({"until_s": 1.5}) == 1500 * MS


def test_a_door_that_is_absent_keeps_a_batch_from_the_links():
    row = {"station": "ground", "satellite": "orbit", "rate_cap_bps": 0}
    with bench() as at:
        assert at.ask("batch", impose=[row], doors={"absent": False})["blame"] == "absent"
        assert at.ask("state")["done"]["overrides"] == []


def test_who_does_not_read_is_told_how_much_was_left_out():
    with bench() as at:
        told, raw = 3000, b""
        for number in range(told):
            at.desk._tell({"event": "x" * 1000, "at_s": float(number)})
        while at.desk._line.waiting_bytes:
            raw += at._ours.recv(1 << 20)
            at.desk.serve()
        at.desk._tell({"event": "last", "at_s": 9e3})
        while not raw.endswith(b'"at_s":9000.0}\n'):
            raw += at._ours.recv(1 << 20)
        came = [json.loads(line) for line in raw.splitlines()]
        assert [each["event"] for each in came[-2:]] == ["left-out", "last"]
        assert came[-2]["count"] == told - len(came[:-2]) > 500


@given(JSON)
def test_a_door_is_read_or_refused(document):
    try:
        Door.of(document)  # type: ignore[arg-type]
    except FormatError as error:
        assert "\n" not in str(error)


@given(
    st.builds(
        Door,
        st.tuples(st.text(max_size=8), st.integers(0, 65535)),
        st.tuples(st.text(max_size=8), st.integers(0, 65535)),
        st.sampled_from(["tcp", "udp"]),
        uplink=st.sampled_from(["client", "server"]),
        link=st.integers(0, 9),
        name=st.text(max_size=8),
    )
)
def test_a_door_survives_its_document(door):
    assert Door.of(json.loads(json.dumps(door.document()))) == door
