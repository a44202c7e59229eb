"""A small network whose errors follow from its metrics: high heat and low flow."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition

START = pd.Timestamp("2024-03-01T00:00:00Z")
STEP_SECONDS = 30


def make_schema(**changes):
    return TelemetrySchema.from_dict(
        {
            "name": "test-network",
            "entity": ["site", "unit"],
            "time": "timestamp",
            "metrics": {
                "heat": {"unit": "K"},
                "flow": {"unit": "l/s"},
                "noise": {},
                "heat_felt": {"unit": "K"},
            },
            "label": "is_error",
            "static": ["model"],
            "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "count", "stdvar"]},
            **changes,
        }
    )


def make_frame(ticks=300, devices=4, seed=0):
    """Device, timestamp, features, label; errors are the rows with high heat and low flow."""
    random = np.random.default_rng(seed)
    rows = ticks * devices
    times = START + pd.to_timedelta(np.repeat(np.arange(ticks), devices) * STEP_SECONDS, unit="s")
    times = times.as_unit("us")  # what MLRun's Parquet target keeps
    heat, flow = random.normal(300.0, 5.0, rows), random.normal(2.0, 0.5, rows)
    frame = pd.DataFrame(
        {
            DEVICE: np.tile([f"site/{number}" for number in range(devices)], ticks),
            "timestamp": times,
            "heat": heat,
            "flow": flow,
            "noise": random.normal(size=rows),
            "heat_felt": heat + random.normal(0.0, 1.0, rows),
            "model_a": np.tile([1.0, 0.0] * (devices // 2), ticks),
        }
    )
    score = (heat - 300.0) / 5.0 - (flow - 2.0) / 0.5 + random.normal(0.0, 0.3, rows)
    frame["is_error"] = (score > 2.0).astype(np.int8)
    frame.loc[random.random(rows) < 0.05, "flow"] = np.nan
    return frame


def with_window(frame):
    """The frame with a rolling feature of the schema, as the ingestion computes it."""
    definition = WindowDefinition.from_schema(make_schema())
    windows = backfill(frame, definition, arrival="timestamp")
    return frame.assign(heat_avg_1m=windows["heat_avg_1m"])
