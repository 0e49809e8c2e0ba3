"""What holds for every test: in CI nothing skips, for a test that skipped there has shown nothing.

`make test` has two workers (pytest-xdist, loadgroup). Tests that watch real time, or what the whole machine
holds, go one after the other in one of them, while the other does what is arithmetic.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

REAL = {"acceptance", "access", "blackbox", "control", "plugin", "record"}  # folders of tests in real time


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may skip: {report.longrepr}"
    return report


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in REAL or item.get_closest_marker("acceptance"):
            item.add_marker(pytest.mark.xdist_group("real time"))
