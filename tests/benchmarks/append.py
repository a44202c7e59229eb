"""What it costs to add the thirtieth day to 29 days of telemetry, beside ingesting all of them.

``python -m tests.benchmarks.append`` prints one JSON line a size. A folder has a file of metrics and one of
labels for each day; the ingest job reads it. Each round measures, one after the other on the same machine:

- ``all``: 30 days into an empty project;
- ``append``: the job on the folder of 30 days, of which 29 are in the history;
- ``again``: the job once more, with nothing new in the folder.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.ingestion.ingest import ingest
from tests.benchmarks.local_project import SCHEMA, JobContext, local_project

SIZES = (100_000, 1_000_000)
DAYS = 30
DEVICES = 20
ROUNDS = 3
START = pd.Timestamp("2024-05-01", tz="UTC")


def _write_days(folder: Path, rows: int) -> None:
    """A folder with a file of metrics and of labels for each day, and the devices."""
    generator = np.random.default_rng(1)
    names = [f"dev-{at:03d}" for at in range(DEVICES)]
    per_day = rows // DAYS // DEVICES
    step = pd.Timedelta("1d") / per_day
    entity = dict.fromkeys(SCHEMA.entity[:-1], "x")
    for table in ("metrics", "labels"):
        (folder / table).mkdir(parents=True)
    for day in range(DAYS):
        times = pd.date_range(START + pd.Timedelta(days=day), periods=per_day, freq=step).round("us")
        keys = {
            **entity,
            SCHEMA.entity[-1]: np.tile(names, per_day),
            SCHEMA.time: times.repeat(DEVICES),
        }
        readings = {name: generator.gamma(4.0, 10.0, len(times) * DEVICES) for name in SCHEMA.metric_names}
        errors = (generator.random(len(times) * DEVICES) < 0.05).astype(int)
        name = f"day-{day + 1:02}.parquet"
        pd.DataFrame({**keys, **readings}).to_parquet(folder / "metrics" / name)
        pd.DataFrame({**keys, SCHEMA.label: errors}).to_parquet(folder / "labels" / name)
    static = pd.DataFrame({**entity, SCHEMA.entity[-1]: names, **dict.fromkeys(SCHEMA.static, "a")})
    static.to_parquet(folder / "static.parquet")


def _timed(folder: Path, replace: bool = False) -> tuple[float, dict[str, Any]]:
    context = JobContext()
    began = time.perf_counter()
    ingest(context, telemetry=str(folder), replace=replace)
    return time.perf_counter() - began, context.results


def measure(rows: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Seconds of the three, medians over the rounds, and their ratios."""
    seconds: dict[str, list[float]] = {"all": [], "append": [], "again": []}
    ratios: dict[str, list[float]] = {"append": [], "again": []}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "telemetry"
        _write_days(folder, rows)
        newest = [folder / table / f"day-{DAYS:02}.parquet" for table in ("metrics", "labels")]
        aside = [path.with_suffix(".later") for path in newest]
        for _ in range(rounds):
            whole, results = _timed(folder, replace=True)
            total = results["rows_ingested"]
            for path, other in zip(newest, aside, strict=True):
                path.rename(other)
            _timed(folder, replace=True)
            for path, other in zip(newest, aside, strict=True):
                other.rename(path)
            append, results = _timed(folder)
            assert (results["rows_ingested"], results["rows_new"]) == (total, total // DAYS)
            again, results = _timed(folder)
            assert (results["rows_ingested"], results["rows_new"]) == (total, 0)
            for name, took in (("all", whole), ("append", append), ("again", again)):
                seconds[name].append(took)
            ratios["append"].append(append / whole)
            ratios["again"].append(again / whole)
    return {
        "benchmark": "append",
        "rows": total,
        "days": DAYS,
        "devices": DEVICES,
        "rounds": rounds,
        "cpus": os.cpu_count(),
        **{f"{name}_s": round(statistics.median(found), 3) for name, found in seconds.items()},
        "ratio": round(statistics.median(ratios["append"]), 3),
        "ratio_again": round(statistics.median(ratios["again"]), 3),
    }


def main() -> None:
    """Print one JSON line a size."""
    with local_project():
        for rows in SIZES:
            print(json.dumps(measure(rows)), flush=True)


if __name__ == "__main__":
    main()
