"""A calendar of maintenance in the schema of a history that was begun without one.

Nothing that is stored becomes wrong: until now no device was in maintenance. Label rows get a column of it,
and the calendar changes them as any change of it does. Readings and devices stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.device_labels import device_labels, plain_integers
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.typed_table import column_types, typed
from feature_sets.ingestion.label_state import BESIDE
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.rows.spilled_rows import rechunked
from feature_sets.rows.whole_numbers import to_frame
from feature_sets.telemetry.each_horizon import ahead_targets
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
    feature_set = device_labels(schema)
    attachments = {name: labels.folder.read(name) for name in BESIDE if labels.folder.has(name)}
    ingest_vectorized(
        feature_set,
        _LabelsInNone(labels, schema),
        contents=Contents(recorded, labels.manifest.sources, attachments),
        history=labels,
    )
    return StoredHistory.of(feature_set)


@dataclass(frozen=True)
class _LabelsInNone:
    """The rows of a history of labels, some at a time, none of them in maintenance; see ``Readings``."""

    labels: StoredHistory
    schema: TelemetrySchema

    def __len__(self) -> int:
        return self.labels.manifest.rows

    @property
    def first_seen(self) -> pd.Series:
        """See ``Readings``."""
        first: pd.Series = self.frame().groupby(DEVICE)[self.schema.time].min()
        return first

    @property
    def last(self) -> pd.Timestamp | None:
        """See ``Readings``."""
        last = self.labels.manifest.last
        return None if last is None else pd.Timestamp(last, unit="us", tz="UTC")

    def chunks(self, rows: int) -> Iterator[KeyedRows]:
        """See ``Readings``."""
        types = column_types(self.labels.record)
        files = sorted(self.labels.manifest.files, key=lambda file: file.first)
        tables = (
            typed(batch, types)
            for file in files
            for batch in self.labels.folder.batches(file.path, list(types), rows)
        )
        return (
            KeyedRows.of(self._with_none(table), DEVICE, self.schema.time)
            for table in rechunked(tables, rows)
        )

    def frame(self) -> pd.DataFrame:
        """See ``Readings``."""
        chunks = [chunk.frame for chunk in self.chunks(max(len(self), 1))]
        if chunks:
            return chunks[0]
        types = column_types(self.labels.record)
        return self._with_none(typed(pa.table({name: pa.nulls(0) for name in types}), types))

    def _with_none(self, table: pa.Table) -> pd.DataFrame:
        schema = self.schema
        frame = to_frame(table)
        frame[schema.time] = pd.to_datetime(frame[schema.time], utc=True).dt.as_unit("ns")
        # What is predicted comes last, where it is a column of its own.
        last = [IN_MAINTENANCE, *ahead_targets(schema)]
        ordered = [*(name for name in frame.columns if name not in last), *last]
        return plain_integers(frame.assign(**{IN_MAINTENANCE: 0})[ordered])
