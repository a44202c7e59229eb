"""How much memory the windows of many devices take, and that it stays so.

``python -m tests.benchmarks.window_memory`` prints one JSON line a number of devices: four metrics × avg,
min, max, stddev over 1 h in steps of 10 s, an hour at full rate, then a week with a reading of each device
every five minutes. ``needed_bytes`` is what the numbers themselves take: five statistics of each bucket and
metric, and the event times that are remembered to know duplicates, 8 bytes each.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import psutil

from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from tests.benchmarks.window_peers import METRICS, OPERATIONS, START

DEVICES = (100, 1_000, 10_000)
WINDOW, PERIOD = 3600, 10
STATISTICS = 5
WEEK = 7 * 24 * 3600


def tick(names: list[str], second: int, generator: np.random.Generator) -> pd.DataFrame:
    """A reading of every device at one instant."""
    readings = {metric: generator.gamma(4.0, 10.0, len(names)) for metric in METRICS}
    return pd.DataFrame({"device": names, "timestamp": np.full(len(names), float(second)), **readings})


def measure(devices: int, week: int = WEEK) -> dict[str, Any]:
    """Bytes after an hour at full rate, and after a week."""
    wanted = WindowDefinition("device", "timestamp", METRICS, OPERATIONS, (f"{WINDOW}s",), f"{PERIOD}s")
    now = [START]
    names = [f"region-{at % 4}/dev-{at:05d}" for at in range(devices)]
    generator = np.random.default_rng(1)
    before = psutil.Process().memory_info().rss
    windows = OnlineWindows(wanted, lambda: now[0])
    for now[0] in range(START, START + 2 * WINDOW, PERIOD):
        windows.update(tick(names, now[0], generator))
    full = windows.memory_bytes
    resident = psutil.Process().memory_info().rss - before
    for now[0] in range(START + 2 * WINDOW, START + 2 * WINDOW + week, 300):
        windows.update(tick(names, now[0], generator))
    buckets = WINDOW // PERIOD
    needed = devices * buckets * 8 * (len(METRICS) * STATISTICS + 1)
    return {
        "benchmark": "window_memory",
        "devices": devices,
        "memory_bytes": full,
        "resident_bytes": resident,
        "needed_bytes": needed,
        "ratio": round(full / needed, 3),
        "bytes_per_device": round(full / devices),
        "memory_bytes_after_a_week": windows.memory_bytes,
        "snapshot_bytes": len(windows.snapshot()),
    }


if __name__ == "__main__":
    for count in DEVICES:
        print(json.dumps(measure(count)), flush=True)
