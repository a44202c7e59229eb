"""What the history says of errors and an endpoint does not know yet: incidents and positives of files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd
from mlrun.utils import logger

from feature_sets.checks import InputError
from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_state import LabelState
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.events import LabelEvent, excluding_columns
from feature_sets.telemetry.incident_events import Incident, IncidentEvent
from feature_sets.telemetry.incident_rows import KNOWN, ROW, SOURCE
from feature_sets.telemetry.incidents_that_count import LIVE, incidents_of, places_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.incident_book import IncidentBook
from graphs.state.kept_incidents import KeptIncidents
from graphs.state.moving_feature_set import MovingFeatureSet


class LabelSource(Protocol):
    """Where that comes from."""

    def read(self) -> LabelState | None:
        """What the newest ingestion left; None without one.

        :raises ApiError: 503 if it cannot be read.
        """

    def healthy(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those of some rows, by device and time in microseconds, of which it says that no error followed.

        :param rows: at least one.
        :raises ApiError: 503 if it cannot be read.
        """


class StoredLabels:
    """What was said of errors, kept beside the labels of a project.

    :param uri: ``store://feature-sets/...`` of the labels.
    """

    def __init__(self, uri: str, schema: TelemetrySchema) -> None:
        self._labels, self._schema = MovingFeatureSet(uri), schema

    def read(self) -> LabelState | None:
        """See ``LabelSource``."""
        self._labels.refresh()
        return self._labels.read(self._state)

    def healthy(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """See ``LabelSource``; of what ``read`` has found."""
        return self._labels.read(partial(self._healthy, rows))

    def _healthy(self, rows: Sequence[tuple[str, int]], feature_set: object) -> list[tuple[str, int]]:
        stored = StoredHistory.of(feature_set)  # type: ignore[arg-type]
        target = self._schema.target
        if stored is None or target not in {*stored.record.spec.features.keys()}:  # Of another horizon.
            return []
        devices, micros = zip(*rows, strict=True)
        times = pd.to_datetime(np.array(micros, dtype=np.int64), unit="us", utc=True)
        wanted = KeyedRows.of(
            pd.DataFrame({DEVICE: devices, self._schema.time: times}), DEVICE, self._schema.time
        )
        places, held = held_rows(stored, wanted, [target])
        labels = held.table.to_pandas()[target].to_numpy(dtype=np.float64, na_value=np.nan)
        return [
            row for row, place in zip(rows, places.tolist(), strict=True) if place >= 0 and labels[place] == 0
        ]

    def _state(self, feature_set: object) -> LabelState | None:
        try:
            stored = StoredHistory.of(feature_set)  # type: ignore[arg-type]
        except InputError:  # Of an engine that keeps nothing beside the labels.
            return None
        try:
            return LabelState.of(stored, self._schema, with_log=False) if stored is not None else None
        except KeyError as column:
            logger.warning(f"nothing is taken over of labels of another schema: they have no column {column}")
            return None


def untold_incidents(
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    book: IncidentBook,
    kept: KeptIncidents,
    oldest: float | None,
    most: int,
) -> list[IncidentEvent]:
    """Incidents of a history that are others than an endpoint knows them, each as a whole event.

    What was sent to the endpoint, and is not in the history yet, stays as it was sent. One that the history
    no longer has is cancelled.

    :param rows: incidents of all sources, see ``closed_by_files``.
    :param kept: how those were sent last that the book has forgotten; a cancelled one is over at its start.
    :param oldest: those that were over before are left out, epoch seconds; None leaves none out.
    :param most: so many are told at most, those that were over last.
    """
    wanted = _wanted(rows, schema)
    taken = _taken(rows, schema)

    def is_newer(known: Incident) -> bool:
        """Whether an incident was sent after the last that the history has of it."""
        return not known.source and event_micros(known.changed) > taken.get(known.id, -1)

    found = [
        incident
        for name, incident in wanted.items()
        if (known := book.get(name) or kept.last(name)) is None or not is_newer(known)
    ]
    found = [
        incident for incident in found if book.get(incident.id) is not None or not _was_over(incident, oldest)
    ]
    found.sort(key=lambda incident: (incident.end is None, incident.end or 0.0, incident.start))
    told = [incident for incident in found[-most:] if not says_the_same(book.get(incident.id), incident)]
    gone = [known for known in book if known.id not in wanted and not known.cancelled and not is_newer(known)]
    return [told_event(one, one.source) for one in told] + [
        told_event(one, one.source or LIVE)._replace(cancelled=True) for one in gone
    ]


class ToldPositives:
    """Positives of the history that an endpoint was told, also those that a full ledger has forgotten."""

    def __init__(self) -> None:
        self._times: set[tuple[str, int]] = set()

    def note(self, event: LabelEvent) -> None:
        """Remember one that is told now, or was before a restart."""
        self._times.add((event.device, event_micros(event.time)))

    def has(self, device: str, micros: int) -> bool:
        """Whether that of a device and time, in microseconds, was told."""
        return (device, micros) in self._times

    def forget(self, before: int) -> None:
        """Forget those of before a time, in microseconds, which no prediction can meet any more."""
        self._times = {told for told in self._times if told[1] >= before}


def untold_positives(
    state: LabelState, schema: TelemetrySchema, ledger: DerivedLedger, told: ToldPositives, most: int
) -> list[LabelEvent]:
    """Label rows of a history that an endpoint does not know, if a prediction may still meet them.

    :param told: those that it was told before.
    :param most: so many are told at most, the latest.
    """
    oldest = ledger.oldest_of(state.newest)
    told.forget(oldest)
    rows = state.statements.tail(most)
    columns = list(excluding_columns(schema))
    found = []
    for row, micros in zip(rows.to_dict("records"), column_micros(rows[schema.time]).tolist(), strict=True):
        is_known = ledger.has_label(row[DEVICE], micros) or told.has(row[DEVICE], micros)
        if micros >= oldest and not is_known:
            others = tuple(row[column] for column in columns)
            given = others if any(other is not None for other in others) else ()
            found.append(LabelEvent(row[DEVICE], micros / 1_000_000, int(row[schema.label]), given))
    return found


def _wanted(rows: pd.DataFrame, schema: TelemetrySchema) -> dict[str, Incident]:
    """Incidents that count by the id that an endpoint knows them by."""
    wanted: dict[str, Incident] = {}
    counting = places_that_count(rows, schema)
    files = rows[SOURCE].to_numpy()[counting].tolist()
    for incident, file in zip(incidents_of(rows, schema, counting), files, strict=True):
        name, number = incident.id, 1
        while name in wanted:  # Without an id, several rows of one start may count.
            number += 1
            name = f"{incident.id}#{number}"
        source = str(file).rpartition("|")[2]
        wanted[name] = incident.but(id=name, cancelled=False, source=source)
    return wanted


def _taken(rows: pd.DataFrame, schema: TelemetrySchema) -> dict[str, int]:
    """When what the history has of live incidents was sent, microseconds, by id."""
    places = np.flatnonzero(rows[SOURCE].to_numpy() == LIVE)
    live = places[np.argsort(rows[ROW].to_numpy()[places], kind="stable")]
    sent = column_micros(rows[KNOWN].iloc[live]).tolist()
    return {incident.id: at for incident, at in zip(incidents_of(rows, schema, live), sent, strict=True)}


def _was_over(incident: Incident, oldest: float | None) -> bool:
    return oldest is not None and incident.end is not None and incident.end < oldest


def says_the_same(known: Incident | None, other: Incident) -> bool:
    """Whether two are the same incident, whoever says so."""
    return known is not None and _content(known) == _content(other)


def _content(incident: Incident) -> tuple[object, ...]:
    texts = {column: text for column, text in (incident.texts or {}).items() if text is not None}
    end = None if incident.end is None else event_micros(incident.end)
    return dict(incident.names), event_micros(incident.start), end, incident.cancelled, texts


def told_event(incident: Incident, source: str) -> IncidentEvent:
    """An incident as the history says it, whole."""
    return IncidentEvent(
        incident.id,
        incident.names,
        incident.start,
        incident.end,
        True,
        incident.cancelled,
        incident.texts or {},
        source,
    )
