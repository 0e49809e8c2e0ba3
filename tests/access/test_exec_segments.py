"""Cutting super-packets: every piece is a valid packet by itself, and together they are what was cut."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.exec_segments import VNET_BYTES, Frame, frame_of

ETHERNET = bytes(range(12)) + b"\x08\x00"


def ones_sum(data: bytes) -> int:
    """RFC 1071 over bytes, as a number of 16 bits."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    return (total - 1) % 0xFFFF + 1 if total else 0


def pseudo(packet: bytes, protocol: int, length: int) -> bytes:
    if packet[0] >> 4 == 4:
        return packet[12:20] + struct.pack(">BBH", 0, protocol, length)
    return packet[8:40] + struct.pack(">II", length, protocol)


def super_packet(version: int, tcp: bool, payload: bytes, size: int, ethernet: bool, options: int) -> bytes:
    """As the kernel hands it over: the transport's checksum holds the sum over the pseudo-header alone."""
    protocol = 6 if tcp else 17
    if tcp:
        words = 5 + options
        transport = struct.pack(">HHIIBBHHH", 1000, 80, 0xFFFFFF00, 7, words << 4, 0x99, 500, 0, 0)
        transport += bytes([1]) * (4 * options)
        offset = 16
    else:
        transport, offset = struct.pack(">HHHH", 1000, 80, 8 + len(payload), 0), 6
    length = len(transport) + len(payload)
    if version == 4:
        head = struct.pack(
            ">BBHHHBBH4s4s",
            0x45,
            0,
            20 + length,
            0xFFFE,
            0x4000,
            64,
            protocol,
            0,
            b"\x0a\x47\0\1",
            b"\x0a\x47\0\2",
        )
        head = head[:10] + struct.pack(">H", 0xFFFF - ones_sum(head)) + head[12:]
    else:
        head = struct.pack(">IHBB", 6 << 28, length, protocol, 64) + bytes(range(32))
    partial = ones_sum(pseudo(head, protocol, length))
    transport = transport[:offset] + struct.pack(">H", partial) + transport[offset + 2 :]
    link = ETHERNET if ethernet else b""
    kind = {(4, True): 1, (6, True): 4}.get((version, tcp), 5) | (0x80 if tcp and options == 3 else 0)
    start = len(link) + len(head)
    vnet = struct.pack("=BBHHHH", 1, kind, start + len(transport), size, start, offset)
    return vnet + link + head + transport + payload


def finished(data: bytes) -> bytes:
    """The packet of a frame, its checksum completed as the receiving kernel or a card does."""
    _, _, header, _, start, offset = struct.unpack_from("=BBHHHH", data)
    packet = bytearray(data[VNET_BYTES:])
    assert start <= header <= len(packet)
    packet[start + offset : start + offset + 2] = struct.pack(">H", 0xFFFF - ones_sum(bytes(packet[start:])))
    return bytes(packet)


@st.composite
def frames(draw: st.DrawFn) -> tuple[Frame, bytes, bool]:
    tcp, version = draw(st.booleans()), draw(st.sampled_from([4, 6]))
    size = draw(st.integers(8, 1448))
    payload = draw(st.binary(min_size=size + 1, max_size=min(size * 9, 6000)))
    ethernet = draw(st.booleans())
    data = super_packet(version, tcp, payload, size, ethernet, draw(st.integers(0, 3)))
    frame = frame_of(data, len(ETHERNET) if ethernet else 0)
    assert frame is not None
    return frame, payload, tcp


@given(frames(), st.data())
def test_each_piece_is_a_packet_of_its_own(
    given_frame: tuple[Frame, bytes, bool], data: st.DataObject
) -> None:
    frame, payload, tcp = given_frame
    assert frame.count == -(-len(payload) // frame.size)
    cuts = sorted({0, frame.count, *data.draw(st.lists(st.integers(0, frame.count), max_size=4))})
    gathered, wire = b"", 0
    for first, stop in pairwise(cuts):
        piece = frame.cut(first, stop)
        again = frame_of(piece, frame.link_bytes)
        assert again is not None
        assert again.count == stop - first
        assert again.wire_bytes(0, again.count) == frame.wire_bytes(first, stop)
        wire += frame.wire_bytes(first, stop)
        packet = finished(piece)[frame.link_bytes :]
        check_internet(packet, first)
        gathered += check_transport(packet, tcp, len(gathered), first, stop == frame.count)
    assert gathered == payload
    assert wire == frame.count * frame.header + len(payload)


def check_internet(packet: bytes, first: int) -> None:
    if packet[0] >> 4 == 4:
        assert ones_sum(packet[:20]) == 0xFFFF
        assert struct.unpack_from(">H", packet, 2)[0] == len(packet)
        assert struct.unpack_from(">H", packet, 4)[0] == (0xFFFE + first) % 65536
    else:
        assert struct.unpack_from(">H", packet, 4)[0] == len(packet) - 40


def check_transport(packet: bytes, tcp: bool, skipped: int, first: int, last: bool) -> bytes:
    """The payload of a packet whose sum, sequence, flags and length are right."""
    start = 20 if packet[0] >> 4 == 4 else 40
    segment = packet[start:]
    assert ones_sum(pseudo(packet, 6 if tcp else 17, len(segment)) + segment) == 0xFFFF
    if not tcp:
        assert struct.unpack_from(">H", segment, 4)[0] == len(segment)
        return segment[8:]
    assert struct.unpack_from(">I", segment, 4)[0] == (0xFFFFFF00 + skipped) % 2**32
    flags = segment[13]
    assert bool(flags & 0x01) == bool(flags & 0x08) == last  # FIN and PSH end the data
    assert bool(flags & 0x80) == (first == 0)  # CWR is said once
    assert flags & 0x10
    return segment[(segment[12] >> 4) * 4 :]


@given(st.binary(max_size=200), st.sampled_from([0, 14]))
def test_no_bytes_are_beyond_it(data: bytes, link_bytes: int) -> None:
    """Whatever a program puts on the wire is a frame, or told to be none."""
    frame = frame_of(data, link_bytes)
    if frame is not None:
        assert frame.count >= 1
        assert frame.wire_bytes(0, frame.count) >= 0


def test_a_plain_packet_weighs_its_bytes() -> None:
    frame = frame_of(bytes(VNET_BYTES) + b"\x45" + bytes(99), 0)
    assert frame is not None
    assert (frame.count, frame.wire_bytes(0, 1)) == (1, 100)
    assert frame.cut(0, 1) is frame.data


def test_arp_is_no_light() -> None:
    assert frame_of(bytes(VNET_BYTES) + ETHERNET + bytes(28), len(ETHERNET)) is None


@pytest.mark.parametrize("tcp", [True, False])
def test_a_super_packet_of_nothing_is_one_packet_and_a_torn_one_is_none(tcp: bool) -> None:
    bare = super_packet(4, tcp, b"", 100, True, 0)
    frame = frame_of(bare, 14)
    assert frame is not None
    assert (frame.count, frame.wire_bytes(0, 1), frame.cut(0, 1)) == (1, len(bare) - VNET_BYTES - 14, bare)
    assert frame_of(bare[:-1], 14) is None
    no_size = super_packet(4, tcp, b"payload", 0, True, 0)
    frame = frame_of(no_size, 14)
    assert frame is not None and frame.count == 1


def test_a_piece_that_is_one_packet_is_no_super_packet() -> None:
    frame = frame_of(super_packet(4, True, bytes(250), 100, True, 0), 14)
    assert frame is not None and frame.count == 3
    assert [struct.unpack_from("=BBHH", frame.cut(at, at + 1))[1::2] for at in range(3)] == [(0, 0)] * 3
    assert struct.unpack_from("=BBHH", frame.cut(0, 2))[1::2] == (1, 100)
