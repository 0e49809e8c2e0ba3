"""``python -m satellite_node --node-file F``: this node as a process of its own (linkemu.runtime.launch)."""

import sys

from linkemu.runtime.launch import main

sys.exit(main("satellite"))
