"""Picture, narrator and display: what the bus said, told once in lines and drawn without a terminal."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from linkemu.cli import display
from linkemu.cli.causes import CAUSES
from linkemu.cli.crossed import share
from linkemu.cli.narrator import Narrator
from linkemu.cli.picture import Picture, why
from linkemu.cli.watch import Watch
from linkemu.link.timeline import Cause
from linkemu.runtime.supervisor import ProcessChange
from linkemu.telemetry import (
    Beam,
    ClockState,
    LinkState,
    LinkTelemetry,
    NodeStatus,
    Session,
    TransferState,
)

OPEN = Beam("open", None, False, 155_000_000, 0.00174, -30.0, 4.2)
CLOUD = Beam("blocked", "cloud", False, 155_000_000, 0.00174, None, None)
DARK = Beam("dark", "below_mask", True, 0, None, None, None)
SESSION = Session("demo", "running", "2024-05-10T18:50:36+00:00", 75.0, 1.0, 1)


def telemetry(at_s=12.0, up=OPEN, down=OPEN, **more):
    geometry = {"elevation_deg": 52.1, "azimuth_deg": 123.4, "range_m": 521_300.0, "range_rate_mps": -1234.0}
    return LinkTelemetry("koganei", "iss", at_s, **{**geometry, **more}, up=up, down=down)


def transfer(state="sending", done=30, size=100, **more):
    return TransferState("koganei", "x1", "put", "a.bin", "iss", state, 12.0, size, done, **more)


def story(*messages, every_s=0.0):
    picture, narrator = Picture(), Narrator(every_s)
    lines = []
    for message in messages:
        picture.take(message)
        lines += narrator.tell(message, picture, picture.now)
    return picture, lines


def drawn(picture, lines=(), width=80):
    console = Console(file=StringIO(), width=width, force_terminal=False)
    console.print(display.screen(picture, picture.now, lines))
    return console.file.getvalue()


def test_every_cause_of_a_sky_has_words():
    assert set(CAUSES) == {cause.name.lower() for cause in Cause} - {"none"}


def test_an_outage_says_its_cause_and_whether_it_was_known():
    assert why(OPEN) == "open"
    assert why(CLOUD) == "blocked: cloud, not known in advance"
    assert why(DARK) == "below the mask, known in advance"


def test_a_change_is_told_once():
    _, lines = story(telemetry(12.0), telemetry(13.0), telemetry(14.0, up=CLOUD), telemetry(15.0, up=CLOUD))
    assert len(lines) == 3  # up and down at first, then the cloud
    assert "koganei - iss up: blocked: cloud, not known in advance" in lines[-1]
    assert lines[-1].startswith("    14.000 s")


def test_a_state_between_two_samples_keeps_the_geometry():
    picture, lines = story(telemetry(12.0), LinkState("koganei", "iss", 12.4, CLOUD, OPEN))
    link = picture.link("koganei", "iss")
    assert link.telemetry.up == CLOUD
    assert link.telemetry.range_m == 521_300.0
    assert picture.now == 12.4
    assert "cloud" in lines[-1]


def test_a_late_state_does_not_undo_a_newer_sample():
    picture, _ = story(telemetry(12.0), LinkState("koganei", "iss", 11.0, CLOUD, OPEN))
    assert picture.link("koganei", "iss").telemetry.up == OPEN


def test_geometry_is_repeated_only_on_request():
    samples = [telemetry(float(t)) for t in range(11)]
    assert len(story(*samples)[1]) == 2
    assert len(story(*samples, every_s=5.0)[1]) == 4


def test_restarts_and_lost_nodes_are_told():
    _, lines = story(
        SESSION,
        NodeStatus("iss", "satellite", "up", 7, 0.0),
        NodeStatus("iss", "satellite", "lost", 7, 20.0),
        Session("demo", "running", SESSION.epoch, 75.0, 1.0, 1, {"iss": 1}),
    )
    assert [line.split("s  ", 1)[1] for line in lines] == [
        "session running",
        "iss: up",
        "iss: lost",
        "iss: restarted",
    ]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40))
def test_progress_is_told_in_steps(shares):
    _, lines = story(*(transfer(done=share) for share in sorted(shares)))
    assert len(lines) == len({share // 10 for share in shares})


def test_a_failed_transfer_says_why():
    picture, lines = story(transfer("failed", problem="disk full"))
    assert lines[-1].endswith("put a.bin: failed: disk full")
    assert "failed: disk full" in drawn(picture)


@pytest.mark.parametrize(
    ("state", "size", "done", "part"),
    [
        ("requested", None, 0, 0.0),
        ("sending", 4, 1, 0.25),
        ("sending", 4, 5, 1.0),
        ("spooled", 0, 0, 0.0),
        ("in orbit", 0, 0, 1.0),
        ("verified", 4, 4, 1.0),
        ("failed", 4, 1, 0.25),
    ],
)
def test_share_of_a_file(state, size, done, part):
    assert share(transfer(state, size=size, done=done)) == part


def test_a_file_whose_content_was_in_orbit_under_another_name_is_shown_whole():
    """The satellite has all of its chunks, and acknowledged each of them with the other file."""
    picture, lines = story(transfer("spooled", done=0), transfer("in orbit", done=0))
    assert lines[-1].endswith("put a.bin: in orbit, 100 % of 100 B")
    assert "100 %" in drawn(picture)


def test_the_screen_shows_what_the_user_must_see_in_80_columns():
    picture, lines = story(
        SESSION,
        NodeStatus("koganei", "ground", "up", 7, 0.0),
        ClockState(12.0, 1.0, 75.0, 0.0001),
        telemetry(up=CLOUD, window_end_s=200.0),
        transfer(rate_bps=141e6),
    )
    text = drawn(picture, lines)
    for shown in (
        "521.3 km",
        "52.1°",
        "1.740 ms",
        "+4.2 dB",
        "155.0 Mbit/s",
        "cloud, not known in advance",
        "window closes in 3 min 08 s",
        "a.bin waits: blocked: cloud",
        "30 %",
        "141.0 Mbit/s",
        "● koganei",
        "2024-05-10 18:50:48 UTC",
    ):
        assert shown in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_nearest_links_come_first():
    far = LinkTelemetry("b", "y", 1.0, None, None, None, None, DARK, DARK, None, 500.0)
    near = LinkTelemetry("a", "z", 1.0, None, None, None, None, DARK, DARK, None, 100.0)
    never = LinkTelemetry("c", "x", 1.0, None, None, None, None, DARK, DARK)
    picture, _ = story(never, far, near, telemetry(1.0))
    assert [link.pair for link in picture.nearest_links(3)] == [("koganei", "iss"), ("a", "z"), ("b", "y")]
    assert "next window in 99.0 s" in drawn(picture)
    assert "no further window" in drawn(picture)


def test_a_file_in_the_dark_waits_for_its_window():
    dark = telemetry(
        0.0,
        DARK,
        DARK,
        elevation_deg=None,
        azimuth_deg=None,
        range_m=None,
        range_rate_mps=None,
        next_window_s=90.0,
    )
    picture, _ = story(dark, transfer("spooled", done=0))
    assert "a.bin waits 90.0 s for its window" in drawn(picture)


def test_an_empty_picture_can_be_drawn():
    assert "linkemu" in drawn(Picture())


def test_stations_are_named_where_there_are_several():
    one = transfer()
    other = TransferState("tenerife", "x2", "put", "a.bin", "iss", "sending", 12.0, 100, 50)
    alone, _ = story(one)
    both, lines = story(one, other)
    assert "koganei" not in drawn(alone)
    assert "a.bin koganei" in drawn(both)
    assert "a.bin tenerife" in drawn(both)
    assert lines[-1].endswith("tenerife: put a.bin: sending, 50 % of 100 B")


def test_time_is_reckoned_between_messages_and_never_past_the_end():
    picture, _ = story(SESSION, ClockState(10.0, 2.0, 75.0, 0.0))
    assert picture.reckon(0.5) == 11.0
    assert picture.reckon(60.0) < 13.0
    assert story(SESSION, ClockState(74.9, 1.0, 75.0, 0.0))[0].reckon(1.0) == 75.0
    assert Picture().reckon(5.0) == 0.0


def test_a_process_that_dies_is_seen():
    picture, lines = story(
        ProcessChange("iss", "started", 100),
        ProcessChange("iss", "died", 100, -9),
        ProcessChange("iss", "started", 101, None, 1),
    )
    assert [line.split("s  ", 1)[1] for line in lines] == [
        "iss: process 100 started",
        "iss: process 100 died (SIGKILL)",
        "iss: process 101 started again (1)",
    ]
    assert "iss 101 restarted 1×" in drawn(picture)
    assert "iss lost" in drawn(story(ProcessChange("iss", "died", 100, -9))[0])


def test_no_line_of_a_run_that_ends_is_earlier_than_the_one_before(monkeypatch):
    """Sessions and processes say no time: theirs is reckoned, also when the session runs no more."""
    wall = [100.0]
    monkeypatch.setattr("linkemu.cli.watch.time", SimpleNamespace(monotonic=lambda: wall[0]))
    out = StringIO()
    with Watch(Console(file=out, width=200, force_terminal=False)) as watch:
        for later_s, message in (
            (0.0, SESSION),
            (0.0, ClockState(10.0, 1.0, 75.0, 0.0)),
            (0.8, replace(SESSION, state="stopping")),
            (0.1, NodeStatus("iss", "satellite", "stopped", 7)),
        ):
            wall[0] += later_s
            watch.take(message)
    assert out.getvalue().splitlines()[-2:] == [
        "    10.800 s  session stopping",
        "    10.800 s  iss: stopped",
    ]
