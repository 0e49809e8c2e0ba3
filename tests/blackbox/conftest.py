"""The second judge's files find each other, run by a test as well as by hand."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
