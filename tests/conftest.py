"""What holds for every test: in CI nothing skips, for a test that skipped there has shown nothing.

`make test` has three workers (pytest-xdist). Tests that watch real time, or what the whole machine holds, go
one after the other in one of them, and the others give way to it; those that are marked `alone` have the
machine to themselves.
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

REAL_TIME = "real time"

# Folders of tests that watch real time, and the files in them that watch none.
REAL = {"acceptance", "access", "blackbox", "control"}
UNTIMED = {
    *("test_handover.py", "test_passes_against_skyfield.py", "test_virtual_day.py"),
    *("test_exec_laser.py", "test_exec_report.py", "test_exec_segments.py", "test_packet_overlays.py"),
    *("test_gauge_batches.py", "test_proxy_settings.py", "test_stream_overlays.py"),
    "test_tcp_serialiser.py",
}
LONG = (  # begun first, so that no worker is left with one of them at the end
    *("acceptance/test_virtual_day.py", "campaign/test_campaign_command.py", "plugin/test_examples.py"),
    *("campaign/test_campaign_bugs.py", "plugin/test_plugin.py", "record/test_recorded_rundoors.py"),
    *("cli/test_cli_demo.py", "conformance/test_node_conformance.py"),
)
NICE = 5  # of what watches no time, while something else does

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order in which the workers are to begin them."""
    items.sort(key=lambda item: _rank(_piece(item.nodeid)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that is marked `alone` waits for the other workers' tests, and they for it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return (yield)
    if _piece(item.nodeid) != REAL_TIME:
        os.nice(max(0, NICE - os.nice(0)))
    with _file(run, "gate").open("w") as gate, _file(run, "turn").open("w") as turn:
        fcntl.flock(gate, fcntl.LOCK_EX)  # whoever waits for its turn is overtaken by none
        fcntl.flock(turn, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    run = getattr(config, "workerinput", {}).get("testrunuid")
    if run is not None:
        for name in ("gate", "turn"):
            _file(run, name).unlink(missing_ok=True)


def _file(run: str, name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"linkemu-tests-{run}-{name}"


def _piece(nodeid: str) -> str:
    """All tests in real time are one piece of work, every other file is one."""
    file = nodeid.partition("::")[0]
    _, room, *rest = file.split("/")
    return REAL_TIME if room in REAL and rest[-1] not in UNTIMED else file


def _rank(piece: str) -> int:
    order = (REAL_TIME, *(f"tests/{file}" for file in LONG))
    return order.index(piece) if piece in order else len(order)


class _Pieces(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """A worker takes whole pieces, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return _piece(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Pieces:
    config.option.loadscopereorder = False
    return _Pieces(config, log)
