"""What clients do when an outage costs their connection, or lasts longer than they will wait.

Some give up by their own design, and the test says so; others go on by themselves, or when they are called
again. docs/clients.md has the table.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.acceptance.clients import zoo
from tests.acceptance.clients.broken_sky import DARK_FIRST_S, DARK_S, LIGHT_S
from tests.acceptance.clients.client import Client, Place, Words, again
from tests.acceptance.clients.plans import Plan
from tests.acceptance.clients.test_client_zoo import CLIENTS, digest, quiet
from tests.acceptance.clients.voyages import Voyage

pytestmark = pytest.mark.acceptance

RESET = "reset:1500ms"  # a connection that is begun after a reset lives to the end of the same outage
LIGHT_AGAIN_S = LIGHT_S + DARK_S


def variant(name: str, suffix: str, words: Callable[[Place], Words]) -> Client:
    """The client called in another way."""
    return replace(CLIENTS[name], name=f"{name}-{suffix}", words=words)


def named(value: object) -> str:
    """In the name of a test, the plan alone."""
    return str(value) if isinstance(value, Plan) else ""


def sftp_again(place: Place) -> Words:
    """``reput`` goes on with a file that is there, as an empty one is from the beginning."""
    (place.there / "file").touch()
    return again(zoo.sftp_put(place, "reput"))


AGAIN = (
    CLIENTS["wget-c"],
    CLIENTS["tuspy"],
    CLIENTS["tus-js-client"],
    CLIENTS["boto3"],
    CLIENTS["aiohttp"],  # by one repetition of a PUT, from the first byte
    replace(CLIENTS["curl-resumed"], name="curl-again", words=zoo.curl_resume),
    variant("rsync", "again", lambda place: again(zoo.rsync_put(place))),
    variant("sftp", "again", sftp_again),
)


@pytest.mark.parametrize("plan", [Plan(client, "proxy", "once", RESET) for client in AGAIN], ids=str)
def test_goes_on_over_a_new_connection(plan: Plan, voyage: Voyage) -> None:
    assert voyage.report["reset"] >= 1
    assert voyage.code == 0, voyage.errors
    assert digest(voyage.arrived) == digest(voyage.payload)
    assert voyage.lasted_s > LIGHT_AGAIN_S


GIVING_UP = (
    (CLIENTS["curl-put"], {55, 56}, "reset by peer|Broken pipe"),
    (CLIENTS["rsync"], {10, 12}, "rsync error: "),
    (CLIENTS["sftp"], {255, -13}, ""),  # its ssh is gone: told so, or by SIGPIPE
)


@pytest.mark.parametrize(
    ("plan", "codes", "words"),
    [(Plan(client, "proxy", "once", RESET), codes, words) for client, codes, words in GIVING_UP],
    ids=named,
)
def test_gives_up_when_reset(plan: Plan, voyage: Voyage, codes: set[int], words: str) -> None:
    assert voyage.report["reset"] == 1
    assert voyage.code in codes
    assert re.search(words, voyage.errors)
    assert digest(voyage.arrived) != digest(voyage.payload)


@pytest.mark.parametrize("plan", [Plan(CLIENTS["aiohttp"], "proxy", outage=RESET)], ids=str)
def test_aiohttp_tries_a_put_twice(plan: Plan, voyage: Voyage) -> None:
    """And not a third time, as the next outage costs the second connection too."""
    assert voyage.report["reset"] == 2
    assert voyage.code == 1
    assert "ClientOSError" in voyage.errors or "ServerDisconnectedError" in voyage.errors
    assert voyage.lasted_s > 2 * LIGHT_AGAIN_S - DARK_S


@pytest.mark.parametrize("plan", [Plan(CLIENTS["iperf3-tcp"], "proxy", "once", RESET)], ids=str)
def test_iperf3_gives_up_when_reset(plan: Plan, voyage: Voyage) -> None:
    """With --json its exit code is 0 all the same."""
    assert voyage.report["reset"] >= 1
    assert json.loads(voyage.said)["error"]


@pytest.mark.parametrize("plan", [Plan(CLIENTS["curl-put"], "proxy", "once", "half-open")], ids=str)
def test_curl_learns_of_a_half_open_connection_only_in_light(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code in {55, 56}
    assert voyage.lasted_s > LIGHT_AGAIN_S
    assert digest(voyage.arrived) != digest(voyage.payload)


def soon(words: Words) -> Words:
    """In the dark, but not before the door can have found out that it is."""
    return ("sh", "-c", f"sleep 0.5; exec {shlex.join(map(str, words))}")


WAITING = ("--retry", 20, "--retry-connrefused", "--retry-delay", 1)
ONCE = variant("curl-put", "soon", lambda place: soon(zoo.curl_put(place)))
PATIENT = variant("curl-put", "retry", lambda place: soon(zoo.curl_put(place, *WAITING)))


@pytest.mark.parametrize("plan", [Plan(ONCE, "proxy", "late", "refuse")], ids=str)
def test_curl_gives_up_when_refused(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code == 7, voyage.errors
    assert voyage.arrived is None
    assert voyage.report["connections"] == 0


@pytest.mark.parametrize("plan", [Plan(PATIENT, "proxy", "late", "refuse")], ids=str)
def test_curl_that_may_retry_waits_for_light(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code == 0, voyage.errors
    assert digest(voyage.arrived) == digest(voyage.payload)
    assert voyage.report["ways"][0]["edges"][0]["first_s"] >= DARK_FIRST_S


RSYNC = variant("rsync", "1s", lambda place: zoo.rsync_put(place, "--timeout=1"))
QUIC = variant("aioquic", "1s", zoo.near("quic", 1.0))
IMPATIENT = (  # rsync not by the proxy: there the silence begins when the last byte is in a socket's buffer
    (Plan(RSYNC, "exec"), 30, "timeout"),
    (Plan(QUIC, "exec"), 1, "ConnectionError"),
)


@pytest.mark.parametrize(("plan", "code", "words"), IMPATIENT, ids=named)
def test_gives_up_after_a_second_of_silence(plan: Plan, voyage: Voyage, code: int, words: str) -> None:
    """By its own limit, set to a second: the same outage that it lives through with its defaults."""
    assert voyage.code == code, voyage.errors
    assert words in voyage.errors
    assert digest(voyage.arrived) != digest(voyage.payload)
    assert quiet(voyage)


DIG = variant("dig", "1s", lambda place: zoo.dig(place, "+timeout=1", "+tries=1"))


@pytest.mark.parametrize("plan", [Plan(DIG, "proxy")], ids=str)
def test_dig_goes_on_to_the_next_name(plan: Plan, voyage: Voyage) -> None:
    """It gives up each name that is asked for in the dark, and answers the others."""
    assert voyage.code in (0, 9)  # 9: no reply, if the last name was asked for in the dark
    assert "no servers could be reached" in voyage.said
    answers = [line for line in voyage.said.splitlines() if line.startswith('"')]
    assert 0 < len(answers) < zoo.DIG_CHUNKS
    assert voyage.arrived is None
