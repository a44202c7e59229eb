"""Whether numbers have the shape of a counter: whole ones that never fall but where it begins again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.telemetry.cell_numbers import wholes_of

_LARGE = 10_000
"""A smaller number that never falls may be anything."""
_STEPS = 10
_OFTEN = 0.02
"""Share of steps that may be resets."""


def repeated_snapshots(readings: pd.DataFrame, seconds: float | None) -> str | None:
    """Shortest interval of a rate, as a duration, if some readings come right after another.

    Collectors take a snapshot again when they start or reconnect. It is none if that is how devices report.

    :param readings: ``device`` and ``time`` of each.
    :param seconds: between two readings, usually.
    """
    if seconds is None or seconds < 2:
        return None
    ordered = readings.dropna().sort_values(["device", "time"], kind="stable")
    steps = ordered.groupby("device")["time"].diff().dt.total_seconds().dropna()
    shortest = int(seconds // 2)
    near = ((steps > 0) & (steps < shortest)).mean()
    return f"{shortest}s" if 0 < near < _OFTEN else None


def counter_fields(column: pa.ChunkedArray, readings: pd.DataFrame) -> dict[str, Any] | None:
    """Fields of a metric in a schema that is this counter; None if it has not the shape of one.

    :param column: one cell for each of the readings.
    :param readings: ``device`` and ``time`` of each.
    """
    values, refused = wholes_of(column)
    if refused.any() or values.isna().all():
        return None
    frame = readings.assign(value=values).dropna().sort_values(["device", "time"], kind="stable")
    numbers = frame["value"].to_numpy(dtype=np.uint64)
    device = frame["device"].to_numpy()
    same = device[1:] == device[:-1]
    before, after = numbers[:-1][same], numbers[1:][same]
    falls = after < before
    if len(before) <= _STEPS or int(numbers.max()) < _LARGE or np.mean(after > before) <= 0.1:
        return None
    # Where it begins again it is far below what it was.
    if np.mean(falls) >= _OFTEN or not (after[falls] < before[falls] // np.uint64(2)).all():
        return None
    top = np.uint64(2**32)
    wrapped = (before[falls] > top // np.uint64(10) * np.uint64(9)) & (after[falls] < top // np.uint64(10))
    narrow = bool(wrapped.any()) and int(numbers.max()) < 2**32
    return {"kind": "counter", **({"bits": 32} if narrow else {})}
