"""Where things are: element sets, frames, passes, look angles, Sun and shadow. No links, no optics, no clock.

Doors: ``elements.read``, ``passes.find``, ``track.Track``, ``site.Site``. Skyfield is used for its table of
the Earth's rotation only (frames.py); positions come from SGP4, and all else is arrays.
"""
