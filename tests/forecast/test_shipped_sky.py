"""A sky that was shipped: it plays alike everywhere, and today's forecast of its scenario is still the same.

With the pinned numpy and scipy the forecast gives the very file. With others, by the last bit of their
arithmetic, at most one value in a million may differ, and by one quantum.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import numpy as np

from linkemu import scenario
from linkemu.forecast import forecast
from linkemu.link.player import Player
from linkemu.link.timeline import Sky
from linkemu.machine import Direction

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "tests" / "reference" / "demo.sky"
DIGEST = "2e9f3924323d2467d13f8c779b2f3b5baa8d29291140d88afcc4ed69d9da5415"
PLAYED = "30a922b1b2d94c99f8bd4cacd3bf74ca"
PINNED = {"numpy": "2.4.6", "scipy": "1.17.1"}
QUANTUM = {"power_dBm": 1e-3, "margin_dB": 1e-3, "elevation_deg": 1e-4, "azimuth_deg": 1e-4}


def played(sky: Sky) -> str:
    """Hash of when each of a train of frames is due, both ways: lost ones are missing from it."""
    player, digest = Player(sky), blake2b(digest_size=16)
    for number in range(20_000):
        now_ns = number * 3_000_000
        for direction in Direction:
            player.offer(0, direction, number.to_bytes(4, "big") + bytes(8_188), now_ns)
        for arrival in player.due(now_ns):
            line = (
                f"{arrival.direction.value} {arrival.delivery.due_ns} {arrival.delivery.datagram[:4].hex()}"
            )
            digest.update(line.encode())
    return digest.hexdigest()


def test_a_shipped_sky_plays_alike_everywhere() -> None:
    sky = Sky.load(SHIPPED)
    assert sky.digest() == DIGEST
    assert played(sky) == PLAYED


def test_the_forecast_still_gives_the_shipped_sky() -> None:
    shipped, now = Sky.load(SHIPPED), forecast(scenario.load(ROOT / "configs" / "demo.toml")).sky
    if {name: version(name) for name in PINNED} == PINNED:
        assert now.digest() == DIGEST
    for key, then in shipped.timelines.items():
        for name in ("edge_ns", "rate_bps", "cause", "erased_slot", "erased_count", "sample_ns"):
            assert np.array_equal(getattr(now.timelines[key], name), getattr(then, name)), (key, name)
        for name in ("delay_s", "range_m", "range_rate_mps", *QUANTUM):
            new, old = getattr(now.timelines[key], name), getattr(then, name)
            off = ~np.isclose(new, old, rtol=1e-12, atol=0.0, equal_nan=True)
            assert off.sum() <= max(1, off.size // 1_000_000), (key, name)
            assert np.allclose(new, old, rtol=1e-9, atol=QUANTUM.get(name, 0.0), equal_nan=True), (key, name)
