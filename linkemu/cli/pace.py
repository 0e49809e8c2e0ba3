"""The clock of a run: what the options make of that of a scenario, or of a recorded run."""

from __future__ import annotations

from dataclasses import dataclass

from linkemu.cli import options
from linkemu.errors import InputError
from linkemu.record.manifest import Pace
from linkemu.scenario import Scenario

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options say. A broker, gaps and waiting for an end are of the real and the scaled clock."""

    clock: str | None = None
    rate: float | None = None
    broker: str = EMBEDDED
    skip_gaps: bool = False
    until_done: bool = False

    def pace(self, own: Pace, scenario: Scenario) -> Pace:
        """InputError if they contradict each other, ``own`` or the scenario."""
        pace = self._pace(own)
        if pace.mode == "virtual":
            options.refuse(self._of_processes(), "has no meaning under the virtual clock")
        if self.skip_gaps and scenario.doors:
            raise InputError("--skip-gaps", "has no meaning with doors, whose clients live by the wall clock")
        return pace

    def given(self) -> dict[str, object]:
        """The options by their names; None or False: they say nothing."""
        return {"--clock": self.clock, "--rate": self.rate, **self._of_processes()}

    def _of_processes(self) -> dict[str, object]:
        """The virtual clock has one process, no broker, and no time to wait for."""
        is_other_broker = self.broker != EMBEDDED
        return {"--broker": is_other_broker, "--skip-gaps": self.skip_gaps, "--until-done": self.until_done}

    def _pace(self, own: Pace) -> Pace:
        mode = self.clock or ("scaled" if self.rate is not None else own.mode)
        if mode != "scaled":
            if self.rate is not None:
                raise InputError("--rate", f"belongs to the scaled clock, not to the {mode} one")
            return Pace("virtual" if mode == "virtual" else "real")
        if self.rate is not None:
            return Pace("scaled", self.rate)
        if own.mode != "scaled":
            raise InputError("--clock", "scaled needs --rate, or a rate in the scenario")
        return own
