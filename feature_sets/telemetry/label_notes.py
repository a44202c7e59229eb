"""What the ingest report tells of labels whose times are not those of readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.rows.latest_row import latest_rows
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.readings import Readings
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_CHUNK_ROWS = 1 << 18


def note_labels_beside(
    readings: Readings, labels: pd.DataFrame, schema: TelemetrySchema, report: FileReport
) -> None:
    """Count labels that belong to no reading, and say which setting lets them.

    :param labels: of all labels that are rows, in the order of time.
    """
    if not len(labels):
        return
    moments = column_micros(labels[schema.time])
    before = _readings_before(readings, labels[DEVICE], moments)
    alone = (before == _NONE) | (moments - before > schema.labels.tolerance_seconds * 1_000_000)
    report.count("label_without_metrics", schema.label, int(alone.sum()))
    if not alone.any():
        return
    first = labels.iloc[int(np.argmax(alone))]
    behind = (moments - before)[alone & (before != _NONE)]
    near = f"; half of them are up to {np.median(behind) / 1e6:g} s later than one" if len(behind) else ""
    report.notes.append(
        f"{int(alone.sum()):,} labels are at the time of no reading (labels.tolerance is "
        f"{schema.labels.tolerance}), such as {first[DEVICE]} at {first[schema.time].isoformat()}{near}. "
        "Live, they meet no prediction: set labels.tolerance to how much later a label may be"
    )


_NONE = np.iinfo(np.int64).min // 2


def _readings_before(readings: Readings, devices: pd.Series, moments: Integers) -> Integers:
    """Time of the latest reading of a device at or before each moment; ``_NONE`` without one.

    :param moments: in ascending order.
    """
    codes, keys = pd.factorize(devices)
    numbers = {key: code for code, key in enumerate(keys.tolist())}
    last = np.full(len(keys), _NONE)
    found = np.full(len(moments), _NONE)
    done = 0
    for chunk in readings.chunks(_CHUNK_ROWS):
        mine = np.array([numbers.get(key, -1) for key in chunk.keys], dtype=np.int64)[chunk.codes]
        known = np.flatnonzero(mine >= 0)
        mine, micros = mine[known], chunk.micros[known]
        # Readings of the next chunk may be of the last moment, too.
        end = int(np.searchsorted(moments, chunk.micros[-1]))
        found[done:end] = _latest(codes[done:end], moments[done:end], last, mine, micros)
        np.maximum.at(last, mine, micros)
        done = max(done, end)
    nothing = np.empty(0, dtype=np.int64)
    found[done:] = _latest(codes[done:], moments[done:], last, nothing, nothing)
    return found


def _latest(
    codes: Integers, moments: Integers, last: Integers, of_codes: Integers, of_micros: Integers
) -> Integers:
    """Time of the latest of some rows, after the last ones of each key before them."""
    of_codes = np.concatenate([np.arange(len(last)), of_codes])
    of_micros = np.concatenate([last, of_micros])
    places = latest_rows(codes, moments, of_codes, of_micros, np.iinfo(np.int64).max)
    return np.where(places >= 0, of_micros[places], _NONE)
