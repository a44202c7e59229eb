"""A row of a ledger that no label can change any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from graphs.protocol.records import Ahead


class Settled(NamedTuple):
    """What a ledger knew of a device and time when it forgot them.

    :param device: device key.
    :param time: event time in epoch seconds.
    :param label: 0 or 1, None if none came.
    :param excluded: whether a label says that the row does not count.
    :param ahead: what the models of further horizons said; empty for a label without a prediction.
    :param predicted_at: when the event arrived, epoch seconds.
    """

    device: str
    time: float
    label: int | None
    excluded: bool = False
    ahead: tuple[Ahead, ...] = ()
    predicted_at: float = 0.0


OnSettled = Callable[[Settled], None]
Near = Callable[[int], frozenset[str]]
"""Devices with rows before a time in microseconds, and none at it."""
