"""Both uploaders through the catalogue: the scenarios that come with linkemu, each an outage that was seen.

Of them those that a stream of bytes can meet: single datagrams are no concern of it, and what befalls our
nodes alone (a killed station, a wrong plan) leaves a door's sky clear.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import depot
import naive
import pytest
import resuming

import linkemu

DATA = random.Random(7).randbytes(6 << 20)  # 2.5 s of the catalogue's light
LONG_S = 5.0  # of dark that is waited for: longer than naive's patience
OF_DATAGRAMS = {
    *("corrupt-frames", "duplicates", "every-third-frame", "first-segment-last", "last-segment-first"),
    "reordering",
}
OF_NODES = {
    *("clock-skew", "disk-fails", "late-plan", "satellite-killed", "station-frozen", "station-killed"),
    *("store-bit-flips", "wrong-plan"),
}


def catalogue() -> list[str]:
    """Names of the scenarios, of the installed package or of a checkout."""
    package = Path(linkemu.__file__).parent
    rooms = (package / "configs" / "scenarios", package.parent / "configs" / "scenarios")
    return sorted(path.stem for room in rooms for path in room.glob("*.toml"))


def cases() -> list[object]:
    names = [name for name in catalogue() if name not in OF_DATAGRAMS | OF_NODES]
    return [pytest.param(id=name, marks=pytest.mark.linkemu(name, start="light")) for name in names]


@pytest.mark.parametrize("upload", [naive.upload, resuming.upload], ids=["naive", "resuming"])
@pytest.mark.parametrize((), cases())
def test_catalogue(upload, link):
    with depot.running() as server, ThreadPoolExecutor() as pool:
        door = link.tcp(server.port, name="files")  # the catalogue's faults of doors are those of "files"
        client = pool.submit(upload, door.host, door.port, "photo", DATA)
        while not wait([client], 0.5).done:
            skip_nights(link)
        client.result()
        assert bytes(server.files["/photo"]) == DATA


def skip_nights(link) -> None:
    """Don't wait for what is darker than a client's patience."""
    state = link.client.state()
    ways = [each[way] for each in state["links"] if each["link"] == link.name for way in ("up", "down")]
    dark = [way["until_s"] for way in ways if not way["has_light"] and way["until_s"] is not None]
    if dark and min(dark) - state["now_s"] > 2 * LONG_S:
        link.client.skip(min(dark) - LONG_S)
