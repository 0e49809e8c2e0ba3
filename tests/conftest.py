"""What holds for every test: in CI nothing skips, for a test that skipped there has shown nothing.

`make test` has two workers (pytest-xdist). Tests that watch real time, or what the whole machine holds, go
one after the other in one of them; those that are marked `alone` have the machine to themselves.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# Folders of tests that watch real time, and the files in them that watch none.
REAL = {"acceptance", "access", "blackbox", "control"}
UNTIMED = {
    *("test_handover.py", "test_passes_against_skyfield.py", "test_virtual_day.py"),
    *("test_exec_laser.py", "test_exec_report.py", "test_exec_segments.py", "test_packet_overlays.py"),
    *("test_gauge_batches.py", "test_proxy_settings.py", "test_stream_overlays.py"),
    "test_tcp_serialiser.py",
}

settings.register_profile("linkemu", deadline=None)  # 200 ms an example tell of the neighbours, not of us
settings.load_profile("linkemu")
os.environ.pop("COLUMNS", None)  # xdist tells its workers how wide the terminal is; a pipe has no width


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may skip: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that is marked `alone` waits for the other workers' tests, and they for it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return (yield)
    with (Path(tempfile.gettempdir()) / f"linkemu-tests-{run}").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    run = getattr(config, "workerinput", {}).get("testrunuid")
    if run is not None:
        (Path(tempfile.gettempdir()) / f"linkemu-tests-{run}").unlink(missing_ok=True)


class _RealTimeApart(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """All tests in real time are one piece of work, every other file is one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        _, room, *rest = file.split("/")
        return "real time" if room in REAL and rest[-1] not in UNTIMED else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _RealTimeApart:
    return _RealTimeApart(config, log)
