"""``linkemu exec`` before anything runs: which words are the scenario, and which are the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoked import refusal

from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction


@pytest.fixture
def sky(tmp_path: Path) -> Path:
    path = tmp_path / "flat.sky"
    Sky.of(*(constant("ogs", "sat", way, 10**6, 0.01, 60.0) for way in Direction)).save(path)
    return path


def test_with_a_sky_all_after_the_dashes_is_the_command(sky: Path) -> None:
    line = refusal("exec", "--sky", sky, "--", "nonesuch", "--sky", "other", "--", "more")
    assert line == "COMMAND: nonesuch: no such command"


def test_a_command_may_begin_before_the_dashes(sky: Path) -> None:
    """As with any program that takes them: ``exec SCENARIO ping -- -c 3``."""
    assert refusal("exec", sky, "nonesuch", "--", "-c") == "COMMAND: nonesuch: no such command"


@pytest.mark.parametrize(
    "words", [["--sky", "flat.sky"], ["flat.sky"], ["flat.sky", "--"], ["--sky", "x", "y"]]
)
def test_without_a_command_that_is_said(words: list[str]) -> None:
    assert refusal("exec", *words) == "COMMAND: is missing: what to run, after --"


def test_without_a_scenario_or_a_sky_that_is_said() -> None:
    assert refusal("exec", "--", "true").startswith("SCENARIO: expected a scenario file")
