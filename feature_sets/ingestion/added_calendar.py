"""A calendar of maintenance in the schema of a history that was begun without one.

Nothing that is stored becomes wrong: until now no device was in maintenance. Label rows get a column of it,
and the calendar changes them as any change of it does. Readings and devices stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.device_labels import device_labels, plain_integers
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.typed_table import column_types
from feature_sets.ingestion.history.whole_rows import Stretches, whole_rows
from feature_sets.ingestion.label_state import BESIDE
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.rows.whole_numbers import to_frame
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_content import gets_calendar


def check_scope(schema: TelemetrySchema, attributes: pd.DataFrame | None) -> None:
    """Raise InputError unless the history has what the scopes of a new calendar are compared with.

    :param attributes: of the devices in the history; None without any.
    """
    if attributes is None:
        return
    for column in schema.attributes:
        if column not in attributes.columns:
            rule = (
                "must name columns that the history has of its devices, as a calendar is added to it: "
                f"{', '.join((DEVICE, *schema.entity, *attributes.columns[2:]))}. Another one needs another "
                "project (--project), or the history replaced (netops ingest --replace)"
            )
            raise InputError("schema field 'maintenance.scope'", rule, column)


def with_empty_calendar(
    labels: StoredHistory | None, schema: TelemetrySchema, recorded: Mapping[str, Any]
) -> StoredHistory | None:
    """The history of the labels as if its schema always had a calendar, which was empty.

    :param labels: the history as it is; without label rows, or with a calendar, it stays so.
    :param recorded: the schema with the calendar, as it is kept.
    :raises IngestError: if a file cannot be read or written, or another process was faster.
    """
    if labels is None or not gets_calendar(labels.manifest.schema, recorded):
        return labels
    always = Stretches.of([(np.iinfo(np.int64).min, np.iinfo(np.int64).max)])
    columns = list(column_types(labels.record))
    frame = to_frame(whole_rows(labels, columns, always).table)
    frame[schema.time] = pd.to_datetime(frame[schema.time], utc=True).dt.as_unit("ns")
    # What is predicted comes last, where it is a column of its own.
    last = [IN_MAINTENANCE, *([schema.target] if schema.target != schema.label else [])]
    ordered = [*(name for name in columns if name not in last), *last]
    feature_set = device_labels(schema)
    attachments = {name: labels.folder.read(name) for name in BESIDE if labels.folder.has(name)}
    ingest_vectorized(
        feature_set,
        plain_integers(frame.assign(**{IN_MAINTENANCE: 0})[ordered]),
        contents=Contents(recorded, labels.manifest.sources, attachments),
        history=labels,
    )
    return StoredHistory.of(feature_set)
