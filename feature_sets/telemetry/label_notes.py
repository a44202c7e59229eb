"""What the ingest report tells of labels whose times are not those of readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.latest_row import latest_rows
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def note_labels_beside(
    metrics: pd.DataFrame, labels: pd.DataFrame, schema: TelemetrySchema, report: FileReport
) -> None:
    """Count labels that belong to no reading, and say which setting lets them.

    :param metrics: device and time of all readings.
    :param labels: of all labels that are rows.
    """
    pairs, labeled = metrics[[DEVICE, schema.time]], labels[[DEVICE, schema.time]]
    if not len(labeled) or labeled.equals(pairs):  # A label for each reading is the rule, and quickly seen.
        return
    tolerance = schema.labels.tolerance_seconds * 1_000_000
    codes = pd.factorize(pd.concat([pairs[DEVICE], labeled[DEVICE]]))[0]
    of_pairs, of_labels = column_micros(pairs[schema.time]), column_micros(labeled[schema.time])
    mine = codes[len(pairs) :]
    alone = latest_rows(mine, of_labels, codes[: len(pairs)], of_pairs, tolerance) < 0
    report.count("label_without_metrics", schema.label, int(alone.sum()))
    if not alone.any():
        return
    first = labeled.iloc[int(np.argmax(alone))]
    later = latest_rows(mine, of_labels, codes[: len(pairs)], of_pairs, np.iinfo(np.int64).max)
    behind = (of_labels - of_pairs[np.maximum(later, 0)])[alone & (later >= 0)]
    near = f"; half of them are up to {np.median(behind) / 1e6:g} s later than one" if len(behind) else ""
    report.notes.append(
        f"{int(alone.sum()):,} labels are at the time of no reading (labels.tolerance is "
        f"{schema.labels.tolerance}), such as {first[DEVICE]} at {first[schema.time].isoformat()}{near}. "
        "Live, they meet no prediction: set labels.tolerance to how much later a label may be"
    )
