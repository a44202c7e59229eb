"""How fast a history gets its windows, beside storey and polars.

``python -m tests.benchmarks.backfill`` prints one JSON line a case: three sizes, then many devices, then long
windows. The three take turns; storey is measured on a slice, as its rate does not depend on the length.
"""

from __future__ import annotations

import json
import os
import statistics
from typing import Any

import numpy as np
import polars as pl

from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition
from tests.benchmarks.window_peers import (
    definition,
    polars_windows,
    records,
    seconds,
    steady_events,
    storey_windows,
)

SLICE = 3_000
ROUNDS = 5
CASES: tuple[dict[str, Any], ...] = (
    {"events": 10_000, "devices": 20},
    {"events": 100_000, "devices": 20},
    {"events": 1_000_000, "devices": 20},
    {"events": 1_000_000, "devices": 10_000},
    {"events": 1_000_000, "devices": 20, "windows": ("1h", "6h"), "period": "10m"},
)


def measure(
    events: int,
    devices: int,
    windows: tuple[str, ...] = ("1m", "5m"),
    period: str = "10s",
    slice_events: int = SLICE,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Rates of the three, medians over the rounds, and whether they agree."""
    wanted = definition(windows, period)
    frame = steady_events(events, devices, wanted.period_micros // 1_000_000)
    of_polars = pl.DataFrame(
        {name: frame[name].dt.tz_localize(None) if name == "timestamp" else frame[name] for name in frame}
    )
    part = records(frame.head(slice_events))
    ways = {
        "storey": (lambda: storey_windows(part, wanted), len(part)),
        "ours": (lambda: backfill(frame, wanted), len(frame)),
        "polars": (lambda: polars_windows(of_polars, wanted), len(frame)),
    }
    for work, _ in ways.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, count) in ways.items():
            rates[name].append(count / seconds(work))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "benchmark": "backfill",
        "events": len(frame),
        "devices": devices,
        "features": len(wanted.feature_names),
        "windows": list(windows),
        "period": period,
        "cores": len(os.sched_getaffinity(0)),
        **{f"{name}_events_per_s": round(rate) for name, rate in medians.items()},
        "ratio_storey": round(medians["ours"] / medians["storey"], 1),
        "ratio_polars": round(medians["ours"] / medians["polars"], 2),
        "equal": _agree(frame, part, of_polars, wanted),
    }


def _agree(frame: Any, part: list[dict[str, Any]], of_polars: pl.DataFrame, wanted: WindowDefinition) -> bool:
    """Whether the features of all three are equal, to 1e-9 where storey's running sums leave that much."""
    names = list(wanted.feature_names)
    ours = backfill(frame, wanted)
    ours_there = frame[["device", "timestamp"]].join(ours).sort_values(["device", "timestamp"])[names]
    theirs = polars_windows(of_polars, wanted).sort(["device", "timestamp"]).select(names).to_pandas()
    several = [name for name in names if "_stddev_" not in name]
    storeys = np.array([[row[name] for name in several] for row in storey_windows(part, wanted)])
    return bool(
        np.allclose(ours_there, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)
        and np.allclose(ours[several][: len(part)], storeys, rtol=1e-9, atol=1e-9, equal_nan=True)
    )


if __name__ == "__main__":
    for case in CASES:
        print(json.dumps(measure(**case)), flush=True)
