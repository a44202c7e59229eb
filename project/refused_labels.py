"""Labels that an endpoint refused, as an incident had labeled their reading: history takes none either."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.category_names import category_name
from feature_sets.checks import duration_seconds
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.cell_text import cell_text, says_the_same
from feature_sets.telemetry.events import LabelEvent, TelemetryEvent, excluding_columns
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import from_beginning
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import Prediction
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries, all_entries
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.entry_id import EntryId
from graphs.state.incident_book import Features, IncidentBook
from graphs.state.journal_entries import RawEntry
from graphs.state.read_anew import ReadAnew
from project.live_rows import LiveRows

_NOTHING = Prediction("", "", np.empty(0), 0, 0.0, 0)
_Place = tuple[EntryId, str, int]


class _Answers(DerivedLedger):
    """The ledger of an endpoint, which says of labels whether their reading is an error already."""

    def is_error(self, device: str, micros: int) -> bool:
        """Whether the reading that a label of this time belongs to, as far as it has come, is one."""
        known = self._devices.get(device)
        place = bisect_right(known.times, micros) - 1 if known else -1
        if known is None or place < 0 or micros - known.times[place] > self._beside:
            return False
        return known.made[known.times[place]].label == 1


def without_refused(
    found: LiveRows,
    entries: AcceptedEntries,
    archive: Path,
    schema: TelemetrySchema,
    attributes: pd.DataFrame | None,
    label_deadline: float,
) -> tuple[LiveRows, int]:
    """Rows without labels 0 of readings that an incident had labeled 1 when they came, and their count.

    It is decided by the journal alone, from its beginning, so it does not matter how far it was read before.
    A label 1 of a reading that was only taken for healthy stays: nobody had said so.

    :param attributes: of the devices, with ``valid_from``.
    :param label_deadline: of the endpoint, in seconds, see ``ServingSettings``.
    """
    labels = found.rows.labels
    zeros = labels[schema.label].to_numpy() == 0
    if schema.horizon_seconds or not schema.labels.has_incidents or not zeros.any():
        return found, 0
    devices = set(labels[DEVICE][zeros])
    oldest = column_micros(labels[schema.time][zeros]).min() / 1_000_000 - schema.labels.tolerance_seconds
    deadline = max(label_deadline, schema.labels.healthy_seconds)
    features = _features(schema, attributes)
    refused = _refused(all_entries(entries, archive), schema, features, devices, oldest, deadline)
    places = zip(
        (entry for entry, _ in found.label_entries),
        labels[DEVICE],
        column_micros(labels[schema.time]).tolist(),
        strict=True,
    )
    kept = np.array([place not in refused for place in places], dtype=np.bool_) | ~zeros
    rows = replace(found.rows, labels=labels[kept].reset_index(drop=True))
    of_rows = [entry for entry, is_kept in zip(found.label_entries, kept.tolist(), strict=True) if is_kept]
    return replace(found, rows=rows, label_entries=of_rows), int(np.count_nonzero(~kept))


def _refused(
    entries: Iterator[RawEntry],
    schema: TelemetrySchema,
    features: Features,
    devices: set[str],
    oldest: float,
    deadline: float,
) -> set[_Place]:
    """The labels that are refused.

    :param devices: whose labels are of interest.
    :param oldest: time of the first reading that is, epoch seconds.
    :param deadline: how long after its time a prediction waits for its label, in seconds.
    """
    tolerance = duration_seconds(schema.windows.future_tolerance)
    book = IncidentBook(schema, features, sys.maxsize)
    ledger = _Answers(schema.labels, book, deadline, tolerance)
    anew = ReadAnew(schema)
    places: set[_Place] = set()
    refused: set[tuple[str, int]] = set()
    for entry in entries:
        if entry.kind == Kind.TELEMETRY and entry.arrival + tolerance >= oldest:
            if anew.reads(entry):
                events = anew.entry(entry).events
                _predictions(ledger, events, devices, entry.arrival, entry.arrival + tolerance)
        elif entry.kind in (Kind.LABELS, Kind.INCIDENTS):
            for event in entry.decoded(anew.columns).labels:
                if isinstance(event, IncidentEvent):
                    ledger.add_incident(event, entry.arrival)
                elif event.device in devices and event.label is not None:
                    where = event.device, event_micros(event.time)
                    if _is_refused(ledger, event, entry.arrival, where in refused, schema):
                        refused.add(where)
                        places.add((entry.id, *where))
    return places


def _predictions(
    ledger: DerivedLedger, events: list[TelemetryEvent], devices: set[str], arrival: float, latest: float
) -> None:
    """Note the readings of some devices; of the others, the newest moves the time on."""
    newest = ledger.newest or 0.0
    for event in events:
        if event.time <= latest and (event.device in devices or event.time > newest):
            newest = max(newest, event.time)
            ledger.add_prediction(event.device, event.time, _NOTHING, arrival)


def _is_refused(
    ledger: _Answers, event: LabelEvent, arrival: float, was_refused: bool, schema: TelemetrySchema
) -> bool:
    """Note a label; whether it is an incident that says something else of its reading."""
    micros = event_micros(event.time)
    is_known, is_error = ledger.has_label(event.device, micros), ledger.is_error(event.device, micros)
    label = None if _is_excluded(event, schema) else event.label
    status, _ = ledger.add_label(event.device, event.time, label, arrival)
    if label != 0:
        return False
    if is_known:  # As a label that was refused before; others the history has.
        return was_refused and status is LabelStatus.DUPLICATE
    return is_error and status in (LabelStatus.CONFLICTING, LabelStatus.WAITING)


def _is_excluded(event: LabelEvent, schema: TelemetrySchema) -> bool:
    given: Mapping[str, object] = dict(zip(excluding_columns(schema), event.others, strict=False))
    given = {**given, schema.label: event.label}
    return any(
        says_the_same(cell_text(given.get(column)), value) for column, value in schema.exclude_labels.items()
    )


def _features(schema: TelemetrySchema, attributes: pd.DataFrame | None) -> Features:
    """One-hot features of a device at a time, those that incidents name devices by."""
    static = [name for name in schema.labels.scope if name not in (DEVICE, *schema.entity)]
    past: dict[str, list[tuple[int, dict[str, float]]]] = {}
    if static and attributes is not None:
        ordered = from_beginning(attributes)
        since = column_micros(ordered[VALID_FROM])
        for moment, row in zip(since.tolist(), ordered.to_dict("records"), strict=True):
            named = {f"{name}_{category_name(str(row[name]))}": 1.0 for name in static}
            past.setdefault(row[DEVICE], []).append((moment, named))

    def features(device: str, time: float) -> Mapping[str, float]:
        steps = past.get(device)
        if not steps:
            return {}
        place = bisect_right(steps, event_micros(time), key=lambda step: step[0]) - 1
        return steps[max(place, 0)][1]

    return features
