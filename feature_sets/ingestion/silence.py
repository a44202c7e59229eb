"""Incidents of a history that have no reading to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.ingestion.history.whole_rows import Stretches, whole_rows
from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.labels.covered import FOREVER
from feature_sets.labels.silent_incidents import SilentIncidents, silent_incidents
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.each_horizon import longest_horizon_seconds
from feature_sets.telemetry.incident_rows import END, START
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_FAR = 4
"""Horizons before an incident whose readings are read: more take memory, at each ingestion."""


def silent_in_history(schema: TelemetrySchema) -> SilentIncidents | None:
    """Those of the history of the current project; None without incidents or readings.

    Only readings near incidents are looked at.
    """
    history = TelemetryHistory.of(schema)
    if history is None or history.metrics is None or history.attributes is None:
        return None
    incidents = incidents_that_count(LabelState.of(history.labels, schema, with_log=False).incidents, schema)
    span = history.metrics.manifest.first, history.metrics.manifest.last
    if not len(incidents) or span[0] is None or span[1] is None:
        return None
    start = column_micros(incidents[START])
    end = np.where(incidents[END].isna(), FOREVER, column_micros(incidents[END].fillna(incidents[START])))
    before = schema.labels.tolerance_seconds + _FAR * longest_horizon_seconds(schema)
    near = Stretches(start, end).widened(before * 1_000_000, 0)
    found = whole_rows(history.metrics, [DEVICE, schema.time], near)
    frame = pd.DataFrame(
        {
            DEVICE: found.table[DEVICE].to_pandas().astype("object"),
            schema.time: pd.to_datetime(found.micros, unit="us", utc=True).as_unit("ns"),
        }
    )
    readings = KeyedRows.of(frame, DEVICE, schema.time)
    return silent_incidents(readings, incidents, history.attributes, schema, span[0], span[1])
