"""What the benchmarks of the windows are held against: storey and polars, and events for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from storey import AggregateByKey, FieldAggregator, NoopDriver, Reduce, SyncEmitSource, Table, build_flow
from storey.dtypes import SlidingWindows

from feature_sets.windows.definition import WindowDefinition

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = 1_717_200_000
"""2024-06-01, the beginning of a bucket of any period used here."""

METRICS = ("cpu_utilization", "throughput", "latency", "packet_loss")
OPERATIONS = ("avg", "min", "max", "stddev")
_POLARS = {"avg": "mean", "min": "min", "max": "max", "stddev": "std"}


def definition(windows: tuple[str, ...] = ("1m", "5m"), period: str = "10s") -> WindowDefinition:
    """Four metrics × four operations × the windows."""
    return WindowDefinition("device", "timestamp", METRICS, OPERATIONS, windows, period)


def steady_events(events: int, devices: int, period_seconds: int = 10, seed: int = 1) -> pd.DataFrame:
    """Rows in the order of time; every device reports at the beginning of each bucket.

    Windows over whole buckets and windows to the microsecond then hold the same readings.
    """
    generator = np.random.default_rng(seed)
    ticks = events // devices
    names = np.array([f"region-{at % 4}/dev-{at:05d}" for at in range(devices)], dtype=object)
    seconds = START + np.arange(ticks).repeat(devices) * period_seconds
    readings = {metric: generator.gamma(4.0, 10.0, ticks * devices).round(2) for metric in METRICS}
    times = pd.to_datetime(seconds, unit="s", utc=True).as_unit("us")
    return pd.DataFrame({"device": np.tile(names, ticks), "timestamp": times, **readings})


def storey_windows(events: list[dict[str, Any]], wanted: WindowDefinition) -> list[dict[str, Any]]:
    """What storey's ``AggregateByKey`` answers to each event."""
    windows = SlidingWindows(list(wanted.windows), wanted.period)
    aggregators = [
        FieldAggregator(metric, metric, list(wanted.operations), windows) for metric in wanted.metrics
    ]
    flow = build_flow(
        [
            SyncEmitSource(key_field=wanted.entity),
            AggregateByKey(aggregators, Table("windows", NoopDriver()), time_field=wanted.timestamp),
            Reduce([], lambda rows, row: [*rows, row] if len(rows) < 0 else (rows.append(row) or rows)),
        ]
    ).run()
    for event in events:
        flow.emit(dict(event))
    flow.terminate()
    rows: list[dict[str, Any]] = flow.await_termination()
    return rows


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as events with Python's own datetimes, as they come from a client."""
    events: list[dict[str, Any]] = frame.to_dict("records")
    for event in events:
        event["timestamp"] = EPOCH + timedelta(microseconds=event["timestamp"].value // 1000)
    return events


def polars_windows(frame: pl.DataFrame, wanted: WindowDefinition) -> pl.DataFrame:
    """The features by polars' ``rolling``; the fastest way found: one pass a window, all columns at once."""
    parts = []
    for length in wanted.windows:
        expressions = [
            getattr(pl.col(metric), _POLARS[operation])().alias(f"{metric}_{operation}_{length}")
            for metric in wanted.metrics
            for operation in wanted.operations
        ]
        rolled = frame.rolling(index_column=wanted.timestamp, period=length, group_by=wanted.entity)
        parts.append(rolled.agg(expressions))
    keys = [wanted.entity, wanted.timestamp]
    return parts[0].hstack([column for part in parts[1:] for column in part.drop(keys).get_columns()])


def seconds(work: Callable[[], Any]) -> float:
    """How long some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
