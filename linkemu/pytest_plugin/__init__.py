"""The pytest plugin: a marker that names a sky, and the fixture ``link`` that leads any client through it.

    @pytest.mark.linkemu("demo")
    def test_upload(link): ...

Only pytest's hooks live here (docs/testing-clients.md says what users see). This module is imported whenever
pytest starts, so it imports nothing of linkemu until a test asks for a link.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from linkemu.pytest_plugin.playing import PlayedLink

MARKER = "linkemu"
_OPTIONS = ("--linkemu-artefacts", "--linkemu-keep", "--linkemu-replay")
_FAILED = pytest.StashKey[bool]()
_LINK = pytest.StashKey["PlayedLink"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("linkemu", "clients on a laser link (linkemu)")
    artefacts, keep, replay = _OPTIONS
    group.addoption(artefacts, metavar="DIR", help="record links there (default: .linkemu/tests)")
    group.addoption(
        keep, choices=("all", "failed"), default="all", help="whose links are kept (default: all)"
    )
    group.addoption(replay, metavar="DIR", help="play this recorded link instead of what the markers say")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(source, **options): what the fixture `link` plays (docs/testing-clients.md)"
    )


@pytest.fixture
def link(request: pytest.FixtureRequest) -> Iterator[PlayedLink]:
    """A link to orbit, as the test's marker says: doors for clients, faults, time."""
    from linkemu.errors import LinkemuError
    from linkemu.pytest_plugin import source
    from linkemu.pytest_plugin.artefacts import room_of
    from linkemu.pytest_plugin.playing import PlayedLink

    config, item = request.config, request.node
    told = _told(item)
    kept = config.getoption(_OPTIONS[2])
    again = None if kept is None else Path(kept)
    root = Path(config.getoption(_OPTIONS[0]) or config.rootpath / ".linkemu/tests")
    try:
        room = room_of(root, item.nodeid, again)
        found = source.find(told, (item.path.parent, config.rootpath), again)
        playing = PlayedLink(found, room, item.nodeid)
    except LinkemuError as error:
        raise pytest.fail.Exception(f"linkemu: {error}", pytrace=False) from None
    item.stash[_LINK] = playing
    try:
        yield playing
    finally:
        is_kept = config.getoption(_OPTIONS[1]) == "all" or item.stash.get(_FAILED, False)
        playing.close(keep=is_kept)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell with a failure how to meet the same sky again."""
    report = yield
    playing = item.stash.get(_LINK, None)
    if playing is not None and report.failed and call.when != "teardown":
        item.stash[_FAILED] = True
        report.sections.append(("linkemu", playing.words()))
    return report


def _told(item: Any) -> dict[str, Any]:
    """What the nearest marker says, as keyword arguments; a bare one inherits nothing from others."""
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        pytest.fail(
            '`link` needs a sky: mark the test with @pytest.mark.linkemu("demo"), or '
            '@pytest.mark.linkemu(rate="10 Mbit/s")',
            pytrace=False,
        )
    if len(marker.args) > 1:
        pytest.fail("the marker linkemu takes one source, the rest by keyword", pytrace=False)
    return {**({"source": marker.args[0]} if marker.args else {}), **marker.kwargs}
