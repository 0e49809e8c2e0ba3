"""Doors for clients that know nothing of linkemu: what they send goes over one link of a Sky.

Each door plays the arithmetic of linkemu.link (capacity, delay, erasure) and moves the bytes itself, in a
process of its own. Nothing here computes physics. Only Linux has what the doors need.
"""
