"""The frames of a transfer, byte for byte as docs/wire-format.md draws them: encode and decode, no state.

All integers are big-endian. Each frame opens with the same 20 bytes: magic, version, type, total length,
epoch of its sender, CRC-32. A frame that can't be read is a FrameError, whatever is wrong with it; whether
its content makes sense at this moment is for Sender and Receiver to say.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from linkemu.disk import Buffer
from linkemu.errors import FrameError
from linkemu.transfer.manifest import ID_BYTES, MAX_CHUNK_BYTES, MAX_NAME_BYTES

MAGIC = b"LT"
VERSION = 1
MAX_REASON_BYTES = 255

_HEADER = struct.Struct(">2sBBIQI")  # magic, version, type, length, epoch, crc
_HEAD = struct.Struct(">2sBBIQ")  # the header before its CRC
_CRC = struct.Struct(">I")
_CRC_AT = _HEADER.size - _CRC.size
_DATA = struct.Struct(">Q32sIII")  # sequence, chunk id, chunk bytes, offset, payload crc
_POLL = struct.Struct(">QIH")  # sequence, token, entries
_ENTRY = struct.Struct(">32sIBI")  # file id, manifest bytes, priority, request
_REQUEST = struct.Struct(">IBBH")  # request, priority, kind, length
_REFUSAL = struct.Struct(">IH")  # request, length

HEADER_BYTES = _HEADER.size
DATA_OVERHEAD_BYTES = _HEADER.size + _DATA.size
POLL_BYTES = _HEADER.size + _POLL.size
ENTRY_BYTES = _ENTRY.size


class Type(IntEnum):
    CHUNK = 1
    MANIFEST = 2
    POLL = 3
    REPORT = 4
    REQUEST = 5
    REFUSAL = 6


_CHUNK, _MANIFEST = int(Type.CHUNK), int(Type.MANIFEST)  # plain: an IntEnum is slow to compare


class Data(NamedTuple):
    """A piece of a chunk, or of a manifest (whose chunk id is the file id).

    ``crc`` is the payload's own, as its sender reckoned it: who puts the chunk together needs it only if the
    chunk's hash is wrong, and then reckons it for all pieces.
    """

    epoch: int
    is_manifest: bool
    sequence: int
    chunk_id: bytes
    chunk_bytes: int
    offset: int
    crc: int
    payload: memoryview


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that the sender of a Poll has on offer; ``request`` 0 answers none."""

    file_id: bytes
    manifest_bytes: int
    priority: int
    request: int


@dataclass(frozen=True, slots=True)
class Poll:
    """Asks for a Report on the files named. All sequence numbers up to ``sequence`` have left before it."""

    epoch: int
    sequence: int
    token: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Asks for a file by name (str) or file id (bytes)."""

    epoch: int
    request: int
    priority: int
    wanted: str | bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answers a Request: the file will not come."""

    epoch: int
    request: int
    reason: str


@dataclass(frozen=True, slots=True)
class Body:
    """A frame whose header is sound and whose content is left to linkemu.transfer.report."""

    epoch: int
    content: memoryview


def seal(type_: Type, epoch: int, body: bytes) -> bytes:
    """A whole frame around ``body``, with the CRC over all but itself."""
    head = _HEAD.pack(MAGIC, VERSION, type_, _HEADER.size + len(body), epoch)
    return b"".join((head, _CRC.pack(crc32(body, crc32(head))), body))


def encode_data(
    epoch: int,
    is_manifest: bool,
    sequence: int,
    chunk_id: bytes,
    chunk_bytes: int,
    offset: int,
    payload: Buffer,
) -> bytes:
    """A data frame. Its header's CRC ends before the payload, which has its own."""
    kind = _MANIFEST if is_manifest else _CHUNK
    length = DATA_OVERHEAD_BYTES + len(payload)
    head = _HEAD.pack(MAGIC, VERSION, kind, length, epoch)
    fixed = _DATA.pack(sequence, chunk_id, chunk_bytes, offset, crc32(payload))
    return b"".join((head, _CRC.pack(crc32(fixed, crc32(head))), fixed, payload))


def encode_poll(poll: Poll) -> bytes:
    body = [_POLL.pack(poll.sequence, poll.token, len(poll.entries))]
    body += [_ENTRY.pack(e.file_id, e.manifest_bytes, e.priority, e.request) for e in poll.entries]
    return seal(Type.POLL, poll.epoch, b"".join(body))


def encode_request(request: Request) -> bytes:
    by_id = isinstance(request.wanted, bytes)
    text = request.wanted if isinstance(request.wanted, bytes) else request.wanted.encode()
    fixed = _REQUEST.pack(request.request, request.priority, int(by_id), len(text))
    return seal(Type.REQUEST, request.epoch, fixed + text)


def encode_refusal(refusal: Refusal) -> bytes:
    text = clip(refusal.reason)
    return seal(Type.REFUSAL, refusal.epoch, _REFUSAL.pack(refusal.request, len(text)) + text)


def clip(reason: str) -> bytes:
    """A reason as UTF-8 that fits its field, cut between characters."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore").encode()


def decode(datagram: bytes) -> Data | Poll | Body | Request | Refusal:
    """The frame in a datagram; a Report comes as Body. FrameError for anything that is not a whole frame.

    Of a data frame, the payload is not looked at.
    """
    if len(datagram) < _HEADER.size:
        raise FrameError(f"frame of {len(datagram)} bytes: shorter than its header")
    magic, version, kind, length, epoch, crc = _HEADER.unpack_from(datagram)
    if magic != MAGIC:
        raise FrameError(f"frame starts with {magic.hex()}, expected {MAGIC.hex()}")
    if version != VERSION:
        raise FrameError(f"frame of version {version}: this end speaks version {VERSION}")
    if length != len(datagram):
        raise FrameError(f"frame of {len(datagram)} bytes: its header says {length}")
    view = memoryview(datagram)
    is_data = kind in (_CHUNK, _MANIFEST)
    covered = view[_HEADER.size : DATA_OVERHEAD_BYTES] if is_data else view[_HEADER.size :]
    if crc32(covered, crc32(view[:_CRC_AT])) != crc:
        raise FrameError("frame with a wrong CRC")
    if is_data:
        return _data(epoch, kind == _MANIFEST, view)
    try:
        return _decode_control(kind, epoch, view[_HEADER.size :])
    except struct.error as error:
        raise FrameError(f"frame of type {kind} ends in mid-field") from error
    except UnicodeDecodeError as error:
        raise FrameError(f"frame of type {kind}: its text is not UTF-8") from error


def _data(epoch: int, is_manifest: bool, view: memoryview) -> Data:
    if len(view) <= DATA_OVERHEAD_BYTES:
        raise FrameError("data frame without a payload")
    sequence, chunk_id, chunk_bytes, offset, crc = _DATA.unpack_from(view, _HEADER.size)
    payload = view[DATA_OVERHEAD_BYTES:]
    if chunk_bytes > MAX_CHUNK_BYTES or offset + len(payload) > chunk_bytes:
        raise FrameError(f"data frame: {len(payload)} bytes at {offset} in a chunk of {chunk_bytes}")
    return Data(epoch, is_manifest, sequence, chunk_id, chunk_bytes, offset, crc, payload)


def _decode_control(kind: int, epoch: int, body: memoryview) -> Poll | Body | Request | Refusal:
    if kind == Type.POLL:
        return _poll(epoch, body)
    if kind == Type.REPORT:
        return Body(epoch, body)
    if kind == Type.REQUEST:
        return _request(epoch, body)
    if kind == Type.REFUSAL:
        number, length = _REFUSAL.unpack_from(body)
        _expect(body, _REFUSAL.size + length)
        return Refusal(epoch, number, bytes(body[_REFUSAL.size :]).decode())
    raise FrameError(f"frame of unknown type {kind}")


def _poll(epoch: int, body: memoryview) -> Poll:
    sequence, token, count = _POLL.unpack_from(body)
    _expect(body, _POLL.size + count * _ENTRY.size)
    entries = tuple(Entry(*fields) for fields in _ENTRY.iter_unpack(body[_POLL.size :]))
    return Poll(epoch, sequence, token, entries)


def _request(epoch: int, body: memoryview) -> Request:
    number, priority, kind, length = _REQUEST.unpack_from(body)
    _expect(body, _REQUEST.size + length)
    wanted = bytes(body[_REQUEST.size :])
    if kind == 1 and length == ID_BYTES:
        return Request(epoch, number, priority, wanted)
    if kind == 0 and 0 < length <= MAX_NAME_BYTES:
        return Request(epoch, number, priority, wanted.decode())
    raise FrameError(f"request of kind {kind} with {length} bytes")


def _expect(body: memoryview, length: int) -> None:
    if len(body) != length:
        raise FrameError(f"frame body of {len(body)} bytes: its fields say {length}")
