"""How long a search takes: selection, 36 combinations, calibration, last fit and package, by rows used.

Run with ``python -m tests.benchmarks.training``; prints a JSON line a size. The frame has 200,000 rows and
60 features, of which a fifth tells something of the label; the first line trains on a sample of the default
size, the third on every row of the training part. The last two have few errors: about 300 in a training part
of 271,000 rows and 132 features, in episodes of ten rows.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.stratified_sample import sample_healthy_rows
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
FEW_ERRORS = {"rows": 387_143, "features": 132, "error_rate": 298 / 271_000, "episode_rows": 10}
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


def wide_frame(
    rows: int, features: int, seed: int = 0, error_rate: float = 0.1, episode_rows: int = 1
) -> pd.DataFrame:
    """Device, timestamp, features, label; one reading in fifty is missing.

    :param error_rate: share of the rows that are errors.
    :param episode_rows: consecutive rows of a device that are errors together.
    """
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, features))
    informative = values[:, : max(2, features // 5)]
    score = informative[:, 0] * informative[:, 1] + informative.sum(axis=1) / 2.0
    if episode_rows == 1:
        labels = score + random.normal(size=rows) > np.quantile(score, 1.0 - error_rate)
    else:
        labels = _episodes(rows, error_rate, episode_rows, random)
        informative[labels] += 1.0
    values[random.random(values.shape) < 0.02] = np.nan
    ticks = np.arange(rows) // DEVICES
    frame = pd.DataFrame(values, columns=[f"feature_{number}" for number in range(features)])
    frame.insert(0, "timestamp", (START + pd.to_timedelta(10 * ticks, unit="s")).as_unit("us"))
    frame.insert(0, DEVICE, [f"site/{number}" for number in np.arange(rows) % DEVICES])
    return frame.assign(is_error=labels.astype(np.int8))


def _episodes(rows: int, error_rate: float, episode_rows: int, random: np.random.Generator) -> Any:
    """Which rows are errors: runs of a device, begun anywhere. Rows of a tick lie together."""
    labels = np.zeros((rows // DEVICES + 1, DEVICES), dtype=bool)
    for _ in range(round(rows * error_rate / episode_rows)):
        tick = random.integers(len(labels) - episode_rows)
        labels[tick : tick + episode_rows, random.integers(DEVICES)] = True
    return labels.ravel()[:rows]


def measure(
    rows: int,
    features: int,
    train_rows: int,
    combinations: int = 36,
    seed: int = 0,
    error_rate: float = 0.1,
    episode_rows: int = 1,
) -> dict[str, Any]:
    """Seconds of each step, on a frame that is made before; peak memory of the process, in MB.

    :param train_rows: rows of the training part that are used, as in the jobs.
    """
    schema, frame = wide_schema(), wide_frame(rows, features, seed, error_rate, episode_rows)
    started = time.perf_counter()
    split = split_by_time(frame, schema, 0.3)
    chosen, weights = sample_healthy_rows(split.train[split.label].to_numpy(), train_rows, seed)
    sample = split.train.iloc[chosen].reset_index(drop=True)
    split = dataclasses.replace(split, train=sample, weights=weights)
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
        weights=weights,
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
        "train_errors": int(sample[split.label].sum()),
        "combinations": len(plan.candidates),
        "rungs": list(fitted.outcome.rungs),
        "threads": THREADS,
        "winner": str(fitted.outcome.winner.candidate),
        "average_precision": round(fitted.schema.validation["average_precision"], 4),
        "select_seconds": round(selecting, 2),
        "train_seconds": round(total - selecting, 2),
        "seconds": round(total, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
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
    for train_rows in (20_000, 271_000):
        print(json.dumps(measure(train_rows=train_rows, **FEW_ERRORS)), flush=True)


if __name__ == "__main__":
    main()
