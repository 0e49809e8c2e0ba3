"""The two Disks of a real machine: AioDisk under a real clock, InlineDisk under the virtual one.

Both make the same few system calls. AioDisk runs each call in one hop through aiofiles' threads, so that a
slow disk never holds up a link; InlineDisk runs it at once, so that the order of events has no outside cause.
Errors of the system become ResourceError here and nowhere else. What to store is not known here.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from aiofiles.os import wrap

from linkemu.disk import Buffer
from linkemu.errors import ResourceError

P = ParamSpec("P")
R = TypeVar("R")

_REASONS = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.EMFILE: "too many open files",
}


def refusal(path: Path | str, error: OSError) -> ResourceError:
    """What the system said, as our error: the path and a reason of a few words."""
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return ResourceError(str(path), reason.lower())


class InlineDisk:
    """A Disk whose every call is done when it returns; no other task runs meanwhile."""

    async def _run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return call(*args, **kwargs)

    async def _try(self, path: Path, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await self._run(call, *args, **kwargs)
        except OSError as error:
            raise refusal(path, error) from error

    async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        try:
            return await self._run(_read, path, offset, length)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise refusal(path, error) from error

    async def write(self, path: Path, data: Buffer, offset: int = 0) -> None:
        await self._try(path, _write, path, data, offset)

    async def append(self, path: Path, data: Buffer) -> None:
        await self._try(path, _append, path, data)

    async def truncate(self, path: Path, length: int) -> None:
        await self._try(path, os.truncate, path, length)

    async def sync(self, *paths: Path, cached: bool = True) -> None:
        for path in paths:
            await self._try(path, _sync, path, cached)

    async def replace(self, source: Path, target: Path) -> None:
        await self._try(target, os.replace, source, target)

    async def remove(self, path: Path) -> None:
        await self._try(path, path.unlink, missing_ok=True)

    async def make_directory(self, path: Path) -> None:
        await self._try(path, path.mkdir, parents=True, exist_ok=True)

    async def names(self, directory: Path) -> list[str]:
        return await self._try(directory, _names, directory)

    async def size(self, path: Path) -> int | None:
        return await self._try(path, _size, path)


class AioDisk(InlineDisk):
    """A Disk whose every call runs in aiofiles' threads while other tasks go on; best at 1 MiB a call."""

    async def sync(self, *paths: Path, cached: bool = True) -> None:
        """Side by side: file systems with a journal commit several files at the cost of one."""
        each = (super(AioDisk, self).sync(path, cached=cached) for path in paths)
        ends = await asyncio.gather(*each, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = await wrap(call)(*args, **kwargs)
        return result


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        if length < 0:
            return file.readall()
        parts = list[bytes]()
        while length > 0 and (part := file.read(length)):
            parts.append(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _write(path: Path, data: Buffer, offset: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            done = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[done:], offset + done
    finally:
        os.close(descriptor)


def _append(path: Path, data: Buffer) -> None:
    with path.open("ab", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def _sync(path: Path, cached: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        if not cached and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
