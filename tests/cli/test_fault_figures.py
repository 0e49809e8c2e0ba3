"""What `linkemu fault` makes of its options, without a session."""

from __future__ import annotations

from typing import Any

import pytest

from linkemu.cli.fault import Kind, Of, _duration, _effect
from linkemu.errors import InputError


@pytest.mark.parametrize(
    ("kind", "figures", "order"),
    [
        (Kind.OUTAGE, {}, {"rate_cap_bps": 0}),
        (Kind.BLACKHOLE, {}, {"erase_slots": {"every": 1}}),
        (Kind.LOSS, {"every": 3}, {"erase_slots": {"every": 3}}),
        (Kind.LOSS, {"share": 0.1}, {"erase_slots": {"share": 0.1}}),
        (Kind.CAP, {"rate": 1000}, {"rate_cap_bps": 1000}),
        (Kind.RATE, {"rate": 1000}, {"rate_bps": 1000}),
        (Kind.DELAY, {"delay": 0.05}, {"delay_ns": 50_000_000}),
        (Kind.REORDER, {"late": 0.02}, {"reorder": {"every": 1}, "late_ns": 20_000_000}),
        (Kind.DUPLICATE, {"every": 2}, {"duplicate": {"every": 2}}),
        (Kind.CORRUPT, {}, {"corrupt": {"every": 1}}),
    ],
)
def test_an_order_has_the_figures_that_were_given(
    kind: Kind, figures: dict[str, Any], order: dict[str, Any]
) -> None:
    assert _effect(kind, figures, Of.SLOTS) == order


def test_loss_may_be_of_datagrams() -> None:
    assert _effect(Kind.LOSS, {"every": 2}, Of.DATAGRAMS) == {"erase_datagrams": {"every": 2}}


@pytest.mark.parametrize(
    ("kind", "figures", "problem"),
    [
        (Kind.DELAY, {}, "--delay: is missing, which delay needs"),
        (Kind.OUTAGE, {"rate": 5}, "--rate: is no figure of outage"),
        (Kind.CAP, {"rate": 5, "every": 2}, "--every: is no figure of rate-cap"),
        (Kind.LOSS, {"every": 2, "share": 0.5}, "--share: either --every or --share"),
    ],
)
def test_a_figure_that_is_missing_or_belongs_elsewhere_is_one_line(
    kind: Kind, figures: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        _effect(kind, figures, Of.SLOTS)


def test_a_fault_lasts_for_some_time() -> None:
    assert _duration("--for")("250ms") == 0.25
    with pytest.raises(InputError, match=r"^--for: '0s': expected a time above 0"):
        _duration("--for")("0s")
