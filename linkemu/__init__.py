"""linkemu: an optical ground-to-orbit link emulator.

Kept empty on purpose: import the room that you need, for example ``linkemu.orbit.passes``.
"""

__version__ = "0.1.0"
