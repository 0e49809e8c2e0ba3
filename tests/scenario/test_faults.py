"""``[[fault]]``: every kind is read with the keys that are its own, and docs/faults.md tells each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import ScenarioError
from linkemu.machine import Direction
from linkemu.scenario import Scenario, loads
from linkemu.scenario.fault_shape import ALWAYS, KEYS
from linkemu.scenario.model import Trouble

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")
(BASE,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
DOOR = '\n[[door]]\nid = "web"\nto = "127.0.0.1:8000"\n'
VALUES = {
    "start": '"4 s"', "duration": '"20 s"', "station": '"koganei"', "satellite": '"iss"', "direction": '"up"',
    "known": "true", "node": '"iss"', "door": '"web"', "every": "3", "share": "0.5", "of": '"datagrams"',
    "rate": '"1 Mbit/s"', "delay": '"50 ms"', "added": '"1 ms"', "late": '"9 ms"', "period": '"5 s"',
    "length": '"1 s"', "depth": '"3 dB"', "shift": '"-2 s"', "drift_ppm": "40.5", "count": "2",
}  # fmt: skip
FIGURES = {
    "start": ("start_s", 4.0), "duration": ("duration_s", 20.0), "station": ("station", "koganei"),
    "satellite": ("satellite", "iss"), "direction": ("direction", Direction.UP), "node": ("node", "iss"),
    "door": ("door", "web"), "every": ("every", 3), "share": ("share", 0.5), "of": ("of", "datagrams"),
    "rate": ("rate_bps", 1_000_000), "delay": ("delay_s", 0.05), "added": ("added_s", 0.001),
    "late": ("late_s", 0.009), "period": ("period_s", 5.0), "length": ("length_s", 1.0),
    "depth": ("depth_dB", 3.0), "shift": ("shift_s", -2.0), "drift_ppm": ("drift_ppm", 40.5),
    "count": ("count", 2),
}  # fmt: skip
APART = ({"every", "share"}, {"delay", "added"})


def load(**keys: str) -> Scenario:
    rows = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return loads(f"{BASE}{DOOR}\n[[fault]]\n{rows}", ROOT / "configs" / "x.toml")


def fault(kind: str, keys: set[str]) -> Scenario:
    return load(kind=f'"{kind}"', **{key: VALUES[key] for key in sorted(keys)})


def trouble(kind: str, keys: set[str]) -> Trouble:
    """What a fault of these keys is to be read as."""
    figures = dict(FIGURES[key] for key in keys)
    return Trouble(kind, **{"start_s": 0.0, "duration_s": None, **figures})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_every_kind_is_read_and_told(kind: str) -> None:
    needed, possible = KEYS[kind]
    keys = {*needed, *possible, *(() if kind in ALWAYS else ("start",))}
    for one, other in APART:
        keys -= {other} if one in keys else set()
    scenario = fault(kind, keys)
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{kind}`" in line.split("|")[1]]
    assert rows, "docs/faults.md doesn't tell this kind"
    told = set(re.findall(r"`(\w+)[` ]", rows[0])) | {"start", "station", "satellite", "direction"}
    assert {*needed, *possible} - told <= {"share"}
    if kind == "blackout":
        assert scenario.faults[-1].direction is Direction.UP and scenario.faults[-1].known
    elif kind == "cloud":
        assert [(c.start_s, c.duration_s) for c in scenario.clouds[1:]] == [
            (4.0, 1.0), (9.0, 1.0), (14.0, 1.0), (19.0, 1.0),
        ]  # fmt: skip
    of_timelines = kind in ("blackout", "cloud")
    assert scenario.troubles == (() if of_timelines else (trouble(kind, keys),))


@pytest.mark.parametrize(("kind", "key"), [("loss", "share"), ("delay", "added")])
def test_what_stands_instead_of_another_figure_is_read_too(kind: str, key: str) -> None:
    keys = {*KEYS[kind][0], "start", key}
    assert fault(kind, keys).troubles == (trouble(kind, keys),)


@pytest.mark.parametrize(
    ("kind", "keys", "problem"),
    [
        ("fades", {"start", "station", "satellite", "duration"}, "length is missing, which kind = \"fades\""),
        ("kill", {"node"}, "start is missing"),
        ("clock", {"node", "start", "shift"}, 'kind = "clock" has no start, only drift_ppm, node, shift'),
        ("clock", {"node"}, "a clock takes shift, drift_ppm or both"),
        ("rate", {"start", "duration", "station", "satellite", "rate", "every"}, "has no every, only"),
        ("loss", {"start", "duration", "station", "satellite", "every", "share"}, "either every or share"),
        ("delay", {"start", "duration", "station", "satellite"}, "a delay takes either delay or added"),
        ("delay", {"start", "duration", "station", "satellite", "delay", "added"}, "either delay or added"),
        ("cloud", {"start", "duration", "station", "period"}, "period and length go together"),
    ],
)  # fmt: skip
def test_keys_of_other_kinds_are_refused(kind: str, keys: set[str], problem: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(problem)):
        fault(kind, keys)


@pytest.mark.parametrize(
    ("period", "length", "problem"),
    [
        ('"5 s"', '"5 s"', "length must be below period"),
        ('"5 s"', '"4.999 s"', None),
        ('"2 ms"', '"1 ms"', None),  # 10000 of them in 20 s
        ('"1.99 ms"', '"1 ms"', "more than 10000 periods"),
    ],
)
def test_a_train_of_clouds_has_gaps_and_an_end(period: str, length: str, problem: str | None) -> None:
    keys = {"kind": '"cloud"', **{key: VALUES[key] for key in ("start", "duration", "station")}}
    if problem is None:
        assert len(load(**keys, period=period, length=length).clouds) > 4
    else:
        with pytest.raises(ScenarioError, match=problem):
            load(**keys, period=period, length=length)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"kind": '"meteor"'}, r"fault\[0\]\.kind"),
        ({"kind": '"kill"', "node": '"mars"', "start": '"1 s"'}, r"fault\[0\]\.node: no node \"mars\""),
        ({"kind": '"reset"', "door": '"ftp"', "start": '"1 s"'}, r"fault\[0\]\.door: no door \"ftp\""),
        ({"kind": '"kill"', "node": '"iss"', "start": '"9 h"'}, "is not before the scenario's end"),
    ],
)
def test_what_is_not_there_is_named(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        load(**keys)


def test_the_page_s_example_loads() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    scenario = loads(BASE + example, ROOT / "configs" / "x.toml")
    assert [each.kind for each in scenario.troubles] == ["loss", "kill"]


@given(st.sampled_from(sorted(KEYS)), st.sets(st.sampled_from(sorted(VALUES))))
def test_any_set_of_keys_is_a_fault_or_a_complaint(kind: str, keys: set[str]) -> None:
    try:
        scenario = fault(kind, keys)
    except ScenarioError as error:
        assert "fault[0]" in str(error) and "\n" not in str(error)
    else:
        assert KEYS[kind][0] <= keys
        assert len(scenario.troubles) + len(scenario.faults) + len(scenario.clouds) >= 2
