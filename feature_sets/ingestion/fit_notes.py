"""What of a folder can be read with a schema, and yet does not fit it: one sentence each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.ingestion.too_late_notes import too_late_note
from feature_sets.labels.class_notes import class_note
from feature_sets.labels.derived_labels import known_attributes, labels_at_readings
from feature_sets.labels.outside_incidents import (
    OutsideIncidents,
    outside_incidents,
    without_devices,
)
from feature_sets.labels.shifted_incidents import shift_note, shift_note_of_few
from feature_sets.labels.silent_incidents import SilentIncidents, silent_incidents
from feature_sets.rows.keyed_rows import Integers, KeyedRows
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.ingest_report import IngestReport
from feature_sets.telemetry.merged_readings import MERGED
from feature_sets.telemetry.readings import Readings
from feature_sets.telemetry.repeated_rows import EQUAL
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_LOOKED_AT = 1 << 18
"""Readings whose intervals and rates are looked at, the first ones."""
_MOST = 0.5
_MANY = 0.1
_ALIKE = 1.5
"""How many times longer or shorter an interval may be than another one that it is to fit."""


class FitNote(NamedTuple):
    """A sentence about a table."""

    table: str
    sentence: str


def fit_notes(
    rows: Telemetry,
    outside: OutsideIncidents | None,
    schema: TelemetrySchema,
    local: Collection[str] = (),
) -> list[FitNote]:
    """Sentences about labels, counters and intervals that most likely are not as they were meant.

    :param rows: of a whole folder.
    :param outside: see ``outside_in_folder``.
    :param local: devices that have times without a zone.
    """
    found = [FitNote("labels", sentence) for sentence in _label_notes(rows, outside, schema)]
    chunk = next(rows.all_readings(schema.time).chunks(_LOOKED_AT), None)
    if chunk is not None:
        found += [FitNote("labels", sentence) for sentence in _shift_notes(rows, chunk, schema, local)]
    if late := too_late_note(rows.all_readings(schema.time), schema):
        found.append(FitNote("metrics", late))
    if chunk is None:
        return found
    order = np.lexsort((chunk.micros, chunk.codes))
    same = chunk.codes[order][1:] == chunk.codes[order][:-1]
    before, after = order[:-1][same], order[1:][same]
    if not len(after):
        return found
    steps = chunk.micros[after] - chunk.micros[before]
    usual = float(np.median(steps)) / 1e6
    of_readings = [*_counter_notes(chunk, before, after, schema), *_interval_notes(usual, schema)]
    return found + [FitNote("metrics", sentence) for sentence in of_readings]


def outside_in_folder(rows: Telemetry, schema: TelemetrySchema) -> OutsideIncidents | None:
    """Incidents of a whole folder that lie beside its readings; None without incidents or readings."""
    readings = rows.all_readings(schema.time)
    if rows.incidents is None or readings.last is None:
        return None
    incidents = incidents_that_count(rows.incidents.frame, schema)
    if not len(incidents):
        return None
    seen = readings.first_seen
    first, last = seen.min().value // 1000, readings.last.value // 1000
    heard = frozenset(seen.index)
    return outside_incidents(
        incidents, known_attributes(rows), lambda some: heard.intersection(some), schema, first, last
    )


def silent_in_folder(
    rows: Telemetry, outside: OutsideIncidents | None, schema: TelemetrySchema
) -> SilentIncidents | None:
    """Incidents of a whole folder that have no reading to learn from; None without incidents or readings.

    :param outside: see ``outside_in_folder``; those are not among them.
    """
    if rows.incidents is None or outside is None:
        return None
    incidents = incidents_that_count(rows.incidents.frame, schema)
    # Of a large folder two columns fit into memory where all do not.
    chunks = rows.all_readings(schema.time).chunks(_LOOKED_AT)
    when = pd.concat([chunk.frame[[DEVICE, schema.time]] for chunk in chunks])
    readings = KeyedRows.of(when, DEVICE, schema.time)
    span = int(readings.micros.min()), int(readings.micros.max())
    heard_of = without_devices(known_attributes(rows), outside)
    return silent_incidents(readings, incidents, heard_of, schema, *span)


def absent_static_notes(report: IngestReport, schema: TelemetrySchema) -> list[FitNote]:
    """A sentence about a static file that is not there, and that only a further day can do without."""
    if report.static.paths or not schema.attributes:
        return []
    sentence = (
        f"There is no static file, which the schema takes {', '.join(schema.attributes)} from: a further day "
        "of a history can do without, the first ingestion cannot."
    )
    return [FitNote("static", sentence)]


def rejected_notes(report: IngestReport) -> list[FitNote]:
    """Sentences about tables of which many rows are left out, but for those that say the same as another."""
    found = []
    for table in report.tables:
        left_out = {reason: rows for reason, rows in table.rejected.items() if reason not in (EQUAL, MERGED)}
        rows = sum(left_out.values())
        if rows > _MANY * table.rows_read:
            most = max(left_out, key=lambda reason: left_out[reason])
            sentence = f"{rows:,} of {table.rows_read:,} rows would be left out, most of them as {most}."
            found.append(FitNote(table.name, sentence))
    return found


def _label_notes(rows: Telemetry, outside: OutsideIncidents | None, schema: TelemetrySchema) -> list[str]:
    """About incidents beside the readings, and labels that are nearly all of one class."""
    beside = [outside.warning or outside.sentence] if outside is not None and _is_odd(outside) else []
    if (outside is not None and outside.warning) or (
        rows.incidents is not None and not len(rows.incidents.frame)
    ):
        return beside
    labels = labels_at_readings(rows.loaded(), schema)
    if schema.label not in labels:
        return beside
    of_class = class_note(int(labels[schema.label].sum()), len(labels), schema.labels.is_derived)
    return [*beside, *([of_class] if of_class else [])]


def _is_odd(outside: OutsideIncidents) -> bool:
    """Whether more lie beside the readings than at the edges, where a few are as it should be."""
    return bool(outside.warning) or outside.is_far or outside.outside > _MANY * outside.incidents


def _shift_notes(
    rows: Telemetry, chunk: KeyedRows, schema: TelemetrySchema, local: Collection[str]
) -> Iterator[str]:
    """About incidents that are some hours beside what the first readings show.

    Where some devices alone have times without a zone, those of these are looked at by themselves: of the
    others nobody doubts the zone, and among them a few incidents beside their readings do not show.
    """
    frame = None if rows.incidents is None else incidents_that_count(rows.incidents.frame, schema)
    if frame is None or not len(frame):
        return
    attributes = known_attributes(rows)
    every = rows.all_readings(schema.time)
    some = _first_of(every, local, schema) if 0 < len(local) < len(every.first_seen) else None
    if some is not None:
        apart = some, frame, attributes, schema
        if note := shift_note(*apart) or shift_note_of_few(*apart):
            such = f"the {len(local):,} devices whose times have no zone, such as {min(local)!r}"
            such = such if len(local) > 1 else f"{min(local)!r}, whose times have no zone"
            yield (
                f"Of {such}: {note} Or assume_timezone, {schema.assume_timezone}, is not true of these times."
            )
            return
    if note := shift_note(chunk, frame, attributes, schema):
        yield note


def _first_of(readings: Readings, devices: Collection[str], schema: TelemetrySchema) -> KeyedRows | None:
    """The first readings of some devices, as many as are looked at of all; None without one."""
    found: list[pd.DataFrame] = []
    for chunk in readings.chunks(_LOOKED_AT):
        found.append(chunk.frame[chunk.frame[DEVICE].isin(devices)])
        if sum(map(len, found)) >= _LOOKED_AT:
            break
    some = pd.concat(found, ignore_index=True).head(_LOOKED_AT)
    return KeyedRows.of(some, DEVICE, schema.time) if len(some) else None


def _counter_notes(
    chunk: KeyedRows, before: Integers, after: Integers, schema: TelemetrySchema
) -> Iterator[str]:
    """About counters that mostly have no rate.

    :param before: places of readings that another one of the device follows.
    :param after: places of those.
    """
    seconds = (chunk.micros[after] - chunk.micros[before]) / 1e6
    for metric in schema.counter_metrics:
        limit = metric.counter.max_rate if metric.counter is not None else None
        values = chunk.frame[metric.column].astype("float64").to_numpy()
        rates = (values[after] - values[before]) / seconds
        rates = rates[rates >= 0]
        if limit is not None and len(rates) and np.mean(rates > limit) > _MOST:
            yield (
                f"max_rate of {metric.name} is {limit:g} a second, and {np.mean(rates > limit):.0%} of its "
                f"readings count faster, {np.median(rates):g} in the middle, so they have no rate."
            )
    if not schema.counter_metrics:
        return
    shortest = duration_seconds(schema.counters.min_interval)
    for name, told, share in (
        ("counters.min_interval", f"{shortest} s", np.mean(seconds < shortest)),
        (
            "the longest gap of a rate",
            f"{schema.max_gap_seconds} s",
            np.mean(seconds > schema.max_gap_seconds),
        ),
    ):
        if share > _MOST:
            yield (
                f"With {name} of {told}, {share:.0%} of the readings of counters have no rate: "
                f"they come every {np.median(seconds):g} s."
            )


def _interval_notes(usual: float, schema: TelemetrySchema) -> Iterator[str]:
    """About settings that do not fit how often readings come.

    :param usual: seconds between two readings of a device.
    """
    if schema.expected_interval is not None:
        expected = duration_seconds(schema.expected_interval)
        if usual > expected * _ALIKE:
            yield (
                f"expected_interval is {schema.expected_interval}, and readings come every {usual:g} s: "
                "devices that report as usual would be told to be silent."
            )
        elif usual * _ALIKE < expected:
            yield (
                f"expected_interval is {schema.expected_interval}, and readings come every {usual:g} s: "
                "a device that misses some would not be told."
            )
    short = [length for length in schema.windows.lengths if duration_seconds(length) < usual]
    if short:
        yield (
            f"Readings come every {usual:g} s, so most windows of {', '.join(short)} hold a single one: "
            "windows.lengths should be longer."
        )
