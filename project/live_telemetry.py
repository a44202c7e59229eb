"""Telemetry as a network would send it: events in time order, each label a while after its event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.device_labels import within_population
from feature_sets.ingestion.device_history import device_changes
from feature_sets.ingestion.maintenance_history import intervals_of
from feature_sets.ingestion.sources import SIMULATION_START
from feature_sets.labels.derived_labels import labels_at_readings
from feature_sets.labels.horizon import with_target
from feature_sets.labels.maintenance import with_maintenance
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.events import excluding_columns
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork

_CHUNK_TICKS = 60


class NothingNewerError(TelemetryError):
    """There is no telemetry that could be streamed; nothing is wrong with what there is."""


@dataclass(frozen=True)
class Batch:
    """What is due at one instant.

    :param telemetry: events as JSON-able dictionaries.
    :param labels: labels that became known by the time of the newest event.
    :param known: when the newest of it became known, epoch seconds; 0 where that is of no interest.
    :param incidents: that became known after the events.
    """

    telemetry: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    known: float = 0.0
    incidents: list[dict[str, Any]] = field(default_factory=list)


def simulated(
    schema: TelemetrySchema, devices: int, history_ticks: int, seed: int, after: datetime | None = None
) -> Iterator[Telemetry]:
    """What the simulated network sends after its ingested history, without end.

    :param history_ticks: readings of each device that were ingested.
    :param after: event time that was already streamed; those ticks are skipped.
    """
    network = SimulatedNetwork(devices=devices, start=SIMULATION_START, ticks=history_ticks, seed=seed)
    first = history_ticks
    if after is not None:
        first = max(first, int((after - SIMULATION_START).total_seconds() // network.tick_seconds))
    while True:
        yield _after(network.generate(first_tick=first, ticks=_CHUNK_TICKS), schema, after)
        first += _CHUNK_TICKS


def recorded(
    schema: TelemetrySchema,
    folder: str,
    trained_until: datetime,
    after: datetime | None = None,
) -> Iterator[Telemetry]:
    """The end of a folder of telemetry that the served model was not trained on, as it is.

    :param trained_until: event time of the model's last training row; later events are sent.
    :param after: newest event time that was already sent; what is not newer is not sent again.
    :raises NothingNewerError: if nothing is later.
    """
    rows, _report = read_telemetry(folder, schema)
    attributes = device_changes(rows, schema, None, None).attributes
    calendar = intervals_of(schema, rows.maintenance or {}, attributes)
    # What the model is evaluated on; it was never shown the devices outside the population. Labels of errors
    # now are sent themselves, so each has its reading.
    labels = labels_at_readings(rows, schema, onsets=schema.horizon_seconds > 0)
    replay = _after(
        Telemetry(
            metrics=within_population(schema, rows.metrics, rows.static),
            labels=with_maintenance(within_population(schema, labels, rows.static), schema, calendar),
            static=rows.static,
        ),
        schema,
        trained_until,
    )
    if replay.metrics.empty:
        rule = f"must hold metrics later than the last training row, {trained_until.isoformat()}"
        raise NothingNewerError(folder, rule, "none")
    newer = _after(replay, schema, after)
    if newer.metrics.empty:
        newest = replay.metrics[schema.time].max().isoformat()
        rule = (
            f"must hold telemetry newer than {after.isoformat() if after else 'that'}, the newest event of "
        )
        rule += "the endpoint; what is recorded is played apart from it with 'netops replay FROM TO'"
        raise NothingNewerError(folder, rule, newest)
    yield newer


def _after(chunk: Telemetry, schema: TelemetrySchema, after: datetime | pd.Timestamp | None) -> Telemetry:
    if after is None:
        return chunk
    return Telemetry(
        metrics=chunk.metrics[chunk.metrics[schema.time] > after],
        labels=chunk.labels[chunk.labels[schema.time] > after],
        static=chunk.static,
    )


def batches(
    chunks: Iterator[Telemetry], schema: TelemetrySchema, size: int, label_delay_seconds: float
) -> Iterator[Batch]:
    """Cut telemetry into batches in event order; a label comes ``label_delay_seconds`` of event time later.

    With a label horizon the label is delayed by the horizon as well, and comes only where it is known what
    followed. The last batch, if the chunks end, carries every label still outstanding. Rows become events a
    batch at a time: a recording may hold millions, of which a stream sends the first minutes.

    :param chunks: each later than the one before.
    :param size: events in a batch.
    """
    delay = np.timedelta64(int((label_delay_seconds + schema.horizon_seconds) * 1e9), "ns")
    outstanding: pd.DataFrame | None = None
    for chunk in chunks:
        metrics = chunk.metrics.sort_values([schema.time, DEVICE], kind="stable")
        labels = chunk.labels.sort_values([schema.time, DEVICE], kind="stable")
        if outstanding is not None:
            labels = pd.concat([outstanding, labels])
        # Those that are outstanding are looked at again: what follows them may be in this chunk.
        labels = with_target(labels, schema)
        times, label_times = _times(metrics, schema), _times(labels, schema)
        sent = 0
        for start in range(0, len(metrics), size):
            part = metrics.iloc[start : start + size]
            known = times[start + len(part) - 1] - delay
            due = max(sent, int(np.searchsorted(label_times, known, side="right")))
            yield Batch(
                telemetry_bodies(part, schema),
                label_bodies(labels.iloc[sent:due], schema),
            )
            sent = due
        outstanding = labels.iloc[sent:]
    if outstanding is not None and len(outstanding):
        yield Batch([], label_bodies(outstanding, schema))


def telemetry_bodies(rows: pd.DataFrame, schema: TelemetrySchema) -> list[dict[str, Any]]:
    """Readings as bodies of requests, with their arrival where they have one."""
    if schema.uptime is not None:
        micros = rows[schema.uptime.micros_column].to_numpy(dtype=np.float64, na_value=np.nan)
        rows = rows.assign(**{schema.uptime.micros_column: micros / schema.uptime.unit_micros})
    sent = dict(zip(schema.reading_columns, schema.sent_fields, strict=True))
    return _bodies(rows.rename(columns=sent), schema, schema.sent_fields)


def label_bodies(rows: pd.DataFrame, schema: TelemetrySchema) -> list[dict[str, Any]]:
    """Labels as bodies of requests, with what may exclude them; those that are not known are left out."""
    known = rows[rows[schema.target].notna()]
    excluding = [column for column in excluding_columns(schema) if column in rows.columns]
    return _bodies(known.astype({schema.target: np.int64}), schema, (schema.target, *excluding))


def _times(frame: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.datetime64]:
    utc = frame[schema.time].dt.tz_convert("UTC").dt.tz_localize(None)
    times: npt.NDArray[np.datetime64] = utc.to_numpy("datetime64[ns]")
    return times


def _bodies(frame: pd.DataFrame, schema: TelemetrySchema, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """JSON-able events: ISO 8601 UTC times, null for a missing reading."""
    arrival = schema.arrival if schema.arrival in frame.columns else None
    times = [schema.time, *([arrival] if arrival is not None else [])]
    stamps = [
        frame[name].dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").tolist() for name in times
    ]
    values = frame[list(columns)].astype(object).where(frame[list(columns)].notna(), None)
    return [
        {DEVICE: device, **dict(zip(times, moments, strict=True)), **dict(zip(columns, row, strict=True))}
        for device, *moments, row in zip(
            frame[DEVICE].tolist(), *stamps, values.itertuples(index=False, name=None), strict=True
        )
    ]
