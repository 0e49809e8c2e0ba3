"""A file that is replaced whole: after a crash or on a full disk it is the old or the new one, never torn.

For files of programs and tools, at once; the durable state of nodes goes through linkemu.disk. What the bytes
mean is not known here.
"""

from __future__ import annotations

import os
from pathlib import Path

from linkemu.errors import ResourceError


def put(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace ``path``, durable when this returns; a link is followed, a pipe or device is written to.

    ``mode`` of the file, less the umask. ResourceError if the system refuses; nothing is left then.
    """
    target = path.resolve()
    try:
        if path.exists() and not target.is_file():  # also what has no name, as /proc/self/fd/N of a memfd
            path.write_bytes(data)
            return
        draft = target.with_name(target.name + ".tmp")
        try:
            _write(draft, data, mode)
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        _sync(target.parent)
    except OSError as error:
        raise ResourceError(str(path), error.strerror or str(error)) from error


def _write(draft: Path, data: bytes, mode: int) -> None:
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
