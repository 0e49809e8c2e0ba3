"""Where a test's link is recorded: one directory a test, emptied of what an earlier run of it has left.
Another beside it when the test plays a record.

A directory that somebody else has filled is never emptied.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from linkemu.errors import InputError, ResourceError

_SEAL = "linkemu-test"  # a file that says that the directory is ours
_LONGEST = 100


def room_of(root: Path, test: str, played: Path | None = None) -> Path:
    """A new directory for a test, by its node id; never one that holds the record that is ``played``.

    InputError if what is there isn't of this plugin.
    """
    room = root.absolute() / _name(test)
    if played is not None:
        room = room.with_name(f"{room.name}-again")
        while played.resolve().is_relative_to(room.resolve()):
            room = room.with_name(f"{room.name}-again")
    try:
        if room.exists():
            _empty(room)
        room.mkdir(parents=True)
        (room / _SEAL).write_text(test + "\n")
    except OSError as error:
        raise ResourceError(str(room), error.strerror or str(error)) from None
    return room


def discard(room: Path) -> None:
    """Remove a room that isn't kept."""
    _empty(room)


def _empty(room: Path) -> None:
    if not (room / _SEAL).is_file():
        raise InputError(str(room), "is not of linkemu's tests: choose another --linkemu-artefacts")
    shutil.rmtree(room)


def _name(test: str) -> str:
    """Readable, legal in a file system, and different for different tests."""
    plain = re.sub(r"[^\w.-]+", "-", test).strip("-.")
    if plain == test and len(plain) <= _LONGEST:
        return plain
    digest = hashlib.blake2b(test.encode(), digest_size=4).hexdigest()
    return f"{plain[-_LONGEST:].lstrip('-.')}-{digest}"
