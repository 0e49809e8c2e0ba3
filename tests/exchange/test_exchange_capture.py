"""Captures: a run with nodes of ours as pcapng, every frame with what became of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkemu.cli.main import app
from linkemu.errors import InputError
from linkemu.exchange import forms
from linkemu.exchange.capture import Capture
from linkemu.exchange.forms import Form, Reading
from linkemu.exchange.pcapng import USER0, unpack
from linkemu.link.overlay import Overlay, Pick
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from tests import one_pass

ROOT = Path(__file__).parents[2]
MS = 10**6
MORE = """
[[cloud]]
station = "koganei"
start = "2 s"
duration = "300 ms"
[[transfer]]
station = "koganei"
satellite = "iss"
action = "put"
size = "24 MiB"
name = "x.bin"
"""


def test_each_datagram_says_what_became_of_it():
    up = constant("g", "o", Direction.UP, 8_000_000, 0.010, 1.0, erased=[(100, 50)])
    capture = Capture(Sky.of(up), queue_bytes=5000, snap_bytes=4)
    sent = [(0, b"first" * 100), (110 * MS, b"second"), (110 * MS, b"second"), (200 * MS, b"third")]
    arrived = []
    for now_ns, datagram in sent:
        assert capture.offer(0, Direction.UP, datagram, now_ns)
    assert not capture.offer(0, Direction.UP, bytes(6000), 200 * MS)
    arrived += capture.due(400 * MS)
    capture.offer(0, Direction.UP, b"last", 990 * MS)
    assert [each.delivery.datagram for each in arrived] == [b"first" * 100, b"third"]
    packets = list(capture.packets(10**18))
    assert [packet.time_ns - 10**18 for packet in packets] == [*(t for t, _ in sent), 200 * MS, 990 * MS]
    assert [packet.data for packet in packets] == [b"firs", b"seco", b"seco", b"thir", bytes(4), b"last"]
    assert [packet.length for packet in packets] == [500, 6, 6, 5, 6000, None]
    gone = "lost: erased, or held too long"
    assert [packet.comment for packet in packets] == [
        "", gone, gone, "", "dropped: the queue was full", "lost, or still under way at the end"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "fates", "count"),
    [("duplicate", ["", "arrived 2 times"], 6), ("corrupt", ["", "arrived changed"], 4)],
)
def test_mischief_to_a_datagram_stands_beside_it(effect, fates, count):
    capture = Capture(Sky.of(constant("g", "o", Direction.UP, 8_000_000, 0.010, 1.0)))
    capture.impose((0, Direction.UP), Overlay(0, None, **{effect: Pick(2)}), -1)
    for number in range(4):
        capture.offer(0, Direction.UP, bytes([number]) * 100, number * MS)
    assert len(capture.due(500 * MS)) == count
    assert [packet.comment for packet in capture.packets(0)] == fates * 2


def test_a_run_as_a_capture(tmp_path):
    scenario, out, again = tmp_path / "short.toml", tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    scenario.write_text(one_pass.text(16, one_pass.MASKED, MORE))
    for path in (out, again):
        result = CliRunner().invoke(app, ["export", str(scenario), "--out", str(path), "--snap", "64 B"])
        assert result.exit_code == 0, result.stderr
        assert "lost: what frames hold after 64 bytes" in result.stderr
    assert out.read_bytes() == again.read_bytes()
    interfaces, packets = unpack(out.read_bytes(), "a")
    assert [(each.name, each.link_type) for each in interfaces] == [
        ("koganei - iss up", USER0),
        ("koganei - iss down", USER0),
    ]
    start_ns = 1_715_367_034 * 10**9
    assert all(start_ns <= packet.time_ns <= start_ns + 16 * 10**9 for packet in packets)
    assert [packet.time_ns for packet in packets] == sorted(packet.time_ns for packet in packets)
    up = [packet for packet in packets if packet.interface == 0]
    lost = [packet for packet in up if packet.comment.startswith("lost")]
    carried = sum(packet.length or len(packet.data) for packet in up if not packet.comment)
    assert lost and len(lost) < len(up) / 2
    assert carried > 24 * 2**20  # all of it, in spite of the cloud
    assert {packet.interface for packet in packets} == {0, 1}


def test_a_capture_needs_nodes_and_holds_no_sky(tmp_path):
    sky = ROOT / "tests" / "reference" / "demo.sky"
    result = CliRunner().invoke(app, ["export", "--sky", str(sky), "--format", "pcapng"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "needs a run with nodes of ours" in result.stderr
    with pytest.raises(InputError, match="is a capture"):
        forms.load(b"", "x", Form.PCAPNG, Reading())
