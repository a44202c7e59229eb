"""Label rows at the times of readings, made of labels in any form: beside readings, positives, incidents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.covered import covering, device_incidents
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers, KeyedRows
from feature_sets.rows.latest_row import latest_rows
from feature_sets.telemetry.events import label_columns
from feature_sets.telemetry.frames import VALID_FROM, Telemetry
from feature_sets.telemetry.incident_rows import no_incidents, said
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.label_form import ROWS
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


@dataclass(frozen=True)
class Told:
    """All that was said of errors.

    :param statements: labels that are rows: device, time, label, columns of ``exclude_labels``.
    :param incidents: rows of all sources, see ``incident_types``.
    :param attributes: of the devices, with ``valid_from``; None where nobody needs them.
    """

    statements: pd.DataFrame
    incidents: pd.DataFrame
    attributes: pd.DataFrame | None = None


def derived_labels(
    readings: KeyedRows, told: Told, schema: TelemetrySchema, newest: int | None = None
) -> pd.DataFrame:
    """A label for each reading of which something is known; no row for the others.

    Of a reading is known

    - what a row says of it. A row belongs to the latest reading at or before it, not older than the
      tolerance; of several the one nearest to the reading counts;
    - else 1 if it lies in an incident: from its start, earlier by the tolerance, up to its end, which is not
      in it;
    - else 0 if errors were watched for at its time, and it is old enough to count as healthy.

    ::

        readings     o     o     o     o     o     o
        incident           [───────────)
        label        0     1     1     0     0            watched up to the last but one

    :param readings: device and time, each pair once.
    :param newest: time of the newest reading of all, microseconds; by default that of these.
    :returns: device, time, label, columns of ``exclude_labels``, sorted by time and device.
    """
    columns = list(label_columns(schema))
    label, others = _of_incidents(readings, told, schema, columns)
    if newest is None:
        newest = int(readings.micros.max()) if len(readings) else 0
    label[np.isnan(label) & _healthy(readings.micros, schema, newest)] = 0.0
    reading, row = statements_at(readings, told.statements, schema)
    label[reading] = told.statements[schema.label].to_numpy(dtype=np.float64)[row]
    for column in columns:
        given = told.statements[column].to_numpy(dtype=object)[row]
        says = pd.notna(given)
        others[column][reading[says]] = given[says]
    known = np.flatnonzero(~np.isnan(label))
    frame = pd.DataFrame(
        {
            DEVICE: readings.frame[DEVICE].to_numpy(dtype=object)[known],
            schema.time: readings.frame[schema.time].array[known],
            schema.label: label[known].astype(np.int64),
            **{column: pd.Series(others[column][known], dtype="object") for column in columns},
        }
    )
    return frame.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)


def labels_at_readings(rows: Telemetry, schema: TelemetrySchema) -> pd.DataFrame:
    """Label rows of telemetry that is complete: those that it has, or those made at its readings."""
    if not schema.labels.is_derived:
        return rows.labels
    attributes = known_attributes(rows)
    incidents = no_incidents(schema) if rows.incidents is None else rows.incidents.frame
    readings = KeyedRows.of(rows.metrics[[DEVICE, schema.time]], DEVICE, schema.time)
    return derived_labels(readings, Told(rows.labels, incidents, attributes), schema)


def known_attributes(rows: Telemetry) -> pd.DataFrame:
    """Attributes of the devices, with ``valid_from``, which is missing where they hold from the beginning."""
    if rows.attributes is not None:
        return rows.attributes
    never = pd.Series(pd.NaT, index=rows.static.index, dtype="datetime64[ns, UTC]")
    return rows.static.assign(**{VALID_FROM: never})


def _of_incidents(
    readings: KeyedRows, told: Told, schema: TelemetrySchema, columns: list[str]
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.object_]]]:
    """Label of each reading by the incidents, NaN outside of them, and what these say in some columns."""
    label = np.full(len(readings), np.nan)
    others = {column: np.full(len(readings), None, dtype=object) for column in columns}
    incidents = incidents_that_count(told.incidents, schema)
    if len(incidents):
        keys = [str(key) for key in readings.keys]
        found = device_incidents(incidents, keys, told.attributes, schema)
        which = covering(readings.codes, readings.micros, found, incidents, schema)
        inside = which >= 0
        label[inside] = 1.0
        for column in columns:
            others[column][inside] = incidents[said(column)].to_numpy(dtype=object)[which[inside]]
    return label, others


def _healthy(micros: Integers, schema: TelemetrySchema, newest: int) -> Bools:
    """Which readings are healthy if nobody says that they are not."""
    if schema.labels.form == ROWS:
        return np.zeros(len(micros), dtype=np.bool_)
    return could_be_healthy(micros, schema, newest)


def could_be_healthy(micros: Integers, schema: TelemetrySchema, newest: int) -> Bools:
    """Which times are such that a healthy reading is known, as an error is; of rows that say both it is all.

    Errors are told at once and at all times; healthy is what nothing was told of for long, in the time that
    was watched. Outside of that there are errors alone, which say nothing of how often there are any.

    :param micros: times, microseconds.
    :param newest: time of the newest reading of all, the same.
    """
    form = schema.labels
    if form.form == ROWS:
        return np.ones(len(micros), dtype=np.bool_)
    healthy: Bools = micros <= newest - form.healthy_seconds * 1_000_000
    if form.watched_from is not None:
        healthy &= micros >= round(form.watched_from * 1_000_000)
    if form.watched_to is not None:
        healthy &= micros < round(form.watched_to * 1_000_000)
    return healthy


def statements_at(
    readings: KeyedRows, statements: pd.DataFrame, schema: TelemetrySchema
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Which readings have a row that belongs to them, and which row.

    Of several it is the nearest, then the first.
    """
    numbers = {key: code for code, key in enumerate(readings.keys)}
    codes = np.array([numbers.get(key, -1) for key in statements[DEVICE]], dtype=np.int64)
    micros: Integers = np.empty(0, dtype=np.int64)
    if len(statements):
        micros = column_micros(statements[schema.time])
    oldest = schema.labels.tolerance_seconds * 1_000_000
    places = latest_rows(codes, micros, readings.codes, readings.micros, oldest)
    rows = np.flatnonzero(places >= 0)
    rows = rows[np.lexsort((rows, micros[rows], places[rows]))]
    reading, first = np.unique(places[rows], return_index=True)
    return reading, rows[first]
