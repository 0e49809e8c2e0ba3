"""What becomes of a real client's packets in a capture of ``exec``: curl, a dark beginning, erased slots."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exec_world import GATEWAY_4, program, sky, until
from typer.testing import CliRunner

from linkemu.access.exec_capture import Capture
from linkemu.access.exec_order import Order
from linkemu.access.exec_run import run
from linkemu.cli.main import app
from linkemu.errors import ResourceError
from linkemu.exchange.pcapng import RAW, Interface, Packet, unpack
from linkemu.link.timeline import Cause
from linkemu.record.opening import load

MS = 1_000_000
LIGHT_NS = 1100 * MS
PERIOD, GONE = 200, 4  # in each so many slots (1 ms), the first are erased
ERASED = [(number * PERIOD, GONE) for number in range(1, 1000)]
RATE_BPS = 20_000_000
SYN, SYN_ACK = 0x02, 0x12

pytestmark = pytest.mark.acceptance


def exec_line(*words: object) -> list[str]:
    return ["exec", *map(str, words)]


def fate(packet: Packet) -> str:
    return packet.comment.partition(";")[0].partition(" after ")[0]


def waited_ns(packet: Packet) -> int:
    waited = packet.comment.partition("; waited ")[2].removesuffix(" ms")
    return int(waited.replace(".", "") or 0)


def flags(packet: Packet) -> int:
    """Of TCP over IPv4 without options; 0 of anything else."""
    return packet.data[33] if (packet.data[0], packet.data[9]) == (0x45, 6) else 0


@pytest.fixture(scope="module")
def upload(networks: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a recorded run lies (run/), its report and its capture: curl puts 1 MB."""
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed")
    place = tmp_path_factory.mktemp("upload")
    sky(RATE_BPS, dark=[(0.0, LIGHT_NS / 1e9, Cause.CLOUD)], erased=ERASED).save(place / "x.sky")
    (place / "photo").write_bytes(os.urandom(1_000_000))
    (place / "got").mkdir()
    options = (
        place / "x.sky",
        "--record",
        place / "run",
        "--serve",
        shlex.join(program("web", place / "got")),
    )
    kept = ("--pcapng", place / "x.pcapng", "--snap", "64 B", "--json", place / "report.json")
    curl = ("curl", "-sS", "-T", place / "photo", f"http://{GATEWAY_4}:7000/")
    result = CliRunner().invoke(app, exec_line(*options, *kept, "--", *curl))
    assert result.exit_code == 0, result.stderr
    assert (place / "got" / "photo").read_bytes() == (place / "photo").read_bytes()
    return place


@pytest.fixture(scope="module")
def captured(upload: Path) -> tuple[list[Interface], list[Packet]]:
    return unpack((upload / "x.pcapng").read_bytes(), "x.pcapng")


@pytest.fixture(scope="module")
def report(upload: Path) -> Any:
    return json.loads((upload / "report.json").read_text())


def test_each_direction_is_an_interface(captured: tuple[list[Interface], list[Packet]]) -> None:
    interfaces, packets = captured
    assert interfaces == [Interface("ogs - sat up", RAW), Interface("ogs - sat down", RAW)]
    sources = {(packet.interface, packet.data[12:16]) for packet in packets if packet.data[0] == 0x45}
    assert sources == {(0, bytes([10, 71, 0, 1])), (1, bytes([10, 71, 0, 2]))}


def test_the_handshake_left_with_the_first_light(
    captured: tuple[list[Interface], list[Packet]], upload: Path, report: Any
) -> None:
    """A packet that came in the dark left at the very ns at which light began in the record."""
    _, packets = captured
    syn = next(packet for packet in packets if packet.interface == 0 and flags(packet) == SYN)
    recorded = load(upload / "run")
    rows = [json.loads(line) for line in (upload / "run" / "traces" / "sky.jsonl").read_text().splitlines()]
    light_ns = next(row["t"] for row in rows if row["what"] == "light" and row["who"].endswith(" up"))
    assert light_ns == LIGHT_NS
    assert recorded.played.sky.digest() == rows[0]["digest"]
    in_time = syn.time_ns - waited_ns(syn) <= LIGHT_NS  # curl has begun, even on a busy machine
    assert syn.time_ns == LIGHT_NS if in_time else syn.time_ns > LIGHT_NS
    answer = next(packet for packet in packets if packet.interface == 1 and flags(packet) == SYN_ACK)
    assert answer.time_ns > syn.time_ns + 12 * MS
    assert report["directions"][0]["edges"][0]["start_s"] == LIGHT_NS / 1e9


def test_it_holds_as_many_of_each_fate_as_the_report(
    captured: tuple[list[Interface], list[Packet]], report: Any
) -> None:
    _, packets = captured
    for number, row in enumerate(report["directions"]):
        fates = Counter(fate(packet) for packet in packets if packet.interface == number)
        assert row["offered_packets"] == sum(fates.values())
        assert row["delivered_packets"] == fates["arrived"]
        assert row["erased_packets"] == fates["lost: erased"]
        assert row["queue_dropped_packets"] == fates["dropped: the queue was full"]
        assert row["expired_packets"] == fates["lost: held too long"]
        weight = sum(packet.length or len(packet.data) for packet in packets if packet.interface == number)
        assert row["offered_bytes"] == weight
    assert report["directions"][0]["erased_packets"] > 0
    assert report["capture"]["packets"] == len(packets)
    assert (report["capture"]["not_kept"], report["capture"]["problem"]) == (0, None)


def test_lost_are_those_that_an_erased_slot_touched(captured: tuple[list[Interface], list[Packet]]) -> None:
    """Law 10: up, light crosses the atmosphere as it leaves."""
    _, packets = captured
    for packet in packets:
        if packet.interface == 0 and not fate(packet).startswith(("dropped", "still")):
            size = packet.length or len(packet.data)
            end_ns = packet.time_ns + -(-size * 8 * 10**9 // RATE_BPS)
            slots = range(packet.time_ns // MS, (end_ns - 1) // MS + 1)
            touched = any(slot >= PERIOD and slot % PERIOD < GONE for slot in slots)
            assert touched == (fate(packet) == "lost: erased"), packet


def test_they_stand_in_the_order_in_which_they_left(captured: tuple[list[Interface], list[Packet]]) -> None:
    times = [packet.time_ns for packet in captured[1]]
    assert times == sorted(times)


def test_a_full_disk_ends_the_capture_and_not_the_link(networks: None, tmp_path: Path) -> None:
    sky().save(tmp_path / "x.sky")
    line = exec_line(tmp_path / "x.sky", "--pcapng", "/dev/full", "--json", tmp_path / "r.json")
    result = CliRunner().invoke(app, [*line, "--", *program("ping", GATEWAY_4, 3, 0.01)])
    assert result.exit_code == 0
    told = [line for line in result.stderr.splitlines() if "/dev/full" in line]
    assert told[0] == "linkemu: warning: /dev/full: the capture ended early: No space left on device"
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["directions"][0]["delivered_packets"] >= 3
    lost = sum(row["offered_packets"] for row in report["directions"])
    assert (report["capture"]["packets"], report["capture"]["not_kept"]) == (0, lost)
    assert told[1] == f"linkemu: warning: /dev/full: {lost} packets were not kept"


def test_a_run_that_is_killed_leaves_a_whole_capture(networks: None, tmp_path: Path) -> None:
    """kill -9 of the command's parent ends all; the scribe writes what it has heard, and ends too."""
    sky().save(tmp_path / "x.sky")
    file = tmp_path / "x.pcapng"
    line = exec_line(tmp_path / "x.sky", "--pcapng", file, "--", *program("ping", GATEWAY_4, 10000, 0.01))
    with subprocess.Popen((sys.executable, "-m", "linkemu.cli.main", *line)) as parent:
        try:
            until(lambda: file.exists() and file.stat().st_size > 2_000)
            scribes = list(of_capture(parent.pid))
        finally:
            parent.send_signal(signal.SIGKILL)
    assert len(scribes) == 1
    until(lambda: not scribes[0].exists())
    _, packets = unpack(file.read_bytes(), "x")
    assert {packet.interface for packet in packets} == {0, 1}


def of_capture(parent: int) -> Iterator[Path]:
    """The process of a child that writes a capture, in /proc."""
    for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if b"linkemu.access.exec_scribe" in Path(f"/proc/{word}/cmdline").read_bytes():
            yield Path("/proc", word)


def test_a_reader_that_never_reads_holds_nothing_up(
    networks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe to somebody who has stopped: the link goes on, and in the end the scribe isn't waited for."""
    monkeypatch.setattr("linkemu.access.exec_capture._PATIENCE_S", 0.1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        order = Order(program("blast", 500, 0.25))
        outcome = run(order, sky(), None, Capture(pipe, 1500))
    finally:
        os.close(held)
    assert outcome.code == 0 and outcome.captured is not None
    assert outcome.captured.problem == "the file took nothing more; its last packets are missing"


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(networks: None, tmp_path: Path) -> None:
    sky().save(tmp_path / "x.sky")
    nowhere = tmp_path / "no" / "x.pcapng"
    line = exec_line(tmp_path / "x.sky", "--pcapng", nowhere, "--", "true")
    result = CliRunner().invoke(app, line)
    assert (result.exit_code, result.stderr) == (
        2,
        f"linkemu: --pcapng: {nowhere}: its directory doesn't exist\n",
    )
    with pytest.raises(ResourceError, match="No such file"):
        run(Order(("touch", str(tmp_path / "ran"))), sky(), None, Capture(nowhere, 64))
    assert not (tmp_path / "ran").exists()
