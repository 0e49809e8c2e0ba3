"""One recorded run for the whole room; whoever changes it makes a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkemu.record.played import Played
from linkemu.runtime.composed import Result
from tests.record import made


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """What is played."""
    return made.played_of(made.scenario(tmp_path_factory.mktemp("inputs")))


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory, small: Played) -> tuple[Path, Result]:
    """Its directory, and what came of it."""
    directory = tmp_path_factory.mktemp("records") / "small"
    return directory, made.recorded(directory, small)
