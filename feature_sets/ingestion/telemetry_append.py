"""Checked telemetry into the three feature sets in addition to what they hold, with a count of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from feature_sets.checks import InputError
from feature_sets.device_labels import device_labels, plain_integers, within_population
from feature_sets.device_metrics import device_metrics
from feature_sets.ingestion.append import Appended, prepare_rows
from feature_sets.ingestion.device_history import DeviceChanges, device_changes, ingest_devices
from feature_sets.ingestion.history.computed import ComputedColumns
from feature_sets.ingestion.history.horizon_target import HorizonTarget
from feature_sets.ingestion.history.label_columns import LabelColumns
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_history import append_labels
from feature_sets.ingestion.label_state import LabelState, Retold
from feature_sets.ingestion.maintenance_history import CalendarChange, Sources, with_calendar
from feature_sets.ingestion.rate_report import rate_lines
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.ingestion.telemetry_ingest import METRIC_OPTIONS, recorded_schema
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


@dataclass(frozen=True)
class TelemetryAppended:
    """What became of telemetry that was added to a history.

    :param metrics: of the readings.
    :param labels: of the labels of devices in the population.
    :param devices: of the devices.
    :param retold: of labels that are rows, where label rows are made of what was told.
    """

    metrics: Appended
    labels: Appended
    devices: DeviceChanges
    retold: Retold | None = None

    @property
    def conflicts(self) -> list[Mapping[str, Any]]:
        """Some of the rows that say something else than what stays."""
        labels = self.labels.conflicts if self.retold is None else self.retold.conflicts
        return [*self.metrics.conflicts, *labels]

    def lines(self) -> list[str]:
        """What is worth knowing, for people."""
        out = []
        for name, done in (("metrics", self.metrics), ("labels", self.labels)):
            known = f"{done.known:,} in the history already"
            out.append(f"{name}: {done.new:,} new rows, {known}, {done.rows:,} in it now")
            out += rate_lines(done.without_rate, done.new)
            if done.rewritten:
                out.append(
                    f"  {done.rewritten:,} earlier rows computed anew, because of rows that came later: "
                    f"back to {done.rewritten_from}"
                )
            if done.changed:
                out.append(f"  {done.changed:,} earlier labels are others now: back to {done.rewritten_from}")
            if done.dropped:
                why = (
                    "nobody says what they are now" if name == "labels" else "with these, they were too late"
                )
                out.append(f"  {done.dropped:,} earlier rows left out: {why}")
            if done.conflicting:
                out.append(f"  {done.conflicting:,} rows say something else than the history, which stays:")
            out += [
                f"  {conflict['key']} at {conflict['time']}: {conflict['column']} is {conflict['kept']!r}, "
                f"given {conflict['given']!r}"
                for conflict in done.conflicts
            ]
        return out + [f"static: {line}" for line in self.devices.lines()]


def append_telemetry(
    rows: Telemetry,
    schema: TelemetrySchema,
    history: TelemetryHistory,
    source: str = "",
    read: Mapping[str, Any] | None = None,
) -> TelemetryAppended:
    """Add checked telemetry to ``devices``, ``device_metrics`` and ``device_labels``.

    What they hold then equals one ingestion of everything, to the last bit. Devices join, and the newest
    attributes count; labels count by the attributes that held at their time. A call that failed, or was
    killed, is made good by calling it again.

    :param history: of ``TelemetryHistory.of``, read just before.
    :param source: where the rows come from.
    :param read: table -> what was read of the source so far; takes the place of what the history has.
    :raises InputError: if the schema is not that of the history, or a column is of another type; nothing is
        written then.
    :raises IngestError: if a file cannot be read or written.
    :raises OnlineStoreError: if the online store does not take the newest rows.
    """
    contents = {
        name: _contents(history, name, schema, source, read or {}) for name in ("static", "metrics", "labels")
    }
    for name, content in contents.items():
        _check_schema(history, name, content)
    devices = device_changes(rows, schema, history.attributes, history.last)
    add_metrics = prepare_rows(
        device_metrics(schema),
        KeyedRows.of(rows.all_readings(schema.time).frame(), DEVICE, schema.time),
        METRIC_OPTIONS,
        schema.arrival,
        contents["metrics"],
    )
    before = history.labels.manifest.sources if history.labels else {}
    sources = with_calendar(
        schema, contents["labels"].sources, before, source, rows.maintenance, devices.attributes
    )
    contents["labels"] = replace(contents["labels"], sources=sources)
    if schema.labels.is_derived:
        known = LabelState.of(history.labels, schema)
        state, retold = known.told(rows, schema), known.retold(rows.labels, schema)
        ingest_devices(schema, devices, history.static, contents["static"])
        done = add_metrics()
        stored = StoredHistory.of(device_metrics(schema))
        calendar = CalendarChange.of(schema, before, sources, devices.attributes)
        made = append_labels(
            history.labels, state, stored, devices.attributes, schema, contents["labels"], calendar
        )
        return TelemetryAppended(done, made, devices, retold)
    labels = within_population(schema, rows.labels, devices.attributes)
    add_labels = prepare_rows(
        device_labels(schema),
        plain_integers(labels.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)),
        contents=contents["labels"],
        computed=_label_columns(schema, before, sources, devices.attributes),
    )
    # Nothing is written before all of it is checked.
    ingest_devices(schema, devices, history.static, contents["static"])
    return TelemetryAppended(add_metrics(), add_labels(), devices)


def _contents(
    history: TelemetryHistory, table: str, schema: TelemetrySchema, source: str, read: Mapping[str, Any]
) -> Contents:
    stored = history.table(table)
    before = stored.manifest.sources if stored else {}
    sources = {**before, **({source: read[table]} if source and table in read else {})}
    return Contents(recorded_schema(schema), sources)


def _label_columns(
    schema: TelemetrySchema, before: Sources, now: Sources, attributes: pd.DataFrame
) -> ComputedColumns | None:
    """What of the labels is computed.

    :param before: what was read into the labels of the history.
    :param now: the same, with this part.
    """
    if schema.maintenance is None:
        return HorizonTarget(schema) if schema.horizon_seconds else None
    calendar = CalendarChange.of(schema, before, now, attributes)
    return LabelColumns(schema, calendar.intervals, calendar.again)


def _check_schema(history: TelemetryHistory, table: str, contents: Contents) -> None:
    """Raise InputError unless the schema is that of the history."""
    stored = history.table(table)
    if stored is None:
        return
    before, now = stored.manifest.schema, contents.schema
    differing = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if differing:
        known = {name: before.get(name) for name in differing}
        rule = (
            f"must be that of the history: {known}. Use another project (--project), "
            "or replace the history (netops ingest --replace)"
        )
        raise InputError("telemetry schema", rule, {name: now.get(name) for name in differing})
