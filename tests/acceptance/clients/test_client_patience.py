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
from tests.acceptance.clients.broken_sky import DARK_S, LIGHT_S
from tests.acceptance.clients.plans import Plan
from tests.acceptance.clients.test_client_zoo import CLIENTS, DOORS, digest, quiet
from tests.acceptance.clients.voyages import Voyage
from tests.acceptance.clients.zoo import Client, Place, Words

pytestmark = pytest.mark.acceptance

RESET = "reset:1500ms"  # so that a connection begun after a reset lives to the end of the same outage
LIGHT_AGAIN_S = LIGHT_S + DARK_S


def variant(name: str, suffix: str, words: Callable[[Place], Words]) -> Client:
    """The client called in another way."""
    return replace(CLIENTS[name], name=f"{name}-{suffix}", words=words)


def sftp_again(place: Place) -> Words:
    """Put, and then the rest of it until there is no rest."""
    put, reput = (shlex.join(map(str, zoo.sftp_put(place, verb))) for verb in ("put", "reput"))
    return ("sh", "-c", f"{put} || until {reput}; do sleep 0.2; done")


AGAIN = (
    CLIENTS["wget-c"],
    CLIENTS["tuspy"],
    CLIENTS["tus-js-client"],
    CLIENTS["boto3"],
    replace(CLIENTS["curl-resumed"], name="curl-again", words=zoo.curl_resume),
    variant("rsync", "again", lambda place: zoo.again(zoo.rsync_put(place))),
    variant("sftp", "again", sftp_again),
)


@pytest.mark.parametrize("plan", [Plan(client, "proxy", outage=RESET) for client in AGAIN], ids=str)
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
    [(Plan(client, "proxy", outage=RESET), codes, words) for client, codes, words in GIVING_UP],
    ids=lambda value: str(value) if isinstance(value, Plan) else "",
)
def test_gives_up_when_reset(plan: Plan, voyage: Voyage, codes: set[int], words: str) -> None:
    assert voyage.report["reset"] == 1
    assert voyage.code in codes
    assert re.search(words, voyage.errors)
    assert digest(voyage.arrived) != digest(voyage.payload)
    assert voyage.lasted_s < LIGHT_AGAIN_S + DARK_S, "it did not wait for light"


@pytest.mark.parametrize("plan", [Plan(CLIENTS["aiohttp"], "proxy", outage=RESET)], ids=str)
def test_aiohttp_tries_a_put_twice(plan: Plan, voyage: Voyage) -> None:
    """It repeats an idempotent request once, from the first byte; here the next outage costs that one too."""
    assert voyage.report["reset"] == 2
    assert voyage.code == 1
    assert "ClientOSError" in voyage.errors or "ServerDisconnectedError" in voyage.errors
    assert voyage.lasted_s > 2 * LIGHT_AGAIN_S - DARK_S


@pytest.mark.parametrize("plan", [Plan(CLIENTS["iperf3-tcp"], "proxy", outage=RESET)], ids=str)
def test_iperf3_gives_up_when_reset(plan: Plan, voyage: Voyage) -> None:
    """With --json its exit code is 0 all the same."""
    assert voyage.report["reset"] >= 1
    assert json.loads(voyage.said)["error"]


@pytest.mark.parametrize("plan", [Plan(CLIENTS["curl-put"], "proxy", outage="half-open")], ids=str)
def test_curl_learns_of_a_half_open_connection_only_in_light(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code in {55, 56}
    assert voyage.lasted_s > LIGHT_AGAIN_S
    assert digest(voyage.arrived) != digest(voyage.payload)


PATIENT = variant(
    *("curl-put", "retry"),
    lambda place: zoo.curl_put(place, "--retry", 20, "--retry-connrefused", "--retry-delay", 1),
)


@pytest.mark.parametrize("plan", [Plan(CLIENTS["curl-put"], "proxy", "late", "refuse")], ids=str)
def test_curl_gives_up_when_refused(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code == 7, voyage.errors
    assert voyage.arrived is None
    assert voyage.report["connections"] == 0


@pytest.mark.parametrize("plan", [Plan(PATIENT, "proxy", "late", "refuse")], ids=str)
def test_curl_that_may_retry_waits_for_light(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code == 0, voyage.errors
    assert digest(voyage.arrived) == digest(voyage.payload)
    assert voyage.report["ways"][0]["edges"][0]["first_s"] >= 4.0


IMPATIENT = (
    (variant("rsync", "1s", lambda place: zoo.rsync_put(place, "--timeout=1")), {30}, "timeout"),
    (variant("aioquic", "1s", zoo.near("quic", 1.0)), {1}, "ConnectionError"),
)


@pytest.mark.parametrize(
    ("plan", "codes", "words"),
    [(Plan(client, door), codes, words) for client, codes, words in IMPATIENT for door in DOORS],
    ids=lambda value: str(value) if isinstance(value, Plan) else "",
)
def test_gives_up_after_a_second_of_silence(plan: Plan, voyage: Voyage, codes: set[int], words: str) -> None:
    """By its own limit, set to a second: the same outage that it lives through with its defaults."""
    assert voyage.code in codes, voyage.errors
    assert words in voyage.errors
    assert digest(voyage.arrived) != digest(voyage.payload)
    assert quiet(voyage)


DIG = variant("dig", "1s", lambda place: zoo.dig(place, "+timeout=1", "+tries=1"))


@pytest.mark.parametrize("plan", [Plan(DIG, door) for door in DOORS], ids=str)
def test_dig_goes_on_to_the_next_name(plan: Plan, voyage: Voyage) -> None:
    """It gives up each name that is asked for in the dark and answers the others; its exit code is 0."""
    assert voyage.code == 0
    assert "no servers could be reached" in voyage.said
    answers = [line for line in voyage.said.splitlines() if line.startswith('"')]
    assert 0 < len(answers) < zoo.DIG_CHUNKS
    assert voyage.arrived is None
