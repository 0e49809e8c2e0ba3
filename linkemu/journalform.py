"""The form of a journal's file: records that prove themselves, and what is found between them. Pure.

A file is ``LKJ2`` and records, each of them, big-endian:

    mark     4 bytes that are in no UTF-8 text
    length   u32 of the payload
    before   u32, the CRC of the record before; 0 in the first
    crc      u32, CRC-32 over the offset in the file, ``before``, ``length`` and the payload
    payload

As a record bears all that its CRC covers and says by its mark where it may begin, those behind rotten bytes
are found again. As it bears the CRC of the one before, a record of an older tail is none.
The form before this, ``LKJ1``, is still read: length, crc, payload, where the CRC also covers the CRC before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from linkemu.errors import FormatError

MAGIC = b"LKJ2"
LARGEST = 1 << 24  # bytes of a payload
_MAGIC_1 = b"LKJ1"
_MARK = b"\xffLR\xfe"
_HEAD = struct.Struct("!4sIII")
_COVERED = struct.Struct("!QII")
_HEAD_1 = struct.Struct("!II")


@dataclass(frozen=True, slots=True)
class Gap:
    """Rotten bytes: ``index`` is that of the first whole record behind them."""

    offset: int
    length: int
    index: int


@dataclass(slots=True)
class Found:
    """What a file holds. Bytes beyond ``length`` are a torn tail; ``crc`` is that of the last record."""

    current: bool  # of the form that is written today
    length: int = len(MAGIC)
    crc: int = 0
    records: list[bytes] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def _take(self, start: int, end: int, payload: bytes, crc: int) -> None:
        if start > self.length:
            self.gaps.append(Gap(self.length, start - self.length, len(self.records)))
        self.records.append(payload)
        self.length, self.crc = end, crc


def encode(records: Iterable[bytes], offset: int, crc: int) -> tuple[bytes, int]:
    """Records for a file that is ``offset`` bytes long and whose last CRC is ``crc``; theirs."""
    parts = list[bytes]()
    for record in records:
        if len(record) > LARGEST:
            raise ValueError(f"a record of {len(record)} bytes; the limit is {LARGEST}")
        before, crc = crc, _checksum(offset, crc, record)
        parts += (_HEAD.pack(_MARK, len(record), before, crc), record)
        offset += _HEAD.size + len(record)
    return b"".join(parts), crc


def read(data: bytes) -> Found:
    """All records of a file, of either form, also if its first bytes are rotten.

    Raises:
        FormatError: nothing in it is of a journal.
    """
    magic = data[: len(MAGIC)]
    forms = (_read_1, _read_2) if magic == _MAGIC_1 else (_read_2, _read_1)
    found = forms[0](data)
    if not found.records and len(data) > len(MAGIC):
        other = forms[1](data)
        found = other if other.records else found
    if magic not in (MAGIC, _MAGIC_1) and not found.records and not _is_like_ours(data):
        raise FormatError("not a journal of this version")
    if magic != (MAGIC if found.current else _MAGIC_1):
        found.gaps.insert(0, Gap(0, len(MAGIC), 0))
    return found


def _is_like_ours(data: bytes) -> bool:
    """Whether a file without a whole record, nor the first bytes of one of ours, is one that has rotted."""
    return _MARK in data or sum(map(int.__eq__, data, MAGIC)) >= len(MAGIC) // 2


def _read_2(data: bytes) -> Found:
    found = Found(current=True)
    for start, before, crc, payload in _whole(data):
        if start < found.length:
            continue  # it stands inside the payload of another
        if start == found.length and before != found.crc:
            return found  # whole, but not of those before it: what an older tail has left
        found._take(start, start + _HEAD.size + len(payload), payload, crc)
    tail = data[found.length :]
    if tail and not _is_torn(tail, found.crc):
        found.gaps.append(Gap(found.length, len(tail), len(found.records)))
    return found


def _is_torn(tail: bytes, before: int) -> bool:
    """Whether it can be what is left of one record: its front, or sectors that were not written: zeros.

    No payload that we know has zeros in it. One that has is taken for torn rather than for rotten.
    """
    if _MARK in tail[1:]:
        return False
    head = tail[: _HEAD.size]
    if len(head) < _HEAD.size or not any(head):
        return not any(head) or _MARK.startswith(head[: len(_MARK)])
    mark, length, claimed, _ = _HEAD.unpack(head)
    payload = tail[_HEAD.size :]
    return bool(mark == _MARK and claimed == before and (length > len(payload) or 0 in payload))


def _whole(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(offset, CRC before, CRC, payload) of everything that is right by its own CRC."""
    start = data.find(_MARK, len(MAGIC))
    while 0 <= start <= len(data) - _HEAD.size:
        _, length, before, crc = _HEAD.unpack_from(data, start)
        first = start + _HEAD.size
        payload = data[first : first + length] if length <= LARGEST else b""
        right = len(payload) == length and crc == _checksum(start, before, payload)
        if right:
            yield start, before, crc, payload
        start = data.find(_MARK, first + length if right else start + 1)


def _read_1(data: bytes) -> Found:
    """Behind a rotten record goes on the one that bears its CRC, if that is still there to be read.

    Where it isn't, no torn tail can be told from rot: what remains is a gap.
    """
    found = Found(current=False)
    start, before = len(_MAGIC_1), 0
    while start <= len(data) - _HEAD_1.size:
        length, crc = _HEAD_1.unpack_from(data, start)
        if start == found.length:
            before, claimed = found.crc, crc
        first = start + _HEAD_1.size
        payload = data[first : first + length] if length <= LARGEST else b""
        if len(payload) == length and crc == _checksum_1(payload, before):
            found._take(start, first + length, payload, crc)
            start = found.length
        else:
            start, before = start + 1, claimed
    if found.length < len(data):
        found.gaps.append(Gap(found.length, len(data) - found.length, len(found.records)))
    return found


def _checksum(offset: int, before: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_COVERED.pack(offset, before, len(payload))))


def _checksum_1(payload: bytes, before: int) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("!II", before, len(payload) + 1)))
