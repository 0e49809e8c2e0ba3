"""Both uploaders through the same skies: `naive` fails nearly all of them, `resuming` none.

pytest -n 8                     # all of it
pytest -k resuming              # what must pass
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import depot
import naive
import pytest
import resuming

DATA = random.Random(7).randbytes(1 << 20)  # a second of light
RATE = {"rate": "8 Mbit/s", "delay": "10 ms"}
UPLOADERS = pytest.mark.parametrize("upload", [naive.upload, resuming.upload], ids=["naive", "resuming"])
sky = pytest.mark.linkemu


@pytest.fixture
def server():
    with depot.running() as running:
        yield running


def arrives(upload, door, server) -> None:
    upload(door.host, door.port, "photo", DATA)
    assert bytes(server.files["/photo"]) == DATA


@UPLOADERS
@sky(**RATE)
def test_clear_sky(upload, link, server):
    """Both pass."""
    arrives(upload, link.tcp(server.port), server)


@UPLOADERS
@sky(**RATE, dark=[("0.5 s", "6.5 s")])
def test_cloud_longer_than_patience(upload, link, server):
    """Bytes wait in the modem, no error is seen: only the client's own time limit ends it."""
    arrives(upload, link.tcp(server.port), server)


@UPLOADERS
@sky(**RATE, passes=[("0 s", "0.5 s"), ("2 s", "2.4 s"), ("4 s", "60 s")])
def test_los_in_mid_upload(upload, link, server):
    """The pass ends, and a middlebox forgets the connection; no pass but the third is long enough."""
    arrives(upload, link.tcp(server.port, outage="reset:1s"), server)


@UPLOADERS
@sky(**RATE, dark=[(0.4 + 0.8 * n, 0.8 + 0.8 * n) for n in range(6)])
def test_light_by_turns(upload, link, server):
    """0.4 s of light at a time, each outage costs the connection."""
    arrives(upload, link.tcp(server.port, outage="reset:200ms"), server)


@UPLOADERS
@sky(**RATE, passes=[("2 s", "60 s")], anchor="listen")
def test_refused_before_the_pass(upload, link, server):
    """The gateway takes nobody while there is no light."""
    arrives(upload, link.tcp(server.port, outage="refuse"), server)


@UPLOADERS
@sky(**RATE, dark=[("0.5 s", "1.5 s")])
def test_half_open(upload, link, server):
    """The far side has forgotten the connection, and the client isn't told until it sends."""
    arrives(upload, link.tcp(server.port, outage="half-open"), server)


@UPLOADERS
@sky(**RATE, fades=[(0.3 + 0.25 * n, 0.4 + 0.25 * n) for n in range(20)])
def test_fade_train(upload, link, server):
    """100 ms fades that the modem repairs by sending again: slow, and nothing breaks. Both pass."""
    arrives(upload, link.tcp(server.port, outage="arq"), server)


@UPLOADERS
@sky(**RATE)
def test_answers_alone_are_lost(upload, link, server):
    """All arrives, but for 5 s nothing comes back: has it been taken or not?"""
    door = link.tcp(server.port)
    with link.outage(direction="down", duration="5 s"):
        arrives(upload, door, server)


@UPLOADERS
@sky(**RATE)
def test_reset_in_mid_stream(upload, link, server):
    """Somebody on the way resets the connection once half of the file is through."""
    door = link.tcp(server.port)
    with link.override(cap="2 Mbit/s"):  # so that there is a middle
        strike = threading.Timer(1.0, door.reset)
        strike.start()
        try:
            arrives(upload, door, server)
        finally:
            strike.cancel()


@UPLOADERS
@sky(**RATE, duration="3 h", passes=[("0 s", "0.5 s"), ("90 min", "120 min")])
def test_night_between_two_passes(upload, link, server):
    """An hour and a half without light; the test skips it, the client loses its connection in it."""
    door = link.tcp(server.port, outage="reset:10 min")
    with ThreadPoolExecutor() as pool:
        client = pool.submit(arrives, upload, door, server)
        while not link.now_s:  # time begins with the client
            time.sleep(0.01)
        link.advance_to("dark+1 min")
        link.advance_to("next AOS")
        client.result(60)


@UPLOADERS
@sky("demo", start="dark-0.1 s")
def test_real_pass_with_a_cloud(upload, link, server):
    """The ISS over Koganei, on 10 May 2024: a cloud of 6 s, lock is lost and found again."""
    with link.override(cap="8 Mbit/s"):
        arrives(upload, link.tcp(server.port), server)
