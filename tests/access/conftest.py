"""Makes the helpers beside the tests importable under importmode importlib."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from exec_world import carrier as carrier
from exec_world import networks as networks
