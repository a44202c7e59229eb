"""How long a search takes: selection, 36 combinations, calibration, last fit and package, by rows used.

Run with ``python -m tests.benchmarks.training``; prints a JSON line a size. The frame has 200,000 rows and
60 features, of which a fifth tells something of the label; the first line trains on a sample of the default
size, the last on every row of the training part.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.stratified_sample import sample_rows
from training.dataset.time_split import split_by_time
from training.decision.threshold_rules import parse_threshold_rule
from training.packaging.fitted_model import fit_model
from training.packaging.package_writer import write_model_package
from training.search.search_metric import parse_search_metric
from training.search.search_space import plan_search
from training.search.successive_halving import SCORES, THREADS
from training.select_features import select_from

ROWS = 200_000
FEATURES = 60
DEVICES = 20
START = pd.Timestamp("2024-03-01T00:00:00Z")


def wide_schema() -> TelemetrySchema:
    """A schema whose windows are short; the features are a frame's own."""
    return TelemetrySchema.from_dict(
        {
            "name": "wide",
            "entity": ["site", "unit"],
            "time": "timestamp",
            "metrics": {"heat": {"unit": "K"}},
            "label": "is_error",
            "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg"]},
        }
    )


def wide_frame(rows: int, features: int, seed: int = 0) -> pd.DataFrame:
    """Device, timestamp, features, label; about every tenth row is an error, one reading in fifty missing."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, features))
    informative = values[:, : max(2, features // 5)]
    score = informative[:, 0] * informative[:, 1] + informative.sum(axis=1) / 2.0
    labels = score + random.normal(size=rows) > np.quantile(score, 0.9)
    values[random.random(values.shape) < 0.02] = np.nan
    ticks = np.arange(rows) // DEVICES
    frame = pd.DataFrame(values, columns=[f"feature_{number}" for number in range(features)])
    frame.insert(0, "timestamp", (START + pd.to_timedelta(10 * ticks, unit="s")).as_unit("us"))
    frame.insert(0, DEVICE, [f"site/{number}" for number in np.arange(rows) % DEVICES])
    return frame.assign(is_error=labels.astype(np.int8))


def measure(
    rows: int, features: int, train_rows: int, combinations: int = 36, seed: int = 0
) -> dict[str, Any]:
    """Seconds of each step, on a frame that is made before.

    :param train_rows: rows of the training part that are used, as in the jobs.
    """
    schema, frame = wide_schema(), wide_frame(rows, features, seed)
    started = time.perf_counter()
    split = split_by_time(frame, schema, 0.3)
    chosen = sample_rows(split.train[split.label].to_numpy(), train_rows, seed)
    sample = split.train.iloc[chosen].reset_index(drop=True)
    split = type(split)(**{**vars(split), "train": sample})
    selected = select_from(split, schema, k=features, seed=seed).election.selected
    selecting = time.perf_counter() - started
    plan = plan_search("random", combinations, seed=seed)
    columns = [DEVICE, schema.time, *selected, schema.target]
    fitted = fit_model(
        sample[columns],
        schema,
        plan,
        parse_search_metric("max.average_precision", SCORES),
        parse_threshold_rule("max_f1"),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        write_model_package(Path(folder), fitted.pipeline, fitted.schema, fitted.schema.matrix(sample))
    total = time.perf_counter() - started
    return {
        "benchmark": "training",
        "rows": rows,
        "features": features,
        "features_selected": len(selected),
        "train_rows": len(sample),
        "combinations": len(plan.candidates),
        "rungs": list(fitted.outcome.rungs),
        "threads": THREADS,
        "winner": str(fitted.outcome.winner.candidate),
        "average_precision": round(fitted.schema.validation["average_precision"], 4),
        "select_seconds": round(selecting, 2),
        "train_seconds": round(total - selecting, 2),
        "seconds": round(total, 2),
        "seconds_by_family": _by_family(fitted.outcome.trials),
    }


def _by_family(trials: Any) -> dict[str, float]:
    """Seconds of the fits of each family; fits overlap."""
    seconds: dict[str, float] = {}
    for trial in trials:
        family = trial.candidate.family
        seconds[family] = round(seconds.get(family, 0.0) + trial.seconds, 2)
    return seconds


def main() -> None:
    """Print a line a size."""
    for train_rows in (20_000, 60_000, ROWS):
        print(json.dumps(measure(ROWS, FEATURES, train_rows)), flush=True)


if __name__ == "__main__":
    main()
