"""Light of one link: mean received power, the mode that it closes, and how turbulence makes it fade.

Geometry comes in as arrays (range, elevation) and powers, modes and erased slots go out. Nothing here knows
orbits, clouds, lock or scenarios.
"""
