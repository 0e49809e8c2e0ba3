"""What an emulator finds again after kill -9: its journal of live faults, torn or not."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from linkemu.errors import FormatError, ResourceError
from linkemu.link.fidelity import Fidelity, LinkFidelity
from linkemu.link.overlay import blackhole, outage
from linkemu.machine import Direction
from linkemu.runtime.records import Records
from linkemu.runtime.timemap import Piece, TimeMap

UP, DOWN = (0, Direction.UP), (0, Direction.DOWN)


def test_a_torn_line_is_cut_off_and_the_journal_goes_on(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.keep_overlays([(UP, outage(1, 5)), (DOWN, outage(1, 5))])
    whole = records.overlays_file.read_bytes()
    records.overlays_file.write_bytes(whole + whole[:-1])
    assert Records(tmp_path).overlays() == [(UP, outage(1, 5)), (DOWN, outage(1, 5))]
    assert records.overlays_file.read_bytes() == whole
    Records(tmp_path).keep_overlays([(UP, blackhole(7, name="later"))])
    assert Records(tmp_path).overlays()[2:] == [(UP, blackhole(7, name="later"))]


def test_a_torn_line_is_cut_off_without_writing_what_stands_before_it(tmp_path: Path) -> None:
    """So that neither a second crash nor a full disk can take the rest."""
    records = Records(tmp_path)
    records.keep_overlays([(UP, outage(1, 5))])
    whole = records.overlays_file.read_bytes()
    records.overlays_file.write_bytes(whole + b'{"over')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        found = records.overlays()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found == [(UP, outage(1, 5))]
    assert records.overlays_file.read_bytes() == whole


def test_the_last_word_on_a_fault_stands_in_the_place_of_the_first(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.keep_overlays([(UP, outage(1)), (DOWN, outage(1))])
    records.keep_overlays([(UP, outage(1, 4))])
    assert records.overlays() == [(UP, outage(1, 4)), (DOWN, outage(1))]


def test_no_journal_is_no_fault_and_none_that_is_no_journal_is_believed(tmp_path: Path) -> None:
    records = Records(tmp_path / "new" / "state")
    assert (records.overlays(), records.report(), records.time_map()) == ([], None, None)
    records.overlays_file.write_text("[]\n")
    with pytest.raises(FormatError, match="not a journal of live faults"):
        records.overlays()


def test_time_and_report_are_found_again_and_an_old_report_is_replaced(tmp_path: Path) -> None:
    records = Records(tmp_path)
    time_map = TimeMap((Piece(5, 0, 2.0),)).jump(1005, 10**9)
    records.keep_time_map(time_map)
    for at_s in (1.0, 2.0):
        records.keep_report(Fidelity("demo", at_s, (LinkFidelity("g", "s", "up"),), gaps=((0.5, 0.75),)))
    again = Records(tmp_path)
    assert again.time_map() == time_map
    assert again.report() == Fidelity("demo", 2.0, (LinkFidelity("g", "s", "up"),), gaps=((0.5, 0.75),))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fidelity.json", "timemap.json"]


def test_a_journal_that_can_not_be_written_is_one_error_and_takes_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.overlays_file.mkdir()
    with pytest.raises(ResourceError, match="overlays"):
        records.keep_overlays([(UP, outage(1, 5))])
    (tmp_path / "fidelity.json").mkdir()
    with pytest.raises(ResourceError, match="fidelity"):
        records.keep_report(Fidelity("demo", 0.0, ()))
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="file"):
        Records(tmp_path / "file")
