"""Detectors and distances on plain numbers: a model that gets worse, and readings that move. No server."""

from __future__ import annotations

import numpy as np
import pandas as pd

from drift.magnitude import drift_magnitude
from drift.warm_up import DetectorSettings, detectors_from

CHANGE = 2_000
"""Position in the live stream from which the model is wrong three times as often."""


def watch_errors(rng: np.random.Generator) -> None:
    """A stream of errors, 1 where the model was wrong: 3 % of the time, then 9 %."""
    base = rng.random(5_000) < 0.03
    live = np.concatenate([rng.random(CHANGE) < 0.03, rng.random(2_000) < 0.09])

    detectors = detectors_from(base, DetectorSettings())
    first: dict[str, int] = {}
    for position, error in enumerate(live):
        for detector in detectors:
            detector.update(error)
            if detector.drift_detected:
                first.setdefault(detector.name, position)

    print(f"The error rate of the model triples at value {CHANGE:,} of the live stream. First alarm:")
    for name, position in sorted(first.items(), key=lambda item: item[1]):
        side = "after the change" if position >= CHANGE else "before it: a false alarm"
        print(f"  {name:13} {abs(position - CHANGE):,} values {side}")


def compare_readings(rng: np.random.Generator) -> None:
    """Two batches beside the base: one like it, one in which latency has moved."""
    base, same = (
        pd.DataFrame({"cpu": rng.normal(40, 8, rows), "latency": rng.gamma(4, 2, rows)})
        for rows in (5_000, 1_000)
    )
    moved = same.assign(latency=same["latency"] + 3)
    for name, batch in (("like the base", same), ("latency 3 ms longer", moved)):
        result = drift_magnitude(base, batch, features=["cpu", "latency"], joint=())
        print(f"\nA batch of {len(batch):,} readings, {name}: {'DRIFT' if result.drifted else 'no drift'}")
        for column in result.shifts:
            print(
                f"  {column.name:8} total variation {column.total_variation:.3f} "
                f"({column.expected_by_chance:.3f} by chance), "
                f"Hellinger {column.hellinger:.3f}, Kullback-Leibler {column.kullback_leibler:.3f}"
            )


if __name__ == "__main__":
    random = np.random.default_rng(1)
    watch_errors(random)
    compare_readings(random)
