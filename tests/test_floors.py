"""The floors of docs/architecture.md, held by the source itself: who imports whom, and who reads no clock."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {
    0: {
        "errors",
        "units",
        "rng",
        "trace",
        "machine",
        "disk",
        "sensor",
        "journal",
        "journalform",
        "wholefile",
    },
    1: {"orbit", "weather", "optics", "link", "transfer", "telemetry", "contract", "scenario", "plan"},
    2: {"schedule", "forecast", "record", "exchange"},
    3: {"runtime", "access", "study", "client"},
    4: {"ground_station", "satellite_node", "campaign", "control"},
    5: {"cli", "pytest_plugin"},
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
CORRIDORS = {("access", "runtime"), ("study", "runtime"), ("forecast", "schedule"), ("record", "schedule")}
BANNED_MODULES = {
    *("asyncio", "random", "secrets", "aiofiles", "aiomqtt", "socket", "selectors"),
    *("threading", "subprocess", "multiprocessing"),
}
BANNED_CALLS = {
    *(f"time.{name}{unit}" for name in ("time", "monotonic", "perf_counter") for unit in ("", "_ns")),
    *("time.sleep", "time.process_time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("os.urandom", "uuid.uuid1", "uuid.uuid4", "ts.now", "timescale.now"),
}
NUMPY_RANDOM = re.compile(r"(?:np|numpy)\.random\.(\w+)")
SEEDED = {"Philox", "SeedSequence"}  # all that is used of numpy.random below floor 3


SOURCES = [
    path
    for package in ("linkemu", "ground_station", "satellite_node")
    for path in sorted((ROOT / package).rglob("*.py"))
]


def room_of(module: str) -> str | None:
    """The room of a dotted module of ours; None for the empty linkemu/__init__ and for other packages."""
    top, _, rest = module.partition(".")
    if top in ("ground_station", "satellite_node"):
        return top
    return rest.partition(".")[0] or None if top == "linkemu" else None


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of each import, also inside functions; `from linkemu import units` is linkemu.units."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            module = node.module or ""
            if module == "linkemu":
                yield from (
                    (node.lineno, f"linkemu.{alias.name}") for alias in node.names if alias.name[0] != "_"
                )
            else:
                yield node.lineno, module


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each attribute chain, and of names imported from a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def wrong_imports(room: str, tree: ast.AST) -> list[str]:
    """What ``room`` imports though it stands beside or above it."""
    found = []
    for line, module in imports(tree):
        target = room_of(module)
        if target is None or target == room or (room, target) in CORRIDORS:
            continue
        if FLOOR[target] > FLOOR[room] or (FLOOR[target] == FLOOR[room] != 0):
            found.append(f"line {line}: {room} imports {target}")
    return found


def wrong_uses(tree: ast.AST) -> list[str]:
    """Clocks, randomness without a seed, and machinery of floor 3, in a file below it."""
    found = [f"line {n}: imports {m}" for n, m in imports(tree) if m.partition(".")[0] in BANNED_MODULES]
    for line, name in uses(tree):
        tail = ".".join(name.split(".")[-2:])
        if tail in BANNED_CALLS:
            found.append(f"line {line}: uses {name}")
        drawn = NUMPY_RANDOM.match(name)
        if name == "numpy.random" or (drawn and drawn[1] not in SEEDED):
            found.append(f"line {line}: uses {name}")
    return found


def parse(path: Path) -> tuple[str | None, ast.Module]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return room_of(module), ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    room, tree = parse(path)
    if room is None:
        assert not [module for _, module in imports(tree) if room_of(module)], "linkemu/__init__ stays empty"
        return
    assert room in FLOOR, f"room {room} stands on no floor: give it one here and in docs/architecture.md"
    assert wrong_imports(room, tree) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_below_the_runtime_there_is_no_clock_and_no_chance(path: Path) -> None:
    room, tree = parse(path)
    if room is not None and FLOOR[room] < 3:
        assert wrong_uses(tree) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_opens_with_its_law(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("link", "import linkemu.runtime.clock"),
        ("link", "from linkemu.optics import budget"),
        ("plan", "from linkemu import forecast"),
        ("runtime", "def late():\n    from linkemu.access import tcp"),
        ("ground_station", "import satellite_node.store"),
        ("runtime", "import ground_station"),
        ("forecast", "import linkemu.cli.main"),
    ],
)
def test_a_climb_is_seen(room: str, code: str) -> None:
    assert wrong_imports(room, ast.parse(code))


@pytest.mark.parametrize(
    "code", ["from linkemu import units, trace", "from linkemu.link.timeline import Sky"]
)
def test_a_descent_is_free(code: str) -> None:
    assert wrong_imports("forecast", ast.parse(code)) == []
    assert wrong_imports("link", ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio",
        "from asyncio import sleep",
        "import random",
        "import time\ntime.monotonic()",
        "from time import monotonic_ns",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "import os\nos.urandom(4)",
        "import numpy as np\nnp.random.default_rng()",
        "import numpy as np\nnp.random.rand(3)",
        "from numpy.random import default_rng",
        "from numpy import random",
        "import uuid\nuuid.uuid4()",
    ],
)
def test_a_clock_or_a_chance_is_seen(code: str) -> None:
    assert wrong_uses(ast.parse(code))


def test_seeded_bits_are_free() -> None:
    assert wrong_uses(ast.parse("import numpy as np\nnp.random.Philox(key=1).random_raw(3)")) == []


def test_a_data_plane_loads_nothing_that_reads_scenarios_or_checks_files() -> None:
    """Each proxy and exec starts a process of its own: what it needn't load, nobody waits for."""
    script = """
import sys, linkemu.access.dataplane, linkemu.access.exec_plane
print(*sorted({"pydantic", "linkemu.scenario", "linkemu.forecast", "asyncio", "uvicorn"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
