"""``linkemu exec`` at the door: what it refuses, in one line that names the option."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkemu.access.exec_order import Forward, Order
from linkemu.cli.main import app
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction

DEMO = Path(__file__).resolve().parents[2] / "configs" / "demo.toml"


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sky of two links, neither of which ever has light."""
    path = tmp_path_factory.mktemp("sky") / "dark.sky"
    ways = [
        constant("ogs", name, way, 1_000_000, 0.01, 60.0, dark=[(0.0, 60.0, Cause.CLOUD)])
        for name in ("a", "b")
        for way in Direction
    ]
    Sky.of(*ways).save(path)
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--forward", "80"], "--forward: '80' is not PORT=HOST:PORT"),
        (["--forward", "0=localhost:80"], "--forward: '0=localhost:80' is not PORT=HOST:PORT"),
        (["--forward", "80=localhost"], "--forward: 'localhost' is not HOST:PORT"),
        (["--queue", "1 kB"], "--queue: '1 kB' holds no packet"),
        (["--queue", "5"], "--queue"),
        (["--carrier", "pigeon"], "--carrier: 'pigeon' is not one of auto, tun, packet"),
        ([], "--link: there are several links, expected one of ogs:a, ogs:b"),
        (["--link", "ogs:c"], "--link: no link 'ogs:c'"),
        (["--link", "ogs:b", "--start-at", "soon"], "--start-at: 'soon' is neither"),
        (["--link", "ogs:b", "--start-at", "60"], "--start-at: 60 is not within the scenario"),
        (["--link", "ogs:b", "--start-at", "nan"], "--start-at: nan is not within the scenario"),
        (["--link", "ogs:b", "--start-at", "light"], "--start-at: this link never has light"),
        (["--link", "ogs:b", "--json", "/"], "--json: /: is a directory"),
        (
            ["--link", "ogs:b", "--json", "/no/such/place"],
            "--json: /no/such/place: its directory does",
        ),
    ],
)
def test_a_wrong_option_is_named(dark: Path, options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["exec", str(DEMO), "--sky", str(dark), *options, "--", "true"])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"linkemu: {said}")
    assert result.stderr.count("\n") == 1


def test_a_sky_stands_in_the_scenarios_place(dark: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["exec", str(dark), "--link", "ogs:b", "--start-at", "light", "--", "true"]
    )
    assert (result.exit_code, result.stderr) == (2, "linkemu: --start-at: this link never has light\n")
    torn = tmp_path / "torn.sky"
    torn.write_bytes(dark.read_bytes()[:-9])
    result = CliRunner().invoke(app, ["exec", str(torn), "--", "true"])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"linkemu: --sky: {torn}: not a sky file, or truncated")


def test_a_command_that_nobody_has() -> None:
    result = CliRunner().invoke(app, ["exec", str(DEMO), "--", "./nonesuch", "--help"])
    assert (result.exit_code, result.stderr) == (2, "linkemu: COMMAND: ./nonesuch: no such command\n")


@pytest.mark.parametrize("content", [b"", b"not a sky", bytes(4096)])
def test_a_file_that_is_no_sky(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.sky"
    file.write_bytes(content)
    result = CliRunner().invoke(app, ["exec", str(DEMO), "--sky", str(file), "--", "true"])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"linkemu: --sky: {file}: ")
    assert result.stderr.count("\n") == 1


def test_an_order_reads_as_it_was_written() -> None:
    order = Order(("a", "b c"), serve="d", forwards=(Forward(1, "h", 2),), link=3, carrier="packet")
    assert Order.from_json(order.to_json()) == order
