"""Telemetry as a network would send it: events in time order, each label a while after its event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.device_labels import within_population
from feature_sets.ingestion.ingest import SIMULATION_START
from feature_sets.labels.horizon import with_target
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork

_CHUNK_TICKS = 60


@dataclass(frozen=True)
class Batch:
    """What is due at one instant.

    :param telemetry: events as JSON-able dictionaries.
    :param labels: labels that became known by the time of the newest event.
    """

    telemetry: list[dict[str, Any]]
    labels: list[dict[str, Any]]


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
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Telemetry]:
    """The end of a folder of telemetry that the served model was not trained on.

    A recording that was streamed before is played again as if it happened later, because the same events
    once more would be duplicates.

    :param trained_until: event time of the model's last training row; later events are replayed.
    :param after: newest event time that was already streamed; all times are moved behind it if need be.
    :param now: wall clock; an event must not be moved beyond it, or it would be quarantined.
    :raises InputError: if nothing is later, or a replay would lie in the future.
    """
    rows, _report = read_telemetry(folder, schema)
    # What the model is evaluated on; it was never shown the devices outside the population.
    replay = _after(
        Telemetry(
            metrics=within_population(schema, rows.metrics, rows.static),
            labels=within_population(schema, rows.labels, rows.static),
            static=rows.static,
        ),
        schema,
        trained_until,
    )
    if replay.metrics.empty:
        rule = f"must hold metrics later than the last training row, {trained_until.isoformat()}"
        raise TelemetryError(folder, rule, "none")
    first = replay.metrics[schema.time].min()
    if after is not None and after >= first:
        # One microsecond, the resolution of event times, behind what is known.
        shift = after - first + pd.Timedelta(microseconds=1)
        if replay.metrics[schema.time].max() + shift > now():
            rule = (
                "was streamed before and is too recent to happen again before now; "
                "stream newer telemetry, or use another project"
            )
            raise TelemetryError(folder, rule, first.isoformat())
        replay = Telemetry(
            metrics=replay.metrics.assign(**{schema.time: replay.metrics[schema.time] + shift}),
            labels=replay.labels.assign(**{schema.time: replay.labels[schema.time] + shift}),
            static=replay.static,
        )
    yield replay


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
                _records(part, schema, schema.metric_names),
                _labels(labels.iloc[sent:due], schema),
            )
            sent = due
        outstanding = labels.iloc[sent:]
    if outstanding is not None and len(outstanding):
        yield Batch([], _labels(outstanding, schema))


def _labels(labels: pd.DataFrame, schema: TelemetrySchema) -> list[dict[str, Any]]:
    known = labels[labels[schema.target].notna()]
    return _records(known.astype({schema.target: np.int64}), schema, (schema.target,))


def _times(frame: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.datetime64]:
    utc = frame[schema.time].dt.tz_convert("UTC").dt.tz_localize(None)
    times: npt.NDArray[np.datetime64] = utc.to_numpy("datetime64[ns]")
    return times


def _records(frame: pd.DataFrame, schema: TelemetrySchema, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """JSON-able events: ISO 8601 UTC times, null for a missing reading."""
    stamps = frame[schema.time].dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    values = frame[list(columns)].astype(object).where(frame[list(columns)].notna(), None)
    return [
        {DEVICE: device, schema.time: stamp, **dict(zip(columns, row, strict=True))}
        for device, stamp, row in zip(
            frame[DEVICE].tolist(), stamps.tolist(), values.itertuples(index=False, name=None), strict=True
        )
    ]
