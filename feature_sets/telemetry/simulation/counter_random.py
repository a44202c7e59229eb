"""Random numbers that are found by their place, not by what was drawn before them.

A counter-based generator (Philox: Salmon and others, 2011, "Parallel random numbers: as easy as 1, 2, 3",
SC11) starts anywhere at the same cost, so that a chunk of a simulation needs nothing of the chunks before it.
"""

from __future__ import annotations

import numpy as np

_STREAMS = ("levels", "noise", "errors", "surges", "chain", "chain errors", "chain surges")


def counter_random(seed: int, stream: str, counter: int) -> np.random.Generator:
    """Generator of one place of one stream.

    :param seed: from 0 to 2^32 - 1.
    :param stream: what the numbers are for; different streams are independent.
    :param counter: the place, any whole number.
    """
    key = np.array([(seed << 8) + _STREAMS.index(stream), counter % 2**64], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
