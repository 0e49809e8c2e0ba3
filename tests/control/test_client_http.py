"""HTTP of the client against servers that answer what they like, or not at all: always one of our errors."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from linkemu.client.http import Http
from linkemu.errors import AbsentError, FormatError, InputError, ResourceError


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def question(connection: socket.socket) -> bytes:
    """All of a request, body and all."""
    with connection.makefile("rb") as file:
        head = b"".join(iter(file.readline, b"\r\n"))
        length = next((line for line in head.splitlines() if line.startswith(b"Content-Length: ")), b": 0")
        return head + b"\r\n" + file.read(int(length.partition(b": ")[2]))


@contextmanager
def answering(*connections: Sequence[bytes]) -> Iterator[tuple[Http, list[bytes]]]:
    """A server that gives each connection its answers, one a request, and then closes it."""
    asked: list[bytes] = []

    def serve() -> None:
        for answers in connections:
            connection, _ = listener.accept()
            with connection:
                for each in answers:
                    asked.append(question(connection))
                    connection.sendall(each)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        http = Http(f"127.0.0.1:{listener.getsockname()[1]}", "secret", 20.0)
        try:
            yield http, asked
        finally:
            http.close()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (200, b"[1]", FormatError, r"answered 200 with b'\[1\]'"),
        (500, b"oops", FormatError, "answered 500 with b'oops'"),
        (404, b'"x"', FormatError, "answered 404"),
        (400, b'{"error": "rate: is wrong"}', InputError, "rate: is wrong"),
        (404, b'{"error": "door: is not there"}', AbsentError, "door: is not there"),
        (409, b'{"error": "port: is taken"}', ResourceError, "port: is taken"),
        (503, b'{"error": "data plane: has ended"}', ResourceError, "data plane: has ended"),
        (401, b'{"error": "token: expected one"}', InputError, "token: expected one"),
        (500, b"{}", InputError, "500"),
    ],
)
def test_a_refusal_is_the_error_that_it_was(status, body, error, said):
    with answering([answer(status, body)]) as (http, _), pytest.raises(error, match=said) as raised:
        http.ask("GET", "/")
    assert type(raised.value) is error


def test_answers_are_objects_and_questions_carry_the_token():
    with answering([answer(200, b'{"a": 1}'), answer(204, b"")]) as (http, asked):
        assert http.ask("GET", "/a") == {"a": 1}
        assert http.ask("POST", "/b", {"c": 2}) == {}
    assert [each.split(b"\r\n")[0] for each in asked] == [b"GET /a HTTP/1.1", b"POST /b HTTP/1.1"]
    assert all(b"Authorization: Bearer secret\r\n" in each for each in asked)
    assert asked[1].endswith(b'\r\n\r\n{"c": 2}') and b"Content-Type: application/json\r\n" in asked[1]
    assert b"Content-Type" not in asked[0]


def test_a_question_over_a_connection_closed_while_idle_is_asked_once_more():
    with answering([answer(200, b'{"n": 1}')], [answer(200, b'{"n": 2}')]) as (http, asked):
        assert [http.ask("GET", "/")["n"], http.ask("GET", "/")["n"]] == [1, 2]
    assert len(asked) == 2


def test_a_new_connection_that_is_closed_without_an_answer_is_an_error():
    with answering([b""], [answer(200, b"{}")]) as (http, asked):
        with pytest.raises(ResourceError, match="closed connection"):
            http.ask("POST", "/", {})
        assert len(asked) == 1  # it may have been heard: not asked twice
        assert http.ask("GET", "/") == {}


def test_no_http_is_an_error_and_the_next_question_begins_anew():
    with answering([b"220 ready\r\n"], [answer(200, b"{}")]) as (http, _):
        with pytest.raises(ResourceError, match="220 ready"):
            http.ask("GET", "/")
        assert http.ask("GET", "/") == {}


def test_a_stream_gives_its_data_lines_until_the_server_ends_it():
    body = b': hello\n\nevent: a\ndata: {"n": 1}\n\ndata: {"n": 2}\n\n'
    head = b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n"
    with answering([head + body]) as (http, _):
        stream = http.stream("/")
        assert stream._sock.gettimeout() is None, "nothing may happen for longer than an answer takes"
        assert list(stream) == [{"n": 1}, {"n": 2}]
        stream.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (answer(404, b'{"error": "x: y"}'), AbsentError),
        (answer(500, b"no"), FormatError),
        (b"", ResourceError),
    ],
)
def test_a_stream_that_is_refused_is_an_error(said, error):
    with answering([said]) as (http, _), pytest.raises(error):
        http.stream("/")


@pytest.mark.parametrize(
    "url", ["https://h:1", "ftp://h:1", "http://h", "http://:1", "h:port", "h:99999", ""]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InputError, match="is not http"):
        Http(url, "", 1.0)


def test_addresses_of_both_families_are_taken():
    assert Http("http://[::1]:80", "", 1.0).url == "http://[::1]:80"
    assert Http("localhost:80", "", 1.0).url == "http://localhost:80"
