"""Makes the helpers beside these tests, and those of the doors, importable under importmode importlib."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "access"))

from live import echoed as echoed
