"""The watch sees each thing that must not be. It is told what nodes would do that did it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from linkemu.campaign.disk import Damage, SimulatedDisk
from linkemu.campaign.puts import content_of
from linkemu.campaign.stage import Stage
from linkemu.campaign.watch import Watch, order_of
from linkemu.scenario import Scenario, Transfer
from linkemu.telemetry import TransferState
from linkemu.transfer import report
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.report import Report, Section, State

STATION, SATELLITE = "oberpfaffenhofen", "iss"


class Scene:
    """A watch over the puts of the campaign's scenario, and a put of it to tell about."""

    def __init__(self, scenario: Scenario) -> None:
        self.now = 1.0
        self.watch = Watch(scenario, lambda: self.now, 2.0)
        self.put = next(each for each in scenario.transfers if each.name == "survey.bin")
        self.content = content_of(scenario, self.put)
        self.manifest = Manifest.of(self.put.name, self.content, scenario.transfer.chunk_bytes)
        self.watch.disks = {name: SimulatedDisk() for name in (STATION, SATELLITE)}

    def holds(self, node: str, content: bytes) -> None:
        self.watch.disks[node].install(Path(f"/{node}/{len(content)}"), content)

    def damages(self, node: str, chunk: int) -> None:
        """A bit of one chunk of the content, which the node holds, has changed."""
        path, at = Path(f"/{node}/{len(self.content)}"), self.manifest.offset(chunk) + 9
        self.holds(node, self.content)
        self.watch.damaged(node, self.watch.disks[node].damage(path, at))

    def states(self, durable: int, state: State = State.HELD, node: str = SATELLITE) -> None:
        """A report: the first chunks are durable, the others are not."""
        none = len(self.manifest.chunks) - durable
        section = Section(self.manifest.file_id, state, 0, durable, 0, none, 0, (), ())
        self.watch.overhear(node, report.encode(Report(1, 1, 1, 1, 1, 1, (section,))))

    def announces(self, state: Any, action: Any = "put", **changes: Any) -> None:
        fields: dict[str, Any] = {
            "node": STATION,
            "id": f"{action}-1",
            "action": action,
            "name": self.put.name,
            "satellite": SATELLITE,
            "state": state,
            "at_s": self.now,
            "size_bytes": len(self.content),
            "done_bytes": 0,
            "sha256": sha256(self.content).hexdigest(),
        }
        self.watch.observe(TransferState(**{**fields, **changes}))

    @property
    def seen(self) -> list[str]:
        return [each.what for each in self.watch.violations]


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage.scenario)


def test_what_is_stated_and_safe_is_fine(scene: Scene) -> None:
    scene.holds(SATELLITE, b"head" + scene.content + b"tail")
    scene.states(3)
    scene.states(5)
    scene.watch.restarted(SATELLITE)
    assert scene.seen == []


def test_what_is_stated_and_not_safe(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content[:8192])
    scene.states(1)
    assert scene.seen == []
    scene.states(2)
    assert scene.seen == ["acknowledged"]
    assert scene.watch.violations[0].node == SATELLITE


def test_what_was_stated_and_is_gone_after_a_crash(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content)
    scene.states(2)
    scene.watch.disks[SATELLITE] = SimulatedDisk()
    scene.watch.restarted(SATELLITE)
    assert scene.seen == ["acknowledged", "acknowledged"]


def test_what_is_stated_and_taken_back(scene: Scene) -> None:
    scene.holds(SATELLITE, b"among others: " + scene.content)
    scene.states(3)
    scene.states(2)
    assert scene.seen == ["took back"]


def test_what_is_declined_is_promised_no_more(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content)
    scene.states(3)
    scene.states(0, State.DECLINED)
    scene.watch.disks[SATELLITE] = SimulatedDisk()
    scene.watch.restarted(SATELLITE)
    assert scene.seen == []


def test_a_put_that_is_verified_and_not_in_orbit(scene: Scene) -> None:
    scene.announces("verified")
    assert set(scene.seen) == {"acknowledged"}


def test_a_put_that_is_verified_with_other_bytes(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content)
    scene.announces("verified", sha256="0" * 64)
    assert scene.seen == ["corrupt"]


def test_a_download_that_is_verified_and_wrong_on_disk(scene: Scene) -> None:
    scene.holds(STATION, scene.content[:-1] + b"?")
    scene.announces("verified", "get")
    assert scene.seen == ["corrupt"]


def test_a_download_that_is_gone_after_a_crash(scene: Scene) -> None:
    scene.holds(STATION, scene.content)
    scene.announces("verified", "get")
    assert scene.seen == []
    scene.watch.disks[STATION] = SimulatedDisk()
    scene.watch.restarted(STATION)
    assert scene.seen == ["corrupt"]


def test_custody_that_goes_back(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content)
    scene.announces("verified")
    scene.announces("sending")
    assert scene.seen == ["custody"]


def test_custody_that_begins_anew(scene: Scene) -> None:
    scene.announces("sending", times={"spooled": 1.0, "sending": 2.0})
    scene.announces("sending", times={"spooled": 1.0, "sending": 3.0})
    assert scene.seen == []
    scene.announces("spooled", times={"spooled": 4.0})
    assert scene.seen == ["custody"]


def test_acknowledgements_that_are_forgotten(scene: Scene) -> None:
    scene.announces("sending", done_bytes=16384)
    scene.announces("sending", done_bytes=16384)
    assert scene.seen == []
    scene.announces("sending", done_bytes=8192)
    assert scene.seen == ["custody"]


def test_acknowledgements_of_damaged_chunks_are_taken_back_and_of_no_others(scene: Scene) -> None:
    scene.damages(SATELLITE, chunk=1)
    scene.announces("sending", done_bytes=3 * 8192)
    scene.announces("sending", done_bytes=2 * 8192)
    assert scene.seen == []
    scene.announces("sending", done_bytes=0)
    assert scene.seen == ["custody"]


def test_a_put_that_resends_what_was_acknowledged(scene: Scene) -> None:
    scene.announces("sending", "get", resent_chunks=1)  # of a download: what the air has doubled
    assert scene.seen == []
    scene.announces("sending", resent_chunks=1)
    assert scene.seen == ["resent"]


def test_what_does_not_end(scene: Scene, stage: Stage) -> None:
    orders = frozenset(map(order_of, stage.scenario.transfers))
    scene.holds(SATELLITE, scene.content)
    scene.announces("verified")
    scene.watch.finish(orders)
    assert scene.seen == ["unfinished"] * (len(orders) - 1)


@pytest.mark.parametrize(("late_s", "seen"), [(1.0, []), (5.0, ["unfinished"])])
def test_a_download_may_be_refused_before_the_file_is_there(
    scene: Scene, late_s: float, seen: list[str]
) -> None:
    scene.holds(SATELLITE, scene.content)
    scene.announces("verified")
    scene.now += late_s
    scene.announces("failed", "get", problem="no such file in orbit")
    scene.watch.finish(frozenset({(STATION, "get", SATELLITE, scene.put.name)}))
    assert scene.seen == seen


def test_a_report_that_no_one_can_read(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content)
    section = Section(scene.manifest.file_id, State.HELD, 0, 1, 0, 0, 0, (), ())
    frame = bytearray(report.encode(Report(1, 1, 1, 1, 1, 1, (section,))))
    frame[-1] ^= 1
    scene.watch.overhear(SATELLITE, bytes(frame))
    assert scene.seen == ["exception"]


def test_a_put_of_a_file_of_the_operators(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"operator's bytes")
    put = Transfer(0.0, STATION, SATELLITE, "put", file, None, "a.bin", 0)
    assert content_of(replace(stage.scenario, transfers=(put,)), put) == b"operator's bytes"


def test_damage_excuses_the_loss_of_the_chunk_that_it_hit_and_of_no_other(scene: Scene) -> None:
    scene.states(0)
    scene.damages(SATELLITE, chunk=2)
    scene.states(3)  # not known yet
    scene.watch.restarted(SATELLITE)
    scene.states(2)
    assert scene.seen == []
    scene.states(1)
    assert scene.seen == ["took back"]


def test_damage_that_is_repaired_excuses_nothing_any_more(scene: Scene) -> None:
    scene.damages(SATELLITE, chunk=0)
    scene.states(1)
    scene.states(0)
    scene.holds(SATELLITE, scene.content)
    scene.states(1)
    scene.watch.disks[SATELLITE] = SimulatedDisk()
    scene.watch.restarted(SATELLITE)
    assert scene.seen == ["acknowledged"]


def test_damage_makes_no_wrong_bytes_right(scene: Scene) -> None:
    scene.damages(SATELLITE, chunk=0)
    scene.damages(STATION, chunk=0)
    scene.announces("verified", "get", sha256="0" * 64)
    assert scene.seen == ["corrupt"]


def test_a_download_that_was_damaged_on_its_disk_when_it_was_verified(scene: Scene) -> None:
    scene.damages(STATION, chunk=3)
    scene.announces("verified", "get")
    scene.watch.restarted(STATION)
    assert scene.seen == []


@pytest.mark.parametrize(
    ("node", "action", "problem", "seen"),
    [
        (SATELLITE, "get", "gone from orbit", []),
        (SATELLITE, "get", None, ["unfinished"]),  # it has to say why
        (SATELLITE, "put", "gone from orbit", ["unfinished"]),  # its station has the bytes
        (STATION, "put", "gone from the spool", []),
        (STATION, "get", "gone from the spool", []),
    ],
)
def test_damage_lets_the_transfers_fail_that_it_took_the_bytes_of(
    scene: Scene, node: str, action: str, problem: str | None, seen: list[str]
) -> None:
    order = frozenset({(STATION, action, SATELLITE, scene.put.name)})
    scene.holds(SATELLITE, scene.content)
    scene.damages(node, chunk=4)
    scene.announces("verified", "put", node="calern")  # it was in orbit for long
    scene.now += 20.0
    scene.announces("failed", action, problem=problem)
    scene.watch.finish(order)
    assert scene.seen == seen


def test_damage_lets_no_neighbour_fail_and_nothing_go_on_for_ever(scene: Scene) -> None:
    scene.damages(STATION, chunk=4)
    scene.announces("sending")
    scene.announces("failed", name="late.bin", problem="something", id="put-2")
    scene.watch.finish(frozenset((STATION, "put", SATELLITE, name) for name in (scene.put.name, "late.bin")))
    assert scene.seen == ["unfinished", "unfinished"]


def test_a_station_whose_journal_is_damaged_may_begin_anew_or_name_it_and_end(scene: Scene) -> None:
    scene.announces("sending", times={"spooled": 1.0}, done_bytes=8192)
    scene.watch.damaged(STATION, Damage(Path("/s/journal"), b"LKJ1 put-1", b"LKJ! put-1"))
    scene.announces("spooled", times={"spooled": 4.0})
    scene.watch.tell("refused", STATION, "FormatError: /s/journal: not a journal")
    scene.watch.finish(frozenset({(STATION, "put", SATELLITE, scene.put.name)}))
    assert scene.seen == []
    scene.watch.tell("refused", STATION, "FormatError: that was no journal")
    assert scene.seen == ["refused"]


def test_a_satellite_goes_on_whatever_is_damaged(scene: Scene) -> None:
    scene.watch.damaged(SATELLITE, Damage(Path("/s/journal"), b"LKJ1 put-1", b"LKJ! put-1"))
    scene.watch.tell("refused", SATELLITE, "FormatError: /s/journal: not a journal")
    assert scene.seen == ["refused"]


def test_a_download_that_is_done_is_stated_no_more(scene: Scene) -> None:
    scene.holds(STATION, scene.content)
    scene.states(3, node=STATION)
    scene.states(0, node=STATION)
    assert scene.seen == []


def test_what_was_stated_must_be_there_when_the_run_ends(scene: Scene) -> None:
    scene.holds(SATELLITE, scene.content)
    scene.states(2)
    scene.watch.finish(frozenset())
    assert scene.seen == []
    scene.watch.disks[SATELLITE] = SimulatedDisk()
    scene.watch.finish(frozenset())
    assert set(scene.seen) == {"acknowledged"}
