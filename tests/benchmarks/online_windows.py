"""How long live events wait for their windows, beside storey's ``AggregateByKey``.

``python -m tests.benchmarks.online_windows`` prints one JSON line a number of devices: dictionaries in,
features out, one by one and in lists of 500. The three take turns, on the same events.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import numpy as np

from feature_sets.windows.online import OnlineWindows
from tests.benchmarks.window_peers import definition, records, seconds, steady_events, storey_windows

DEVICES = (10, 100, 1_000)
EVENTS = 3_000
LIST = 500
ROUNDS = 5


def measure(devices: int, events: int = EVENTS, batch: int = LIST, rounds: int = ROUNDS) -> dict[str, Any]:
    """Microseconds an event, medians over the rounds, and whether all agree."""
    wanted = definition()
    rows = records(steady_events(max(events, devices), devices))
    single: list[dict[str, Any]] = []
    lists: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []

    def one_by_one() -> None:
        windows = OnlineWindows(wanted, time.time)
        single[:] = [windows.update(row) for row in rows]

    def in_lists() -> None:
        windows = OnlineWindows(wanted, time.time)
        lists.clear()
        for begin in range(0, len(rows), batch):
            lists.extend(windows.update(rows[begin : begin + batch]))

    def by_storey() -> None:
        theirs[:] = storey_windows(rows, wanted)

    ways = {"storey": by_storey, "single": one_by_one, "list": in_lists}
    for work in ways.values():
        work()
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            took[name].append(seconds(work) / len(rows) * 1e6)
    medians = {name: statistics.median(found) for name, found in took.items()}
    # storey's running sums leave a little deviation where there is none.
    names = [name for name in wanted.feature_names if "_stddev_" not in name]
    ours = np.array([[row[name] for name in names] for row in single])
    storeys = np.array([[row[name] for name in names] for row in theirs])
    return {
        "benchmark": "online_windows",
        "events": len(rows),
        "devices": devices,
        "features": len(wanted.feature_names),
        "list": batch,
        **{f"{name}_us": round(median, 2) for name, median in medians.items()},
        "ratio_single": round(medians["storey"] / medians["single"], 1),
        "ratio_list": round(medians["storey"] / medians["list"], 1),
        "equal": bool(repr(single) == repr(lists) and np.allclose(ours, storeys, rtol=1e-9, atol=1e-9)),
    }


if __name__ == "__main__":
    for count in DEVICES:
        print(json.dumps(measure(count)), flush=True)
