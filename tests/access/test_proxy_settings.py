"""What a proxy is told: addresses, outages, links, and the file that carries them."""

from __future__ import annotations

from pathlib import Path

import pytest
from doors import sky
from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.gauge import DoorReport, Gauge, warnings
from linkemu.access.settings import Behaviour, Door, Outages, Proxy, address, choose_link, spoken
from linkemu.errors import FormatError, InputError
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction


@given(st.text(max_size=30))
def test_an_address_is_read_or_refused_in_one_line(text):
    try:
        host, port = address(text, "--to")
    except InputError as error:
        assert "\n" not in repr(str(error))[1:-1]
    else:
        assert host and 1 <= port <= 65535
        assert address(spoken((host, port)), "--to") == (host, port)


def test_addresses():
    assert address("localhost:80", "--to") == ("localhost", 80)
    assert address("[::1]:8080", "--to") == ("::1", 8080)
    assert address("127.0.0.1:0", "--listen", any_port=True) == ("127.0.0.1", 0)
    assert address("host:65535", "--to") == ("host", 65535)
    assert spoken(("::1", 80)) == "[::1]:80"


@pytest.mark.parametrize("text", ["", "80", ":80", "::1:80", "host", "host:0", "host:65536", "a b:1", "h:-1"])
def test_wrong_addresses(text):
    with pytest.raises(InputError, match="--to: "):
        address(text, "--to")


@given(st.text(max_size=20))
def test_an_outage_is_read_or_refused(text):
    try:
        read = Outages.parse(text)
    except InputError:
        return
    assert text.startswith(read.behaviour.value)


def test_outages():
    assert Outages.parse("hold") == Outages()
    assert Outages.parse("reset:30s") == Outages(Behaviour.RESET, 30.0)
    assert Outages.parse("reset:500 ms").patience_s == 0.5
    assert Outages.parse("half-open").behaviour is Behaviour.HALF_OPEN


@pytest.mark.parametrize(
    "text", ["", "reset", "reset:", "reset:3", "reset:0s", "reset:-1s", "hold:3s", "HOLD"]
)
def test_wrong_outages(text):
    with pytest.raises(InputError, match="--outage: "):
        Outages.parse(text)


def test_the_file_carries_everything(tmp_path):
    told = Proxy(
        Path("a.sky"),
        (
            Door(("::1", 1), ("h", 2), "udp", Outages(Behaviour.RESET, 3.0), "server", 2, "one"),
            Door(("::1", 0), ("h", 2), name="two"),
        ),
        4.5,
        "first-byte",
        99,
        1.5,
        Path("map"),
    )
    told.save(tmp_path / "file")
    assert Proxy.load(tmp_path / "file") == told


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "sctp"},
        {"uplink": "up"},
        {"link": "a:b"},
        {"name": 3},
        {"listen": ["h", 65536]},
        {"to": ["h"]},
    ],
)
def test_a_door_with_a_strange_word_is_none(wrong):
    document = Door(("::1", 1), ("h", 2)).document()
    assert Door.of(document) == Door(("::1", 1), ("h", 2))
    with pytest.raises(FormatError, match="not a door"):
        Door.of(document | wrong)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"outages": ["hold", 1], "sky": 3}', "\x00"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "file").write_text(text)
    with pytest.raises(FormatError):
        Proxy.load(tmp_path / "file")


def test_the_only_link_needs_no_name_and_one_of_several_does():
    one = sky(1000)
    two = Sky.of(*[constant("a", name, way, 1000, 0.1, 1.0) for name in "bc" for way in Direction])
    assert choose_link(one, None) == 0
    assert choose_link(two, "a:c") == 1
    with pytest.raises(InputError, match="several links, expected one of a:b, a:c"):
        choose_link(two, None)
    with pytest.raises(InputError, match="no link 'x:y'"):
        choose_link(one, "x:y")


MS = 1_000_000


def test_a_gauge_compares_what_was_asked_with_what_was_done():
    gauge = Gauge("up", [(0, 1000 * MS), (1500 * MS, 9000 * MS)])
    for k in range(2000):
        start = k * MS if k < 1000 else (k + 500) * MS
        gauge.taken(1000, 5000)
        gauge.delivered(1000, start, start + MS, start + 6 * MS, start + 6 * MS + 70_000)
    report = gauge.report()
    assert report.delivered_bytes == 2_000_000
    assert report.requested_delay_s == (0.005, 0.005)
    assert report.delay_error_p50_s == pytest.approx(70e-6, abs=1e-6)
    assert report.requested_rate_bps == pytest.approx(8e6)
    assert report.achieved_rate_bps == pytest.approx(8e6)
    assert [(e.start_s, e.end_s) for e in report.edges] == [(0.0, 1.0), (1.5, 9.0)]
    assert report.edges[0].last_s == pytest.approx(1.0, abs=1e-4)
    assert report.edges[1].first_s == pytest.approx(1.5, abs=1e-4)
    assert warnings([report], cpu_share=0.1, stolen_s=0.0, drops=0) == []


@pytest.mark.parametrize(
    ("cpu_share", "stolen_s", "blamed"),
    [(0.95, 0.0, "own CPU"), (0.1, 3.0, "hypervisor"), (0.1, 0.0, "other programs")],
)
def test_a_bound_that_was_missed_is_said_with_its_cause(cpu_share, stolen_s, blamed):
    gauge = Gauge("up", [(0, 1000 * MS)])
    gauge.delivered(1000, 0, MS, 6 * MS, 9 * MS)
    (line,) = warnings([gauge.report()], cpu_share=cpu_share, stolen_s=stolen_s, drops=0)
    assert line.startswith("up: 3.0 ms late at p99") and blamed in line


@pytest.mark.parametrize(("each_ns", "error"), [(1_002_000, "-0.20%"), (998_000, "+0.20%")])
def test_a_rate_that_is_off_is_told_either_way_and_so_are_drops(each_ns, error):
    gauge = Gauge("up", [(0, 3000 * MS)])
    for k in range(2000):
        gauge.delivered(1000, k * MS, (k + 1) * MS, (k + 6) * MS, 6 * MS + k * each_ns)
    rate, drops = warnings([gauge.report()], cpu_share=0.0, stolen_s=0.0, drops=3)[-2:]
    assert rate.startswith(f"up: rate off by {error}")
    assert drops.startswith("3 datagrams were dropped in front of the door")


def test_only_pieces_back_to_back_and_a_second_of_them_make_a_rate():
    def rate(pieces, *starts, held=()):
        gauge = Gauge("up", [(0, 9000 * MS)])
        for k, start in enumerate([k * MS for k in range(pieces)] + [each * MS for each in starts]):
            gauge.delivered(1000, start, start + MS, start + 6 * MS, start + 6 * MS, held=k in held)
        return gauge.report().requested_rate_bps

    assert rate(1001) == pytest.approx(8e6)
    assert rate(1000) is None, "under a second"
    assert rate(1001, 500) == pytest.approx(8e6), "but one that went again, behind its place"
    assert rate(1001, held=(500,)) is None, "neither the one that waited for its sink nor the one after"


def test_what_is_asked_is_the_rate_of_leaving_though_arrivals_are_pressed_together():
    """Two seconds into it 100 ms of delay end: what is due then arrives at once, as none overtakes."""
    gauge = Gauge("up", [(0, 9000 * MS)])
    for k in range(3000):
        due = max((k + 1) * MS + (106 if k < 2000 else 6) * MS, 2106 * MS if k >= 2000 else 0)
        gauge.delivered(1000, k * MS, (k + 1) * MS, due, due)
    report = gauge.report()
    assert report.requested_rate_bps == report.achieved_rate_bps == pytest.approx(8e6)


def test_lateness_by_a_deaf_client_is_not_ours():
    gauge = Gauge("down", [(0, 1000 * MS)])
    gauge.delivered(1000, 0, MS, 6 * MS, 900 * MS, held=True)
    report = gauge.report()
    assert report.delay_error_p99_s is None and report.waited_for_sink == 1
    (line,) = warnings([report], cpu_share=0.0, stolen_s=0.0, drops=0)
    assert "did not read" in line


@pytest.mark.parametrize("content", [{}, {"ways": 3}, {"ways": [], "warnings": [], "what": 1}])
def test_another_report_is_refused(content):
    with pytest.raises(FormatError):
        DoorReport.of(content)
