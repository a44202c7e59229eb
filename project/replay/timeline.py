"""Recorded readings, labels and incidents in the order in which they became known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_telemetry import Batch, label_bodies, telemetry_bodies
from project.replay.recorded_incidents import incident_bodies, of_devices, told_at
from project.replay.recording import KNOWN, Recording

MOST_EVENTS = 500
"""Events in one request at most."""
_INCIDENTS, _READINGS, _LABELS = range(3)
"""Of one instant, in this order."""


def timeline(
    recording: Recording, schema: TelemetrySchema, most: int = MOST_EVENTS, labels_every: int = 0
) -> Iterator[Batch]:
    """Batches of readings, of labels and of incidents, each as it was sent then.

    Incidents come before readings of the same instant, and these before labels. What is an
    error in the history is told before an endpoint would take the reading for healthy. Labels that are not
    known (with a horizon, of a device that is in error) are left out. A label says when it became known
    where readings do.

    :param most: events in a batch.
    :param labels_every: seconds; labels wait for the next multiple of it, so that there are fewer batches.
        0 sends each as soon as it was known.
    """
    readings = _ordered(recording.metrics, schema)
    known = column_micros(readings[KNOWN])
    parts = [
        _incidents(recording, known, schema),
        (readings, known),
        _labels(recording, labels_every, schema),
    ]
    kind = np.repeat([_INCIDENTS, _READINGS, _LABELS], [len(moments) for _, moments in parts])
    moment = np.concatenate([moments for _, moments in parts])
    # All are in order already, so that positions in each count up along the merged order.
    order = np.lexsort((kind, moment))
    kind, moment = kind[order], moment[order]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(kind)) + 1, [len(kind)]])
    taken = [0, 0, 0]
    for start, stop in pairwise(edges):
        if start == stop:  # There is nothing at all.
            return
        which = int(kind[start])
        for first in range(int(start), int(stop), most):
            size = min(most, int(stop) - first)
            rows = parts[which][0].iloc[taken[which] : taken[which] + size]
            taken[which] += size
            at = float(moment[first + size - 1]) / 1e6
            if which == _READINGS:
                yield Batch(telemetry_bodies(rows, schema), [], at)
            elif which == _INCIDENTS:
                yield Batch([], [], at, incident_bodies(rows, schema))
            else:
                yield Batch([], label_bodies(rows, schema), at)


def _labels(recording: Recording, every: int, schema: TelemetrySchema) -> tuple[pd.DataFrame, Integers]:
    """Labels that are known, and when each is sent."""
    labels = _ordered(recording.labels[recording.labels[schema.target].notna()], schema)
    if schema.arrival is not None:
        labels = labels.assign(**{schema.arrival: labels[KNOWN]})
    moments = _before_healthy(labels, column_micros(labels[KNOWN]), schema)
    if schema.arrival is not None:
        labels = labels.assign(**{schema.arrival: pd.to_datetime(moments, unit="us", utc=True)})
    sent = moments
    if every:
        rounded = -(-moments // (every * 1_000_000)) * every * 1_000_000
        sent = _before_healthy(labels, rounded, schema)
    order = np.argsort(sent, kind="stable")
    return labels.iloc[order], sent[order]


def _incidents(
    recording: Recording, instants: Integers, schema: TelemetrySchema
) -> tuple[pd.DataFrame, Integers]:
    """Incidents of the devices of a recording, and when each is told."""
    found = recording.incidents
    if found is None or not len(found) or not len(instants):
        return pd.DataFrame(), np.empty(0, dtype=np.int64)
    found = of_devices(found, schema, set(recording.metrics[DEVICE]))
    told = told_at(found, schema, instants)
    order = np.argsort(told, kind="stable")
    order = order[told[order] >= 0]
    return found.iloc[order], told[order]


def _before_healthy(labels: pd.DataFrame, known: Integers, schema: TelemetrySchema) -> Integers:
    """These times, but for errors none at which an endpoint would have taken the reading for healthy."""
    healthy = schema.labels.healthy_seconds
    if not healthy or schema.horizon_seconds:
        return known
    if schema.arrival is not None:  # A reading may be of a later time than it arrived.
        healthy = max(0, healthy - duration_seconds(schema.windows.future_tolerance))
    times = column_micros(labels[schema.time])
    latest = np.maximum(times + healthy * 1_000_000 - 1, times)
    errors = labels[schema.target].to_numpy(dtype=np.float64) == 1
    found: Integers = np.where(errors, np.minimum(known, latest), known).astype(np.int64)
    return found


def _ordered(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    return rows.sort_values([KNOWN, schema.time, DEVICE], kind="stable")
