"""Recorded readings and labels in the order in which they became known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_telemetry import Batch, label_bodies, telemetry_bodies
from project.replay.recording import KNOWN, Recording

MOST_EVENTS = 500
"""Events in one request at most."""


def timeline(
    recording: Recording, schema: TelemetrySchema, most: int = MOST_EVENTS, labels_every: int = 0
) -> Iterator[Batch]:
    """Batches of readings and of labels, each as it was sent then.

    Readings come before labels that became known in the same instant. Labels that are not known (with a
    horizon, of a device that is in error) are left out. A label says when it became known where readings do.

    :param most: events in a batch.
    :param labels_every: seconds; labels wait for the next multiple of it, so that there are fewer batches.
        0 sends each as soon as it was known.
    """
    labels = recording.labels[recording.labels[schema.target].notna()]
    if schema.arrival is not None:
        labels = labels.assign(**{schema.arrival: labels[KNOWN]})
    frames = (_ordered(recording.metrics, schema), _ordered(labels, schema))
    known = [frame[KNOWN].astype("datetime64[us, UTC]").astype("int64").to_numpy() for frame in frames]
    kind = np.repeat([0, 1], [len(frame) for frame in frames])
    if labels_every:
        known[1] = -(-known[1] // (labels_every * 1_000_000)) * labels_every * 1_000_000
    # Both are in order already, so that positions in each count up along the merged order.
    order = np.lexsort((kind, np.concatenate(known)))
    kind, moment = kind[order], np.concatenate(known)[order]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(kind)) + 1, [len(kind)]])
    taken = [0, 0]
    for start, stop in pairwise(edges):
        if start == stop:  # There is nothing at all.
            return
        which = int(kind[start])
        for first in range(int(start), int(stop), most):
            size = min(most, int(stop) - first)
            rows = frames[which].iloc[taken[which] : taken[which] + size]
            taken[which] += size
            at = float(moment[first + size - 1]) / 1e6
            if which:
                yield Batch([], label_bodies(rows, schema), at)
            else:
                yield Batch(telemetry_bodies(rows, schema), [], at)


def _ordered(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    return rows.sort_values([KNOWN, schema.time, DEVICE], kind="stable")
