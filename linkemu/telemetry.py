"""What is said on the bus: topics and messages, frozen objects to JSON and back. Pure (docs/telemetry.md).

The bus is observation and operator's command, never a way for nodes to know (law 2 of the link). A message
knows its topic and whether a broker should retain it. Readers are tolerant: unknown keys are ignored, so that
an old display reads a new node; what is missing or mistyped is a FormatError. No socket and no clock here.

    linkemu/<scenario>/session                          Session, retained
    linkemu/<scenario>/clock                            ClockState, 1 Hz, retained
    linkemu/<scenario>/node/<node>/status               NodeStatus, retained, last will "lost"
    linkemu/<scenario>/node/<node>/transfer/<id>        TransferState, on change and 1 Hz, retained
    linkemu/<scenario>/link/<station>/<satellite>/state      LinkState, on change, retained
    linkemu/<scenario>/link/<station>/<satellite>/telemetry  LinkTelemetry, 1 Hz
    linkemu/<scenario>/fidelity                         the fidelity report (linkemu.link.fidelity), retained
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias
from urllib.parse import quote, unquote

from linkemu.errors import FormatError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

ROOT = "linkemu"

NodeState = Literal["starting", "up", "stopped", "lost"]
BeamState = Literal["dark", "acquiring", "open", "blocked"]


def topic(scenario: str, *parts: str) -> str:
    """The topic under ``scenario``: each part is one level, whatever characters it has."""
    return "/".join((ROOT, *(quote(part, safe=" ") for part in (scenario, *parts))))


def everything(scenario: str) -> str:
    """The filter that matches all topics of a scenario."""
    return topic(scenario) + "/#"


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        from pydantic import TypeAdapter  # a data plane names topics alone, and starts in half the time

        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


class Posting:
    """A message of the bus. ``RETAIN`` is whether the broker keeps the last one for late readers."""

    __slots__ = ()
    RETAIN: ClassVar[bool] = True

    def topic(self, scenario: str) -> str:
        raise TypeError(f"{type(self).__name__} has no topic")

    def payload(self) -> bytes:
        """The message as UTF-8 JSON; what is nan or infinite becomes null."""
        dumped: bytes = _adapter(type(self)).dump_json(self)
        return dumped

    @classmethod
    def read(cls, payload: bytes | bytearray | str) -> Self:
        """The message in ``payload``; FormatError in one line if it isn't one."""
        from pydantic import ValidationError

        try:
            message: Self = _adapter(cls).validate_json(payload)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "payload"
            raise FormatError(f"{cls.__name__}: {where}: {first['msg']}") from None
        return message


@dataclass(frozen=True, slots=True)
class Session(Posting):
    """The run as a whole, by the session that started it."""

    scenario: str
    state: Literal["starting", "running", "stopping", "ended"]
    epoch: str  # UTC of scenario time 0, ISO 8601
    duration_s: float
    rate: float
    pid: int
    restarts: Mapping[str, int] = field(default_factory=dict)  # by process, since the start

    def topic(self, scenario: str) -> str:
        return topic(scenario, "session")


@dataclass(frozen=True, slots=True)
class ClockState(Posting):
    """Scenario time as the emulator keeps it."""

    at_s: float
    rate: float
    duration_s: float
    lag_s: float  # how late the emulator's timers were, worst of the last second
    skipped_s: float = 0.0  # scenario seconds that --skip-gaps has jumped over

    def topic(self, scenario: str) -> str:
        return topic(scenario, "clock")


@dataclass(frozen=True, slots=True)
class NodeStatus(Posting):
    """A process of the run; ``lost`` is its last will, which the broker speaks for it."""

    node: str
    role: Literal["ground", "satellite", "emulator"]
    state: NodeState
    pid: int
    at_s: float | None = None

    def topic(self, scenario: str) -> str:
        return topic(scenario, "node", self.node, "status")


@dataclass(frozen=True, slots=True)
class Beam:
    """One direction of a link."""

    state: BeamState  # blocked: the modem sends, and what it sends is lost
    cause: str | None  # of an outage, in lower case: "below_mask", "cloud", …; None while open
    known: bool  # the outage stands in the plan: known in advance
    rate_bps: int
    delay_s: float | None
    power_dBm: float | None
    margin_dB: float | None
    sent_bytes: int = 0  # that left the transmitter since the start
    delivered_bytes: int = 0
    lost_frames: int = 0  # erased on the way
    dropped_frames: int = 0  # at the full queue
    queue_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LinkState(Posting):
    """What changes of a link: published when it does."""

    station: str
    satellite: str
    at_s: float
    up: Beam
    down: Beam

    def topic(self, scenario: str) -> str:
        return topic(scenario, "link", self.station, self.satellite, "state")


@dataclass(frozen=True, slots=True)
class LinkTelemetry(Posting):
    """All about a link, once a second. Geometry is None where no contact is near."""

    RETAIN: ClassVar[bool] = False

    station: str
    satellite: str
    at_s: float
    elevation_deg: float | None
    azimuth_deg: float | None
    range_m: float | None
    range_rate_mps: float | None
    up: Beam
    down: Beam
    window_end_s: float | None = None  # of the planned window that is open now
    next_window_s: float | None = None  # start of the next planned one

    def topic(self, scenario: str) -> str:
        return topic(scenario, "link", self.station, self.satellite, "telemetry")


@dataclass(frozen=True, slots=True)
class TransferState(Posting):
    """A file on its way, as the ground station that has custody of the order knows it.

    States of a put: spooled, sending, in orbit, verified, failed. Of a get: requested, receiving, verified,
    failed. ``times`` has the scenario second at which each state was reached.
    """

    node: str
    id: str
    action: Literal["put", "get"]
    name: str
    satellite: str
    state: Literal["spooled", "sending", "in orbit", "requested", "receiving", "verified", "failed"]
    at_s: float
    size_bytes: int | None  # None: not known yet
    done_bytes: int  # acknowledged as durable by the other end (put), or durable here (get)
    priority: int = 0
    rate_bps: float | None = None  # of content, over the last seconds
    sha256: str | None = None
    times: Mapping[str, float] = field(default_factory=dict)
    sent_bytes: int = 0  # content in frames, first time or repair
    repaired_bytes: int = 0
    resent_chunks: int = 0  # sent again though their acknowledgement stood in the journal: must be 0
    next_window_s: float | None = None
    problem: str | None = None  # why it failed

    def topic(self, scenario: str) -> str:
        return topic(scenario, "node", self.node, "transfer", self.id)

    @property
    def ended(self) -> bool:
        return self.state in ("verified", "failed")


Message: TypeAlias = Session | ClockState | NodeStatus | LinkState | LinkTelemetry | TransferState


def read(name: str, payload: bytes) -> Message | None:
    """The message that came by topic ``name``; None if the topic is not ours or was cleared.

    Raises:
        FormatError: a topic of ours, with a payload that can't be read.
    """
    levels = [unquote(level) for level in name.split("/")]
    if len(levels) < 3 or levels[0] != ROOT or not payload:
        return None
    match levels[2:]:
        case ["session"]:
            return Session.read(payload)
        case ["clock"]:
            return ClockState.read(payload)
        case ["node", _, "status"]:
            return NodeStatus.read(payload)
        case ["node", _, "transfer", _]:
            return TransferState.read(payload)
        case ["link", _, _, "state"]:
            return LinkState.read(payload)
        case ["link", _, _, "telemetry"]:
            return LinkTelemetry.read(payload)
    return None
