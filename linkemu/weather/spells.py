"""Spells of cloud and of clear sky: what a series of states says of them, as a Markov chain.

For summaries of tables and of years, to be set beside published ones. The model itself draws no Markov
chains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Spells:
    """A chain in continuous time: mean lengths of cloudy and of clear spells."""

    cloudy_s: float
    clear_s: float

    @property
    def cover(self) -> float:
        """Share of time that is cloudy."""
        return self.cloudy_s / (self.cloudy_s + self.clear_s)

    def step(self, step_s: float) -> tuple[float, float]:
        """Probabilities to become cloudy, and to clear up, from one step to the next."""
        relaxation_s = self.cloudy_s * self.clear_s / (self.cloudy_s + self.clear_s)
        done = -math.expm1(-step_s / relaxation_s)
        return self.cover * done, (1.0 - self.cover) * done


def transitions(cloudy: NDArray[np.bool_]) -> tuple[float, float]:
    """Shares of clear steps before cloudy ones, and of cloudy before clear ones; nan where there are none."""
    before, after = cloudy[:-1], cloudy[1:]
    clear, covered = np.count_nonzero(~before), np.count_nonzero(before)
    gathers = np.count_nonzero(~before & after) / clear if clear else math.nan
    clears = np.count_nonzero(before & ~after) / covered if covered else math.nan
    return gathers, clears
