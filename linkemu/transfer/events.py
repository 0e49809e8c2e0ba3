"""What an Endpoint tells its node: one frozen class per kind of event, and nothing else.

The node takes them from ``Endpoint.events()`` in the order in which they came about. The answers that an
event asks for are methods of Endpoint, and may be given at any later time and in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

from linkemu.transfer.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ChunkWanted:
    """Sending: give these bytes of the file by ``supply(chunk_id, data, now)`` (or ``withdraw`` the file)."""

    file_id: bytes
    index: int
    chunk_id: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class ChunkAcknowledged:
    """Sending: the peer states that the chunk is durable. Journal it: it is never sent again."""

    chunk_id: bytes
    file_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChunkLost:
    """Sending: the peer gives back custody (its copy went bad). Strike it from the journal; it is resent."""

    chunk_id: bytes
    file_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FileAcknowledged:
    """Sending: every chunk of the file is durable at the peer, which now verifies the whole."""

    file_id: bytes


@dataclass(frozen=True, slots=True)
class FileVerified:
    """Sending: the peer read the file back and its SHA-256 is the manifest's. The offer is closed."""

    file_id: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class FileRefused:
    """Sending: the peer doesn't want the file, or read it back with another SHA-256. The offer is closed."""

    file_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class FileRequested:
    """Serving: the peer asks for a file; answer by ``offer(..., request=request)`` or ``refuse(request, …)``.

    One of ``name`` and ``file_id`` is given. The name ``.catalogue`` asks for the list of files, to be
    offered as a file like any other (docs/wire-format.md).
    """

    request: int
    name: str | None
    file_id: bytes | None
    priority: int


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Asking: the peer has no such file, or won't give it. The request is closed."""

    request: int
    reason: str


@dataclass(frozen=True, slots=True)
class FileOffered:
    """Receiving: a manifest is here (``request``: ours that it answers). Store it, or ``decline`` it."""

    manifest: Manifest
    file_id: bytes
    priority: int
    request: int | None


@dataclass(frozen=True, slots=True)
class ChunkReceived:
    """Receiving: a chunk is whole and its hash is right. Store it, then call ``stored(chunk_id, now)``.

    ``data`` is no copy: read it, don't change it.
    """

    chunk_id: bytes
    data: bytes | bytearray


@dataclass(frozen=True, slots=True)
class ChunkRepeated:
    """Receiving: the peer sends a chunk that is durable here. Told once for each in a life; no answer.

    It may do so as long as it hasn't heard of it; after that it must not.
    """

    chunk_id: bytes


@dataclass(frozen=True, slots=True)
class FileComplete:
    """Receiving: every chunk is durable. Read the file back, call ``verified``. May come more than once."""

    file_id: bytes


Event = (
    ChunkWanted
    | ChunkAcknowledged
    | ChunkLost
    | FileAcknowledged
    | FileVerified
    | FileRefused
    | FileRequested
    | RequestRefused
    | FileOffered
    | ChunkReceived
    | ChunkRepeated
    | FileComplete
)
