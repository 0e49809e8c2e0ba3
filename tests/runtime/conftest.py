"""What a process asks of its system, seen from beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that was synced, as it was then called; the sync itself takes place."""
    files = list[Path]()
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        files.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return files
