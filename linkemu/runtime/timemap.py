"""Scenario time as a recorded, versioned, piecewise map of CLOCK_MONOTONIC (law 12).

Integers in and out; nothing here reads a clock. The emulator owns the map and persists each version before
anybody hears of it, so that after ``kill -9`` it resumes at the scenario time that the nodes live in.
CLOCK_MONOTONIC counts from the boot of one machine: a map of another boot is refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from linkemu import wholefile
from linkemu.errors import ClockError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Piece:
    """From ``monotonic_ns`` on, scenario time is scenario_ns + (monotonic - monotonic_ns) * rate."""

    monotonic_ns: int
    scenario_ns: int
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class TimeMap:
    """All pieces so far, in order; the last one is in force. ``version`` grows with every change."""

    pieces: tuple[Piece, ...]
    version: int = 1

    def scenario_ns(self, monotonic_ns: int) -> int:
        """Scenario time; before the first piece it stands still at its start."""
        piece = self.pieces[-1]
        elapsed_ns = max(0, monotonic_ns - piece.monotonic_ns)
        if piece.rate == 1.0:
            return piece.scenario_ns + elapsed_ns
        return piece.scenario_ns + int(elapsed_ns * piece.rate)

    def monotonic_ns(self, scenario_ns: int) -> int:
        """When the piece in force reaches ``scenario_ns`` (not before its own start)."""
        piece = self.pieces[-1]
        ahead_ns = max(0, scenario_ns - piece.scenario_ns)
        return piece.monotonic_ns + (ahead_ns if piece.rate == 1.0 else round(ahead_ns / piece.rate))

    def jump(self, monotonic_ns: int, scenario_ns: int) -> TimeMap:
        """The next version, where time goes on from ``scenario_ns`` at ``monotonic_ns``. Never backwards."""
        if scenario_ns < self.scenario_ns(monotonic_ns):
            raise ClockError(f"scenario time can't jump back to {scenario_ns / 1e9:.3f} s")
        piece = Piece(monotonic_ns, scenario_ns, self.pieces[-1].rate)
        return TimeMap((*self.pieces, piece), self.version + 1)

    def skipped_ns(self) -> int:
        """Scenario time jumped over so far."""
        pairs = zip(self.pieces, self.pieces[1:], strict=False)
        return sum(
            after.scenario_ns - TimeMap((before,)).scenario_ns(after.monotonic_ns) for before, after in pairs
        )

    def save(self, path: Path) -> None:
        """Put the map at ``path``, old or new after a crash, never torn."""
        content = {"boot": _boot_id(), "version": self.version, "pieces": [asdict(p) for p in self.pieces]}
        wholefile.put(path, (json.dumps(content) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> TimeMap | None:
        """The map at ``path``, None if there is none; ClockError if it is of another boot or unreadable."""
        try:
            content = json.loads(path.read_text())
            boot, version = content["boot"], int(content["version"])
            pieces = tuple(Piece(**piece) for piece in content["pieces"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ClockError(f"{path}: not a time map ({error!r})") from None
        if boot != _boot_id():
            raise ClockError(f"{path}: the machine was rebooted since; start the scenario afresh")
        return cls(pieces, version)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:  # not Linux: maps can't be told apart by boot
        return "unknown"
