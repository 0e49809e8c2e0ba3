"""Where results are to go, looked at before they cost anything: an InputError now, not when all is computed.

What happens to a place between the look and the writing is told by whoever writes.
"""

from __future__ import annotations

import os
from pathlib import Path

from linkemu.errors import InputError


def check_file(file: Path | None, option: str) -> None:
    """That it can be written, new or in the place of another; nothing to check without one."""
    if file is None:
        return
    if file.is_dir() or not file.parent.is_dir():
        problem = "is a directory" if file.is_dir() else "its directory doesn't exist"
        raise InputError(option, f"{file}: {problem}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise InputError(option, f"{file}: permission denied")


def check_directory(directory: Path | None, option: str) -> None:
    """That it is one that can be written to, or can be made."""
    if directory is None:
        return
    there = next(each for each in (directory, *directory.absolute().parents) if each.exists())
    if not there.is_dir():
        raise InputError(option, f"{there}: is not a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(option, f"{there}: permission denied")
