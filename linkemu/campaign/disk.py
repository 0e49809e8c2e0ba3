"""A Disk in memory that fails like real ones: power cuts, torn writes, lost syncs, no room, bad sectors.

Data and names are durable only after their ``sync``. ``power_cut_at`` stops everything at the n-th call,
which may then be half done, and tells ``on_power_cut``. After ``reboot`` a file holds its synced bytes with
some of the later writes, torn anywhere, and a directory its synced names with the first few of the later
changes. ``rot`` and ``lose_sectors`` damage what is durable: a flipped bit is read as if it were right, a
lost sector gives an input/output error until it is written anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from linkemu.campaign.medium import SECTOR_BYTES, Change, File
from linkemu.disk import Buffer
from linkemu.errors import ResourceError


class PowerCut(BaseException):
    """The machine is off; nothing in the program may catch it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file whose durable bytes a fault has changed, and what they were."""

    path: Path
    before: bytes
    after: bytes


class SimulatedDisk:
    """``capacity``: bytes before the device is full. ``lost_syncs``: sync says yes and does nothing.

    ``pause``, if any, is awaited before each call takes effect: other tasks go on meanwhile, as beside a real
    disk.
    """

    def __init__(self, capacity: int | None = None, *, lost_syncs: bool = False) -> None:
        self.capacity = capacity
        self.lost_syncs = lost_syncs
        self.read_only = False
        self.calls = 0
        self.power_cut_at: int | None = None
        self.on_power_cut: Callable[[], None] | None = None
        self.pause: Callable[[], Awaitable[None]] | None = None
        self._files: dict[Path, File] = {}
        self._durable: dict[Path, File] = {}
        self._changes: dict[Path, list[tuple[Path, File | None]]] = {}  # by directory, since its sync
        self._directories: set[Path] = set()
        self._random = Random(0)

    def reboot(self, seed: int = 0) -> None:
        """Power returns: decide by the seed what the cut has left."""
        random = Random(seed)
        for changes in self._changes.values():
            for path, file in changes[: random.randint(0, len(changes))]:
                self._put(self._durable, path, file)
        self._changes.clear()
        self._files = dict(self._durable)
        for file in dict.fromkeys(self._files.values()):  # in an order that no memory address decides
            file.cut(random)
        self.power_cut_at = None

    async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        await self._pause()
        self._step()
        if path not in self._files:
            raise FileNotFoundError(str(path))
        file = self._files[path]
        end = len(file.data) if length < 0 else offset + length
        if file.lost.within(offset, end):
            raise ResourceError(str(path), "input/output error")
        return bytes(file.data[offset:end])

    async def write(self, path: Path, data: Buffer, offset: int = 0) -> None:
        await self._pause()
        last = self._step()
        self._refuse_if_read_only(path)
        file = self._file(path)
        piece = bytes(data)
        if last:
            piece = piece[: self._random.randint(0, len(piece))]
        room = self._room(file, offset + len(piece))
        self._change(file, (offset, piece[: len(piece) - max(0, -room)]))
        if room < 0:
            raise ResourceError(str(path), "no space left on the device")
        self._end(last)

    async def append(self, path: Path, data: Buffer) -> None:
        await self.write(path, data, len(self._files[path].data) if path in self._files else 0)

    async def truncate(self, path: Path, length: int) -> None:
        await self._pause()
        last = self._step()
        self._refuse_if_read_only(path)
        self._change(self._existing(path), length)
        self._end(last)

    async def sync(self, *paths: Path, cached: bool = True) -> None:
        for path in paths:
            await self._pause()
            self._sync(path)

    def _sync(self, path: Path) -> None:
        self._end(self._step())  # at a cut the sync has not happened
        if self.lost_syncs:
            return
        if path in self._directories:
            for name, file in self._changes.pop(path, []):
                self._put(self._durable, name, file)
            return
        self._existing(path).settle()

    async def replace(self, source: Path, target: Path) -> None:
        await self._pause()
        last = self._step()
        self._refuse_if_read_only(target)
        file = self._existing(source)
        self._name(target, file)
        self._name(source, None)
        self._end(last)

    async def remove(self, path: Path) -> None:
        await self._pause()
        last = self._step()
        if path in self._files:
            self._refuse_if_read_only(path)
            self._name(path, None)
        self._end(last)

    async def make_directory(self, path: Path) -> None:
        await self._pause()
        self._step()
        self._refuse_if_read_only(path)
        self._directories |= {path, *path.parents}

    async def names(self, directory: Path) -> list[str]:
        await self._pause()
        self._step()
        return sorted(path.name for path in self._files if path.parent == directory)

    async def size(self, path: Path) -> int | None:
        await self._pause()
        self._step()
        return len(self._files[path].data) if path in self._files else None

    def survivors(self) -> Iterator[bytes]:
        """The bytes of each file that a power cut now would at least leave: synced data under synced
        names."""
        for file in self._durable.values():
            yield file.durable

    def install(self, path: Path, data: bytes) -> None:
        """Put a durable file there, as if it had always been."""
        file = File(bytearray(data), bytes(data))
        self._files[path] = self._durable[path] = file
        self._directories |= set(path.parents)

    @property
    def used_bytes(self) -> int:
        return sum(len(each.data) for each in self._files.values())

    def rot(self, seed: int) -> Damage | None:
        """Flip a bit of a durable file, both by the seed; None if there is no byte to rot."""
        random = Random(seed)
        path = self._any_durable(random)
        if path is None:
            return None
        offset = random.randrange(len(self._files[path].data))
        return self.damage(path, offset, random.randrange(8))

    def lose_sectors(self, seed: int, count: int) -> Damage | None:
        """So many sectors of a durable file, both by the seed, can't be read; None if there is none."""
        random = Random(seed)
        path = self._any_durable(random)
        if path is None:
            return None
        size = len(self._files[path].data)
        start = random.randrange(0, size, SECTOR_BYTES)
        return self.lose(path, start, min(start + count * SECTOR_BYTES, size))

    def lose(self, path: Path, start: int, end: int) -> Damage:
        """From now on these bytes can't be read; what they were is gone."""
        file = self._files[path]
        before = file.durable
        file.data[start:end] = bytes(byte ^ 0xFF for byte in file.data[start:end])
        file.lost.add(start, end)
        file.settle()
        return Damage(path, before, file.durable)

    def damage(self, path: Path, offset: int, bit: int = 0) -> Damage:
        """Flip a bit behind everybody's back."""
        file = self._files[path]
        before = file.durable
        file.data[offset] ^= 1 << bit
        file.durable = bytes(file.data)
        return Damage(path, before, file.durable)

    def _any_durable(self, random: Random) -> Path | None:
        paths = [path for path, file in self._files.items() if file.durable and not file.pending]
        return random.choice(sorted(paths)) if paths else None

    async def _pause(self) -> None:
        if self.pause is not None:
            await self.pause()

    def _step(self) -> bool:
        """Count a call; True if the power goes during it. A machine without power stays off."""
        self.calls += 1
        self._end(self.power_cut_at is not None and self.calls > self.power_cut_at)
        return self.calls == self.power_cut_at

    def _end(self, last: bool) -> None:
        if last:
            if self.on_power_cut is not None:
                self.on_power_cut()
            raise PowerCut

    def _refuse_if_read_only(self, path: Path) -> None:
        if self.read_only:
            raise ResourceError(str(path), "permission denied")

    def _file(self, path: Path) -> File:
        if path.parent not in self._directories:
            raise ResourceError(str(path), "no such directory")
        if path not in self._files:
            self._name(path, File())
        return self._files[path]

    def _existing(self, path: Path) -> File:
        if path not in self._files:
            raise ResourceError(str(path), "no such file or directory")
        return self._files[path]

    def _name(self, path: Path, file: File | None) -> None:
        self._put(self._files, path, file)
        self._changes.setdefault(path.parent, []).append((path, file))

    @staticmethod
    def _put(names: dict[Path, File], path: Path, file: File | None) -> None:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file

    def _change(self, file: File, change: Change) -> None:
        file.change(change)
        file.pending.append(change)

    def _room(self, file: File, end: int) -> int:
        """Bytes left on the device once the file reaches to ``end``; negative if they don't fit."""
        if self.capacity is None:
            return 0
        return self.capacity - self.used_bytes - max(0, end - len(file.data))
