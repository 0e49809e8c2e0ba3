"""A packet spoiled on its way: one byte is another, under a checksum that was right. Pure bytes.

The kernel may leave a transport checksum unfinished and say so in the frame's virtio_net_hdr; it is finished
first, as a network card would, so that the receiver can see the damage.
"""

from __future__ import annotations

from linkemu.access.exec_segments import VNET_BYTES, finished
from linkemu.link.lots import flipped


def spoiled(frame: bytes, link_bytes: int, flip: tuple[float, float]) -> bytes:
    """The frame of a single packet with one byte of it changed, from its IP header on."""
    return flipped(finished(frame), flip, VNET_BYTES + link_bytes)
