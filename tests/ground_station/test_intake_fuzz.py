"""The HTTP door under garbage: every request is answered in its own words, and none is answered 500."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from linkemu.runtime.disk import AioDisk
from tests.two_nodes import World

GRACE_S = 20.0
PATIENCE_S = 0.05
DOCUMENTED = {200, 202, 204, 206, 400, 404, 405, 409, 411, 413, 416, 431}


class Door:
    """A station without light, and bytes that go to its door as they are."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port

    def tell(self, request: bytes, patience_s: float = PATIENCE_S) -> int | None:
        """Status of the answer; None if the door hung up without one. Of a whole request wait for it."""
        return self._runner.run(asyncio.wait_for(self._tell(request, patience_s), GRACE_S))

    async def _tell(self, request: bytes, patience_s: float) -> int | None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        line = b""
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            try:
                line = await asyncio.wait_for(asyncio.shield(answer := reading(reader)), patience_s)
            except TimeoutError:  # the door waits for the rest of a request: there is none
                writer.write_eof()
                line = await answer
        writer.close()
        return int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else None


def reading(reader: asyncio.StreamReader) -> asyncio.Task[bytes]:
    return asyncio.ensure_future(reader.readline())


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    root: Path = tmp_path_factory.mktemp("door")
    night = World(disks={"ground": AioDisk(), "iss": AioDisk()}, root=root, dark={"ground": [(0.0, 99.0)]})

    async def opened() -> tuple[contextlib.AbstractAsyncContextManager[str], str]:
        live = contextlib.asynccontextmanager(_live)(night)
        return live, await live.__aenter__()

    with asyncio.Runner() as runner:
        live, url = runner.run(opened())
        yield Door(runner, url)
        runner.run(live.__aexit__(None, None, None))


async def _live(night: World) -> AsyncIterator[str]:
    async with night.live() as url:
        yield url


FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
METHOD = st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST", "OPTIONS"])
PLACE = st.sampled_from(["/files/iss/", "/files/nobody/", "/custody/", "/custody", "/", "/files/"])
HEADER = st.sampled_from(
    ["Range", "Content-Digest", "Repr-Digest", "Cache-Control", "If-Range", "Expect", "Content-Length"]
)


@FUZZ
@given(METHOD, PLACE, TEXT, st.lists(st.tuples(HEADER, TEXT), max_size=3), st.binary(max_size=50))
@example("PUT", "/files/iss/", "x?priority=000000000300", [], b"")
@example("PUT", "/files/iss/", "x?priority=\xb2", [], b"")
@example("GET", "/files/iss/", "x?wait=nan", [], b"")
@example("GET", "/files/iss/", "x?wait=1e999", [], b"")
@example("PUT", "/files/iss/", "%00", [("Content-Length", "0")], b"")
@example("PUT", "/files/iss/", "x", [("Content-Length", "-1")], b"")
@example("PUT", "/files/iss/", "x", [("Content-Digest", "sha-256=:AAA:")], b"abc")
def test_a_request_is_answered_as_documented(
    door: Door, method: str, place: str, rest: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    lines = [f"{method} {place}{rest} HTTP/1.1", "Host: door", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not any(name == "Content-Length" for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    request = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
    assert door.tell(request) in DOCUMENTED | {None}


@FUZZ
@given(st.binary(max_size=200))
def test_garbage_does_not_close_the_door(door: Door, garbage: bytes) -> None:
    assert door.tell(garbage) in {None, 400, 404, 405, 431}
    assert door.tell(b"GET / HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n", GRACE_S) == 200


@pytest.mark.parametrize("priority", ["256", "-1", "1.5", "", "000000000300", "%C2%B2", "9" * 400])
def test_a_priority_out_of_range_is_refused(door: Door, priority: str) -> None:
    request = (
        f"PUT /files/iss/p?priority={priority} HTTP/1.1\r\nHost: door\r\nContent-Length: 1\r\n"
        "Connection: close\r\n\r\nx"
    )
    assert door.tell(request.encode(), GRACE_S) == 400
