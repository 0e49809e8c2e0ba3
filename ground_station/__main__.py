"""``python -m ground_station --node-file F``: this node as a process of its own (linkemu.runtime.launch)."""

import sys

from linkemu.runtime.launch import main

sys.exit(main("ground"))
