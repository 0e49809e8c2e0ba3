"""A Partial: one chunk that is being put together, and how it is written down for a restart.

Each piece keeps the CRC that it came with, in memory and in the exported bytes. It is reckoned when the
chunk's hash is found wrong, so that a bad range is dropped alone and can't poison its chunk. Layout of the
exported bytes in docs/wire-format.md.
"""

from __future__ import annotations

import struct
from zlib import crc32

from linkemu.disk import Buffer
from linkemu.errors import FormatError
from linkemu.transfer.manifest import MAX_CHUNK_BYTES
from linkemu.transfer.ranges import RangeSet

_MAGIC = b"LKP\x01"
_FIXED = struct.Struct(">4s32sIBI")  # magic, chunk id, chunk bytes, is manifest, segments
_SEGMENT = struct.Struct(">III")  # start, end, crc
_CRC = struct.Struct(">I")


class Partial:
    """``held`` ranges of a chunk of ``length`` bytes; ``whole`` once its hash was found right."""

    __slots__ = ("chunk_id", "data", "held", "is_manifest", "length", "segments", "touched", "view", "whole")

    def __init__(self, chunk_id: bytes, length: int, is_manifest: bool = False) -> None:
        self.chunk_id = chunk_id
        self.length = length
        self.is_manifest = is_manifest
        self.data = bytearray(length)
        self.view = memoryview(self.data)
        self.held = RangeSet()
        self.segments: list[tuple[int, int, int]] = []  # start, end, crc, as they came
        self.whole = False
        self.touched = 0

    def put(self, offset: int, payload: Buffer, crc: int) -> bool:
        """Take a piece; False if all of it was held."""
        end = offset + len(payload)
        if self.held.covers(offset, end):
            return False
        self.view[offset:end] = payload
        self.held.add(offset, end)
        self.segments.append((offset, end, crc))
        return True

    def drop_doubtful(self) -> None:
        """After a wrong hash: keep the pieces whose CRC still holds, or none if all do."""
        good = [piece for piece in self.segments if crc32(self.view[piece[0] : piece[1]]) == piece[2]]
        self.segments = [] if len(good) == len(self.segments) else good
        self.held = RangeSet((start, end) for start, end, _ in self.segments)


def encode(held: Partial) -> bytes:
    """The partial as bytes: fixed part, table of segments, CRC of both, then the segments' content."""
    table = b"".join(_SEGMENT.pack(*segment) for segment in held.segments)
    fixed = _FIXED.pack(_MAGIC, held.chunk_id, held.length, held.is_manifest, len(held.segments))
    content = [held.view[start:end] for start, end, _ in held.segments]
    return b"".join((fixed, table, _CRC.pack(crc32(table, crc32(fixed))), *content))


def decode(data: Buffer) -> Partial:
    """The partial that ``encode`` wrote, less the segments that are torn or have a wrong CRC."""
    if len(data) < _FIXED.size:
        raise FormatError(f"partial chunk of {len(data)} bytes: shorter than its fixed part")
    magic, chunk_id, length, is_manifest, count = _FIXED.unpack_from(data)
    table_end = _FIXED.size + count * _SEGMENT.size
    if magic != _MAGIC or length > MAX_CHUNK_BYTES or len(data) < table_end + _CRC.size:
        raise FormatError("partial chunk: not one, or its table is torn")
    view = memoryview(data)
    if crc32(view[:table_end]) != _CRC.unpack_from(data, table_end)[0]:
        raise FormatError("partial chunk: wrong CRC of its table")
    held = Partial(chunk_id, length, bool(is_manifest))
    at = table_end + _CRC.size
    for start, end, crc in _SEGMENT.iter_unpack(view[_FIXED.size : table_end]):
        if not start < end <= length:
            raise FormatError(f"partial chunk: segment {start} to {end} in {length} bytes")
        content = view[at : at + end - start]
        at += end - start
        if len(content) == end - start and crc32(content) == crc:
            held.put(start, content, crc)
    return held
