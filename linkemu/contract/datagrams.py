"""The datagrams between a node and the emulator, byte for byte as docs/node-contract.md has them.

Pure codec: no socket, no clock, no state. Big-endian. Nothing that a node sends says when it was sent:
the emulator believes its own kernel's stamp alone. Bytes that break the contract raise ContractError.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from linkemu.errors import ContractError
from linkemu.machine import Direction
from linkemu.sensor import Sensor

MAGIC = b"LE"
VERSION = 1
_HEADER = struct.Struct("!2sBBHBxQHxx")  # magic, version, kind, link, direction, token, length of payload
HEADER_BYTES = _HEADER.size
_MAX_UDP_BYTES = 65507
MAX_FRAME_BYTES = _MAX_UDP_BYTES - HEADER_BYTES
_PLAN_PART_BYTES = 8192

_NO_LINK = 0xFFFF
_DIRECTION_CODE: dict[Direction | None, int] = {Direction.UP: 0, Direction.DOWN: 1, None: 255}
_DIRECTION = {code: direction for direction, code in _DIRECTION_CODE.items()}


class Kind(IntEnum):
    HELLO = 1  # node to emulator
    WELCOME = 2  # emulator to node
    BEAT = 3  # node to emulator
    PULSE = 4  # emulator to node
    FRAME = 5  # both ways
    SENSOR = 6  # emulator to node
    PLAN = 7  # emulator to node
    TIME = 8  # emulator to node
    TIME_ACK = 9  # node to emulator
    SKIP = 10  # emulator to node
    SKIP_ACK = 11  # node to emulator
    BYE = 12  # both ways


@dataclass(frozen=True, slots=True)
class Hello:
    """A node wants to join; repeated until a Welcome."""

    node: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The node is in. ``incarnation`` differs after every start of the emulator."""

    incarnation: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The node lives; what it holds, and the datagrams that its kernel has dropped so far."""

    plan_version: int
    time_version: int
    drops: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """The emulator lives; the answer to a Beat."""

    incarnation: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Light: ``direction`` is UP from a station and DOWN from a satellite."""

    link: int
    direction: Direction
    payload: bytes


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Part ``index`` of ``count`` of the node's Plan; the parts of one version, joined, are its JSON."""

    version: int
    index: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SkyTime:
    """The time map's piece in force: scenario = scenario_ns + (CLOCK_MONOTONIC - monotonic_ns) * rate."""

    version: int
    monotonic_ns: int
    scenario_ns: int
    rate: float


@dataclass(frozen=True, slots=True)
class TimeAck:
    version: int


@dataclass(frozen=True, slots=True)
class Skip:
    """May time jump to ``until_ns``? All links are dark and drained."""

    proposal: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class SkipAck:
    """Yes, as far as ``until_ns`` (the node has work of its own then); a past time is a no."""

    proposal: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Bye:
    """The sender ends on purpose."""


Message = (
    Hello | Welcome | Beat | Pulse | Frame | Sensor | PlanPart | SkyTime | TimeAck | Skip | SkipAck | Bye
)

_WELCOME = struct.Struct("!Qq")
_BEAT = struct.Struct("!IIQ")
_PULSE = struct.Struct("!Q")
_SENSOR = struct.Struct("!BxxxQd")  # bit 0: locked; bit 1: power is given
_PLAN = struct.Struct("!IHH")
_TIME = struct.Struct("!Iqqd")
_TIME_ACK = struct.Struct("!I")
_SKIP = struct.Struct("!Iq")


def frame_header(link: int, direction: Direction, token: int, length: int) -> bytes:
    """The header in front of a frame of ``length`` bytes: for sending without a copy of the frame."""
    return _HEADER.pack(MAGIC, VERSION, Kind.FRAME, link, _DIRECTION_CODE[direction], token, length)


def encode(message: Message, token: int) -> bytes:
    """One datagram. ``token`` is the node's secret, in both ways."""
    kind, link, direction, payload = _parts(message)
    if len(payload) > MAX_FRAME_BYTES:
        raise ContractError(f"a payload of {len(payload)} bytes, at most {MAX_FRAME_BYTES} fit a datagram")
    code = _DIRECTION_CODE[direction]
    return _HEADER.pack(MAGIC, VERSION, kind, link, code, token, len(payload)) + payload


def _parts(message: Message) -> tuple[Kind, int, Direction | None, bytes]:
    match message:
        case Frame(link, direction, payload):
            return Kind.FRAME, link, direction, payload
        case Sensor(link, locked, rate_bps, power):
            flags = locked | (power is not None) << 1
            return Kind.SENSOR, link, None, _SENSOR.pack(flags, rate_bps, 0.0 if power is None else power)
        case PlanPart(version, index, count, data):
            return Kind.PLAN, _NO_LINK, None, _PLAN.pack(version, index, count) + data
        case Hello(node):
            return Kind.HELLO, _NO_LINK, None, node.encode()
        case Welcome(incarnation, duration_ns):
            return Kind.WELCOME, _NO_LINK, None, _WELCOME.pack(incarnation, duration_ns)
        case Beat(plan_version, time_version, drops):
            return Kind.BEAT, _NO_LINK, None, _BEAT.pack(plan_version, time_version, drops)
        case Pulse(incarnation):
            return Kind.PULSE, _NO_LINK, None, _PULSE.pack(incarnation)
        case SkyTime(version, monotonic_ns, scenario_ns, rate):
            return Kind.TIME, _NO_LINK, None, _TIME.pack(version, monotonic_ns, scenario_ns, rate)
        case TimeAck(version):
            return Kind.TIME_ACK, _NO_LINK, None, _TIME_ACK.pack(version)
        case Skip(proposal, until_ns):
            return Kind.SKIP, _NO_LINK, None, _SKIP.pack(proposal, until_ns)
        case SkipAck(proposal, until_ns):
            return Kind.SKIP_ACK, _NO_LINK, None, _SKIP.pack(proposal, until_ns)
        case Bye():
            return Kind.BYE, _NO_LINK, None, b""


def peek_frame(datagram: bytes | bytearray | memoryview) -> tuple[int, int, Direction] | None:
    """(token, link, direction) if this is a well-formed frame, else None: then ``decode`` has the reason."""
    if len(datagram) < HEADER_BYTES:
        return None
    magic, version, kind, link, code, token, length = _HEADER.unpack_from(datagram)
    if (
        kind != Kind.FRAME
        or not length
        or magic != MAGIC
        or version != VERSION
        or length != len(datagram) - HEADER_BYTES
    ):
        return None
    direction = _DIRECTION.get(code)
    return None if direction is None else (token, link, direction)


def decode(datagram: bytes | bytearray | memoryview) -> tuple[int, Message]:
    """(token, message) of one datagram; ContractError with the reason if it breaks the contract."""
    if len(datagram) < HEADER_BYTES:
        raise ContractError(f"a datagram of {len(datagram)} bytes, the header alone has {HEADER_BYTES}")
    magic, version, kind, link, code, token, length = _HEADER.unpack_from(datagram)
    if magic != MAGIC:
        raise ContractError(f"magic is {bytes(magic)!r}, expected {MAGIC!r}")
    if version != VERSION:
        raise ContractError(f"contract version {version}, this program speaks {VERSION}")
    if length != len(datagram) - HEADER_BYTES:
        raise ContractError(f"length says {length}, {len(datagram) - HEADER_BYTES} bytes follow the header")
    if code not in _DIRECTION:
        raise ContractError(f"direction {code}, expected 0 (up), 1 (down) or 255 (none)")
    payload = bytes(datagram[HEADER_BYTES:])
    try:
        return token, _message(kind, link, _DIRECTION[code], payload)
    except (struct.error, UnicodeDecodeError):
        raise ContractError(f"the payload of kind {kind} is malformed ({length} bytes)") from None


def _message(kind: int, link: int, direction: Direction | None, payload: bytes) -> Message:
    match kind:
        case Kind.FRAME:
            if direction is None or not payload:
                raise ContractError("a frame without direction, or without payload")
            return Frame(link, direction, payload)
        case Kind.SENSOR:
            flags, rate_bps, power = _SENSOR.unpack(payload)
            return Sensor(link, bool(flags & 1), rate_bps, power if flags & 2 else None)
        case Kind.PLAN:
            version, index, count = _PLAN.unpack_from(payload)
            if index >= count:
                raise ContractError(f"plan part {index} of {count}")
            return PlanPart(version, index, count, payload[_PLAN.size :])
        case Kind.HELLO:
            return Hello(payload.decode())
        case Kind.WELCOME:
            return Welcome(*_WELCOME.unpack(payload))
        case Kind.BEAT:
            return Beat(*_BEAT.unpack(payload))
        case Kind.PULSE:
            return Pulse(*_PULSE.unpack(payload))
        case Kind.TIME:
            return _sky_time(payload)
        case Kind.TIME_ACK:
            return TimeAck(*_TIME_ACK.unpack(payload))
        case Kind.SKIP:
            return Skip(*_SKIP.unpack(payload))
        case Kind.SKIP_ACK:
            return SkipAck(*_SKIP.unpack(payload))
        case Kind.BYE:
            return Bye()
    raise ContractError(f"unknown kind {kind}")


def _sky_time(payload: bytes) -> SkyTime:
    time = SkyTime(*_TIME.unpack(payload))
    if not 0.0 < time.rate < float("inf"):
        raise ContractError(f"a clock rate of {time.rate}")
    return time


def split_plan(version: int, text: bytes) -> list[PlanPart]:
    """The parts that carry a plan's JSON."""
    pieces = [text[i : i + _PLAN_PART_BYTES] for i in range(0, len(text), _PLAN_PART_BYTES)] or [b""]
    if len(pieces) > 0xFFFF:
        raise ContractError(f"a plan of {len(text)} bytes is too long")
    return [PlanPart(version, index, len(pieces), piece) for index, piece in enumerate(pieces)]


def join_plan(parts: Sequence[PlanPart]) -> bytes | None:
    """The JSON in ``parts`` (of one version, any order, repeats allowed); None while one is missing."""
    if not parts:
        return None
    found = {part.index: part.data for part in parts if part.count == parts[0].count}
    if len(found) < parts[0].count:
        return None
    return b"".join(found[index] for index in range(parts[0].count))
