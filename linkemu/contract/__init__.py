"""The contract between a node and the emulator (docs/node-contract.md): one door to its two halves.

``datagrams`` is the codec, ``files`` are the files that tell a node and the emulator where they live.
"""

from linkemu.contract.datagrams import (
    HEADER_BYTES,
    MAX_FRAME_BYTES,
    VERSION,
    Beat,
    Bye,
    Frame,
    Hello,
    Message,
    PlanPart,
    Pulse,
    Skip,
    SkipAck,
    SkyTime,
    TimeAck,
    Welcome,
    decode,
    encode,
    frame_header,
    join_plan,
    peek_frame,
    split_plan,
)
from linkemu.contract.files import Address, EmulatorFile, NodeEntry, NodeFile, NodeLink
from linkemu.sensor import Sensor

__all__ = [
    "HEADER_BYTES",
    "MAX_FRAME_BYTES",
    "VERSION",
    "Address",
    "Beat",
    "Bye",
    "EmulatorFile",
    "Frame",
    "Hello",
    "Message",
    "NodeEntry",
    "NodeFile",
    "NodeLink",
    "PlanPart",
    "Pulse",
    "Sensor",
    "Skip",
    "SkipAck",
    "SkyTime",
    "TimeAck",
    "Welcome",
    "decode",
    "encode",
    "frame_header",
    "join_plan",
    "peek_frame",
    "split_plan",
]
