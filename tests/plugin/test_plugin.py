"""The pytest plugin as users meet it: whole pytest runs, over doors and clients that are real."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from linkemu.pytest_plugin import figures
from linkemu.record import opening
from linkemu.schedule import DoorFault, Schedule
from tests.waiting import eventually

pytestmark = pytest.mark.acceptance

SERVER = """
import contextlib, signal, socket, threading, time
import pytest

def serve(listener):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(client,), daemon=True).start()

def echo(client):
    with client, contextlib.suppress(OSError):
        while part := client.recv(65536):
            client.sendall(part)

@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RD)

def trip(sock, data=b"x"):
    began = time.monotonic()
    sock.sendall(data)
    got = b""
    while len(got) < len(data):
        part = sock.recv(65536)
        assert part, "the stream ended"
        got += part
    assert got == data
    return time.monotonic() - began
"""
FIGURES = 'rate="50 Mbit/s", delay="20 ms", duration="100 s", passes=[(0, 20), (50, 90)]'


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A stranger's project: no conftest, nothing about linkemu but in its tests."""
    lines = ("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")
    pytester.makefile(".ini", pytest="\n".join(("[pytest]", *lines, "addopts = --strict-markers")))
    return pytester


def run(project: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    project.makepyfile(SERVER + textwrap.dedent(body))
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=90)


def test_doors_faults_time_and_report(project):
    body = f"""
    @pytest.mark.linkemu({FIGURES})
    def test_all(link, port):
        door = link.tcp(port)
        assert link.now_s == 0.0 and str(door) == f"127.0.0.1:{{door.port}}"
        with socket.create_connection(door.address, 20) as client:
            assert 0.04 <= trip(client) < 5
            with link.outage() as outage:
                assert outage.effects == {{"rate_cap_bps": 0}}
                began = time.monotonic()
                client.sendall(b"held")
                client.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    client.recv(4)
            client.settimeout(20)
            assert client.recv(4) == b"held"
            with link.fault("delay", added="200 ms"):
                assert trip(client) >= 0.44
            with link.override(cap="1 Mbit/s", direction="up"):
                assert trip(client, bytes(50_000)) >= 0.4
            assert link.advance_to("LOS-1s") >= 19.0
            assert link.advance_to("next AOS+10s") == pytest.approx(60.0, abs=1.0)
            assert trip(client) >= 0.04
        (report,) = link.report()
        assert report["ways"][0]["delivered_bytes"] == 50_007
        with pytest.raises(Exception, match="has passed"):
            link.advance_to("5 s")
        with link.fault("refuse"), pytest.raises(ConnectionError):
            socket.create_connection(door.address, 20)
        with socket.create_connection(door.address, 20) as client:
            trip(client)
            assert len(door.connections()) == 1
            with link.fault("reset"), pytest.raises(ConnectionError):
                trip(client)
                trip(client)

    @pytest.mark.linkemu({FIGURES}, start="LOS-1 s", anchor="listen")
    def test_datagrams(link):
        with socket.socket(type=socket.SOCK_DGRAM) as far, socket.socket(type=socket.SOCK_DGRAM) as client:
            far.bind(("127.0.0.1", 0))
            far.settimeout(0.5)
            door = link.udp(far.getsockname()[1])
            assert link.now_s >= 19.0
            with link.fault("loss", of="datagrams"):
                client.sendto(b"lost", door.address)
                with pytest.raises(TimeoutError):
                    far.recv(10)
            assert link.advance_to("AOS") >= 50.0
            far.settimeout(20)
            client.sendto(b"found", door.address)
            assert far.recv(10) == b"found"

    @pytest.mark.linkemu(rate="50 Mbit/s")
    async def test_async(link, port):
        import asyncio
        reader, writer = await asyncio.open_connection(*link.tcp(port).address)
        async with link.outage(direction="up"):
            writer.write(b"x")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), 0.3)
        assert await asyncio.wait_for(reader.readexactly(1), 20) == b"x"
        assert await link.aadvance_to("50 s") >= 50.0
        writer.close()

    @pytest.mark.linkemu({FIGURES}, start="LOS-10 s")
    def test_command(link, port):
        import sys
        ask = "import socket; s = socket.create_connection(('10.71.0.2', 80), 20)"
        ask += "; s.sendall(b'hi'); print(s.recv(2))"
        seen = link.room / "seen.pcapng"
        forward = {{80: f"127.0.0.1:{{port}}"}}
        ended = link.exec(
            [sys.executable, "-c", ask], forward=forward, timeout="60 s", pcapng=seen, snap="40 B"
        )
        assert (ended.code, ended.stdout) == (0, "b'hi'" + chr(10)), ended.stderr
        assert ended.report["capture"]["file"] == str(seen)
        assert ended.report["capture"]["not_kept"] == 0 < ended.report["capture"]["packets"]
        file, at, kept = seen.read_bytes(), 0, []
        while at < len(file):  # the blocks of pcapng, of type 6 where a packet is in it
            if file[at] == 6:
                kept.append(int.from_bytes(file[at + 20 : at + 24], "little"))
            at += int.from_bytes(file[at + 4 : at + 8], "little")
        assert len(kept) == ended.report["capture"]["packets"] and max(kept) == 40
        assert 10.0 < ended.report["end_s"] < 20.0
        assert link.exec(["sh", "-c", "echo no >&2; exit 3"]).code == 3
        assert sorted(path.name for path in link.room.glob("exec-?")) == ["exec-1", "exec-2"]
    """
    run(project, body).assert_outcomes(passed=4)


def test_failure_tells_seed_artefacts_and_how_to_meet_the_same_sky_again(project):
    body = """
    import os
    @pytest.mark.linkemu("demo", seed=11, start="light", length="20 s")
    def test_client(link, port):
        with socket.create_connection(link.tcp(port, name="far").address, 20) as client:
            with link.outage():
                pass
            trip(client)
        assert link.found.played.sky.digest() == os.environ.get("DIGEST"), link.found.played.sky.digest()
    """
    result = run(project, body)
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "seed 11" in text and "door far: 1 client, 0 reset" in text
    told = re.search(r"again: pytest '(.*)' --linkemu-replay='(.*)'", text)
    assert told, text
    test, directory = told.groups()
    assert f"linkemu proxy '{directory}' --to HOST:PORT --link koganei:iss --anchor first-byte" in text
    record = opening.load(Path(directory))
    assert record.is_complete and set(record.traces()) == {"sky", "doors"}
    assert [door["name"] for door in record.document("doors")["doors"]] == ["far"]
    assert {fault["direction"] for fault in record.document("faults")} == {"up", "down"}
    digest = record.played.sky.digest()

    project.makefile(".py", **{"test_again": "def test_other(): pass"})
    body = body.replace("seed=11", "seed=12")  # the marker's own sky would be another
    os.environ["DIGEST"] = digest
    try:
        again = run(project, body, f"--linkemu-replay={directory}", test)  # as it is printed
        again.assert_outcomes(passed=1)
    finally:
        del os.environ["DIGEST"]
    assert opening.load(Path(directory)).played.sky.digest() == digest


def test_parallel_tests_have_links_of_their_own_and_artefacts_that_spare_others(project):
    body = f"""
    @pytest.mark.linkemu({FIGURES})
    @pytest.mark.parametrize("n", range(4))
    def test_each(link, port, n):
        with socket.create_connection(link.tcp(port).address, 20) as client:
            with link.outage(duration="0.2 s"):
                assert trip(client) >= 0.04
            link.advance_to(f"{{60 + n}} s")
            assert 60 + n <= link.now_s < 61 + n + 5
            assert n != 3
    """
    result = run(project, body, "-n", "2", "--linkemu-artefacts", "rooms")
    result.assert_outcomes(passed=3, failed=1)
    assert "again: pytest" in result.stdout.str()
    rooms = sorted((project.path / "rooms").iterdir())
    assert len(rooms) == 4
    assert all(opening.load(room / "link").is_complete for room in rooms)

    (alien,) = (room for room in rooms if (room / "linkemu-test").read_text().endswith("[0]\n"))
    (alien / "linkemu-test").unlink()
    (alien / "thesis.tex").write_text("years of work")
    again = run(project, body, "--linkemu-artefacts", "rooms", "--linkemu-keep", "failed")
    again.assert_outcomes(passed=2, failed=1, errors=1)
    assert (alien / "thesis.tex").read_text() == "years of work"
    left = {room for room in (project.path / "rooms").iterdir() if room != alien}
    assert [(room / "linkemu-test").read_text()[-4:] for room in left] == ["[3]\n"]


def test_a_killed_test_leaves_no_process_and_no_port(project):
    body = f"""
    from pathlib import Path
    @pytest.mark.linkemu({FIGURES})
    def test_hangs(link, port):
        door = link.tcp(port)
        Path("held").write_text(f"{{link.pid}} {{door.port}}")
        signal.pause()
    """
    path = project.makepyfile(SERVER + textwrap.dedent(body))
    tests = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", path], cwd=project.path, stdout=subprocess.DEVNULL
    )
    held = project.path / "held"
    try:
        assert eventually(lambda: held.exists() and len(held.read_text().split()) == 2)
        pid, port = map(int, held.read_text().split())
        socket.create_connection(("127.0.0.1", port), 10).close()
        tests.send_signal(signal.SIGKILL)
    finally:
        tests.kill()
        tests.wait()
    assert eventually(lambda: not _is_alive(pid))
    assert eventually(lambda: _is_free(port))  # its threads end after one another, its sockets with the last


def _is_free(port: int) -> bool:
    with socket.socket() as again:
        try:
            again.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_door_without_a_name_meets_the_faults_of_the_scenarios_door(project):
    clear = figures.sky(rate="10 Mbit/s", duration="60 s")
    sky = Schedule(doors=(DoorFault("files", "reset", 500_000_000),)).put_into(clear)
    sky.save(project.path / "struck.sky")
    body = """
    @pytest.mark.linkemu("struck.sky")
    def test_reset(link, port):
        first, second = link.tcp(port), link.tcp(port)
        assert [first.name, second.name] == ["files", f"tcp-{port}"]
        with socket.create_connection(first.address) as hit:  # with it time begins
            with socket.create_connection(second.address) as spared:
                with pytest.raises(ConnectionResetError):
                    hit.recv(1)
                trip(spared)
    """
    run(project, body).assert_outcomes(passed=1)


def test_what_the_marker_gets_wrong_is_one_line(project):
    cases = {
        "": "needs a sky",
        '@pytest.mark.linkemu("no-such-thing")': "no-such-thing: is no file",
        "@pytest.mark.linkemu()": "expected one of",
        '@pytest.mark.linkemu("demo", wheather=1)': "wheather: unknown",
        '@pytest.mark.linkemu("demo", rate="1 Mbit/s")': "expected one of",
        '@pytest.mark.linkemu(rate="fast")': "marker linkemu: rate",
        "@pytest.mark.linkemu(rate=1e6, passes=[(5, 1)])": "not in order",
        "@pytest.mark.linkemu(rate=1e6, passes=7)": "no list of spans",
        '@pytest.mark.linkemu("demo", anchor="moon")': "anchor: 'moon'",
        '@pytest.mark.linkemu("demo", start="AOSS")': "AOSS",
        '@pytest.mark.linkemu(toml="name = 3")': "inline.toml",
        '@pytest.mark.linkemu("demo", "doors")': "one source",
    }
    body = "\n".join(f"{mark}\ndef test_{n}(link): pass\n" for n, mark in enumerate(cases))
    project.makepyfile("import pytest\n" + body)
    result = project.runpytest_subprocess("-p", "no:cacheprovider", timeout=90)
    result.assert_outcomes(errors=len(cases))
    text = result.stdout.str()
    for words in cases.values():
        assert words in text, words
    assert "Traceback" not in text
    assert "another exception occurred" not in text


def test_whoever_doesnt_use_it_imports_nothing_of_it(project):
    project.makepyfile(
        """
        import sys
        def test_none():
            ours = [name for name in sys.modules if name.startswith("linkemu")]
            assert sorted(ours) == ["linkemu", "linkemu.pytest_plugin"]
            assert "numpy" not in sys.modules
        """
    )
    project.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
