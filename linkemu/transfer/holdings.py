"""Holdings: what one node holds of chunks, shared by all of its links. Memory only; the node persists.

Durable chunks, known manifests, and partial assemblies, so that another station's contact goes on where the
last one broke off. A chunk leaves for the node by ChunkReceived and comes back as durable by ``stored``.
Load durable chunks and manifests before the first Endpoint is made: what is not here is stated as not held.
No frames, no time and no files here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto

from linkemu.disk import Buffer
from linkemu.errors import FormatError
from linkemu.transfer import partial
from linkemu.transfer.manifest import Manifest, chunk_id_of
from linkemu.transfer.partial import Partial
from linkemu.transfer.progress import Progress


class Taken(Enum):
    """What became of a piece of a chunk."""

    NEW = auto()
    DUPLICATE = auto()
    WHOLE = auto()  # it made its chunk whole
    CORRUPT = auto()  # it filled its chunk, whose hash is wrong: what could be at fault is dropped
    REFUSED = auto()  # no room, or it contradicts what is known of the chunk


class Holdings:
    """All that a node holds. ``capacity_bytes`` bounds the memory of assemblies; 0 stops taking chunks."""

    def __init__(self, capacity_bytes: int = 512 << 20) -> None:
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._durable: set[bytes] = set()
        self._files: dict[bytes, Progress] = {}
        self._places: dict[bytes, list[Progress]] = {}  # by chunk id, the files it belongs to
        self._partials: dict[bytes, Partial] = {}
        self._whole: deque[Partial] = deque()  # not yet told to the node
        self._touches = 0

    # The node's side

    def know(self, manifest: Manifest) -> bool:
        """Take up a manifest (at a node's start: each stored one); True if all its chunks are durable."""
        file_id = manifest.file_id
        if file_id not in self._files:
            progress = self._files[file_id] = Progress(manifest)
            for chunk_id, index in progress.index_of.items():
                self._places.setdefault(chunk_id, []).append(progress)
                self._attach(progress, chunk_id, index)
        return not self._files[file_id].missing

    def forget(self, file_id: bytes) -> None:
        """Drop a manifest. Its chunks stay as they are."""
        progress = self._files.pop(file_id, None)
        if progress is None:
            return
        for chunk_id in progress.index_of:
            places = self._places[chunk_id]
            places.remove(progress)
            if not places:
                del self._places[chunk_id]

    def has(self, chunk_id: bytes) -> bool:
        """Whether the chunk is durable."""
        return chunk_id in self._durable

    def stored(self, chunk_id: bytes) -> list[bytes]:
        """Note a chunk as durable (also at start, for each in the store); ids of files completed by it."""
        self.discard(chunk_id)
        if chunk_id in self._durable:
            return []
        self._durable.add(chunk_id)
        places = self._places.get(chunk_id, ())
        return [progress.manifest.file_id for progress in places if progress.store(chunk_id)]

    def lost(self, chunk_id: bytes) -> None:
        """A durable chunk went bad or was deleted: from now on it is stated as not held."""
        if chunk_id in self._durable:
            self._durable.remove(chunk_id)
            for progress in self._places.get(chunk_id, ()):
                progress.lose(chunk_id)

    def discard(self, chunk_id: bytes) -> None:
        """Drop what is assembled of a chunk."""
        assembly = self._partials.pop(chunk_id, None)
        if assembly is not None:
            self.used_bytes -= assembly.length
            for progress in self._places.get(chunk_id, ()):
                progress.end(assembly)

    def missing(self, file_id: bytes) -> list[int]:
        """Indices of the file's chunks that are not durable; KeyError for an unknown file."""
        chunks = self._files[file_id].manifest.chunks
        return [index for index, chunk_id in enumerate(chunks) if chunk_id not in self._durable]

    def verified(self, file_id: bytes, sha256: bytes, ok: bool) -> None:
        """Note that a known file was read back (also at start, for each verified one)."""
        if file_id in self._files:
            self._files[file_id].verify(sha256, ok)

    def export(self) -> Iterable[tuple[bytes, bytes]]:
        """(chunk id, bytes to persist) of each partial assembly; ranges with their CRCs."""
        return [(held.chunk_id, partial.encode(held)) for held in self._partials.values()]

    def load(self, data: Buffer) -> int:
        """Take an exported partial; bytes taken. Ranges of wrong CRC are left out; FormatError if torn."""
        assembly = partial.decode(data)
        chunk_id = assembly.chunk_id
        known = chunk_id in self._partials or self._is_here(chunk_id, assembly.is_manifest)
        if known or not assembly.held.size or not self._fits(chunk_id, assembly.length):
            return 0
        self._begin(assembly)
        if assembly.held.size == assembly.length and self._finish(assembly) is not Taken.WHOLE:
            return 0
        return assembly.held.size

    # The Endpoints' side

    def progress(self, file_id: bytes) -> Progress | None:
        """What is held of a file, None while its manifest is not known."""
        return self._files.get(file_id)

    def partial(self, chunk_id: bytes) -> Partial | None:
        return self._partials.get(chunk_id)

    def files_of(self, chunk_id: bytes) -> list[Progress]:
        return self._places.get(chunk_id, [])

    def take(
        self, chunk_id: bytes, length: int, offset: int, payload: Buffer, crc: int, manifest: bool
    ) -> Taken:
        """Take ``payload`` at ``offset`` of a chunk, or of a manifest, of ``length`` bytes."""
        assembly = self._partials.get(chunk_id)
        if assembly is None:
            if self._is_here(chunk_id, manifest):
                return Taken.DUPLICATE
            if not self._fits(chunk_id, length):
                return Taken.REFUSED
            assembly = Partial(chunk_id, length, manifest)
            self._begin(assembly)
        if assembly.length != length or assembly.is_manifest != manifest:
            return Taken.REFUSED
        self._touches = assembly.touched = self._touches + 1
        if not assembly.put(offset, payload, crc):
            return Taken.DUPLICATE
        return Taken.NEW if assembly.held.size < length else self._finish(assembly)

    def take_whole(self) -> Partial | None:
        """The next whole chunk that the node wasn't told of; held until ``stored`` or ``discard``."""
        while self._whole:
            assembly = self._whole.popleft()
            if self._partials.get(assembly.chunk_id) is assembly:
                return assembly
        return None

    def _is_here(self, chunk_id: bytes, manifest: bool) -> bool:
        """Whether nothing of it is needed any more; a file's content may be the manifest of another file."""
        return chunk_id in (self._files if manifest else self._durable)

    def _begin(self, assembly: Partial) -> None:
        self._partials[assembly.chunk_id] = assembly
        self.used_bytes += assembly.length
        for progress in self._places.get(assembly.chunk_id, ()):
            progress.begin(assembly)

    def _attach(self, progress: Progress, chunk_id: bytes, index: int) -> None:
        """Bring what is held of a chunk into a file that has just become known."""
        if chunk_id in self._durable:
            progress.store(chunk_id)
            return
        assembly = self._partials.get(chunk_id)
        if assembly is not None and assembly.length == progress.manifest.length(index):
            progress.begin(assembly)
        elif assembly is not None:
            self.discard(chunk_id)

    def _finish(self, assembly: Partial) -> Taken:
        if chunk_id_of(assembly.data) != assembly.chunk_id:
            assembly.drop_doubtful()
            return Taken.CORRUPT
        if not assembly.is_manifest:
            assembly.whole = True
            for progress in self._places.get(assembly.chunk_id, ()):
                progress.finish(assembly.chunk_id)
            self._whole.append(assembly)
            return Taken.WHOLE
        self.discard(assembly.chunk_id)
        try:
            self.know(Manifest.decode(assembly.data))
        except FormatError:
            return Taken.REFUSED  # the peer's own manifest is no manifest: nothing to repair
        return Taken.WHOLE

    def _fits(self, chunk_id: bytes, length: int) -> bool:
        """Whether a new assembly may begin; older unfinished ones make room for it."""
        for progress in self._places.get(chunk_id, ()):
            if progress.manifest.length(progress.index_of[chunk_id]) != length:
                return False
        if length > self.capacity_bytes:
            return False
        while self.used_bytes + length > self.capacity_bytes:
            unfinished = [held for held in self._partials.values() if not held.whole]
            if not unfinished:
                return False
            self.discard(min(unfinished, key=lambda held: held.touched).chunk_id)
        return True
