"""A small recorded run for the tests of this room: eight seconds of a real pass, one file up and down."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from linkemu import scenario as scenarios
from linkemu.forecast import Forecast, forecast
from linkemu.record.chain import ChainWriter
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime import past
from linkemu.runtime.composed import Result, run_virtual
from linkemu.scenario import Scenario
from tests import one_pass

CONFIGS = Path(__file__).parents[2] / "configs"
TEXT = one_pass.text(
    8,
    """
mask = "20 deg"
[clock]
mode = "virtual"
[[transfer]]
station = "koganei"
satellite = "iss"
action = "put"
file = "letter.txt"
[[transfer]]
at = "1 s"
station = "koganei"
satellite = "iss"
action = "put"
size = "100 kB"
name = "made.bin"
""",
    elements="stations.tle",
)


def scenario(room: Path) -> Scenario:
    """The scenario with its files, in a directory of their own."""
    room.mkdir(parents=True, exist_ok=True)
    (room / "stations.tle").write_bytes(one_pass.ELEMENTS.read_bytes())
    (room / "letter.txt").write_text("a letter\n" * 500)
    (room / "small.toml").write_text(TEXT)
    return scenarios.load(room / "small.toml")


def played_of(read: Scenario) -> Played:
    made = forecast(read)
    return Played(made.sky, read, made.epoch, made.plans)


def run(played: Played, sink: ChainWriter | None = None) -> Result:
    """Play it under the virtual clock."""
    assert played.scenario is not None
    assert played.epoch is not None
    return run_virtual(
        played.scenario,
        compiled=Forecast(played.epoch, played.sky, played.plans, (), (), ()),
        trace_sink=None if sink is None else sink.write,
        faults=past.overlays(played.faults),
    )


def recorded(directory: Path, played: Played) -> Result:
    """Play it and record it."""
    recording = Recording.begin(directory, "run", played, Pace("virtual"))
    chain = ChainWriter(recording.trace("run"))
    result = run(played, chain)
    chain.close()
    recording.finish(transfers=[asdict(each) for each in result.transfers], fidelity=asdict(result.fidelity))
    return result
