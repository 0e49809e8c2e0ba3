"""The shape of ``[[fault]]``: its kinds, and which keys each of them needs and may have.

Pydantic model of what stands in the TOML, and nothing else. What the kinds do is told in docs/faults.md.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from linkemu.scenario.quantities import Delay, Identifier, Loss, Rate, Shift, Span, Table, Time, wrong

Kind = Literal[
    "blackout", "cloud", "fades", "loss", "blackhole", "rate", "delay", "reorder", "duplicate", "corrupt",
    "plan-shift", "plan-missing", "plan-late", "clock", "kill", "freeze", "bit-flip", "disk",
    "refuse", "reset", "half-open",
]  # fmt: skip

_LINK = frozenset({"station", "satellite", "duration"})
_PICK = frozenset({"direction", "every", "share"})

KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {  # kind: needed, possible
    "blackout": (_LINK, frozenset({"direction", "known"})),
    "cloud": (frozenset({"station", "duration"}), frozenset({"period", "length"})),
    "fades": (_LINK | {"period", "length"}, frozenset({"direction", "depth"})),
    "loss": (_LINK, _PICK | {"of"}),
    "blackhole": (_LINK, frozenset({"direction"})),
    "rate": (_LINK | {"rate"}, frozenset({"direction"})),
    "delay": (_LINK, frozenset({"direction", "delay", "added"})),
    "reorder": (_LINK | {"late"}, _PICK),
    "duplicate": (_LINK, _PICK),
    "corrupt": (_LINK, _PICK),
    "plan-shift": (frozenset({"node", "shift"}), frozenset()),
    "plan-missing": (frozenset({"node", "duration"}), frozenset()),
    "plan-late": (frozenset({"node"}), frozenset()),
    "clock": (frozenset({"node"}), frozenset({"shift", "drift_ppm"})),
    "kill": (frozenset({"node"}), frozenset({"duration"})),
    "freeze": (frozenset({"node", "duration"}), frozenset()),
    "bit-flip": (frozenset({"node"}), frozenset({"count"})),
    "disk": (frozenset({"node"}), frozenset({"duration"})),
    "refuse": (frozenset({"door"}), frozenset({"duration"})),
    "reset": (frozenset({"door"}), frozenset()),
    "half-open": (frozenset({"door"}), frozenset()),
}
ALWAYS = frozenset({"plan-shift", "clock"})  # from the scenario's beginning: no start

assert KEYS.keys() == set(get_args(Kind))


class FaultTable(Table):
    kind: Kind = "blackout"
    start: Time | None = None
    duration: Span | None = None
    station: Identifier | None = None
    satellite: Identifier | None = None
    direction: Literal["up", "down"] | None = None
    known: bool = False
    node: Identifier | None = None
    door: Identifier | None = None
    every: int | None = Field(default=None, ge=1, le=10**9)
    share: float | None = Field(default=None, gt=0.0, le=1.0)
    of: Literal["slots", "datagrams"] | None = None
    rate: Rate | None = None
    delay: Delay | None = None
    added: Delay | None = None
    late: Span | None = None
    period: Span | None = None
    length: Span | None = None
    depth: Loss | None = None
    shift: Shift | None = None
    drift_ppm: float | None = Field(default=None, ge=-1e5, le=1e5)
    count: int | None = Field(default=None, ge=1, le=1000)

    @model_validator(mode="after")
    def _has_the_keys_of_its_kind(self) -> FaultTable:
        needed, possible = KEYS[self.kind]
        if self.kind not in ALWAYS:
            needed = needed | {"start"}
        given = self.model_fields_set - {"kind"}
        missing, strange = sorted(needed - given), sorted(given - needed - possible)
        if missing:
            raise wrong(f'{missing[0]} is missing, which kind = "{self.kind}" needs')
        if strange:
            known = ", ".join(sorted(needed | possible))
            raise wrong(f'kind = "{self.kind}" has no {strange[0]}, only {known}')
        self._check_figures()
        return self

    def _check_figures(self) -> None:
        if self.every is not None and self.share is not None:
            raise wrong("either every or share, not both")
        if (self.period is None) != (self.length is None):
            raise wrong("period and length go together")
        if self.period is not None and self.length is not None:
            if self.length >= self.period:
                raise wrong("length must be below period")
            if (self.duration or 0.0) / self.period > 10_000:
                raise wrong("more than 10000 periods")
        if self.kind == "delay" and (self.delay is None) == (self.added is None):
            raise wrong("a delay takes either delay or added")
        if self.kind == "clock" and self.shift is None and self.drift_ppm is None:
            raise wrong("a clock takes shift, drift_ppm or both")
