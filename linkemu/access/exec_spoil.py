"""A packet spoiled on its way: one byte is another, under a checksum that was right. Pure bytes.

The kernel may leave a transport checksum unfinished and say so in the frame's virtio_net_hdr; here it is
finished first, as a network card would, so that the receiver can see the damage (RFC 1071, RFC 9293 3.1).
"""

from __future__ import annotations

import struct

from linkemu.access.exec_segments import VNET_BYTES
from linkemu.link.lots import flipped

_VNET = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
_NEEDS_CSUM = 1


def spoiled(frame: bytes, link_bytes: int, flip: tuple[float, float]) -> bytes:
    """The frame of a single packet with one byte of it changed, from its IP header on."""
    return flipped(finished(frame), flip, VNET_BYTES + link_bytes)


def finished(frame: bytes) -> bytes:
    """The frame of a single packet with all that it has on the wire, its checksum included."""
    flags, _, _, _, start, offset = _VNET.unpack_from(frame)
    data = bytearray(frame)
    if flags & _NEEDS_CSUM:
        _finish_checksum(data, VNET_BYTES + start, VNET_BYTES + start + offset)
    data[:VNET_BYTES] = bytes(VNET_BYTES)
    return bytes(data)


def _finish_checksum(data: bytearray, start: int, place: int) -> None:
    """The field holds the sum over the pseudo-header; add all that follows, and turn it over."""
    covered = bytes(data[start:])
    covered += b"\0" * (len(covered) % 2)
    total = int.from_bytes(covered, "big") % 0xFFFF  # the sum of its words with end-around carry
    data[place : place + 2] = (~total & 0xFFFF or 0xFFFF).to_bytes(2, "big")
