"""Live readings whose values seem to be in another unit than those of the history.

Files are whole days as a rule; what is taken in live may be an hour. So a part of a day is compared with the
same part of other days alone: what is more in each night is no suspicion then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history_units import values_of_history
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.reading_table import micros_of, times_of
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.unit_suspicion import (
    FileValues,
    UnitSuspicion,
    ValueSamples,
    gauges,
    unit_suspicions,
)

_PART_MICROS, _PARTS = 6 * 3600 * 1_000_000, 4
"""How long a part of a day is, and how many a day has."""


def live_unit_warnings(
    metrics: StoredHistory | None, schema: TelemetrySchema, readings: pd.DataFrame
) -> list[str]:
    """Sentences that warn of gauges in another unit; empty if none seems to be.

    :param metrics: history as it was before.
    :param readings: device, time (UTC) and metrics of what arrived live, in any order.
    """
    if metrics is None or not gauges(schema) or readings.empty:
        return []
    live = _values(readings, schema)
    known = values_of_history(metrics, schema, live, _part_of_day)
    found: dict[tuple[str, float], list[UnitSuspicion]] = {}
    for mine, theirs in zip(live, known, strict=True):
        for each in unit_suspicions(mine, theirs):
            found.setdefault((each.column, each.factor), []).append(each)
    return [
        replace(
            max(same, key=lambda each: each.devices[1]),
            files=_stretches([int(name) for each in same for name in each.files]),
            kind="day",
        ).sentence
        for same in found.values()
    ]


def _part_of_day(micros: Integers) -> Integers:
    return micros // _PART_MICROS % _PARTS


def _values(readings: pd.DataFrame, schema: TelemetrySchema) -> list[list[FileValues]]:
    """What there is of each part of a day, by days; they are called by their number since 1970."""
    columns = gauges(schema)
    codes, keys = pd.factorize(readings[DEVICE])
    micros = micros_of(readings[schema.time])
    values = {name: readings[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in columns}
    found = []
    for part in range(_PARTS):
        samples, names = ValueSamples(columns), list[str]()
        places = np.flatnonzero(_part_of_day(micros) == part)
        for number, of_day in pd.Series(places).groupby(micros[places] // _PART_MICROS):
            rows = of_day.to_numpy()
            samples.take(len(names), codes[rows].astype(np.int64), values, rows)
            names.append(str(number))
        found.append(samples.found(names, list(keys)))
    return found


def _stretches(parts: Sequence[int]) -> tuple[str, ...]:
    """Parts that follow each other as one, with the times of its begin and end."""
    numbers = np.unique(np.asarray(parts, dtype=np.int64))
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    said = []
    for run in runs:
        first, last = times_of(np.array([run[0], run[-1] + 1]) * _PART_MICROS)
        said.append(f"live readings of {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
    return tuple(said)
