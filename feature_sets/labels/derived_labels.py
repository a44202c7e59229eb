"""Label rows at the times of readings, made of labels in any form: beside readings, positives, incidents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.covered import DeviceIncidents, covering, device_incidents
from feature_sets.labels.onsets import NO_ONSETS, Onsets, announced, starts
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers, KeyedRows
from feature_sets.rows.latest_row import latest_rows
from feature_sets.telemetry.each_horizon import ahead_targets, longest_horizon_seconds
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
    readings: KeyedRows,
    told: Told,
    schema: TelemetrySchema,
    newest: int | None = None,
    onsets: bool = True,
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

    With a horizon there is a row of 1 without a reading as well, where one can announce it: at the start of
    an incident, and at a row that says 1 and belongs to no reading, if the device has a reading within the
    longest horizon before, and none at that time.

    :param readings: device and time, each pair once.
    :param newest: time of the newest reading of all, microseconds; by default that of these.
    :param onsets: whether rows without a reading are among them.
    :returns: device, time, label, columns of ``exclude_labels``, sorted by time and device.
    """
    statements, count = told.statements, len(readings)
    incidents, found = _device_incidents(readings, told, schema)
    places, moments = statement_places(readings, statements, schema)
    begun = NO_ONSETS
    if onsets and ahead_targets(schema):
        alone = (places < 0) & (moments.codes >= 0)
        alone &= statements[schema.label].to_numpy(dtype=np.float64) == 1
        rows, started = Onsets(*(column[alone] for column in moments)), starts(found, incidents, schema)
        both = Onsets(*(np.concatenate(columns) for columns in zip(rows, started, strict=True)))
        begun = announced(readings, both, longest_horizon_seconds(schema))
        at = latest_rows(*moments, *begun, 0)
        places = np.where(alone & (at >= 0), count + at, places)
    points = Onsets(
        *(np.concatenate(both) for both in zip((readings.codes, readings.micros), begun, strict=True))
    )
    label, others = _of_incidents(points, found, incidents, schema)
    if newest is None:
        newest = int(readings.micros.max()) if count else 0
    of_readings = label[:count]
    of_readings[np.isnan(of_readings) & _healthy(readings.micros, schema, newest)] = 0.0
    point, row = _nearest_statements(places, moments.micros)
    label[point] = statements[schema.label].to_numpy(dtype=np.float64)[row]
    for column, values in others.items():
        given = statements[column].to_numpy(dtype=object)[row]
        says = pd.notna(given)
        values[point[says]] = given[says]
    known = np.flatnonzero(~np.isnan(label))
    devices = np.array(readings.keys, dtype=object)[begun.codes]
    began = pd.Series(pd.to_datetime(begun.micros, unit="us", utc=True))
    times = readings.frame[schema.time].reset_index(drop=True)
    if len(began):
        times = pd.concat([times, began.astype(times.dtype)], ignore_index=True)
    frame = pd.DataFrame(
        {
            DEVICE: np.concatenate([readings.frame[DEVICE].to_numpy(dtype=object), devices])[known],
            schema.time: times.array[known],
            schema.label: label[known].astype(np.int64),
            **{column: pd.Series(values[known], dtype="object") for column, values in others.items()},
        }
    )
    return frame.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)


def labels_at_readings(rows: Telemetry, schema: TelemetrySchema, onsets: bool = False) -> pd.DataFrame:
    """Label rows of telemetry that is complete: those that it has, or those made at its readings.

    :param onsets: whether rows without a reading are among these, see ``derived_labels``.
    """
    if not schema.labels.is_derived:
        return rows.labels
    attributes = known_attributes(rows)
    incidents = no_incidents(schema) if rows.incidents is None else rows.incidents.frame
    readings = KeyedRows.of(rows.metrics[[DEVICE, schema.time]], DEVICE, schema.time)
    return derived_labels(readings, Told(rows.labels, incidents, attributes), schema, onsets=onsets)


def known_attributes(rows: Telemetry) -> pd.DataFrame:
    """Attributes of the devices, with ``valid_from``, which is missing where they hold from the beginning."""
    if rows.attributes is not None:
        return rows.attributes
    never = pd.Series(pd.NaT, index=rows.static.index, dtype="datetime64[ns, UTC]")
    return rows.static.assign(**{VALID_FROM: never})


def _device_incidents(
    readings: KeyedRows, told: Told, schema: TelemetrySchema
) -> tuple[pd.DataFrame, DeviceIncidents]:
    """Incidents that count, and the devices of the readings that they name."""
    incidents = incidents_that_count(told.incidents, schema)
    keys = [str(key) for key in readings.keys]
    return incidents, device_incidents(incidents, keys, told.attributes, schema)


def _of_incidents(
    points: Onsets, found: DeviceIncidents, incidents: pd.DataFrame, schema: TelemetrySchema
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.object_]]]:
    """Label of each point by the incidents, NaN outside of them, and what these say in some columns."""
    label = np.full(len(points.codes), np.nan)
    others = {column: np.full(len(label), None, dtype=object) for column in label_columns(schema)}
    which = covering(points.codes, points.micros, found, incidents, schema)
    inside = which >= 0
    label[inside] = 1.0
    if inside.any():
        for column, values in others.items():
            values[inside] = incidents[said(column)].to_numpy(dtype=object)[which[inside]]
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


def statement_places(
    readings: KeyedRows, statements: pd.DataFrame, schema: TelemetrySchema
) -> tuple[npt.NDArray[np.intp], Onsets]:
    """Which reading each row belongs to, -1 without one, and the device and time of each row.

    The number of a device that has no reading is -1.
    """
    numbers = {key: code for code, key in enumerate(readings.keys)}
    codes = np.array([numbers.get(key, -1) for key in statements[DEVICE]], dtype=np.int64)
    micros = column_micros(statements[schema.time]) if len(statements) else np.empty(0, dtype=np.int64)
    oldest = schema.labels.tolerance_seconds * 1_000_000
    return latest_rows(codes, micros, readings.codes, readings.micros, oldest), Onsets(codes, micros)


def _nearest_statements(
    places: npt.NDArray[np.intp], micros: Integers
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Which places have a row that belongs to them, and which row.

    Of several it is the nearest, then the first.
    """
    rows = np.flatnonzero(places >= 0)
    rows = rows[np.lexsort((rows, micros[rows], places[rows]))]
    place, first = np.unique(places[rows], return_index=True)
    return place, rows[first]
