"""How fast telemetry is ingested into Parquet with its windows and statistics, beside MLRun's own ingestion.

``python -m tests.benchmarks.ingestion`` prints one JSON line a size. MLRun is measured on a slice, as its
rate does not depend on the length, in turn with ours on the whole:

- ``mlrun``: ``feature_set.ingest(frame)``, sends the rows through the windows twice, once for the types;
- ``mlrun_one_pass``: the same with the types from the first thousand rows.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
from mlrun.data_types import InferOptions
from mlrun.datastore.targets import ParquetTarget

from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.telemetry.schema import DEVICE
from tests.benchmarks.local_project import SCHEMA, local_project, steady_telemetry

SIZES = (10_000, 100_000, 1_000_000)
SLICE = 4_000
DEVICES = 20
ROUNDS = 3
END = pd.Timestamp("2024-06-01", tz="UTC")


def plain_feature_set(name: str) -> fstore.FeatureSet:
    """The windows of the default schema into Parquet, as any user of MLRun declares them."""
    feature_set = fstore.FeatureSet(name, entities=[fstore.Entity(DEVICE)], timestamp_key=SCHEMA.time)
    windows = SCHEMA.windows
    for metric in SCHEMA.metric_names:
        feature_set.add_aggregation(metric, list(windows.operations), list(windows.lengths), windows.period)
    target = ParquetTarget("parquet", partitioned=True, time_partitioning_granularity="day")
    feature_set.set_targets([target], with_defaults=False)
    return feature_set


def _ours(frame: pd.DataFrame) -> None:
    ingest_vectorized(plain_feature_set("ours"), frame)


def _mlrun(frame: pd.DataFrame) -> None:
    plain_feature_set("mlrun").ingest(frame)


def _mlrun_one_pass(frame: pd.DataFrame) -> None:
    feature_set = plain_feature_set("mlrun-one-pass")
    feature_set.preview(frame.head(1000), options=InferOptions.schema())
    feature_set.ingest(frame, infer_options=InferOptions.all_stats())


def measure(events: int, slice_events: int = SLICE, rounds: int = ROUNDS) -> dict[str, Any]:
    """Rates of the engines, medians over the rounds, and whether they agree on the slice."""
    frame = steady_telemetry(events, DEVICES, END)
    part = frame.head(slice_events)
    ways: dict[str, tuple[Callable[[pd.DataFrame], None], pd.DataFrame]] = {
        "mlrun": (_mlrun, part),
        "ours": (_ours, frame),
        "mlrun_one_pass": (_mlrun_one_pass, part),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    _ours(part)
    for _ in range(rounds):
        for name, (ingest, rows) in ways.items():
            began = time.perf_counter()
            ingest(rows)
            rates[name].append(len(rows) / (time.perf_counter() - began))
    _ours(part)
    medians = {f"{name}_events_per_s": round(statistics.median(found)) for name, found in rates.items()}
    return {
        "benchmark": "ingestion",
        "events": len(frame),
        "mlrun_events": len(part),
        "devices": DEVICES,
        "columns": len(SCHEMA.window_features) + len(SCHEMA.metric_names),
        "rounds": rounds,
        "cpus": os.cpu_count(),
        **medians,
        "ratio": round(medians["ours_events_per_s"] / medians["mlrun_events_per_s"], 1),
        "ratio_one_pass": round(medians["ours_events_per_s"] / medians["mlrun_one_pass_events_per_s"], 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "equal": _agree(fstore.get_feature_set("ours"), fstore.get_feature_set("mlrun-one-pass")),
    }


def _agree(ours: fstore.FeatureSet, theirs: fstore.FeatureSet) -> bool:
    """Whether the rows are the same but for rounding in storey's running sums."""
    order = [SCHEMA.time, DEVICE]
    mine, other = (
        one.to_dataframe().reset_index().sort_values(order, ignore_index=True) for one in (ours, theirs)
    )
    same = mine[order].equals(other[order]) and list(mine.columns) == list(other.columns)
    numbers = mine.columns.difference(order)
    return same and all(np.allclose(mine[name], other[name], 1e-6, 1e-6, equal_nan=True) for name in numbers)


def main() -> None:
    """Print one JSON line a size."""
    with local_project():
        for events in SIZES:
            print(json.dumps(measure(events)), flush=True)


if __name__ == "__main__":
    main()
