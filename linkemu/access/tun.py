"""A TUN device with offloads: the kernel hands over whole TCP and UDP super-packets, unsegmented.

IFF_VNET_HDR puts a virtio_net_hdr before each packet (exec_segments reads it); what is read from one TUN can
be written to another as it is. The device lives in the network in which it was opened, and ends with its
descriptor.
"""

from __future__ import annotations

import fcntl
import os
import struct

from linkemu.errors import ResourceError

PATH = "/dev/net/tun"
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0  # linux/if_tun.h
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x1, 0x1000, 0x4000
_CSUM, _TSO4, _TSO6, _ECN, _USO4, _USO6 = 0x1, 0x2, 0x4, 0x8, 0x20, 0x40
_TCP = _CSUM | _TSO4 | _TSO6 | _ECN


def open_tun(name: str) -> int:
    """A descriptor of a new device in this process's network; ResourceError if it can't be had."""
    try:
        device = os.open(PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ResourceError(PATH, f"{error.strerror}; {remedy()}") from None
    try:
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR)
        fcntl.ioctl(device, _TUNSETIFF, request)
        _set_offloads(device)
    except OSError as error:
        os.close(device)
        raise ResourceError(PATH, error.strerror or str(error)) from None
    return device


def remedy() -> str:
    """How to come by the device."""
    if not os.path.exists(PATH):  # noqa: PTH110  (one line, no object needed)
        return "as root, modprobe tun"
    return f"as root, chmod 0666 {PATH} (as most distributions have it)"


def _set_offloads(device: int) -> None:
    try:
        fcntl.ioctl(device, _TUNSETOFFLOAD, _TCP | _USO4 | _USO6)
    except OSError:  # UDP segmentation came with Linux 6.2
        fcntl.ioctl(device, _TUNSETOFFLOAD, _TCP)
