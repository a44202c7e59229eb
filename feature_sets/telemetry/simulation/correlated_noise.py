"""Noise with a memory: each value resembles the ones before it, less and less."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from feature_sets.telemetry.simulation.counter_random import counter_random

BLOCK = 256
"""Ticks that are computed together; chunks are cut out of whole blocks, which makes them agree."""

CORRELATION = 0.7
"""How much of a deviation is left one tick later."""

_MEMORY = 24


def correlated_noise(seed: int, number: int, devices: int, metrics: int) -> npt.NDArray[np.float64]:
    """Noise of unit variance of one block of ticks, shape (metrics, devices, BLOCK).

    A moving sum over this and the last ``_MEMORY`` white values: what an autoregression of order one would
    give, cut where less than a thousandth is left. The first n devices do not depend on how many follow.

    :param number: of the block; tick t is in block t // BLOCK.
    """
    before = _white(seed, number - 1, devices, metrics)
    now = _white(seed, number, devices, metrics)
    white = np.concatenate([before[:, :, BLOCK - _MEMORY :], now], axis=2)
    weights = CORRELATION ** np.arange(_MEMORY + 1)
    weights /= np.sqrt((weights**2).sum())
    noise = np.zeros_like(now)
    for lag, weight in enumerate(weights):
        noise += weight * white[:, :, _MEMORY - lag : _MEMORY - lag + BLOCK]
    return noise.transpose(1, 0, 2)


@lru_cache(maxsize=4)
def _white(seed: int, number: int, devices: int, metrics: int) -> npt.NDArray[np.float64]:
    white = counter_random(seed, "noise", number).standard_normal((devices, metrics, BLOCK))
    white.flags.writeable = False
    return white
