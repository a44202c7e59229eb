"""A small network for the tests of ingestion: devices that report with gaps and missing readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.readers import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "tiny",
        "entity": ["box"],
        "time": "timestamp",
        "metrics": {"cpu": {}, "latency": {}},
        "label": "is_error",
        "static": ["model"],
        "windows": {"lengths": ["20s", "1m"], "period": "10s", "operations": ["avg", "stddev", "min", "max"]},
        "derived": {
            "ratios": [{"operation": "avg", "short": "20s", "long": "1m"}],
            "variation": ["1m"],
        },
    }
)
END = pd.Timestamp("2024-01-02T00:05:00Z")
"""Time of every device's last event; the day changes within the history."""


def metrics(devices: int = 3, events: int = 80, seed: int = 1, end: pd.Timestamp = END) -> pd.DataFrame:
    """Rows in event order: device, time, cpu, latency (some missing)."""
    generator = np.random.default_rng(seed)
    frames = []
    for device in range(devices):
        steps = generator.choice([3.0, 10.0, 10.0, 35.0], events - 1)
        ages = np.concatenate([np.cumsum(steps)[::-1], [0.0]])
        latency = np.where(generator.random(events) < 0.2, np.nan, generator.gamma(2.0, 5.0, events))
        frame = pd.DataFrame(
            {
                DEVICE: f"dev-{device}",
                "timestamp": end - pd.to_timedelta(ages, unit="s"),
                "cpu": generator.normal(50, 10, events).round(2),
                "latency": latency,
            }
        )
        frames.append(frame)
    return pd.concat(frames).sort_values(["timestamp", DEVICE], ignore_index=True)


def telemetry(devices: int = 3, events: int = 80, seed: int = 1) -> Telemetry:
    """What the readers make of a network."""
    rows = metrics(devices, events, seed)
    names = sorted(rows[DEVICE].unique())
    static = pd.DataFrame({DEVICE: names, "model": [f"m{at % 2}" for at in range(devices)]})
    labels = rows[[DEVICE, "timestamp"]].assign(is_error=np.arange(len(rows)) % 2)
    return Telemetry(metrics=rows, labels=labels, static=static)
