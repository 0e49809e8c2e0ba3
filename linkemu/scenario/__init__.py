"""The scenario file: validated once, at this door; inside linkemu only these frozen objects travel.

``load(path)`` reads a TOML file, ``loads(text, path)`` its text; both raise ScenarioError with every problem
found, by dotted path. docs/scenario.md describes the keys. No other room reads TOML.
"""

from linkemu.scenario.door import Changes, files_of, load, loads
from linkemu.scenario.model import (
    NEXT_PASS,
    Acquisition,
    ClockSettings,
    Cloud,
    Door,
    Fault,
    Front,
    Mode,
    Modem,
    QueueSettings,
    Satellite,
    Scenario,
    Sky,
    Station,
    Terminal,
    Transfer,
    TransferSettings,
    Turbulence,
)

__all__ = [
    "NEXT_PASS",
    "Acquisition",
    "Changes",
    "ClockSettings",
    "Cloud",
    "Door",
    "Fault",
    "Front",
    "Mode",
    "Modem",
    "QueueSettings",
    "Satellite",
    "Scenario",
    "Sky",
    "Station",
    "Terminal",
    "Transfer",
    "TransferSettings",
    "Turbulence",
    "files_of",
    "load",
    "loads",
]
