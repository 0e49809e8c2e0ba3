"""Randomness by name: a stream is a pure function of (seed, labels), and any part of it can be had alone.

Labels name a cause and a physical identity ("fade", "koganei", "iss", "down"), never a file or an order
of calls, so adding a node or a door changes no draw elsewhere. Only the raw bits of Philox are used, as
numpy keeps no promise about the streams of its distributions between versions (NEP 19).
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_PER_COUNTER = 4  # Philox 4x64 yields four words for each step of its counter


class Stream:
    """Random numbers addressed by index: ``uniform(start, n)`` is the same whatever was drawn before."""

    def __init__(self, seed: int, *labels: str | int) -> None:
        text = "\x1f".join([str(seed), *map(str, labels)])
        digest = blake2b(text.encode(), digest_size=16).digest()
        self._key = int.from_bytes(digest, "big")

    def uniform(self, start: int, n: int) -> NDArray[np.float64]:
        """Numbers ``start`` to ``start + n`` of the stream, in the open interval (0, 1), shape (n,)."""
        counter, skip = divmod(start, _PER_COUNTER)
        bits = np.random.Philox(key=self._key, counter=counter)
        words = bits.random_raw(skip + n)[skip:]
        return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, start: int, n: int) -> NDArray[np.float64]:
        """Numbers ``start`` to ``start + n`` as standard normal deviates, shape (n,)."""
        from scipy.special import ndtri  # here, as what only plays a sky needs no scipy

        deviates: NDArray[np.float64] = ndtri(self.uniform(start, n))
        return deviates
