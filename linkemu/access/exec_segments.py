"""Super-packets: what each of their segments weighs on the wire, and cutting them as the kernel would.

A frame is a virtio_net_hdr (linux/virtio_net.h), ``link_bytes`` of Ethernet header or none, and an IP packet.
With segmentation offload one frame stands for many packets that share a header: each of them is charged its
own header, and can be lost alone. The kernel leaves their checksums to the card, which is us. Pure bytes; no
time and no device here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_VNET = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
VNET_BYTES = _VNET.size
_UDP_L4 = 5  # VIRTIO_NET_HDR_GSO_UDP_L4
_ECN = 0x80
_NEEDS_CSUM = 1
_UDP_HEADER, _TCP_HEADER = 8, 20
_FIN_PSH, _CWR = 0x09, 0x80


@dataclass(slots=True)
class Frame:
    """A frame and its shape: ``count`` packets of ``header`` bytes (IP and above) and ``size`` of payload."""

    data: bytes
    link_bytes: int
    count: int
    header: int
    size: int
    payload: int

    @property
    def segment_bytes(self) -> int:
        """Bytes on the wire of each packet but the last."""
        return self.header + self.size

    def wire_bytes(self, first: int, stop: int) -> int:
        """Bytes on the wire of packets ``first`` to ``stop``: IP packets, as a router would count them."""
        if stop < self.count:
            return (stop - first) * self.segment_bytes
        return (stop - first) * self.header + self.payload - first * self.size

    def cut(self, first: int, stop: int) -> bytes:
        """The frame of packets ``first`` to ``stop`` alone, a super-packet again if they are several."""
        if first == 0 and stop == self.count:
            return self.data
        top = VNET_BYTES + self.link_bytes
        begin = top + self.header + first * self.size
        payload = self.data[begin : begin + (stop - first) * self.size]
        head = bytearray(self.data[: top + self.header])
        last = stop == self.count
        _amend_vnet(head, len(head) - VNET_BYTES, single=len(payload) <= self.size)
        _amend_transport(head, self.link_bytes, len(payload), first * self.size, last, first == 0)
        _amend_internet(head, top, self.header + len(payload), first)
        return bytes(head) + payload


def frame_of(data: bytes, link_bytes: int) -> Frame | None:
    """The shape of a frame; None if it is too short or not IP, which no laser carries."""
    top = VNET_BYTES + link_bytes
    if len(data) < top + 20 or data[top] >> 4 not in (4, 6):
        return None
    _, kind, _, size, start, _ = _VNET.unpack_from(data)
    whole = len(data) - top
    if kind == 0 or size == 0:
        return Frame(data, link_bytes, 1, whole, 0, 0)
    transport = VNET_BYTES + start
    is_udp = kind & ~_ECN == _UDP_L4
    if transport + (_UDP_HEADER if is_udp else _TCP_HEADER) > len(data):
        return None
    length = _UDP_HEADER if is_udp else (data[transport + 12] >> 4) * 4
    header = transport + length - top
    payload = whole - header
    if payload <= 0:
        return Frame(data, link_bytes, 1, whole, 0, 0)
    return Frame(data, link_bytes, -(-payload // size), header, size, payload)


def finished(frame: bytes) -> bytes:
    """The frame of a single packet with all that it has on the wire, its checksum included."""
    flags, _, _, _, start, offset = _VNET.unpack_from(frame)
    data = bytearray(frame)
    if flags & _NEEDS_CSUM:
        _finish_checksum(data, VNET_BYTES + start, VNET_BYTES + start + offset)
    data[:VNET_BYTES] = bytes(VNET_BYTES)
    return bytes(data)


def _finish_checksum(data: bytearray, start: int, place: int) -> None:
    """The field holds the sum over the pseudo-header; add all that follows, and turn it over (RFC 1071)."""
    words = int.from_bytes(data[start:], "big") << 8 * ((len(data) - start) % 2)
    data[place : place + 2] = (~_fold(words) & 0xFFFF or 0xFFFF).to_bytes(2, "big")


def _amend_vnet(head: bytearray, header: int, *, single: bool) -> None:
    flags, kind, _, size, start, offset = _VNET.unpack_from(head)
    if single:
        kind = size = 0
    _VNET.pack_into(head, 0, flags, kind, header, size, start, offset)


def _amend_transport(
    head: bytearray, link_bytes: int, payload: int, skipped: int, is_last: bool, is_first: bool
) -> None:
    """Sequence, flags and length of TCP or UDP, and the sum over the pseudo-header, which holds a length."""
    _, _, _, _, start, offset = _VNET.unpack_from(head)
    transport = VNET_BYTES + start
    length = len(head) - transport + payload
    check = transport + offset
    before = _transport_length(head, VNET_BYTES + link_bytes, transport)
    total = int.from_bytes(head[check : check + 2], "big") + (~before & 0xFFFF) + length
    head[check : check + 2] = _fold(total).to_bytes(2, "big")
    if offset == 6:  # UDP keeps its checksum there, TCP at 16
        head[transport + 4 : transport + 6] = length.to_bytes(2, "big")
        return
    sequence = int.from_bytes(head[transport + 4 : transport + 8], "big") + skipped
    head[transport + 4 : transport + 8] = (sequence & 0xFFFFFFFF).to_bytes(4, "big")
    if not is_last:
        head[transport + 13] &= ~_FIN_PSH & 0xFF
    if not is_first:
        head[transport + 13] &= ~_CWR & 0xFF


def _transport_length(head: bytearray, top: int, transport: int) -> int:
    """Bytes of TCP or UDP in the frame as it was, by its IP header."""
    if head[top] >> 4 == 4:
        return int.from_bytes(head[top + 2 : top + 4], "big") - (transport - top)
    return int.from_bytes(head[top + 4 : top + 6], "big") - (transport - top - 40)


def _amend_internet(head: bytearray, top: int, length: int, skipped: int) -> None:
    if head[top] >> 4 == 6:
        head[top + 4 : top + 6] = (length - 40).to_bytes(2, "big")
        return
    head[top + 2 : top + 4] = length.to_bytes(2, "big")
    identity = int.from_bytes(head[top + 4 : top + 6], "big") + skipped
    head[top + 4 : top + 6] = (identity & 0xFFFF).to_bytes(2, "big")
    end = top + (head[top] & 0x0F) * 4
    head[top + 10 : top + 12] = b"\0\0"
    total = _fold(int.from_bytes(head[top:end], "big"))
    head[top + 10 : top + 12] = (~total & 0xFFFF).to_bytes(2, "big")


def _fold(total: int) -> int:
    """Sum of 16-bit words with end-around carry (RFC 1071), of a sum or of the words in a row: 65536 is 1."""
    return total % 0xFFFF or (0xFFFF if total else 0)
