"""``linkemu export`` and ``linkemu import`` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from linkemu.cli.main import app
from linkemu.link.timeline import Sky
from linkemu.plan import Plan

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "reference" / "demo.sky"
SUFFIXES = ("ionrc", "json", "ccp", "csv", "parquet", "czml")


def called(*arguments: object):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def document(*arguments: object):
    result = called(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_there_and_back_by_files(tmp_path, suffix):
    first, again, sky = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}", tmp_path / "a.sky"
    told = document("export", "--sky", DEMO, "--out", first)
    assert told["bytes"] == first.stat().st_size
    assert any(note["kind"] == "rounded" for note in told["notes"])
    said = document("import", first, "--out", sky, "--plans", tmp_path / "plans")
    assert said["links"] == [{"station": "koganei", "satellite": "iss"}]
    assert said["epoch"] == "2024-05-10T18:50:34+00:00"
    assert said["sky"] == Sky.load(sky).digest()
    assert {path.name for path in (tmp_path / "plans").iterdir()} == {"koganei.json", "iss.json"}
    assert Plan.from_json((tmp_path / "plans" / "iss.json").read_text()).windows
    assert document("export", "--sky", sky, "--out", again)["notes"] == []
    assert document("import", again, "--out", tmp_path / "b.sky")["sky"] == said["sky"]


@pytest.mark.parametrize(
    ("name", "links", "duration_s"),
    [
        ("ion-bench-cgr.ionrc", 4, 600.0),
        ("ion-ionrc-examples.ionrc", 1, 7561799.0),
        ("ion-two-node-ring.rc", 1, 3600.0),
        ("hdtn-routing-test.json", 6, 300.0),
        ("hdtn-cli-plan.json", 4, 2000.0),
    ],
)
def test_plans_from_the_documents_of_ion_and_hdtn(tmp_path, name, links, duration_s):
    said = document("import", DEMO.with_name(name), "--out", tmp_path / "x.sky")
    assert (len(said["links"]), said["duration_s"]) == (links, duration_s)
    assert Sky.load(tmp_path / "x.sky").digest() == said["sky"]


def test_a_picture_of_a_scenario_has_its_places(tmp_path):
    out = tmp_path / "demo.czml"
    result = called("export", ROOT / "configs" / "demo.toml", "--out", out)
    assert result.exit_code == 0
    assert "linkemu: rounded: light time" in result.stderr
    packets = {packet["id"]: packet for packet in json.loads(out.read_text())}
    assert list(packets) == [
        "document", "station/koganei", "satellite/iss", "link/koganei/iss/up", "link/koganei/iss/down"
    ]  # fmt: skip
    samples = np.array(packets["satellite/iss"]["position"]["cartesian"]).reshape(-1, 4)
    assert samples[:, 0].tolist() == [0.0, 15.0, 30.0, 45.0, 60.0, 75.0]
    height_m = np.linalg.norm(samples[:, 1:], axis=1) - 6_371_000
    assert ((height_m > 400_000) & (height_m < 440_000)).all()
    references = packets["link/koganei/iss/up"]["polyline"]["positions"]["references"]
    assert references == ["station/koganei#position", "satellite/iss#position"]


def test_a_part_of_a_sky_to_stdout():
    result = called("export", "--sky", DEMO, "--format", "ion", "--from", "20", "--for", "10 s")
    assert result.exit_code == 0
    assert "a contact +0 +10 1 2 19375000\n" in result.stdout


def test_traces_of_both_directions(tmp_path):
    (tmp_path / "lte.up").write_text("1\n2\n4\n")
    (tmp_path / "lte.down").write_text("1\n1\n3\n")
    sky = tmp_path / "lte.sky"
    arguments = ("--down", tmp_path / "lte.down", "--delay", "20 ms", "--loop", "2", "--link", "g:o")
    said = document("import", tmp_path / "lte.up", "--out", sky, *arguments)
    assert said["duration_s"] == 0.008
    for direction, text in (("up", "1\n2\n4\n5\n6\n8\n"), ("down", "1\n1\n3\n4\n4\n6\n")):
        result = called(
            "export", "--sky", sky, "--format", "mahimahi", "--link", "g,o", "--direction", direction
        )
        assert result.stdout == text
        assert "add mm-delay" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("import", "x.foo", "--out", "y"), "x.foo: its name tells no format"),
        (("import", "absent.csv", "--out", "y"), "absent.csv: can't be read"),
        (("import", "bad.ionrc", "--out", "y"), "bad.ionrc:2: rate is 'x'"),
        (("import", "bad.ionrc", "--format", "json", "--out", "y"), "--format: 'json' is not one of"),
        (("import", "bad.ionrc", "--out", "y", "--link", "a"), "--link: 'a' is no pair"),
        (("import", "bad.ionrc", "--out", "y", "--down", "bad.ionrc"), "--down: belongs to"),
        (("import", "bad.ionrc", "--out", "y", "--epoch", "noon"), "--epoch: 'noon' is not a time"),
        (("export", "--out", "x.csv"), "SCENARIO: expected"),
        (("export", "--sky", DEMO), "--out: expected a file"),
        (("export", "--sky", DEMO, "--format", "csv", "--json"), "--json: goes to stdout"),
        (
            ("export", "--sky", DEMO, "--out", "x.up"),
            "--link: a trace is of one direction: say --link STATION:SATELLITE and",
        ),
        (("export", "--sky", DEMO, "--out", "x.up", "--link", "a,b"), "--link: 'a,b' isn't in this sky"),
        (("export", "--sky", DEMO, "--out", "x.up", "--scale", "0"), "--scale: '0' is no factor"),
        (("export", "--sky", DEMO, "--out", "x.csv", "--step", "1 us"), "--step: '1 us' is below"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    Path("bad.ionrc").write_text("# x\na contact +0 +5 1 2 x\n")
    result = called(*arguments)
    assert result.exit_code == 2, result.stdout
    assert result.stderr.startswith(f"linkemu: {problem}")
    assert result.stderr.count("\n") == 1
    assert not Path("y").exists()
