"""Folders of telemetry to which days are added, and the ingest job on them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from feature_sets.ingestion.ingest import ingest
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.histories import SCHEMA, forget, links, state_of

SETS = ("device_metrics", "device_labels")


@dataclass
class Context:
    """What the job tells MLRun."""

    results: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)

    def log_result(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.results[key] = value

    def log_results(self, results: dict[str, Any]) -> None:
        for key, value in results.items():
            self.log_result(key, value)

    def log_artifact(self, key: str, body: str, **kwargs: Any) -> None:
        self.artifacts[key] = body


def run(telemetry: Path | str = "", schema: Path | str = "", **kwargs: Any) -> dict[str, Any]:
    context = Context()
    ingest(context, telemetry=str(telemetry), schema=str(schema), **kwargs)
    results = context.results
    left_out = results.get("rows_too_late", 0) + results.get("rows_quarantined", 0)
    rest = results["rows_read"] - results["rows_rejected"] - left_out - results["rows_known"]
    assert rest == results["rows_new"]
    return results


def forget_all() -> None:
    for name in (*SETS, "devices"):
        forget(name)


class Folder:
    """A folder of telemetry to which days are added."""

    def __init__(self, path: Path, schema: TelemetrySchema = SCHEMA) -> None:
        self.path = path
        for table in ("metrics", "labels"):
            (path / table).mkdir(parents=True, exist_ok=True)
        if schema.topology is not None:
            links().to_parquet(path / "topology.parquet", index=False)
        self.schema = path.with_suffix(".yaml")
        self.schema.write_text(yaml.safe_dump(schema.to_dict()))

    def static(self, models: dict[str, str], **columns: Any) -> None:
        frame = pd.DataFrame({"box": list(models), "model": list(models.values()), **columns})
        frame.to_parquet(self.path / "static.parquet", index=False)

    def add(self, table: str, name: str, frame: pd.DataFrame) -> None:
        frame.rename(columns={DEVICE: "box"}).to_parquet(self.path / table / f"{name}.parquet", index=False)

    def ingest(self, **kwargs: Any) -> dict[str, Any]:
        return run(self.path, self.schema, **kwargs)


MODELS = {f"dev-{at}": f"m{at % 2}" for at in range(4)}


def states(url: str) -> list[Any]:
    return [state_of(name, url) for name in SETS]


def day_of(number: int, devices=("dev-0", "dev-1")) -> tuple[pd.DataFrame, pd.DataFrame]:
    times = pd.date_range(
        pd.Timestamp("2024-03-01", tz="UTC") + pd.Timedelta(days=number), periods=20, freq="10s"
    )
    rows = pd.DataFrame(
        {
            DEVICE: np.tile(list(devices), len(times)),
            "timestamp": times.repeat(len(devices)),
            "cpu": np.arange(len(times) * len(devices), dtype=float),
            "latency": 1.0,
        }
    )
    return rows, rows[[DEVICE, "timestamp"]].assign(is_error=0, repair=False)


def add_day(folder: Folder, number: int, **kwargs: Any) -> None:
    for table, frame in zip(("metrics", "labels"), day_of(number, **kwargs), strict=True):
        folder.add(table, f"day-{number:02}", frame)
