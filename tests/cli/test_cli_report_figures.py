"""The figures at the end of a run, printed: each in its column, with its unit."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from linkemu import scenario
from linkemu.cli import report
from linkemu.link.fidelity import Fidelity, LinkFidelity
from linkemu.scenario import Transfer
from linkemu.telemetry import TransferState

UP = LinkFidelity(
    **{"station": "koganei", "satellite": "iss", "direction": "up"},
    **{"offered_frames": 9, "offered_bytes": 5_000_000, "delivered_bytes": 4_500_000, "erased_frames": 11},
    **{"queue_dropped_frames": 20, "expired_frames": 3, "erased_slots": 44, "used_share": 0.1234},
    **{"delay_error_p50_s": 12e-6, "delay_error_p99_s": 345e-6, "delay_error_max_s": 6e-3, "dark_frames": 7},
    **{"requested_rate_bps": 100e6, "achieved_rate_bps": 99e6},
)
DOWN = replace(UP, direction="down", delivered_bytes=2_000_000, used_share=None, achieved_rate_bps=None)
SILENT = LinkFidelity("koganei", "css", "up")


def drawn(what: RenderableType) -> list[str]:
    """Lines as printed, their gaps closed."""
    console = Console(file=StringIO(), width=200, force_terminal=False, markup=False)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def transfer(name: str, state: str = "verified", **more: object) -> TransferState:
    times = {"spooled": 2.0, "sending": 3.5, "verified": 63.0}
    made = TransferState("koganei", name, "put", name, "iss", "verified", 63.0, 4000, 4000, times=times)
    return replace(made, state=state, **more)


def test_transfers_stand_in_the_order_of_their_first_moments() -> None:
    lines = drawn(
        report.transfers_table(
            [
                transfer("late", times={"spooled": 4.0, "verified": 3664.4}, repaired_bytes=1500),
                transfer("first", resent_chunks=2),
                transfer("half", "sending", action="get", done_bytes=1000, times={"requested": 3.0}),
                transfer("unknown", "requested", action="get", size_bytes=None, done_bytes=0, times={}),
            ]
        )
    )
    assert lines[1:] == [
        "file way state size repaired resent took",
        "unknown koganei←iss requested 0 % ? 0 B 0",
        "first koganei→iss verified 4.000 kB 0 B 2 1:01",
        "half koganei←iss sending 25 % 4.000 kB 0 B 0 0:00",
        "late koganei→iss verified 4.000 kB 1.500 kB 0 1:01:00",
    ]


@pytest.mark.parametrize(
    ("name", "shown"), [("a" * 20, "a" * 20), ("begin-of-a-long-name.tar.gz", "begin-of-…ame.tar.gz")]
)
def test_a_long_name_loses_its_middle(name: str, shown: str) -> None:
    assert drawn(report.transfers_table([transfer(name)]))[2].split()[0] == shown
    assert len(shown) == report.NAME_SHOWN


def test_two_links_stand_side_by_side_and_silent_ones_are_left_out() -> None:
    lines = drawn(report.fidelity_report(Fidelity("demo", 60.0, (UP, SILENT, DOWN))))
    assert lines[0] == "Fidelity"
    assert lines[1] == "koganei - iss up koganei - iss down"
    assert "delivered 4.5 MB 2.0 MB" in lines
    assert "capacity used 12.3% -" in lines
    assert "delay error p50 12 us 12 us" in lines
    assert "p99 345 us 345 us" in lines
    assert "max 6000 us 6000 us" in lines
    assert "rate 99.0 Mbit/s (-1.000%) -" in lines
    assert "erased 11 frames (44 slots) 11 frames (44 slots)" in lines
    assert "queue drops 23 23" in lines
    assert "in the dark 7 7" in lines


def test_more_links_stand_one_below_the_other() -> None:
    third = replace(UP, satellite="css", achieved_rate_bps=101e6, delay_error_p99_s=None)
    lines = drawn(report.fidelity_report(Fidelity("demo", 60.0, (UP, SILENT, DOWN, third))))
    assert lines[1:5] == [
        "link delivered used delay p99 rate erased drops dark",
        "koganei-iss up 4.500 MB 12.3% 345 µs -1.00% 11 23 7",
        "koganei-iss down 2.000 MB – 345 µs – 11 23 7",
        "koganei-css up 4.500 MB 12.3% – +1.00% 11 23 7",
    ]


def test_facts_of_no_single_link() -> None:
    told = Fidelity(
        **{"scenario": "demo", "at_s": 60.0, "links": (SILENT,), "scheduling": "real time", "cpu_s": 1.25},
        **{"cpu_s_per_GB": 2.5, "kernel_drops": 1, "node_drops": 2, "refused_datagrams": 3},
        **{"lag_p50_s": 0.0, "lag_p99_s": 1e-3, "lag_max_s": 0.02, "skipped_s": 90.0},
        **{"restarts": 2, "gaps": ((1.0, 2.5), (8.0, 9.0))},
    )
    assert drawn(report.fidelity_report(told))[1:] == [
        "no link carried anything",
        "clock lag p50, p99, max: 0 s, 1.000 ms, 20.00 ms",
        "emulator: 1.2 CPU s, 2.5 CPU s per GB, real time",
        "dropped by the kernel: 1 at the emulator, 2 at nodes; datagrams refused: 3",
        "skipped in the dark: 90.0 s",
        "emulator restarted 2 times; gaps: 1.0 to 2.5 s, 8.0 to 9.0 s",
    ]
    assert drawn(report.fidelity_report(Fidelity("demo", 60.0, ())))[2:] == [
        "emulator: 0.0 CPU s",
        "dropped by the kernel: 0 at the emulator, 0 at nodes; datagrams refused: 0",
    ]


def test_the_last_line_names_all_that_is_not_done() -> None:
    done = [transfer("a"), transfer("b")]
    assert str(report.verdict("ended", done, [])) == "ended; 2 transfers verified"
    assert str(report.verdict("ended", done[:1], [])) == "ended; 1 transfer verified"
    assert str(report.verdict("ended", [], [])) == "ended; nothing was to be transferred"
    undone = [*done, transfer("c", "sending")]
    assert str(report.verdict("ended", undone, [])) == "ended; not verified: c"
    assert (
        str(report.verdict("ended", undone, ["put d (koganei)"])) == "ended; not verified: c, put d (koganei)"
    )
    assert str(report.verdict("ended", done, ["put d (koganei)"])) == "ended; not verified: put d (koganei)"


def test_the_document_leaves_out_the_histograms_alone() -> None:
    told = report.fidelity_document(Fidelity("demo", 60.0, (UP,)))
    assert told is not None
    (link,) = told["links"]
    assert link["delivered_bytes"] == 4_500_000
    assert not link.keys() & {"errors_ns", "largest_error_ns", "busy"}
    assert report.fidelity_document(None) is None
    assert [
        (each["node"], each["id"])
        for each in report.transfers_document([transfer("b"), transfer("c", node="a"), transfer("a")])
    ] == [("a", "c"), ("koganei", "a"), ("koganei", "b")]


def test_work_of_which_no_node_has_spoken_is_missing() -> None:
    """A get of the same name is another piece of work, and so is one of another station."""
    read = scenario.load("demo")
    work = [
        Transfer(0.0, station, "iss", action, None, 1000, "f", 0)
        for station, action in (("koganei", "put"), ("koganei", "get"), ("other", "put"))
    ]
    asked = replace(read, transfers=tuple(work))
    assert report.missing(asked, [transfer("f")]) == ["get f (koganei)", "put f (other)"]
    assert report.missing(asked, []) == ["put f (koganei)", "get f (koganei)", "put f (other)"]
