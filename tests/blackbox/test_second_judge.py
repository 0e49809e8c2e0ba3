"""Three real passes before the second judge: what ping and iperf3 see agrees with Skyfield and the textbooks.

Bounds: round trip 0.1 ms, rate 2 %, edges 5 ms. ``python tests/blackbox/compare.py`` prints the figures.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from compare import PASSES
from judge import LIGHT_KM_S, Judge, quantity
from watch import LINKEMU

HERE = Path(__file__).parent
OURS = {"linkemu", "ground_station", "satellite_node", "tests"}


@pytest.fixture(scope="module")
def exec_works() -> None:
    missing = [name for name in ("ping", "iperf3") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not on PATH: {', '.join(missing)}")
    done = subprocess.run((*LINKEMU, "doctor", "exec"), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        pytest.skip("exec can't run here: linkemu doctor exec says why")


@pytest.mark.acceptance
@pytest.mark.alone
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_is_seen_as_the_second_judge_expects_it(exec_works: None, name: str, tmp_path: Path) -> None:
    findings = list(PASSES[name](tmp_path))
    assert len(findings) >= 5
    assert not [str(each) for each in findings if not each.agrees]


def test_the_judge_shares_no_code_with_linkemu() -> None:
    files = [HERE / f"{name}.py" for name in ("judge", "watch", "compare")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & OURS, f"{file.name}: {names}"
            assert not (isinstance(node, ast.Name) and node.id in {"__import__", "exec", "eval"}), file.name
    loads = "import sys, compare; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    line = (sys.executable, "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); {loads}")
    loaded = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "skyfield" in ast.literal_eval(loaded)
    assert not OURS & set(ast.literal_eval(loaded))


def test_light_goes_up_and_down_at_its_speed() -> None:
    judge = Judge(HERE / "iss-koganei.toml")
    for second in (80.0, 200.0, 320.0):
        straight_s = 2 * judge.range_m(second) / 1e3 / LIGHT_KM_S
        assert judge.round_trip_s(second) == pytest.approx(straight_s, rel=1e-4)
        assert judge.echo_s(second) - judge.round_trip_s(second) == pytest.approx(672 / 40e6 + 672 / 90e6)


def test_the_judge_refuses_what_it_cannot_know(tmp_path: Path) -> None:
    clouds = Judge(HERE / "fregat-perth.toml")
    between = clouds.passes()[1][0]  # a report of an overcast sky before, one of a clear sky after
    with pytest.raises(ValueError, match="don't say whether the sky is closed"):
        clouds.is_overcast(between)
    modes = Judge(HERE / "css-tenerife.toml")
    with pytest.raises(ValueError, match="too close to where the modes change"):
        for second in range(99, 194, 5):
            modes.rate_bps(second, "down")
    long = tmp_path / "long.toml"
    elements = str(HERE.parents[1] / "configs" / "elements")
    text = (HERE / "iss-koganei.toml").read_text().replace("../../configs/elements", elements)
    long.write_text(text.replace('duration = "1.2 s"', 'duration = "3.5 s"'))
    with pytest.raises(ValueError, match="costs the lock"):
        Judge(long).scripted()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1550 nm", 1.55e-6), ("30 urad", 3e-5), ("10 W", 40.0), ("-13 dBm", -13.0), ("90 Mbit/s", 9e7)],
)
def test_quantities_are_read_as_the_scenario_says_them(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)
