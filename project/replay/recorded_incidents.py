"""Incidents of a history, as bodies of requests, each when it may have been known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.labels.covered import excluded_incidents
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.incident_rows import END, ID, KNOWN, START, at
from feature_sets.telemetry.incidents_that_count import incident_of, incidents_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.times import iso_time

_SECOND = 1_000_000
"""In microseconds."""

_DEADLINE_SECONDS = 3600
"""After which an endpoint takes a reading for healthy, where the schema does not say."""


def incidents_between(rows: pd.DataFrame, schema: TelemetrySchema, first: int, last: int) -> pd.DataFrame:
    """Incidents that count and touch a stretch of time, from when on each was known.

    :param rows: of all sources, see ``incident_types``.
    :param first: microseconds.
    """
    known = rows[rows[ID].notna()].groupby(ID)[KNOWN].min()
    found = incidents_that_count(rows, schema)
    if not len(found):
        return found
    found = found.assign(**{KNOWN: found[ID].map(known).where(found[ID].notna(), found[KNOWN])})
    tolerance = schema.labels.tolerance_seconds * _SECOND
    ends = column_micros(found[END].fillna(pd.Timestamp(last, unit="us", tz="UTC")))
    inside = (column_micros(found[START]) - tolerance <= last) & (ends >= first)
    return found[inside].reset_index(drop=True)


def told_at(incidents: pd.DataFrame, schema: TelemetrySchema, instants: Integers) -> Integers:
    """The instant before whose readings each incident is told, shape (n,); -1 for one of after the last.

    That is when it was known: if nobody says when, when it began; and always before a reading in it would be
    taken for healthy, as one that the history has as an error is no healthy one. One that the schema leaves
    out is told when it began: what was labeled before is not taken back.

    :param instants: when readings became known, microseconds, ascending, at least one.
    """
    form, ahead = schema.labels, duration_seconds(schema.windows.future_tolerance) * _SECOND
    start = column_micros(incidents[START])
    begins = start - form.tolerance_seconds * _SECOND
    healthy = begins + (form.healthy_seconds or _DEADLINE_SECONDS) * _SECOND
    if schema.arrival is not None:  # A reading may be of a later time than it arrived.
        begins, healthy = begins - ahead, healthy - ahead
    soonest = np.searchsorted(instants, begins)
    latest = np.searchsorted(instants, healthy)
    wanted = np.searchsorted(instants, column_micros(incidents[KNOWN].fillna(incidents[START])))
    wanted = np.where(incidents[KNOWN].isna() | excluded_incidents(incidents, schema), soonest, wanted)
    places = np.clip(wanted, soonest, np.maximum(soonest, latest))
    found: Integers = np.append(instants, -1)[np.minimum(places, len(instants))]
    return found


def incident_bodies(incidents: pd.DataFrame, schema: TelemetrySchema) -> list[dict[str, Any]]:
    """Incidents as bodies of requests, with an id of their own: several may have one start, or none an id."""
    form = schema.labels
    bodies = []
    for place, row in zip(incidents.index, incidents.to_dict("records"), strict=True):
        incident = incident_of(row, schema)
        end = None if incident.end is None else iso_time(incident.end)
        texts = {column: text for column, text in (incident.texts or {}).items() if text is not None}
        own = {form.id: f"recorded {place}", form.start: iso_time(incident.start), form.end: end}
        bodies.append({**texts, **own, **incident.names})
    return bodies


def of_devices(incidents: pd.DataFrame, schema: TelemetrySchema, devices: set[str]) -> pd.DataFrame:
    """Incidents without those of other devices."""
    if at(DEVICE) not in incidents.columns:
        return incidents
    named = incidents[at(DEVICE)]
    return incidents[(named.isna() | named.isin(devices)).to_numpy()]
