"""The stage: a scenario and its compiled sky, on which any list of faults is played. Made once, then read.

It travels to other processes whole, so that a worker needs neither element files nor a second compilation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from linkemu.campaign.faults import BadPlan, Crash, Fault, Full, Rot, Skew, SlowDisk, Unreadable
from linkemu.errors import InputError
from linkemu.forecast import forecast
from linkemu.link.timeline import LinkName, Sky
from linkemu.plan import Plan
from linkemu.scenario import Scenario


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What every run of a campaign has in common. ``quiet_s``: when faults have to be over."""

    scenario: Scenario
    epoch: datetime
    sky: Sky
    plans: Mapping[str, Plan]
    quiet_s: float

    @property
    def nodes(self) -> tuple[str, ...]:
        """Satellites, then stations."""
        scenario = self.scenario
        return tuple(each.id for each in scenario.satellites) + tuple(each.id for each in scenario.stations)

    def check(self, faults: Sequence[Fault], where: str) -> None:
        """InputError if a fault names a node or a link that is not here."""
        for number, fault in enumerate(faults):
            place = f"{where}: faults[{number}]"
            if isinstance(fault, Crash | Skew | BadPlan | SlowDisk | Full | Rot | Unreadable):
                if fault.node not in self.nodes:
                    raise InputError(place, f"node {fault.node!r}, expected one of {', '.join(self.nodes)}")
            elif LinkName(fault.station, fault.satellite) not in self.sky.links:
                raise InputError(place, f"no link {fault.station}-{fault.satellite} in {self.scenario.name}")


def compile_stage(scenario: Scenario, quiet_share: float = 0.36) -> Stage:
    """Compile a scenario; faults have to be over when ``quiet_share`` of it is left.

    Raises:
        InputError: it has no transfers, or what ``forecast`` refuses.
    """
    if not scenario.transfers:
        raise InputError(str(scenario.path), "a campaign needs at least one [[transfer]]")
    compiled = forecast(scenario)
    plans = dict(compiled.plans)
    return Stage(scenario, compiled.epoch, compiled.sky, plans, scenario.duration_s * (1 - quiet_share))
