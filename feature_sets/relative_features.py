"""Features relative to the device's own past: the one place for ingestion and for live events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.relative import LEVEL, OF_MAX, SAME_HOUR
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.baselines import Baselines

_ROWS = 4096
"""Rows that are turned at a time: as many as the processor's cache holds."""
_HOUR = 3_600_000_000


def hours_of(micros: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Hours since the epoch of times in microseconds."""
    return micros // _HOUR


class RelativeFeatures:
    """Windows less the mean that they had on the same device until then, over their standard deviation.

    Those of the same hour are compared with that hour of the week, in UTC by event time, in earlier weeks.
    Those of the maximum are divided by the largest value that they had on the same device until then.

    What counts is every row with a status that counts, in the order in which the rows were taken in. See
    ``feature_sets.telemetry.relative.Relative`` and ``Baselines``.

    :param schema: declares them.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        declared = schema.derived.relative
        parts = list(declared.features(schema.metric_names)) if declared else []
        self.names: tuple[str, ...] = tuple(part.name for part in parts)
        """Names of the features, in output order."""
        self.inputs: tuple[str, ...] = tuple(part.window_feature for part in parts)
        """The window feature that each is about."""
        self.after: int = declared.after if declared else 0
        kinds = Counter(part.kind for part in parts)
        self.kinds: tuple[int, int, int] = kinds[LEVEL], kinds[SAME_HOUR], kinds[OF_MAX]

    def baselines(self) -> Baselines:
        """State of devices without a past."""
        level, same_hour, of_max = self.kinds
        return Baselines(level, self.after, same_hour, of_max)

    def of_history(
        self,
        rows: KeyedRows,
        arrival: str | None,
        windows: Mapping[str, npt.NDArray[np.float64]],
        baselines: Baselines | None = None,
    ) -> dict[str, npt.NDArray[np.float64]]:
        """The features of whole devices, from their first row on.

        :param rows: those that count, in event order.
        :param arrival: column with the time at which each row arrived; None where it was in event order.
        :param windows: window feature -> its values, shape (n,).
        :param baselines: that have taken in the rows before; without, these are the first.
        """
        if not self.names:
            return {}
        order = None
        if arrival is not None:
            order = np.argsort(column_micros(rows.frame[arrival]), kind="stable")
        if baselines is None:
            baselines = self.baselines()
        columns, hours = [windows[name] for name in self.inputs], hours_of(rows.micros)
        out = np.empty((len(self.names), len(rows)))
        for start in range(0, len(rows), _ROWS):
            at = slice(start, start + _ROWS) if order is None else order[start : start + _ROWS]
            features = np.column_stack([column[at] for column in columns])
            out[:, at] = baselines.compare(rows.keys, rows.codes[at], features, hours[at]).T
        return dict(zip(self.names, out, strict=True))

    def add_to(
        self,
        rows: Sequence[dict[str, Any]],
        devices: Sequence[str],
        micros: Sequence[int],
        baselines: Baselines,
    ) -> None:
        """Put the features into rows that have the window features, and take these in, in their order.

        :param devices: of each row.
        :param micros: event time of each, in microseconds.
        """
        if not self.names or not rows:
            return
        numbers: dict[str | int, int] = {}
        codes = np.array([numbers.setdefault(device, len(numbers)) for device in devices], dtype=np.int64)
        windows = np.array([[row[name] for name in self.inputs] for row in rows], dtype=np.float64)
        hours = hours_of(np.array(micros, dtype=np.int64))
        found = baselines.compare(list(numbers), codes, windows, hours)
        for row, features in zip(rows, found.tolist(), strict=True):
            row.update(zip(self.names, features, strict=True))
