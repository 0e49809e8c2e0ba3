"""The Report: a statement of inventory, cut into Sections, each of which is exact for a window of one file.

A Section says of every chunk in [first, first + full + bits + none) whether it is durable, held in part
(then which ranges), whole but not yet durable, or not held at all; of chunks outside it says nothing. So a
statement that had to be cut to fit its frame is shorter, never wrong. Codec only (docs/wire-format.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from linkemu.errors import FrameError
from linkemu.transfer.frames import HEADER_BYTES, Type, seal

_REPORT = struct.Struct(">IQQIQH")  # number, polled epoch, highest, token, credit, sections
_SECTION = struct.Struct(">32sBIIIIHHB")  # file id, state, first, full, bits, none, runs, pieces, detail
_PARTIAL = struct.Struct(">IIH")  # index, until, ranges
_RANGE = struct.Struct(">II")  # start, end

REPORT_BYTES = HEADER_BYTES + _REPORT.size
SECTION_BYTES = _SECTION.size
PARTIAL_BYTES = _PARTIAL.size
RANGE_BYTES = _RANGE.size
MANIFEST_INDEX = 0xFFFFFFFF


class State(IntEnum):
    """What the receiving node says of a file as a whole."""

    UNKNOWN = 0  # the manifest is wanted; its partial has the index MANIFEST_INDEX
    HELD = 1  # the manifest is known, chunks are missing
    COMPLETE = 2  # all chunks durable, not verified yet
    VERIFIED = 3  # read back; detail: SHA-256
    CORRUPT = 4  # read back with another SHA-256; detail: that
    DECLINED = 5  # not wanted; detail: reason


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk held in part: ``ranges`` are exact below the offset ``until``."""

    index: int
    until: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def encoded_bytes(self) -> int:
        return _PARTIAL.size + len(self.ranges) * _RANGE.size


@dataclass(frozen=True, slots=True)
class Section:
    """From chunk ``first`` on: ``full`` durable, then ``bits`` by bitmap (bit 0 first), then ``none`` not.

    ``whole``: runs [start, end) of chunks that are all here and not yet durable.
    """

    file_id: bytes
    state: State
    first: int
    full: int
    bits: int
    none: int
    bitmap: int
    whole: tuple[tuple[int, int], ...]
    pieces: tuple[Piece, ...]
    detail: bytes = b""

    @property
    def end(self) -> int:
        return self.first + self.full + self.bits + self.none

    @property
    def encoded_bytes(self) -> int:
        pieces = sum(piece.encoded_bytes for piece in self.pieces)
        runs = len(self.whole) * _RANGE.size
        return _SECTION.size + -(-self.bits // 8) + runs + pieces + len(self.detail)


@dataclass(frozen=True, slots=True)
class Report:
    """``highest``: sequence number of ``polled_epoch`` up to which frames were seen (0: none yet).

    ``number`` rises with each report of one epoch: an older one is void. ``token`` echoes the last Poll.
    ``credit_bytes``: how many bytes of chunks begun and not yet durable this node will hold for the peer.
    """

    epoch: int
    number: int
    polled_epoch: int
    highest: int
    token: int
    credit_bytes: int
    sections: tuple[Section, ...]


def encode(report: Report) -> bytes:
    fixed = (report.number, report.polled_epoch, report.highest, report.token, report.credit_bytes)
    body = [_REPORT.pack(*fixed, len(report.sections)), *map(_encode_section, report.sections)]
    return seal(Type.REPORT, report.epoch, b"".join(body))


def decode(epoch: int, body: memoryview) -> Report:
    """The report in the body of a frame; FrameError if it is not one."""
    try:
        number, polled_epoch, highest, token, credit, count = _REPORT.unpack_from(body)
        at = _REPORT.size
        sections = []
        for _ in range(count):
            section, at = _decode_section(body, at)
            sections.append(section)
    except struct.error as error:
        raise FrameError("report ends in mid-field") from error
    if at != len(body):
        raise FrameError(f"report with {len(body) - at} bytes too many")
    return Report(epoch, number, polled_epoch, highest, token, credit, tuple(sections))


def _encode_section(section: Section) -> bytes:
    s = section
    counts = (len(s.whole), len(s.pieces), len(s.detail))
    fixed = _SECTION.pack(s.file_id, s.state, s.first, s.full, s.bits, s.none, *counts)
    parts = [fixed, s.bitmap.to_bytes(-(-s.bits // 8), "little")]
    parts += [_RANGE.pack(start, end) for start, end in s.whole]
    for piece in s.pieces:
        parts.append(_PARTIAL.pack(piece.index, piece.until, len(piece.ranges)))
        parts += [_RANGE.pack(start, end) for start, end in piece.ranges]
    return b"".join((*parts, s.detail))


def _decode_section(body: memoryview, at: int) -> tuple[Section, int]:
    file_id, state, first, full, bits, none, n_whole, n_pieces, n_detail = _SECTION.unpack_from(body, at)
    if state not in State._value2member_map_:
        raise FrameError(f"report with unknown state {state}")
    at += _SECTION.size
    bitmap = int.from_bytes(_slice(body, at, -(-bits // 8)), "little")
    if bitmap >> bits:
        raise FrameError("report with bits beyond its bitmap")
    at += -(-bits // 8)
    whole, at = _decode_ranges(body, at, n_whole)
    pieces = []
    for _ in range(n_pieces):
        piece, at = _decode_piece(body, at)
        pieces.append(piece)
    detail = _slice(body, at, n_detail)
    section = Section(file_id, State(state), first, full, bits, none, bitmap, whole, tuple(pieces), detail)
    return section, at + n_detail


def _decode_piece(body: memoryview, at: int) -> tuple[Piece, int]:
    index, until, count = _PARTIAL.unpack_from(body, at)
    at += _PARTIAL.size
    ranges, at = _decode_ranges(body, at, count)
    return Piece(index, until, ranges), at


def _decode_ranges(body: memoryview, at: int, count: int) -> tuple[tuple[tuple[int, int], ...], int]:
    flat = _slice(body, at, count * _RANGE.size)
    ranges = tuple(_RANGE.iter_unpack(flat))
    last = 0
    for start, end in ranges:
        if not last <= start < end:
            raise FrameError("report with ranges out of order")
        last = end
    return ranges, at + len(flat)


def _slice(body: memoryview, at: int, length: int) -> bytes:
    if at + length > len(body):
        raise FrameError("report ends in mid-field")
    return bytes(body[at : at + length])
