"""Devices that send readings, and never a value of some metric: most likely it is not collected there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.metric import Metric

_NAMED = 3
"""Metrics, and devices of each, that are named at most."""


class LackingMetrics:
    """Which metrics each device has a value of, of one chunk of readings after the other.

    :param metrics: of the schema.
    :param devices: how many there are.
    """

    def __init__(self, metrics: Sequence[Metric], devices: int) -> None:
        self._metrics = metrics
        self._has = np.zeros((len(metrics), devices), dtype=np.bool_)
        self._sends = np.zeros(devices, dtype=np.bool_)

    def take(self, devices: Integers, frame: pd.DataFrame) -> None:
        """Look at readings.

        :param devices: number of the device of each, shape (n,).
        :param frame: the same readings with the columns of the metrics; what is missing is null.
        """
        self._sends[devices] = True
        for place, metric in enumerate(self._metrics):
            self._has[place, devices[frame[metric.column].notna().to_numpy()]] = True

    def note(self, keys: Sequence[str]) -> str:
        """What is told of them, in one line; empty if each device has a value of each metric.

        :param keys: of the devices, by number.
        """
        lacks = ~self._has & self._sends
        count = int(lacks.any(axis=0).sum())
        if not count:
            return ""
        parts = [
            f"{metric.name} of {listed(sorted(keys[at] for at in np.flatnonzero(of)), _NAMED)}"
            for metric, of in zip(self._metrics, lacks, strict=True)
            if of.any()
        ]
        further = len(parts) - _NAMED
        more = f"; and {further:,} more metric{'s' * (further > 1)}" if further > 0 else ""
        return (
            f"{count:,} of {int(self._sends.sum()):,} devices never have a value of some metric: "
            f"{'; '.join(parts[:_NAMED])}{more}"
        )
