"""Incidents that an endpoint accepted, as rows of a history: those that a file with the same would have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.early_incidents import EarlyIncidents, take
from feature_sets.telemetry.incident_events import (
    Incident,
    IncidentEvent,
    IncidentStatus,
    made_id,
)
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    REOPENED,
    ROW,
    SOURCE,
    START,
    IncidentPart,
    at,
    incident_types,
    said,
    scope_columns,
    texts_about,
)
from feature_sets.telemetry.incidents_that_count import LIVE, closed_by_files, in_order, incidents_of
from feature_sets.telemetry.schema import TelemetrySchema

_REFUSED = (IncidentStatus.QUARANTINED, IncidentStatus.END_BEFORE_START, IncidentStatus.WAITING)


@dataclass(frozen=True)
class LiveIncidents:
    """Incidents as they are known after some events.

    :param part: all that were ever sent, as they are now.
    :param quarantined: events left out, as they were from the future.
    :param unknown: events left out, as they said nothing that can be.
    :param waiting: events that came before the start of their incident. The endpoint adds what they say
        to the event that opens it.
    """

    part: IncidentPart
    quarantined: int
    unknown: int
    waiting: int = 0


def live_incidents(
    known: pd.DataFrame, events: Sequence[tuple[IncidentEvent, float]], schema: TelemetrySchema
) -> LiveIncidents:
    """Take in events, by the rules of the endpoint.

    :param known: incidents of the history, of all sources.
    :param events: with their arrival, epoch seconds, in the order in which they were accepted.
    """
    tolerance = duration_seconds(schema.windows.future_tolerance)
    ends = _ends(known, {event.id for event, _ in events})
    known = known[known[SOURCE] == LIVE].sort_values(ROW, kind="stable")
    # The rows do not have who cancelled them. The endpoint knew, and its events say what stays: ``decided``.
    found = {
        incident.id: replace(incident, held=incident.cancelled) for incident in incidents_of(known, schema)
    }
    changed = dict(zip(found, known[KNOWN], strict=True))
    reopened = dict(zip(found, known[REOPENED], strict=True))
    early = EarlyIncidents()
    statuses = []
    for event, arrived in events:
        before = found.get(event.id)
        status, incident = take(before, early, event, arrived + tolerance)
        statuses.append(status)
        if event.ended and status not in _REFUSED and (event.reopens or event.end is not None):
            end = ends.pop(event.id, None) if before is None or before.end is None else before.end
            if event.end is None and end is not None:  # Files say so, or it was sent.
                reopened[event.id] = changed[event.id] = _time(arrived)
        if isinstance(incident, IncidentEvent):
            early.put(incident)
        elif incident is not None:
            early.opened(incident)
            found[event.id] = incident
            changed[event.id] = _time(arrived)
    rows = [
        _row(number, incident, changed[name], reopened.get(name, pd.NaT), schema)
        for number, (name, incident) in enumerate(found.items())
    ]
    columns = {
        name: pd.Series([row.get(name) for row in rows], dtype="object")
        if kind == "object"
        else pd.Series([row[name] for row in rows], dtype=kind)
        for name, kind in incident_types(schema).items()
    }
    return LiveIncidents(
        IncidentPart(pd.DataFrame(columns), (LIVE,)),
        statuses.count(IncidentStatus.QUARANTINED),
        statuses.count(IncidentStatus.END_BEFORE_START),
        statuses.count(IncidentStatus.WAITING),
    )


def _ends(rows: pd.DataFrame, names: Collection[str]) -> dict[str, float]:
    """Ends of incidents of some ids as the history has them, epoch seconds; those that are open have none."""
    last = in_order(closed_by_files(rows[rows[ID].isin(names)])).drop_duplicates(ID, keep="last")
    last = last[last[END].notna() & ~last[CANCELLED]]
    return dict(zip(last[ID], (column_micros(last[END]) / 1e6).tolist(), strict=True))


def _row(
    number: int, incident: Incident, known: pd.Timestamp, reopened: pd.Timestamp, schema: TelemetrySchema
) -> dict[str, object]:
    """The inverse of ``incidents_of``, of one."""
    texts = incident.texts or {}
    is_made = incident.id == made_id(incident.names, incident.start)
    return {
        SOURCE: LIVE,
        ROW: number,
        ID: None if is_made else incident.id,
        **{at(column): incident.names.get(column) for column in scope_columns(schema)},
        START: _time(incident.start),
        END: pd.NaT if incident.end is None else _time(incident.end),
        KNOWN: known,
        CANCELLED: incident.cancelled,
        REOPENED: reopened,
        **{said(column): texts.get(column) for column in texts_about(schema)},
    }


def _time(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(np.datetime64(event_micros(seconds), "us"), tz="UTC")
