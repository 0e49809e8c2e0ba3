"""Holdings: what one node holds of chunks, shared by all of its links. Memory only; the node persists.

Durable chunks, known manifests, and partial assemblies, so that another station's contact goes on where the
last one broke off. A chunk leaves for the node by ChunkReceived and comes back as durable by ``stored``.
No frames, no time and no files here.
"""

from __future__ import annotations

from collections.abc import Iterable

from linkemu.disk import Buffer
from linkemu.transfer.manifest import Manifest


class Holdings:
    """All that a node holds. ``capacity_bytes`` bounds the memory of assemblies; 0 stops taking chunks."""

    capacity_bytes: int

    def __init__(self, capacity_bytes: int = 512 << 20) -> None: ...

    def know(self, manifest: Manifest) -> bool:
        """Take up a manifest (at a node's start: each stored one); True if all its chunks are durable."""
        ...

    def forget(self, file_id: bytes) -> None:
        """Drop a manifest. Its chunks stay as they are."""

    def has(self, chunk_id: bytes) -> bool:
        """Whether the chunk is durable."""
        ...

    def stored(self, chunk_id: bytes) -> list[bytes]:
        """Note a chunk as durable (also at start, for each in the store); ids of files completed by it."""
        ...

    def lost(self, chunk_id: bytes) -> None:
        """A durable chunk went bad or was deleted: from now on stated to peers as lost."""

    def missing(self, file_id: bytes) -> list[int]:
        """Indices of the file's chunks that are not durable."""
        ...

    def verified(self, file_id: bytes, sha256: bytes, ok: bool) -> None:
        """Note that a file was read back (also at start, for each verified one)."""

    def export(self) -> Iterable[tuple[bytes, bytes]]:
        """(chunk id, bytes to persist) of each partial assembly; ranges with their CRCs."""
        ...

    def load(self, data: Buffer) -> int:
        """Take an exported partial; bytes taken. Ranges of wrong CRC are left out; FormatError if torn."""
        ...
