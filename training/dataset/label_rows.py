"""Which label rows count: not excluded, with a label, of errors that can still be predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


@dataclass(frozen=True)
class LabelRows:
    """Which (device, time) a model is trained and evaluated on.

    :param rows: columns device, the schema's time and label (int8), each (device, time) once; sorted by time,
        then device.
    :param excluded: label rows left out because of ``exclude_labels``, or of maintenance.
    :param in_error: label rows left out because an error that has started cannot be predicted; with a
        horizon.
    :param unlabeled: label rows left out because their label is missing or, with a horizon, because labels
        do not tell what follows within it.
    :param in_maintenance: those of ``excluded`` whose device was in maintenance.
    """

    rows: pd.DataFrame
    excluded: int
    in_error: int
    unlabeled: int
    in_maintenance: int = 0


def label_rows_of(labels: pd.DataFrame, schema: TelemetrySchema, part_column: str = "") -> LabelRows:
    """Entity rows of a label table.

    :param labels: device, time, label, what is predicted of it and the columns that ``exclude_labels`` names.
    :param part_column: one that says which part of a split a row is in; it is kept.
    :raises InputError: unless all columns are there, every label is 0 or 1, and a row is left.
    """
    maintenance = (IN_MAINTENANCE,) if schema.maintenance is not None else ()
    part = (part_column,) if part_column else ()
    for column in (
        DEVICE,
        schema.time,
        schema.label,
        schema.target,
        *schema.exclude_labels,
        *maintenance,
        *part,
    ):
        if column not in labels.columns:
            columns = sorted(map(str, labels.columns))
            raise InputError("labels", f"must have the column '{column}'", columns)
    excluded = excluded_rows(labels, schema)
    in_error = (labels[schema.label] == 1) & ~excluded & (schema.horizon_seconds > 0)
    unlabeled = labels[schema.target].isna() & ~excluded & ~in_error
    kept = labels[~excluded & ~in_error & ~unlabeled]
    wrong = kept[~kept[schema.target].isin([0, 1])]
    if len(wrong):
        raise InputError(f"label '{schema.target}'", "must be 0 or 1", wrong[schema.target].iloc[0])
    if not len(kept):
        read = (
            f"{len(labels)} label rows ({int(excluded.sum())} excluded, {int(in_error.sum())} in error "
            f"already, {int(unlabeled.sum())} without a label)"
        )
        raise InputError(read, "must leave at least one labeled row", 0)
    rows = kept[[DEVICE, schema.time, schema.target, *part]].astype({schema.target: np.int8})
    ordered = KeyedRows.of(in_utc(rows, schema.time), DEVICE, schema.time).in_event_order().frame
    if rows[schema.time].dt.tz is None:
        ordered = ordered.assign(**{schema.time: ordered[schema.time].dt.tz_localize(None)})
    return LabelRows(
        rows=ordered,
        excluded=int(excluded.sum()),
        in_error=int(in_error.sum()),
        unlabeled=int(unlabeled.sum()),
        in_maintenance=sum(int(labels[name].sum()) for name in maintenance),
    )
