"""From a list of faults that fails to a small one that fails in the same way. Pure, but for what ``fails``
does.

First whole faults go, by halves and ever smaller parts (delta debugging: Zeller and Hildebrandt, "Simplifying
and isolating failure-inducing input", IEEE TSE 28(2), 2002); then each of the rest is made plainer, field by
field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from linkemu.campaign.faults import Fault

Fails = Callable[[tuple[Fault, ...]], bool]
_DIGITS = (0, 1, 2, 3)
_PLAIN: dict[str, tuple[Any, ...]] = {  # the plainest first
    "how": ("kill", "power"),
    "on": ("disk", "step"),
    "way": ("both", "down", "up"),
    "kind": ("dark", "lost"),
    "share": (1.0, 0.5),
    "seed": (0, 1, 2, 3),
    "drift": (0.0,),
    "offset_s": (0.0,),
    "after": (1, 2, 5, 10),
    "sectors": (1, 2, 4),
}


class _Enough(Exception):
    """The trials that were granted are used up."""


def shrink(faults: Sequence[Fault], fails: Fails, trials: int = 400) -> tuple[Fault, ...]:
    """The smallest list found in so many ``trials``. ``fails`` holds for ``faults`` and for the answer."""
    search = _Search(tuple(faults), fails, trials)
    try:
        search.drop()
        search.simplify()
    except _Enough:
        pass  # what was found so far fails too
    return search.best


class _Search:
    def __init__(self, faults: tuple[Fault, ...], fails: Fails, trials: int) -> None:
        self.best = faults
        self._fails = fails
        self._trials = trials

    def drop(self) -> None:
        """Leave out parts, from halves down to single faults, until every single one is needed."""
        size = max(1, len(self.best) // 2)
        while True:
            before = len(self.best)
            at = 0
            while at < len(self.best):
                if not self._take(self.best[:at] + self.best[at + size :]):
                    at += size
            if size == 1 and len(self.best) == before:
                return
            size = max(1, size // 2)

    def simplify(self) -> None:
        """Replace values by plainer ones, until none is left that may be."""
        changed = True
        while changed:
            changed = False
            for at in range(len(self.best)):
                for plainer in _plainer(self.best[at]):
                    if self._take((*self.best[:at], plainer, *self.best[at + 1 :])):
                        changed = True
                        break

    def _take(self, candidate: tuple[Fault, ...]) -> bool:
        if self._trials == 0:
            raise _Enough
        self._trials -= 1
        if not self._fails(candidate):
            return False
        self.best = candidate
        return True


def _plainer(fault: Fault) -> Iterator[Fault]:
    """The same fault with one field plainer, the boldest changes first."""
    for field in fields(fault):
        now: Any = getattr(fault, field.name)
        plain = _PLAIN.get(field.name)
        if plain is not None:
            options = iter(plain[: plain.index(now)] if now in plain else plain)
        else:
            options = _rounded(now) if isinstance(now, float) and now > 0 else iter(())
        yield from (replace(fault, **{field.name: each}) for each in options)


def _rounded(value: float) -> Iterator[float]:
    """Numbers near a positive one that have fewer digits."""
    for digits in _DIGITS:
        short = round(value, digits)
        if short == value:
            return
        if short > 0:
            yield short
