"""What may go wrong in a run of the campaign, as frozen facts; how each is written in a case file.

A fault says what, where, when, and by which seed its own chances fall, so that a list of faults and a
scenario are a whole run. Times are scenario seconds. What a fault does is known to those who carry it out:
weather, machine, air.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

_Time = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Span = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Shift = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
_Seed = Annotated[int, Field(ge=0, lt=1 << 63)]

Way = Literal["up", "down", "both"]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Crash:
    """A node's machine stops at the ``after``-th step of a task, or call of its disk, that follows ``at_s``.

    "power": what was not synced is lost or torn, by the seed. "kill": the process alone is gone, the disk has
    all that was written. "stop": the node is cancelled and may clean up. If it takes fewer steps, it stops a
    second later. It comes back ``down_s`` after it went.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    at_s: _Time
    how: Literal["power", "kill", "stop"]
    on: Literal["step", "disk"]
    after: _Count
    down_s: _Span
    seed: _Seed = 0
    fault: Literal["crash"] = "crash"


@dataclass(frozen=True, slots=True)
class Outage:
    """A link carries nothing: "dark", the senders know and hold; "lost", what they send is gone.

    One direction alone is a path of data, or of acknowledgements, that is lost.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    station: str
    satellite: str
    way: Way
    at_s: _Time
    for_s: _Span
    kind: Literal["dark", "lost"]
    fault: Literal["outage"] = "outage"


@dataclass(frozen=True, slots=True)
class Fades:
    """A train of short losses: the first ``lost_s`` of every ``every_s``."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    station: str
    satellite: str
    way: Way
    at_s: _Time
    for_s: _Span
    every_s: Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)]
    lost_s: Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)]
    fault: Literal["fades"] = "fades"


@dataclass(frozen=True, slots=True)
class Frames:
    """A ``share`` of the frames of a link comes spoilt: a bit changed, gone, up to ``late_s`` later, or
    twice."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    station: str
    satellite: str
    way: Way
    at_s: _Time
    for_s: _Span
    effect: Literal["corrupt", "drop", "delay", "duplicate"]
    share: _Share
    late_s: _Span = 0.01
    seed: _Seed = 0
    fault: Literal["frames"] = "frames"


@dataclass(frozen=True, slots=True)
class Skew:
    """The clock of a node is off by ``offset_s``, and gains ``drift`` seconds in a second.

    In each of its lives that begins at ``at_s`` or later; the last such skew counts.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    at_s: _Time
    offset_s: _Shift
    drift: Annotated[float, Field(ge=-0.5, le=0.5, allow_inf_nan=False)] = 0.0
    fault: Literal["skew"] = "skew"


@dataclass(frozen=True, slots=True)
class BadPlan:
    """What a node believes of the sky is late or wrong.

    Its plan comes ``late_s`` after each start, windows and delays are ``shift_s`` off, and every
    ``missing``-th window (0: none) is not in it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    late_s: _Time = 0.0
    shift_s: _Shift = 0.0
    missing: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    fault: Literal["plan"] = "plan"


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Each call of a node's disk takes ``each_s`` before it has its effect."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    at_s: _Time
    for_s: _Span
    each_s: _Span
    fault: Literal["slow disk"] = "slow disk"


@dataclass(frozen=True, slots=True)
class Full:
    """A node's disk has room for ``room_bytes`` more, and for no byte beyond, until somebody clears it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    at_s: _Time
    for_s: _Span
    room_bytes: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    fault: Literal["full"] = "full"


@dataclass(frozen=True, slots=True)
class Rot:
    """A bit of what a node has stored durably changes, in a file and at a place by the seed."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    at_s: _Time
    seed: _Seed = 0
    fault: Literal["rot"] = "rot"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """``sectors`` of what a node has stored durably give an input/output error until they are written anew.

    In a file and at a place by the seed; fewer where the file ends before.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    node: str
    at_s: _Time
    sectors: _Count = 1
    seed: _Seed = 0
    fault: Literal["unreadable"] = "unreadable"


Fault = Crash | Outage | Fades | Frames | Skew | BadPlan | SlowDisk | Full | Rot | Unreadable
AnyFault = Annotated[Fault, Field(discriminator="fault")]
