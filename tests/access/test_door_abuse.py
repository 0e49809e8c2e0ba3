"""What nobody should do to a door, and some do: it goes on, or ends with one line, and nothing is left."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from doors import door, echo, eventually, exactly, read_all, server, sky

from linkemu.access.settings import Door, Proxy

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def bound() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    end.settimeout(5.0)
    return end


def started(room: Path, listen: tuple[str, int], protocol: str) -> subprocess.CompletedProcess[str]:
    sky(10**6).save(room / "sky")
    Proxy(room / "sky", (Door(listen, ("127.0.0.1", 9), protocol),)).save(room / "proxy.json")  # type: ignore[arg-type]
    program = [sys.executable, "-m", "linkemu.access.dataplane", room / "proxy.json"]
    return subprocess.run(program, capture_output=True, text=True, timeout=30)


def test_a_taken_port_of_datagrams_is_one_line(tmp_path):
    with bound() as taken:
        done = started(tmp_path, taken.getsockname(), "udp")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and "Address already in use" in done.stderr


def test_a_killed_data_plane_breaks_both_ends_at_once(tmp_path):
    """Its sockets go with it: bytes unread make that a reset, else an end."""
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        try:
            connection.sendall(b"!")
            read_all(connection)
        finally:
            ended.set()

    with server(serve) as far, door(tmp_path, sky(10**8), far.address) as way, way.connect() as client:
        assert exactly(client, 1) == b"!"
        client.sendall(bytes(1 << 20))
        way.process.kill()
        with pytest.raises(ConnectionError):
            while True:
                client.sendall(bytes(1 << 16))
        assert ended.wait(5)
        way.process.wait()
        with pytest.raises(ConnectionRefusedError):
            way.connect()


def test_clients_that_come_and_go_in_an_outage_leave_nothing(tmp_path):
    """None of them reaches its server before light is back; then each does, for the moment of its reset."""
    seen: list[int] = []

    def serve(connection: socket.socket) -> None:
        seen.append(1)
        echo(connection)

    played = sky(10**9, 0.001, dark=[(0.05, 3.0)])
    with server(serve) as far, door(tmp_path, played, far.address) as way:
        assert eventually(lambda: way.now_s() > 0.1)
        before, memory = way.descriptors(), way.memory_bytes()
        for number in range(1500):
            client = way.connect()
            if number % 2:
                client.sendall(bytes(number))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            client.close()
        if way.now_s() < 2.9:
            assert not seen
            assert eventually(lambda: way.descriptors() <= before)
        assert way.memory_bytes() < memory + (60 << 20)
        assert eventually(lambda: way.now_s() > 3.0 and way.descriptors() <= before, 20.0)
        with way.connect() as client:
            client.sendall(b"still there")
            assert exactly(client, 11) == b"still there"
        assert way.finish().reset == 1500


def test_without_descriptors_new_clients_of_datagrams_are_turned_away_and_the_others_go_on(tmp_path):
    with bound() as far, door(tmp_path, sky(10**9, 0.001), far.getsockname(), udp=True) as way:
        subprocess.run(["prlimit", f"--pid={way.process.pid}", "--nofile=30:30"], check=True)
        nears = [bound() for _ in range(40)]
        for number, near in enumerate(nears):
            near.sendto(bytes([number]), way.address)
        nears[0].sendto(
            b"last", way.address
        )  # of the client that came first: it comes after all that are served
        served = set()
        while (came := far.recvfrom(10))[0] != b"last":
            data, sender = came
            served.add(data[0])
            far.sendto(data, sender)
        assert 0 < len(served) < 40
        for number in served:
            assert nears[number].recv(10) == bytes([number])
        report = way.finish()
        for near in nears:
            near.close()
    assert report.connections == len(served)
    assert report.refused == 40 - len(served)


def test_a_flood_of_datagrams_is_bounded_by_the_queue(tmp_path):
    """Thousands of times what the link carries: no more is held than the queue and one light time."""
    with (
        bound() as far,
        bound() as near,
        door(tmp_path, sky(10**6, 0.01), far.getsockname(), udp=True, queue_bytes=1 << 20) as way,
    ):
        near.sendto(bytes(1), way.address)
        far.recv(10)
        memory = way.memory_bytes()
        for _ in range(60_000):
            near.sendto(bytes(1200), way.address)
        assert eventually(lambda: len(far.recv(2000)) == 1200)
        assert way.memory_bytes() < memory + (60 << 20)
        report = way.finish()
    assert report.ways[0].held_most_bytes <= 1 << 20
    assert report.ways[0].dropped > 10_000
