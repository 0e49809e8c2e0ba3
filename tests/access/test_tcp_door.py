"""TCP through the door: a server and clients on real sockets, the data plane a process between them."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest
from doors import DELAY_S, blasting, door, echo, eventually, exactly, free_port, least, read_all, server, sky

from linkemu.link.capacity import Capacity
from tests.waiting import moment

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
MIB = 1 << 20
BIN_S = 0.25


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()


def blast(connection: socket.socket, seconds: float) -> int:
    """Send as much as goes for some seconds; how much went."""
    sent, end_s = 0, time.monotonic() + seconds
    block = bytes(1 << 18)
    connection.settimeout(0.2)
    while time.monotonic() < end_s:
        try:
            sent += connection.send(block)
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return sent


class Sink:
    """Notes when how many bytes came, for each connection."""

    def __init__(self) -> None:
        self.arrivals: list[list[tuple[float, int]]] = []

    def __call__(self, connection: socket.socket) -> None:
        mine: list[tuple[float, int]] = []
        self.arrivals.append(mine)
        while size := len(connection.recv(1 << 18)):
            mine.append((time.monotonic(), size))

    @property
    def totals(self) -> list[int]:
        return [sum(size for _, size in mine) for mine in self.arrivals]


def test_bytes_come_out_as_they_went_in_both_ways_through_an_outage(tmp_path):
    data = os.urandom(6 * MIB)  # half a second: begun in the first light, it goes on in the second
    played = sky(100_000_000, dark=[(0.4, 0.7)])
    with (
        server(echo) as far,
        door(tmp_path, played, far.address, anchor="first-byte") as way,
        way.connect() as client,
    ):
        thread = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        thread.start()
        assert read_all(client) == data
        thread.join()
        report = way.finish()
    assert [each.delivered_bytes for each in report.ways] == [len(data)] * 2
    assert report.connections == 1
    up = report.ways[0]
    assert (up.edges[0].end_s, up.edges[1].start_s) == (0.4, 0.7)
    assert up.edges[1].first_s >= 0.7


def test_bulk_that_is_spliced_comes_out_as_it_went_in(tmp_path):
    data = os.urandom(48 * MIB)
    played = sky(4 * 10**9, dark=[(0.05, 0.15)])
    with server(echo) as far, door(tmp_path, played, far.address) as way, way.connect() as client:
        thread = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        thread.start()
        assert read_all(client) == data
        thread.join()
        before = way.memory_bytes()
    assert before < 400 * MIB


def test_nothing_arrives_in_an_outage_and_the_edges_are_sharp(tmp_path):
    dark = (0.6, 0.9)

    def lateness() -> float:
        """Of the last bytes before it, and how early the last piece left: in shares of their bounds."""
        sink = Sink()
        with server(sink) as far, door(tmp_path, sky(100_000_000, dark=[dark]), far.address) as way:
            with way.connect() as client:
                lit_s = dark[0] - way.now_s()
                blast(client, 1.2)
            report = way.finish()
        (arrivals,) = sink.arrivals
        _, before_s, after_s = max((b - a, a, b) for (a, _), (b, _) in pairwise(arrivals))
        assert after_s - way.began_s >= dark[1] + DELAY_S
        before = [size for at_s, size in arrivals if at_s <= before_s]
        assert sum(before) <= lit_s * 100_000_000 / 8  # what the light before it carries
        last, first = report.ways[0].edges[0].last_s, report.ways[0].edges[1].first_s
        assert dark[1] <= first
        return max((before_s - way.began_s - dark[0] - DELAY_S) / 0.05, (dark[0] - last) / 0.003)

    assert least(lateness, 1.0) <= 1.0


@pytest.mark.parametrize("rate_bps", [10_000_000, 200_000_000])
def test_the_rate_is_the_links_within_a_tenth_of_a_percent(tmp_path, rate_bps):
    """The least lateness in each bin against the ideal line: a busy machine makes arrivals only late."""

    def drift() -> float:
        sink = Sink()
        with server(sink) as far, door(tmp_path, sky(rate_bps), far.address) as way, way.connect() as client:
            blast(client, 3.0)
            way.process.kill()
        (arrivals,) = sink.arrivals
        best: dict[int, float] = {}
        total = 0
        for at_s, size in arrivals:
            total += size
            assert 8 * total / rate_bps <= at_s - way.began_s - DELAY_S + 1e-6, "before its light"
            since_s = at_s - arrivals[0][0]
            late_s = since_s - 8 * total / rate_bps
            best[int(since_s / BIN_S)] = min(late_s, best.get(int(since_s / BIN_S), late_s))
        drifts = [(best[k + 3] - best[k]) / (3 * BIN_S) for k in best if k + 3 in best]
        is_judged = len(best) >= 9 and len(drifts) >= 6
        return abs(statistics.median(drifts)) if is_judged else math.inf

    assert least(drift, 1e-3) < 1e-3


def test_what_a_saturated_changing_link_carries_is_its_capacity(tmp_path):
    dark = [(0.5, 0.7), (1.0, 1.3)]
    edges = [0, 5 * 10**8, 7 * 10**8, 10**9, 13 * 10**8, 60 * 10**9]
    capacity = Capacity(edges, [80_000_000, 0, 80_000_000, 0, 80_000_000])

    def error() -> float:
        sink = Sink()
        with (
            server(sink) as far,
            door(tmp_path, sky(80_000_000, dark=dark), far.address) as way,
            way.connect() as client,
        ):
            begun_s = time.monotonic() - way.began_s
            blast(client, 1.9 - begun_s)
            way.process.kill()
        times_s = (sink.arrivals[0][i][0] - way.began_s - DELAY_S for i in (0, -1))
        first, last = (capacity.position(round(at_s * 1e9)) / 8e9 for at_s in times_s)
        (carried,) = sink.totals
        assert carried <= last + 1, "before its light"
        return abs(carried / (last - first) - 1)

    assert least(error, 0.02) <= 0.02


def test_a_message_takes_the_light_time_each_way(tmp_path):
    with server(echo) as far, door(tmp_path, sky(10**9, 0.02), far.address) as way, way.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def trip_s() -> float:
            begun_s = time.perf_counter()
            client.sendall(bytes(64))
            exactly(client, 64)
            return time.perf_counter() - begun_s

        def median_s() -> float:
            trips = [trip_s() for _ in range(39)]
            assert min(trips) >= 0.04
            return statistics.median(trips)

        trip_s()
        assert least(median_s, 0.045) < 0.045
        report = way.finish()
    assert report.ways[0].requested_delay_s == (0.02, 0.02)
    assert report.ways[0].delay_error_p99_s is not None


def test_each_direction_has_its_own_rate_and_the_server_may_be_on_the_ground(tmp_path):
    def serve(connection: socket.socket) -> None:
        exactly(connection, 1)
        connection.sendall(bytes(MIB))

    played = sky(80_000_000, down_bps=8_000_000)
    with server(serve) as far, door(tmp_path, played, far.address, uplink="server") as way:

        def took_s() -> float:
            with way.connect() as client:
                begun_s = time.monotonic()
                client.sendall(b"?")
                assert len(read_all(client)) == MIB
                return time.monotonic() - begun_s

        assert 0.1 <= least(took_s, 0.9) < 0.9  # 1 s at the other direction's rate
        report = way.finish()
    assert [each.direction for each in report.ways] == ["down", "up"]


def test_a_server_may_speak_first_and_a_client_may_close_its_half(tmp_path):
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"hello")
        connection.sendall(read_all(connection)[::-1])

    with server(serve) as far, door(tmp_path, sky(10**7), far.address) as way, way.connect() as client:
        assert exactly(client, 5) == b"hello"
        client.sendall(b"abc")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"cba"
        assert eventually(lambda: way.finish().connections == 1)


def test_a_server_may_close_its_half_first(tmp_path):
    got = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"all there is")
        connection.shutdown(socket.SHUT_WR)
        got.append(read_all(connection))

    with server(serve) as far, door(tmp_path, sky(10**8), far.address) as way, way.connect() as client:
        assert read_all(client) == b"all there is"
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert eventually(lambda: got == [b"x" * 100_000])


def test_ipv6(tmp_path):
    with (
        server(echo, "::1") as far,
        door(tmp_path, sky(10**8), far.address, listen=("::1", 0)) as way,
        way.connect() as client,
    ):
        client.sendall(b"six")
        assert exactly(client, 3) == b"six"


def test_connections_share_the_link_fairly(tmp_path):
    sink, count = Sink(), 40
    with server(sink) as far, door(tmp_path, sky(200_000_000), far.address) as way, ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(blasting(way.connect()))
        assert eventually(lambda: len(sink.arrivals) == count and all(sink.totals))

        def error() -> float:
            """Of the rate and of the shares, in shares of their bounds."""
            begun, begun_s = sink.totals, way.now_s()
            assert eventually(lambda: sum(sink.totals) - sum(begun) >= 50_000_000)
            after, ended_s = sink.totals, way.now_s()
            assert sum(after) * 8 <= 200_000_000 * ended_s  # also what has waited for its reader
            carried = [late - early for early, late in zip(begun, after, strict=True)]
            mean = sum(carried) / count
            unfair = max(abs(each - mean) for each in carried) / mean
            rate_error = abs(sum(carried) * 8 / (ended_s - begun_s) / 200_000_000 - 1)
            return max(rate_error / 0.02, unfair / 0.1)

        assert least(error, 1.0) <= 1.0


def test_time_may_begin_with_the_first_client(tmp_path):
    played = sky(10**8, dark=[(0.0, 0.3)])
    with server(echo) as far, door(tmp_path, played, far.address, anchor="first-byte") as way:
        moment(time.monotonic() + 0.2)  # its sky has stood still meanwhile
        begun_s = time.monotonic()
        with way.connect() as client:
            client.sendall(b"a")
            assert exactly(client, 1) == b"a"
            assert time.monotonic() - begun_s >= 0.3 + 2 * DELAY_S
        report = way.finish()
    assert report.at_s <= time.monotonic() - begun_s


def test_it_may_begin_in_the_midst_of_a_scenario_and_ends_with_it(tmp_path):
    with (
        server(echo) as far,
        door(tmp_path, sky(10**8, duration_s=60), far.address, start_s=59.0) as way,
        way.connect() as client,
    ):
        client.sendall(b"a")
        assert exactly(client, 1) == b"a"
        assert way.process.wait(10) == 0
        with pytest.raises(ConnectionError):
            while client.send(b"b"):
                pass


# What an outage does


def test_arq_sends_erased_pieces_again_a_round_trip_later_and_in_order(tmp_path):
    data = os.urandom(MIB)
    played = sky(80_000_000, 0.02, erased=[(slot, 2) for slot in range(5, 400, 10)])
    with server(echo) as far, door(tmp_path, played, far.address, outage="arq") as way:
        with way.connect() as client:
            thread = threading.Thread(target=client.sendall, args=(data,))
            thread.start()
            assert exactly(client, len(data)) == data
            thread.join()
        report = way.finish()
    up = report.ways[0]
    assert up.erased > 0
    assert up.delivered_bytes == len(data)


def test_arq_lets_a_message_in_an_erased_slot_wait_a_round_trip(tmp_path):
    played = sky(10**9, 0.05, erased=[(0, 1000)])  # the first second
    with server(echo) as far, door(tmp_path, played, far.address, outage="arq") as way:
        with way.connect() as client:
            client.sendall(b"a")
            exactly(client, 1)
            assert time.monotonic() - way.began_s >= 1.0 + 0.1
        assert way.finish().ways[0].erased > 0


def test_reset_costs_connections_only_when_the_outage_lasts(tmp_path):
    played = sky(10**8, dark=[(0.3, 0.5), (2.0, 4.0)])

    def reset_s() -> float:
        with server(echo) as far, door(tmp_path, played, far.address, outage="reset:0.4s") as way:
            with way.connect() as client:
                client.sendall(b"a")
                assert exactly(client, 1) == b"a"
                way.until(0.6)
                client.sendall(b"b")
                assert exactly(client, 1) == b"b"
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
                at_s = way.now_s()
            assert way.finish().reset == 1
        return at_s

    assert 2.39 <= least(reset_s, 2.9) < 2.9


def test_refuse_turns_new_clients_away_and_keeps_the_others(tmp_path):
    played = sky(10**8, dark=[(1.0, 2.0)])
    with server(echo) as far, door(tmp_path, played, far.address, outage="refuse") as way:
        with way.connect() as client:
            client.sendall(b"a")
            assert exactly(client, 1) == b"a"
            way.until(1.1)
            with pytest.raises(ConnectionRefusedError):
                way.connect()
            client.sendall(b"b")
            assert exactly(client, 1) == b"b"
            assert time.monotonic() - way.began_s >= 2.0
        with way.connect() as later:
            later.sendall(b"c")
            assert exactly(later, 1) == b"c"


def test_half_open_forgets_the_far_side_and_answers_later_bytes_with_a_reset(tmp_path):
    seen = []

    def serve(connection: socket.socket) -> None:
        try:
            echo(connection)
        except ConnectionResetError:
            seen.append(time.monotonic())

    played = sky(10**8, dark=[(1.0, 1.5)])
    with (
        server(serve) as far,
        door(tmp_path, played, far.address, outage="half-open") as way,
        way.connect() as client,
    ):
        client.sendall(b"a")
        assert exactly(client, 1) == b"a"
        assert eventually(lambda: bool(seen))
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)  # nothing tells the client
        client.sendall(b"b")
        client.settimeout(5.0)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert time.monotonic() - way.began_s >= 1.5 + 2 * DELAY_S


# Bad input and abuse


def test_a_taken_port_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        from linkemu.access.settings import Door, Proxy

        sky(10**6).save(tmp_path / "sky")
        told = Door(taken.getsockname(), ("127.0.0.1", 9))
        Proxy(tmp_path / "sky", (told,)).save(tmp_path / "proxy.json")
        done = subprocess.run(
            [sys.executable, "-m", "linkemu.access.dataplane", tmp_path / "proxy.json"],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Address already in use" in done.stderr


def test_an_upstream_that_is_down_costs_each_client_a_reset_after_a_round_trip(tmp_path):
    with door(tmp_path, sky(10**8, 0.05), ("127.0.0.1", free_port())) as way:
        before = way.descriptors()
        for _ in range(3):
            with way.connect() as client:
                begun_s = time.monotonic()
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
                assert time.monotonic() - begun_s >= 0.095
        assert eventually(lambda: way.descriptors() == before)
        assert way.finish().unreached == 3


def test_a_client_that_never_reads_holds_bounded_memory_and_nobody_else(tmp_path):
    stuck = threading.Event()

    def serve(connection: socket.socket) -> None:
        if exactly(connection, 1) == b"o":
            connection.sendall(bytes(30 * MIB))
            return
        connection.settimeout(0.5)
        try:
            while True:
                connection.sendall(bytes(1 << 18))
        except TimeoutError:
            stuck.set()
            connection.settimeout(None)
            connection.recv(1)

    with server(serve) as far, door(tmp_path, sky(4 * 10**9), far.address) as way:
        with way.connect() as deaf, way.connect() as other:
            deaf.sendall(b"d")
            assert stuck.wait(20)
            full = way.memory_bytes()
            other.sendall(b"o")
            assert len(exactly(other, 30 * MIB)) == 30 * MIB
            assert way.memory_bytes() < full + 100 * MIB
        report = way.finish()
    assert report.ways[1].held_most_bytes < 64 * MIB


def test_a_server_that_never_reads_makes_its_client_wait(tmp_path):
    hold = threading.Event()
    sent = 0
    with (
        server(lambda connection: hold.wait(20)) as far,
        door(tmp_path, sky(10**9), far.address) as way,
        way.connect() as client,
    ):
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            while sent < 80 * MIB:
                sent += client.send(bytes(1 << 18))
        report = way.finish()
        hold.set()
    assert sent < 80 * MIB
    assert report.ways[0].held_most_bytes < 16 * MIB


@pytest.mark.parametrize("size", [0, 100, 4 * MIB])
def test_a_reset_in_mid_stream_goes_through_and_leaves_nothing(tmp_path, size):
    seen = []

    def serve(connection: socket.socket) -> None:
        seen.append(len(exactly(connection, 1000)))
        try:
            read_all(connection)
            seen.append("end")
        except ConnectionResetError:
            seen.append("reset")

    with server(serve) as far, door(tmp_path, sky(10**8), far.address) as way:
        before = way.descriptors()
        client = way.connect()
        client.sendall(bytes(1000))
        assert eventually(lambda: seen == [1000])
        if size:
            client.setblocking(False)
            client.send(bytes(size))
        reset(client)
        assert eventually(lambda: seen == [1000, "reset"])
        assert eventually(lambda: way.descriptors() <= before)
        assert way.finish().reset == 1


def test_a_reset_of_the_server_reaches_the_client_by_light(tmp_path):
    def serve(connection: socket.socket) -> None:
        exactly(connection, 1)
        reset(connection)

    with server(serve) as far, door(tmp_path, sky(10**8, 0.1), far.address) as way:
        before = way.descriptors()
        with way.connect() as client:
            begun_s = time.monotonic()
            client.sendall(b"?")
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            assert time.monotonic() - begun_s >= 0.2
        assert eventually(lambda: way.descriptors() <= before)


def test_connects_and_drops_leave_nothing(tmp_path):
    with server(echo) as far, door(tmp_path, sky(10**9, 0.001), far.address) as way:
        before, memory = way.descriptors(), way.memory_bytes()
        for number in range(10_000):
            client = way.connect()
            if number % 3 == 0:
                client.sendall(b"x" * (number % 5000))
            if number % 2:
                reset(client)
            else:
                client.close()
            if number % 500 == 499:  # or the server's own backlog overflows
                assert eventually(lambda: way.descriptors() <= before)
        with way.connect() as client:
            client.sendall(b"still there")
            assert exactly(client, 11) == b"still there"
        assert way.memory_bytes() < memory + 200 * MIB
        assert way.finish().connections == 10_001


def test_a_killed_client_leaves_nothing(tmp_path):
    code = (
        "import signal, socket, sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "c.sendall(bytes(99999)); print(1, flush=True); signal.pause()"
    )
    with server(read_all) as far, door(tmp_path, sky(10**6), far.address) as way:
        before = way.descriptors()
        program = [sys.executable, "-c", code, str(way.address[1])]
        with subprocess.Popen(program, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.readline()
            client.kill()
        assert eventually(lambda: way.descriptors() <= before)


def test_a_killed_server_is_a_reset_or_an_end_and_leaves_nothing(tmp_path):
    code = (
        "import signal, socket; s = socket.create_server(('127.0.0.1', 0))\n"
        "print(s.getsockname()[1], flush=True)\n"
        "c, _ = s.accept(); c.recv(1); print(1, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as far:
        assert far.stdout is not None
        with door(tmp_path, sky(10**8), ("127.0.0.1", int(far.stdout.readline()))) as way:
            before = way.descriptors()
            with way.connect() as client:
                client.sendall(bytes(99_999))
                far.stdout.readline()
                far.kill()
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(1) == b""
            assert eventually(lambda: way.descriptors() <= before)


def test_without_descriptors_clients_are_reset_and_the_door_goes_on(tmp_path):
    with server(echo) as far, door(tmp_path, sky(10**9, 0.001), far.address) as way:
        subprocess.run(["prlimit", f"--pid={way.process.pid}", "--nofile=40:40"], check=True)
        clients, lost = [], 0
        for _ in range(30):
            try:
                clients.append(way.connect())
                clients[-1].settimeout(0.2)
            except ConnectionError:
                lost += 1  # turned away before connect() had returned
        for client in clients:
            try:
                client.sendall(b"a")
                exactly(client, 1)
            except OSError:
                lost += 1
            client.close()
        assert 0 < lost < 30

        def served() -> bool:
            """Once the ends of those before have crossed the link, and their descriptors are free."""
            try:
                with way.connect() as client:
                    client.sendall(b"b")
                    return exactly(client, 1) == b"b"
            except ConnectionError:
                return False

        assert eventually(served)
