"""What holds for every test: in CI nothing skips, for a test that skipped there has shown nothing.

`make test` has two workers (pytest-xdist). Tests that watch real time, or what the whole machine
holds, go one after the other in one of them, while the other does what is arithmetic.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders of tests that watch real time.
REAL = {"acceptance", "access", "blackbox", "control"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may skip: {report.longrepr}"
    return report


class _RealTimeApart(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """All tests in real time are one piece of work, every other file is one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "real time" if file.split("/")[1] in REAL else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _RealTimeApart:
    return _RealTimeApart(config, log)
