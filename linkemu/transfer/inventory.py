"""How an inventory is stated: from Progress to Sections that fit a frame, each exact for its window.

Pure functions. When a statement is reported, and on which files, is Receiver's.
"""

from __future__ import annotations

from linkemu.transfer.partial import Partial
from linkemu.transfer.progress import Progress
from linkemu.transfer.report import (
    MANIFEST_INDEX,
    PARTIAL_BYTES,
    RANGE_BYTES,
    SECTION_BYTES,
    Piece,
    Section,
    State,
)


def of_manifest(file_id: bytes, assembly: Partial | None, room: int) -> Section | None:
    """That the manifest is wanted, and what is held of it; None if ``room`` bytes are too few."""
    pieces: tuple[Piece, ...] = ()
    if assembly is not None:
        piece = _piece(MANIFEST_INDEX, assembly, room - SECTION_BYTES)
        if piece is None:
            return None
        pieces = (piece,)
    return _fitting(Section(file_id, State.UNKNOWN, 0, 0, 0, 0, 0, (), pieces), room)


def declined(file_id: bytes, reason: bytes, room: int) -> Section | None:
    return _fitting(Section(file_id, State.DECLINED, 0, 0, 0, 0, 0, (), (), reason), room)


def of_file(progress: Progress, first: int, last: int, room: int) -> Section | None:
    """The longest window from chunk ``first`` on that fits ``room`` bytes; None if no chunk does.

    It reaches to the end of the file if nothing is durable from chunk ``last`` on, else no further than that.
    """
    detail = progress.read_back[0] if progress.read_back else b""
    room -= SECTION_BYTES + len(detail)
    if room < 0:
        return None
    durable, n = progress.durable, len(progress.manifest.chunks)
    cut = n if last >= durable.high else last
    low = min(max(first, durable.low), cut)
    high = max(low, min(durable.high, cut, low + room * 8 // 2))  # half of the room for the bitmap
    cut = cut if high >= min(durable.high, cut) else high
    room -= -(-(high - low) // 8)
    runs = progress.whole.within(low, cut)[: room // RANGE_BYTES + 1]
    if len(runs) > room // RANGE_BYTES:
        cut = runs.pop()[0]
    pieces, cut = _pieces(progress, low, cut, room - len(runs) * RANGE_BYTES)
    if cut == first and n:
        return None
    high = min(high, cut)
    whole = tuple((start, min(end, cut)) for start, end in runs if start < cut)
    bitmap = durable.window(low, high)
    fields = (first, low - first, high - low, cut - high, bitmap, whole, tuple(pieces), detail)
    return Section(progress.manifest.file_id, progress.state, *fields)


def _pieces(progress: Progress, first: int, last: int, room: int) -> tuple[list[Piece], int]:
    """Chunks of [first, last) that are held in part, and where the statement ends for want of ``room``."""
    pieces: list[Piece] = []
    for index in sorted(index for index in progress.partials if first <= index < last):
        piece = _piece(index, progress.partials[index], room)
        if piece is None or (pieces and len(piece.ranges) < len(progress.partials[index].held)):
            return pieces, index
        pieces.append(piece)
        room -= piece.encoded_bytes
    return pieces, last


def _fitting(section: Section, room: int) -> Section | None:
    return section if section.encoded_bytes <= room else None


def _piece(index: int, assembly: Partial, room: int) -> Piece | None:
    """What is held of a chunk, cut to the ranges that fit; None if not even one does."""
    most = (room - PARTIAL_BYTES) // RANGE_BYTES
    if most < 1:
        return None
    ranges = tuple(assembly.held)
    until = assembly.length if len(ranges) <= most else ranges[most][0]
    return Piece(index, until, ranges[:most])
