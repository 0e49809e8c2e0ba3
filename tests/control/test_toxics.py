"""What each toxic of Toxiproxy does to a link or to connections, and which can't be had."""

from __future__ import annotations

import pytest

from linkemu.control.toxics import Toxic, attributes, effect
from linkemu.errors import InputError


def toxic(kind: str, **given: int) -> Toxic:
    return Toxic("name", kind, "downstream", attributes(kind, given))


@pytest.mark.parametrize(
    ("asked", "does", "life_s"),
    [
        (toxic("latency", latency=40), {"delay_added_ns": 40_000_000}, None),
        (toxic("latency"), {}, None),
        (toxic("bandwidth", rate=100), {"rate_cap_bps": 800_000}, None),
        (toxic("bandwidth"), {"rate_cap_bps": 0}, None),
        (toxic("timeout"), {"rate_cap_bps": 0}, None),  # 0: it holds the bytes for ever
        (toxic("timeout", timeout=500), {"rate_cap_bps": 0}, 0.5),
        (toxic("reset_peer"), {}, 0.0),
        (toxic("reset_peer", timeout=2000), {}, 2.0),
    ],
)
def test_what_a_toxic_does(asked: Toxic, does: dict[str, int], life_s: float | None) -> None:
    assert (effect(asked), asked.life_s) == (does, life_s)


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        ("slicer", {}, "type: 'slicer' is not one of latency, bandwidth, timeout, reset_peer"),
        ("latency", {"latency": True}, "attributes.latency: expected a whole number"),
        ("latency", {"latency": 1.5}, "attributes.latency: expected a whole number"),
        (
            "latency",
            {"latency": 10_000_001},
            "attributes.latency: expected a whole number from 0 to 10000000",
        ),
        ("bandwidth", {"rate": -1}, "attributes.rate: expected a whole number"),
        ("latency", {"jitter": 1}, "attributes.jitter: only 0"),
        ("timeout", [1], "attributes: expected an object"),
    ],
)
def test_what_a_link_cannot_do_is_refused_by_name(kind: str, given: object, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        attributes(kind, given)
    assert str(refused.value).startswith(problem)
