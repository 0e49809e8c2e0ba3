"""Recorded runs: directories that hold all that a run was given and all that it said (docs/replay.md).

``recording`` writes one, ``opening`` reads and checks one, ``difference`` compares two, ``excerpt`` says
which part of one is played and how. Nothing is played here, and no clock is read.
"""
