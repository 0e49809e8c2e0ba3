"""Studies: long spans of many stations, cut into tasks and gathered again.

The door is ``study.availability.study``.

Tasks are pure functions of frozen settings, so that processes here or workers elsewhere (farm.py) give the
same.
"""
