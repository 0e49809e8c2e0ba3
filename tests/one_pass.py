"""A scenario as text: a pass of the ISS over Koganei, as in the demo. A test adds what is its own."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELEMENTS = ROOT / "configs" / "elements" / "stations_2024-05-09.tle"
MASKED = 'mask = "20 deg"\nhttp = "127.0.0.1:0"\n'


def text(
    duration_s: float,
    *more: str,
    seed: int = 7,
    start: str = "2024-05-10T18:50:34Z",
    elements: str | Path = ELEMENTS,
) -> str:
    """Ends with the table of the station: ``more`` may go on with it, and open tables of its own."""
    return f"""
seed = {seed}
start = "{start}"
duration = "{duration_s} s"
elements = ["{elements}"]
[[satellite]]
id = "iss"
norad = 25544
terminal = "illuma-t"
[[station]]
id = "koganei"
preset = "nict-koganei"
terminal = "ogs-illuma"
{"".join(more)}"""
