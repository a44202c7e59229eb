"""How fast gzip CSV in long layout is read and ingested, and in how much memory, beside polars.

``python -m tests.benchmarks.long_files [ROWS]`` prints one JSON line a number of rows, of 5 million by
default. Files of half a million rows hold 1,000 devices with ten metrics each. Every way runs in a process of
its own, one after the other, and tells its seconds and the largest memory it had resident:

- ``polars``: reads the files and makes one row of the ten values of a reading, by a pivot; it checks nothing;
- ``polars_streaming``: the same by its streaming engine;
- ``ours_read``: ``open_telemetry``, which checks every row, and gives the same readings in chunks;
- ``ours_ingest``: the ingest job, windows and Parquet files included.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import yaml

ROWS = 5_000_000
PER_FILE = 500_000
DEVICES, METRICS = 1_000, 10
NAMES = [f"metric_{number}" for number in range(METRICS)]
START = np.datetime64("2024-05-01T00:00:00", "s")
SCHEMA = {
    "name": "long-files",
    "entity": ["device"],
    "time": "time",
    "metrics": dict.fromkeys(NAMES),
    "label": "is_error",
    "files": {"layout": "long"},
}


def write_files(folder: Path, rows: int, per_file: int = PER_FILE) -> None:
    """A tick of all devices every ten seconds, in order of time, and a label for each tenth reading."""
    (folder / "metrics").mkdir(parents=True)
    generator = np.random.default_rng(1)
    names = pa.array([f"region-{at % 4}/router-{at:04d}" for at in range(DEVICES)])
    tick = DEVICES * METRICS
    device = pa.DictionaryArray.from_arrays(
        np.tile(np.repeat(np.arange(DEVICES, dtype=np.int32), METRICS), per_file // tick), names
    )
    metric = pa.DictionaryArray.from_arrays(
        np.tile(np.arange(METRICS, dtype=np.int32), per_file // METRICS), pa.array(NAMES)
    )
    for number in range(rows // per_file):
        first = number * per_file // tick
        seconds = START + 10 * np.arange(first, first + per_file // tick)
        times = [f"{moment}Z" for moment in np.datetime_as_string(seconds).tolist()]
        values = generator.gamma(4.0, 10.0, per_file).round(3)
        table = pa.table(
            {
                "time": pa.DictionaryArray.from_arrays(
                    np.repeat(np.arange(len(times), dtype=np.int32), tick), pa.array(times)
                ),
                "device": device,
                "metric": metric,
                "value": values,
            }
        )
        path = folder / "metrics" / f"part-{number:04d}.csv.gz"
        with pa.CompressedOutputStream(str(path), "gzip") as stream:
            pyarrow.csv.write_csv(_plain(table), stream)
    ticks = np.repeat(START + 100 * np.arange(max(rows // tick // 10, 1)), DEVICES)
    labels = pd.DataFrame({"device": np.tile(names.to_pylist(), len(ticks) // DEVICES)})
    labels["time"] = pd.Series(ticks).dt.tz_localize("UTC")
    labels["is_error"] = (generator.random(len(ticks)) < 0.05).astype(int)
    labels.to_parquet(folder / "labels.parquet", index=False)
    (folder.parent / "schema.yaml").write_text(yaml.safe_dump(SCHEMA))


def _plain(table: pa.Table) -> pa.Table:
    return pa.table({name: _cast(table[name]) for name in table.column_names})


def _cast(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _polars(folder: Path) -> tuple[int, float]:
    import polars

    began = time.perf_counter()
    types = {"device": polars.Categorical, "metric": polars.Categorical, "value": polars.Float64}
    parts = [
        polars.read_csv(path, schema_overrides=types, try_parse_dates=True)
        for path in sorted((folder / "metrics").iterdir())
    ]
    wide = polars.concat(parts).pivot("metric", index=["device", "time"], values="value")
    return len(wide.sort("time", "device")), time.perf_counter() - began


def _polars_streaming(folder: Path) -> tuple[int, float]:
    import polars

    began = time.perf_counter()
    values = [polars.col("value").filter(polars.col("metric") == name).first().alias(name) for name in NAMES]
    rows = polars.scan_csv(folder / "metrics" / "*.csv.gz", try_parse_dates=True)
    wide = rows.group_by("device", "time").agg(values).sort("time", "device").collect(engine="streaming")
    return len(wide), time.perf_counter() - began


def _ours_read(folder: Path) -> tuple[int, float]:
    # Imported here: what one way needs is not in the memory of another.
    from feature_sets.telemetry.readers import open_telemetry
    from feature_sets.telemetry.schema import TelemetrySchema

    schema = TelemetrySchema.from_yaml(folder.parent / "schema.yaml")
    began = time.perf_counter()
    readings = open_telemetry(folder, schema)[0].readings
    count = 0 if readings is None else sum(len(chunk) for chunk in readings.chunks(1 << 16))
    return count, time.perf_counter() - began


def _ours_ingest(folder: Path) -> tuple[int, float]:
    from feature_sets.ingestion.ingest import ingest
    from tests.benchmarks.local_project import JobContext, local_project

    context = JobContext()
    with local_project():
        began = time.perf_counter()
        ingest(context, telemetry=str(folder), schema=str(folder.parent / "schema.yaml"))
        took = time.perf_counter() - began
    return int(context.results["rows_ingested"]), took


WAYS = {
    "polars": _polars,
    "polars_streaming": _polars_streaming,
    "ours_read": _ours_read,
    "ours_ingest": _ours_ingest,
}


def _run(way: str, folder: Path) -> dict[str, Any]:
    """One way in this process."""
    readings, took = WAYS[way](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    cpu = round(time.process_time(), 1)  # A busy machine does not change it.
    return {"readings": readings, "seconds": round(took, 2), "cpu_s": cpu, "peak_bytes": peak}


def measure(rows: int, home: Path) -> dict[str, Any]:
    """Rates and memory of the ways."""
    folder = home / f"rows-{rows}" / "telemetry"
    write_files(folder, rows, min(rows, PER_FILE))
    found: dict[str, Any] = {}
    for way in WAYS:
        command = [sys.executable, "-m", "tests.benchmarks.long_files", "--way", way, str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[way] = json.loads(done.stdout.splitlines()[-1])
    assert len({one["readings"] for one in found.values()}) == 1, found
    sizes = [path.stat().st_size for path in (folder / "metrics").iterdir()]
    return {
        "benchmark": "long_files",
        "rows": rows,
        "files": len(sizes),
        "file_bytes": sum(sizes),
        "cpus": os.cpu_count(),
        "readings": found["polars"]["readings"],
        **{f"{way}_rows_per_s": round(rows / found[way]["seconds"]) for way in WAYS},
        **{f"{way}_cpu_s": found[way]["cpu_s"] for way in WAYS},
        **{f"{way}_peak_mb": found[way]["peak_bytes"] // 1_000_000 for way in WAYS},
    }


def main(arguments: list[str]) -> None:
    """Print a JSON line for each number of rows."""
    if arguments[:1] == ["--way"]:
        print(json.dumps(_run(arguments[1], Path(arguments[2]))), flush=True)
        return
    for rows in [int(given) for given in arguments] or [ROWS]:
        with tempfile.TemporaryDirectory() as home:
            print(json.dumps(measure(rows, Path(home))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
