"""Options that have no meaning beside others are refused, never passed over: all commands alike, 0 too."""

from __future__ import annotations

import pytest
from invoked import refusal

NO_DOOR = "is of the door to --to, which is missing"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("proxy doors --udp", f"--udp: {NO_DOOR}"),
        ("proxy doors --link koganei:iss", f"--link: {NO_DOOR}"),
        ("proxy doors --outage arq", f"--outage: {NO_DOOR}"),
        ("proxy doors --uplink server", f"--uplink: {NO_DOOR}"),
        ("proxy doors --listen 127.0.0.1:1", f"--listen: {NO_DOOR}"),
        ("passes demo --alt 0", "--alt: belongs to --tle, not to a scenario"),
        ("availability demo --cover 0", "--cover: belongs to --tle, not to a scenario"),
        (
            "fault --kind kill --node iss --share 0",
            "--share: is of faults of links, and kill is one of a node",
        ),
        ("fault --lift x --share 0", "--share: has no meaning with --lift"),
        ("fault --kind loss --every 2 --share 0", "--share: either --every or --share"),
    ],
)
def test_what_has_no_meaning_is_refused(line: str, said: str) -> None:
    assert refusal(*line.split()) == said
