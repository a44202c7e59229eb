"""Incidents of a history that have no reading to learn from, or lie outside of its time."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.whole_rows import Stretches, whole_rows
from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.labels.covered import FOREVER
from feature_sets.labels.outside_incidents import (
    OutsideIncidents,
    outside_incidents,
    without_devices,
)
from feature_sets.labels.silent_incidents import SilentIncidents, silent_incidents
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.each_horizon import longest_horizon_seconds
from feature_sets.telemetry.incident_rows import END, START
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_FAR = 4
"""Horizons before an incident whose readings are read: more take memory, at each ingestion."""


class Unlearned(NamedTuple):
    """Incidents that no model learns from: those beside all readings, and of the others those of silence."""

    outside: OutsideIncidents
    silent: SilentIncidents


def unlearned_in_history(schema: TelemetrySchema) -> Unlearned | None:
    """Those of the history of the current project; None without incidents or readings.

    Of readings that are not near an incident no more is looked at than of which device they are.
    """
    history = TelemetryHistory.of(schema)
    if history is None or history.metrics is None or history.attributes is None:
        return None
    metrics, attributes = history.metrics, history.attributes
    incidents = incidents_that_count(LabelState.of(history.labels, schema, with_log=False).incidents, schema)
    first, last = metrics.manifest.first, metrics.manifest.last
    if not len(incidents) or first is None or last is None:
        return None
    start = column_micros(incidents[START])
    end = np.where(incidents[END].isna(), FOREVER, column_micros(incidents[END].fillna(incidents[START])))
    before = schema.labels.tolerance_seconds + _FAR * longest_horizon_seconds(schema)
    near = Stretches(start, end).widened(before * 1_000_000, 0)
    found = whole_rows(metrics, [DEVICE, schema.time], near)
    frame = pd.DataFrame(
        {
            DEVICE: found.table[DEVICE].to_pandas().astype("object"),
            schema.time: pd.to_datetime(found.micros, unit="us", utc=True).as_unit("ns"),
        }
    )
    readings = KeyedRows.of(frame, DEVICE, schema.time)

    def heard(devices: Collection[str]) -> Collection[str]:
        return _with_reading(metrics, devices, frozenset(map(str, readings.keys)))

    outside = outside_incidents(incidents, attributes, heard, schema, first, last)
    heard_of = without_devices(attributes, outside)
    return Unlearned(outside, silent_incidents(readings, incidents, heard_of, schema, first, last))


def _with_reading(metrics: StoredHistory, devices: Collection[str], known: frozenset[str]) -> set[str]:
    """Which of some devices have a reading; files are looked at until each was found.

    :param known: some that have one.
    """
    found = known.intersection(devices)
    missing = set(devices) - found
    for file in reversed(metrics.manifest.files):
        if not missing:
            break
        missing -= set(pc.unique(metrics.folder.read(file.path, [DEVICE])[DEVICE]).to_pylist())
    return set(devices) - missing
