"""A schema for a folder of telemetry, with the reason for every choice and what may be chosen instead."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import ColumnProfile
from feature_sets.telemetry.inspection.counter_shape import counter_fields, repeated_snapshots
from feature_sets.telemetry.inspection.interval_shape import (
    intervals_of,
    propose_incidents,
    propose_maintenance,
)
from feature_sets.telemetry.inspection.key_and_time import (
    ARRIVAL_NAME,
    cadence_of,
    device_times,
    fewest_keys,
    is_far_from,
    key_candidates,
    time_candidates,
)
from feature_sets.telemetry.inspection.label_shape import propose_labels
from feature_sets.telemetry.inspection.long_names import numeric_names
from feature_sets.telemetry.inspection.table_profile import TableProfile

_PERIODS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_SHORT, _LONG = 6, 30
"""Periods in the two windows that are proposed."""

_CATEGORIES = 20
_METRICS = 200
_SHOWN = 10


def propose(name: str, found: Mapping[str, TableProfile], form: FileFormat = PLAIN) -> Proposal:
    """A schema for these tables.

    :param name: of the network.
    :param found: the tables that there are, ``incidents`` and ``maintenance`` among them.
    :param form: of the CSV files.
    """
    proposal = Proposal(fields={"name": _slug(name)})
    # Tables of intervals need not name each device.
    intervals = {table: profile for table in found if (profile := _of_intervals(table, found)) is not None}
    tables = {table: found[table] for table in _TABLES if table in found and table not in intervals}
    incidents = intervals.get("incidents") or intervals.get("labels")
    for table in ("metrics", *([] if incidents else ["labels"])):
        if table not in tables:
            proposal.missing.append(_ABSENT[table])
    if "static" not in tables:
        proposal.decide.append(
            "There is no static.parquet or static.csv with one row a device: "
            "the devices are those of the metrics, and there are no static features."
        )
    if form != PLAIN:
        proposal.fields["files"] = form.to_dict()
    if "metrics" not in tables:
        return proposal
    entity = _entity(proposal, tables)
    time = _time(proposal, tables, form)
    readings = device_times(tables["metrics"], entity, time) if entity and time else None
    if readings is not None:
        proposal.cadence = cadence_of(readings)
    _metrics(proposal, tables["metrics"], readings, form)
    attributes = list(tables["static"].columns) if "static" in tables else []
    if "labels" in tables:
        propose_labels(proposal, tables["labels"], entity, time, tables["metrics"])
    elif incidents is not None:
        propose_incidents(proposal, incidents, entity, attributes)
    if "maintenance" in intervals:
        propose_maintenance(proposal, intervals["maintenance"], entity, attributes)
    if "static" in tables:
        _static(proposal, tables["static"], entity)
    _windows(proposal)
    return proposal


_TABLES = ("metrics", "labels", "static")


def _of_intervals(table: str, found: Mapping[str, TableProfile]) -> TableProfile | None:
    """The table, if it holds intervals; one of labels only if it can be nothing else."""
    if table not in ("incidents", "maintenance", "labels") or (table == "labels" and "incidents" in found):
        return None
    return found[table] if intervals_of(found[table]) is not None else None


_ABSENT = {
    "metrics": "There are no readings: metrics.parquet or metrics.csv with device, time and numbers.",
    "labels": "There are no labels: labels.parquet or labels.csv with device, time and a column of 0 and 1, "
    "or incidents.parquet or incidents.csv with device, start and end.",
}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "my-network"


def _entity(proposal: Proposal, tables: Mapping[str, TableProfile]) -> list[str]:
    candidates = key_candidates(tables)
    where = ", ".join(tables)
    if not candidates:
        proposal.missing.append(
            f"No column of text or whole numbers is in {where} alike, so nothing names the devices."
        )
        return []
    instead = ""
    if "static" in tables:
        fewest = fewest_keys(tables["static"], candidates)
        if not fewest:
            proposal.decide.append(
                f"The static file has several rows with equal {', '.join(candidates)}; "
                "only the first of each is read, unless valid_from tells them apart."
            )
        elif len(fewest) < len(candidates):
            instead = f"{', '.join(fewest)} alone tells all devices apart, too"
    for column in candidates:
        why = f"in {where} alike, {tables['metrics'].columns[column].distinct:,} values in the metrics"
        proposal.choose("metrics", column, "entity", why, instead)
    proposal.fields["entity"] = [proposal.named(column, reserved=False) for column in candidates]
    return candidates


def _time(proposal: Proposal, tables: Mapping[str, TableProfile], form: FileFormat) -> str:
    metrics, labels = tables["metrics"], tables.get("labels")
    # Values may be large enough to be times.
    candidates = [name for name in time_candidates(tables) if not (form.format and name == form.value)]
    if not candidates:
        proposal.missing.append(
            "No column of the metrics holds times (ISO 8601 text, epoch numbers, or a type of times)."
        )
        return ""
    time, *others = candidates
    profile = metrics.columns[time]
    instead = f"or {', '.join(others)}" if others else ""
    proposal.choose("metrics", time, "time", f"{profile.times}, {profile.first} to {profile.last}", instead)
    proposal.fields["time"] = proposal.named(time)
    if labels is not None and time not in labels.columns:
        proposal.missing.append(
            f"The labels have no column '{time}', the time of the metrics; both need it under one name."
        )
    naive = [table.name for table in tables.values() if time in table.columns and table.columns[time].naive]
    if naive:
        proposal.assume_utc(naive)
    for column in others:
        if is_far_from(metrics.columns[column], profile):
            continue  # Large numbers, of a counter perhaps.
        if ARRIVAL_NAME.search(column.lower()) and "arrival" not in proposal.fields:
            proposal.fields["arrival"] = proposal.named(column)
            proposal.choose("metrics", column, "arrival", "times with the name of an arrival time")
        else:
            proposal.choose("metrics", column, "none", "a second time", "time or arrival")
    return time


def _metrics(
    proposal: Proposal, table: TableProfile, readings: pd.DataFrame | None, form: FileFormat
) -> None:
    taken = {choice.column for choice in proposal.choices if choice.table == "metrics"}
    if _long_metrics(proposal, table, taken, form):
        return
    metrics: dict[str, Any] = {}
    for name, column in table.columns.items():
        if name in taken:
            continue
        if name in table.of_folders:
            proposal.choose("metrics", name, "none", "names of folders")
        elif not column.holds_numbers:
            proposal.choose("metrics", name, "none", f"{column.kind}, not numbers", _attribute_of(column))
        elif column.is_constant:
            value = column.samples[0] if column.samples else ""
            proposal.choose("metrics", name, "none", f"is {value} in every row", "a metric")
        else:
            why, instead = "numbers", ""
            counter = counter_fields(table.head[name], readings) if readings is not None else None
            if counter is not None:
                why, instead = "whole numbers that never fall: a counter, its rate", "a gauge, as it is"
                proposal.decide.append(
                    f"'{name}' looks like a counter, so the metric is its rate (kind: counter); "
                    "max_rate, the fastest it can count, would tell a wrap from a reset."
                )
            proposal.choose("metrics", name, "metrics", why, instead)
            metrics[proposal.named(name)] = counter
    proposal.fields["metrics"] = metrics
    if readings is not None and any(metrics.values()):
        again = repeated_snapshots(readings, proposal.cadence.seconds if proposal.cadence else None)
        if again is not None:
            proposal.fields["counters"] = {"min_interval": again}
            proposal.decide.append(
                f"Some readings come less than {again} after another: counters have no rate between the two."
            )
    if not metrics:
        proposal.missing.append("No column of the metrics holds numbers that change.")


def _long_metrics(proposal: Proposal, table: TableProfile, taken: set[str], form: FileFormat) -> bool:
    """Metrics of a table with one row a value: a column of numbers, and one with names of metrics."""
    rest = {name: column for name, column in table.columns.items() if name not in taken}
    if form.format:
        metric, value = form.metric, form.value
        found = numeric_names(table, metric, value)
        if not found:
            proposal.missing.append(f"No metric of the {form.format} files holds numbers.")
    else:
        columns = _long_columns(proposal, rest)
        if columns is None:
            return False
        metric, value = columns
        found = texts_of(table.head[metric]).values
        layout = {"layout": "long", "metric": proposal.named(metric), "value": proposal.named(value)}
        proposal.fields["files"] = {**proposal.fields.get("files", {}), **layout}
    proposal.choose("metrics", metric, "files.metric", f"names of {len(found):,} metrics: one row a value")
    proposal.choose("metrics", value, "files.value", "values of the metrics")
    for name in rest:
        if name not in (metric, value):
            proposal.choose("metrics", name, "none", "neither name nor value of a metric")
    proposal.fields["metrics"] = {proposal.named(name): None for name in found}
    proposal.decide.append(
        f"The metrics are those that '{metric}' names in the first {table.looked_at:,} rows: "
        f"{', '.join(found[:_SHOWN])}{' and more' if len(found) > _SHOWN else ''}."
    )
    if proposal.cadence is not None:  # In this layout rows of one device and time are one reading.
        proposal.cadence = dataclasses.replace(proposal.cadence, repeated=0)
    return True


def _long_columns(proposal: Proposal, rest: Mapping[str, ColumnProfile]) -> tuple[str, str] | None:
    """Columns with the names of metrics and with their values, if the table seems to have one row a value."""
    values = [name for name, column in rest.items() if column.holds_numbers]
    names = [
        name
        for name, column in rest.items()
        if column.kind == "text" and 2 <= (column.distinct or 0) <= min(_METRICS, column.rows // 2)
    ]
    repeated = proposal.cadence is not None and proposal.cadence.repeated > 0
    return (names[0], values[0]) if len(values) == len(names) == 1 and repeated else None


def _attribute_of(column: ColumnProfile) -> str:
    return "a static column, if it is in the static file" if column.kind == "text" else ""


def _static(proposal: Proposal, table: TableProfile, entity: list[str]) -> None:
    chosen: list[str] = []
    for name, column in table.columns.items():
        if name in entity:
            continue
        distinct = column.distinct or 0
        if name == "valid_from":
            proposal.choose("static", name, "none", "is read as the time from which a row holds")
        elif column.kind in ("nested", "empty", "time") or column.distinct is None:
            proposal.choose("static", name, "none", f"{column.kind}, not categories")
        elif column.is_constant:
            proposal.choose("static", name, "none", f"is {column.samples[0]} for every device")
        elif distinct > min(_CATEGORIES, max(2, column.rows // 2)):
            why = f"{distinct:,} values for {column.rows:,} devices: too many to be categories"
            proposal.choose("static", name, "none", why, "static, if few devices share a value")
        else:
            instead = "population, to choose the devices that are trained on"
            proposal.choose("static", name, "static", f"{distinct:,} categories", instead)
            chosen.append(proposal.named(name, reserved=False))
    proposal.fields["static"] = chosen


def _windows(proposal: Proposal) -> None:
    seconds = proposal.cadence.seconds if proposal.cadence else None
    if seconds is None:
        return
    period = max((given for given in _PERIODS if given <= seconds * 1.02), default=1)
    lengths = [_duration(period * _SHORT), _duration(period * _LONG)]
    proposal.fields["windows"] = {"lengths": lengths, "period": _duration(period)}


def _duration(seconds: int) -> str:
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
