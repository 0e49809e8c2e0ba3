"""The forecast: the one bridge from physics to emulation. ``forecast(scenario)`` gives Sky and Plans.

geometry.py asks orbit/, light.py asks optics/, compile.py asks weather/; lock.py and spans.py are pure. No
clock, no sockets, and no randomness but that of linkemu.rng.
"""

from linkemu.forecast.compile import Forecast, Progress, forecast

__all__ = ["Forecast", "Progress", "forecast"]
