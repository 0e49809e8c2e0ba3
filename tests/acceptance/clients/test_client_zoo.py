"""Real clients that know nothing of linkemu, through outages in mid-transfer, by proxy and by exec.

docs/clients.md tells of them as a table. Each runs as its own program, as do its server and ``linkemu``.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any, Literal

import pytest

from tests.acceptance.clients import zoo
from tests.acceptance.clients.client import MEGA
from tests.acceptance.clients.evidence import endured, rows
from tests.acceptance.clients.plans import Plan
from tests.acceptance.clients.voyages import Voyage
from tests.acceptance.clients.zoo import ZOO

pytestmark = pytest.mark.acceptance

CLIENTS = {client.name: client for client in ZOO}
MEASURING = ("iperf3-tcp", "iperf3-udp")
DOORS: tuple[Literal["proxy"], Literal["exec"]] = ("proxy", "exec")
TRANSFERS = [Plan(client, door) for client in ZOO if client.name not in MEASURING for door in DOORS]
CONNECTING = 1  # iperf3's datagram before those that it counts


def digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def quiet(voyage: Voyage) -> bool:
    """Whether linkemu itself had nothing unexpected to say."""
    return "Traceback" not in voyage.errors and "unexpected" not in voyage.errors


@pytest.mark.parametrize("plan", TRANSFERS, ids=str)
def test_a_file_crosses_an_outage(plan: Plan, voyage: Voyage) -> None:
    assert voyage.code == 0, voyage.errors + voyage.served
    assert digest(voyage.arrived) == digest(voyage.payload)
    assert quiet(voyage), voyage.errors
    endured(plan, voyage)


RESUMED = [plan for plan in TRANSFERS if plan.client.name in ("curl-resumed", "wget-c")]


@pytest.mark.parametrize("plan", RESUMED, ids=str)
def test_what_an_outage_broke_off_is_resumed(plan: Plan, voyage: Voyage) -> None:
    """The first answer is the whole file, the last one the rest of it."""
    answers = re.findall(r'"GET /file HTTP/1.1" (\d+)', voyage.served)
    assert answers[0] == "200"
    assert answers[-1] == "206"


REAL = replace(CLIENTS["curl-put"], rate_bps=155 * MEGA, size_bytes=50 * MEGA)  # of the demo's terminals


@pytest.mark.parametrize("plan", [Plan(REAL, door, "real") for door in DOORS], ids=str)
def test_a_file_crosses_a_real_pass(plan: Plan, voyage: Voyage) -> None:
    """With acquisition, a cloud, loss of lock and acquisition again: 4.4 s without light in all."""
    assert voyage.code == 0, voyage.errors
    assert digest(voyage.arrived) == digest(voyage.payload)
    endured(plan, voyage)


@pytest.mark.parametrize("plan", [Plan(CLIENTS["iperf3-tcp"], door) for door in DOORS], ids=str)
def test_iperf3_over_tcp(plan: Plan, voyage: Voyage) -> None:
    """It has no file; its receiver has counted no more than the door has carried."""
    assert voyage.code == 0, voyage.errors
    result = measured(voyage)
    received = result["end"]["sum_received"]["bytes"]
    assert 0 < received < rows(plan, voyage)["up"]["delivered_bytes"]
    assert stood_still(result)


@pytest.mark.parametrize("plan", [Plan(CLIENTS["iperf3-udp"], door) for door in DOORS], ids=str)
def test_iperf3_over_udp(plan: Plan, voyage: Voyage) -> None:
    """A full queue loses datagrams in the dark: iperf3 counts gaps, and the door what it has dropped."""
    assert voyage.code == 0, voyage.errors
    result = measured(voyage)
    sent = result["end"]["sum"]["packets"]
    lost = result["end"]["sum"]["lost_packets"]  # of those before the last that came
    received = result["end"]["sum_received"]["bytes"] // zoo.IPERF3_BYTES
    up = rows(plan, voyage)["up"]
    proxied = plan.door == "proxy"
    dropped = up["dropped" if proxied else "queue_dropped_packets"]
    others = CONNECTING if proxied else up["offered_packets"] - sent  # exec has iperf3's TCP connection too
    assert 0 < lost <= dropped <= sent - received + others, (sent, lost, received, up)
    assert result["end"]["streams"][0]["udp"]["out_of_order"] == 0, "nothing came twice"
    assert stood_still(result)


def measured(voyage: Voyage) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(voyage.said)
    return result


def stood_still(result: dict[str, Any]) -> bool:
    """Whether iperf3's server saw nothing for a whole interval, and bytes before and after."""
    lines = re.findall(r"sec +([\d.]+) \w*Bytes .*bits/sec", result["server_output_text"])
    moved = [float(each) > 0.0 for each in lines]
    return False in moved and True in moved[: moved.index(False)] and True in moved[moved.index(False) :]
