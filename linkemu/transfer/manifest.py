"""The Manifest: a file as a list of chunks, and the hashes that name both.

A chunk's id is the BLAKE3 of its bytes, a file's id the BLAKE3 of its encoded manifest, both 32 bytes. The
encoding is canonical: one manifest has one encoding, so a file id names name, content and cutting at once.
Layout in docs/wire-format.md. Nothing here reads files: whoever cuts one feeds ``Builder``.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property

from blake3 import blake3

from linkemu.disk import Buffer
from linkemu.errors import FormatError

CHUNK_BYTES = 1 << 20
MAX_CHUNK_BYTES = 1 << 26
MAX_NAME_BYTES = 1024
ID_BYTES = 32

_MAGIC = b"LKM\x01"
_FIXED = struct.Struct(">4sQ32sIIH")  # magic, size, sha256, chunk bytes, chunk count, name bytes


def chunk_id_of(data: Buffer) -> bytes:
    """The id of a chunk: BLAKE3 of its bytes."""
    return blake3(data).digest()


@dataclass(frozen=True)
class Manifest:
    """A file: ``chunks`` are ids in order, all of ``chunk_bytes`` but the last. Else FormatError."""

    name: str
    size: int
    sha256: bytes
    chunk_bytes: int
    chunks: tuple[bytes, ...]

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise FormatError(f"manifest of {self.name!r}: {problem}")

    @classmethod
    def of(cls, name: str, content: Buffer, chunk_bytes: int = CHUNK_BYTES) -> Manifest:
        """The manifest of a whole content in memory."""
        builder = Builder(name, chunk_bytes)
        builder.add(content)
        return builder.finish()

    @classmethod
    def decode(cls, data: Buffer) -> Manifest:
        """The manifest that ``encode`` gave; FormatError for anything else."""
        if len(data) < _FIXED.size:
            raise FormatError(f"manifest of {len(data)} bytes: shorter than its fixed part")
        magic, size, sha256, chunk_bytes, count, name_bytes = _FIXED.unpack_from(data)
        if magic != _MAGIC:
            raise FormatError(f"manifest starts with {magic.hex()}, expected {_MAGIC.hex()}")
        ids_at = _FIXED.size + name_bytes
        if len(data) != ids_at + count * ID_BYTES:
            raise FormatError(f"manifest of {len(data)} bytes: its fields say {ids_at + count * ID_BYTES}")
        try:
            name = bytes(data[_FIXED.size : ids_at]).decode()
        except UnicodeDecodeError as error:
            raise FormatError("manifest: its name is not UTF-8") from error
        ids = bytes(data[ids_at:])
        chunks = tuple(ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES))
        return cls(name, size, sha256, chunk_bytes, chunks)

    @cached_property
    def encoded(self) -> bytes:
        name = self.name.encode()
        fixed = _FIXED.pack(_MAGIC, self.size, self.sha256, self.chunk_bytes, len(self.chunks), len(name))
        return b"".join((fixed, name, *self.chunks))

    @cached_property
    def file_id(self) -> bytes:
        return chunk_id_of(self.encoded)

    def offset(self, index: int) -> int:
        return index * self.chunk_bytes

    def length(self, index: int) -> int:
        """Bytes of chunk ``index``; only the last one may be shorter than ``chunk_bytes``."""
        return min(self.chunk_bytes, self.size - index * self.chunk_bytes)


class Builder:
    """Cuts a stream into chunks: ``add`` the bytes in order, then ``finish``."""

    def __init__(self, name: str, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._name = name
        self._chunk_bytes = chunk_bytes
        self._sha256 = hashlib.sha256()
        self._blake3 = blake3()
        self._filled = 0
        self._size = 0
        self._chunks: list[bytes] = []

    def add(self, data: Buffer) -> None:
        self._sha256.update(data)
        self._size += len(data)
        view = memoryview(data)
        while len(view):
            piece = view[: self._chunk_bytes - self._filled]
            self._blake3.update(piece)
            self._filled += len(piece)
            if self._filled == self._chunk_bytes:
                self._cut()
            view = view[len(piece) :]

    def finish(self) -> Manifest:
        """The manifest of all that was added; FormatError if the name or the chunk size is no good."""
        if self._filled:
            self._cut()
        return Manifest(self._name, self._size, self._sha256.digest(), self._chunk_bytes, tuple(self._chunks))

    def _cut(self) -> None:
        self._chunks.append(self._blake3.digest())
        self._blake3 = blake3()
        self._filled = 0


def _problem(manifest: Manifest) -> str | None:
    if not 0 < manifest.chunk_bytes <= MAX_CHUNK_BYTES:
        return f"chunks of {manifest.chunk_bytes} bytes, expected 1 to {MAX_CHUNK_BYTES}"
    if not 0 < len(manifest.name.encode(errors="replace")) <= MAX_NAME_BYTES:
        return f"a name takes 1 to {MAX_NAME_BYTES} bytes of UTF-8"
    if not 0 <= manifest.size < 1 << 63:
        return f"a size of {manifest.size} bytes"
    if len(manifest.chunks) != -(-manifest.size // manifest.chunk_bytes):
        return f"{len(manifest.chunks)} chunks don't make {manifest.size} bytes"
    if len(manifest.sha256) != 32 or any(len(chunk) != ID_BYTES for chunk in manifest.chunks):
        return "a hash is not of 32 bytes"
    return None
