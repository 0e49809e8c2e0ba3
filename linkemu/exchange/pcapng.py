"""pcapng: captures with nanoseconds, an interface for each direction, and a comment on what was erased.

Blocks, options and their numbers are those of draft-ietf-opsawg-pcapng (sections 3 and 4). Written
little-endian; read in either order, other kinds of blocks are skipped. Link types (LINKTYPE_ registry of
tcpdump.org): RAW holds IP packets, USER0 anything else. Times are Unix times in ns.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from linkemu.errors import InputError

RAW = 101
USER0 = 147
LONGEST = 1 << 18  # bytes of a packet
_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_MAGIC = 0x1A2B3C4D
_END, _COMMENT, _NAME, _RESOLUTION = 0, 1, 2, 9
_NANO = 9  # 10^-9 s
_APPLICATION = 4
_RECEIVED, _LOST = 4, 5  # of an interface


@dataclass(frozen=True, slots=True)
class Interface:
    """Where packets were seen; ``link_type`` says what their first byte is."""

    name: str
    link_type: int = RAW


@dataclass(frozen=True, slots=True)
class Packet:
    """Bytes that passed interface number ``interface`` at a Unix time; ``comment``: such as "erased"."""

    interface: int
    time_ns: int
    data: bytes
    comment: str = ""
    length: int | None = None  # as it was, where ``data`` is only its beginning


def pack(interfaces: Iterable[Interface], packets: Iterable[Packet]) -> Iterator[bytes]:
    """The blocks of a capture, in order; whoever writes them to a file may stop after any."""
    yield header()
    for interface in interfaces:
        yield described(interface)
    for packet in packets:
        yield captured(packet)


def header() -> bytes:
    """The block that begins a capture."""
    body = struct.pack("<IHHq", _MAGIC, 1, 0, -1)
    return _block(_SECTION, body + _options([(_APPLICATION, b"linkemu")]))


def described(interface: Interface) -> bytes:
    """The block of an interface; they are numbered in the order of their blocks."""
    options = [(_NAME, interface.name.encode()), (_RESOLUTION, bytes([_NANO]))]
    return _block(_INTERFACE, struct.pack("<HHI", interface.link_type, 0, LONGEST) + _options(options))


def captured(packet: Packet) -> bytes:
    """The block of a packet."""
    high, low = packet.time_ns >> 32, packet.time_ns & 0xFFFFFFFF
    size = len(packet.data)
    head = struct.pack("<IIIII", packet.interface, high, low, size, packet.length or size)
    options = [(_COMMENT, packet.comment.encode())] if packet.comment else []
    return _block(_PACKET, head + _padded(packet.data) + _options(options))


def counted(interface: int, time_ns: int, received: int, lost: int) -> bytes:
    """The block at the end that says how many packets an interface saw, and how many of them aren't here."""
    body = struct.pack("<III", interface, time_ns >> 32, time_ns & 0xFFFFFFFF)
    counts = ((_RECEIVED, received), (_LOST, lost))
    return _block(_STATISTICS, body + _options([(code, struct.pack("<Q", n)) for code, n in counts]))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _options(options: list[tuple[int, bytes]]) -> bytes:
    if not options:
        return b""
    parts = [struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options]
    return b"".join(parts) + struct.pack("<HH", _END, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def unpack(data: bytes, file: str, *, torn: bool = False) -> tuple[list[Interface], list[Packet]]:
    """Interfaces and packets of a capture of one section; if ``torn``, up to the last whole block.

    InputError names the byte at which it is wrong.
    """
    interfaces: list[tuple[Interface, int]] = []
    packets: list[Packet] = []
    for kind, order, body, where in _blocks(data, file, torn=torn):
        try:
            if kind == _INTERFACE:
                interfaces.append(_interface(order, body, where))
            elif kind == _PACKET:
                packets.append(_packet(order, body, interfaces, where))
        except (struct.error, UnicodeDecodeError):
            raise InputError(where, "a block that is cut short or not as the format says") from None
    return [interface for interface, _ in interfaces], packets


def _blocks(data: bytes, file: str, *, torn: bool) -> Iterator[tuple[int, str, bytes, str]]:
    """(kind, byte order, body, place) of each block; the first one, and no other, begins a section."""
    order = next((order for order in "<>" if data[8:12] == struct.pack(order + "I", _MAGIC)), None)
    if order is None or data[:4] != struct.pack("<I", _SECTION):  # which reads alike in either order
        raise InputError(f"{file}:byte 0", "not a pcapng file")
    at = 0
    while at < len(data):
        where = f"{file}:byte {at}"
        if torn and _ends_within(order, data, at):
            return
        if len(data) - at < 12:
            raise InputError(where, "a block that is cut short")
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind == _SECTION and at:
            raise InputError(where, "a second section, which this reader doesn't take")
        if length < 12 or length % 4 or at + length > len(data):
            raise InputError(where, "a block that is cut short, or whose length can't be")
        if struct.unpack_from(order + "I", data, at + length - 4)[0] != length:
            raise InputError(where, "a block whose two lengths differ")
        yield kind, order, data[at + 8 : at + length - 4], where
        at += length


def _ends_within(order: str, data: bytes, at: int) -> bool:
    """Whether the file ends before the block at this place does."""
    return len(data) - at < 12 or at + int(struct.unpack_from(order + "I", data, at + 4)[0]) > len(data)


def _interface(order: str, body: bytes, where: str) -> tuple[Interface, int]:
    link_type, _, _ = struct.unpack_from(order + "HHI", body)
    options = dict(_read_options(order, body[8:]))
    resolution = options.get(_RESOLUTION, b"\x06")[0]
    if resolution > _NANO:
        raise InputError(where, "times that aren't in decimal parts of a second down to ns")
    return Interface(options.get(_NAME, b"").decode(), link_type), 10 ** (_NANO - resolution)


def _packet(order: str, body: bytes, interfaces: list[tuple[Interface, int]], where: str) -> Packet:
    number, high, low, size, length = struct.unpack_from(order + "IIIII", body)
    if number >= len(interfaces) or size > len(body) - 20:
        raise InputError(where, "a packet of no interface, or cut short")
    options = dict(_read_options(order, body[20 + size + -size % 4 :]))
    time_ns = (high << 32 | low) * interfaces[number][1]
    comment = options.get(_COMMENT, b"").decode()
    return Packet(number, time_ns, body[20 : 20 + size], comment, length if length > size else None)


def _read_options(order: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == _END:
            return
        if at + 4 + length > len(data):
            raise struct.error("an option beyond its block")
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
