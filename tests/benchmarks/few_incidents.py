"""How training holds on few incidents: F1 at the threshold it chooses, and the false alarms that it states.

Run with ``python -m tests.benchmarks.few_incidents``: 320 networks; ``--seeds 3`` is quicker. Prints a JSON
line for every number of episodes and one for all. Networks are generated: six devices, four metrics, windows
of 5 and 15 minutes; an episode touches two metrics of one device. The latest 30 % of the rows are the test
rows. ``best_f1`` is the highest F1 of any threshold on them. The true rate of false alarms is counted on
three more healthy periods of the same network, for on few rows it would be a matter of luck.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.time_split import split_by_time
from training.decision.calibration import calibrated
from training.decision.threshold_rules import parse_threshold_rule
from training.packaging.fitted_model import fit_model
from training.search.pipelines import error_margin
from training.search.search_metric import parse_search_metric
from training.search.search_space import plan_search
from training.search.successive_halving import SCORES

EPISODES = (5, 10, 20, 50)
SHAPES = ("level", "spikes", "ramp", "variance")
DEVICES, METRICS, TICKS, STEP_SECONDS = 6, 4, 1200, 60
HEALTHY_PERIODS = 3
START = pd.Timestamp("2024-03-01T00:00:00Z")
CANDIDATES = (
    {"family": "random_forest", "parameters": {"n_estimators": 30, "max_depth": 8}},
    {"family": "logistic_regression"},
    {"family": "lightgbm", "parameters": {"n_estimators": 50, "num_leaves": 15}},
)
"""Smaller than their defaults, so that all networks take minutes."""
FACTOR = 2.0
"""A stated rate of false alarms is kept if the true one is at most so many times higher or lower."""


@dataclass(frozen=True)
class Found:
    """What training found on one network.

    :param f1: on the test rows, at the threshold that was chosen.
    :param best_f1: of any threshold on the test rows.
    :param average_precision: on the test rows.
    :param stated: share of healthy rows that the model is said to call an error; None if it is not said.
    :param low: lower end of the range in which that share is said to be.
    :param high: upper end.
    :param true: the same on healthy rows that training has not seen.
    """

    episodes: int
    shape: str
    seed: int
    f1: float
    best_f1: float
    average_precision: float
    stated: float | None
    low: float
    high: float
    true: float

    @property
    def share(self) -> float:
        """F1 as a share of the best possible."""
        return self.f1 / self.best_f1

    @property
    def kept(self) -> bool:
        """Whether a rate of false alarms is stated, and kept."""
        return self.stated is not None and self.stated / FACTOR <= self.true <= self.stated * FACTOR

    @property
    def held(self) -> bool:
        """Whether the range of the rate holds the true one."""
        return self.low <= self.true <= self.high


def network_schema() -> TelemetrySchema:
    """Schema of the generated networks."""
    return TelemetrySchema.from_dict(
        {
            "name": "few-incidents",
            "entity": ["unit"],
            "time": "timestamp",
            "metrics": {f"metric_{number}": {} for number in range(METRICS)},
            "label": "is_error",
            "windows": {"lengths": ["5m", "15m"], "period": "1m", "operations": ["avg", "stddev"]},
        }
    )


def network(episodes: int, shape: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a network with so many episodes, spread over its time, and healthy rows of later periods.

    :returns: both with device, time, features and label.
    """
    random = np.random.default_rng([seed, episodes, SHAPES.index(shape)])
    ticks = TICKS * (1 + HEALTHY_PERIODS)
    values = _healthy(random, ticks)
    labels = np.zeros((DEVICES, ticks), dtype=np.int8)
    for number in range(episodes):
        length = int(random.integers(8, 26))
        begin = min(int((number + random.uniform(0.1, 0.9)) * TICKS / episodes), TICKS - length)
        device = int(random.integers(DEVICES))
        touched = random.choice(METRICS, size=2, replace=False)
        at = slice(begin, begin + length)
        values[device, at, touched[0]] += _disturbance(random, shape, length)
        values[device, at, touched[1]] += _disturbance(random, shape, length)
        labels[device, at] = 1
    frame = _features(values, labels)
    known = frame["timestamp"] < START + pd.Timedelta(seconds=TICKS * STEP_SECONDS)
    return frame[known].reset_index(drop=True), frame[~known].reset_index(drop=True)


def _healthy(random: np.random.Generator, ticks: int) -> npt.NDArray[np.float64]:
    """Readings without an error, shape (devices, ticks, metrics): level, daily course, noise that lasts."""
    noise = random.normal(size=(DEVICES, ticks, METRICS))
    for tick in range(1, ticks):
        noise[:, tick] = 0.7 * noise[:, tick - 1] + np.sqrt(1.0 - 0.49) * noise[:, tick]
    phase = random.uniform(0.0, 2.0 * np.pi, size=METRICS)
    course = np.sin(2.0 * np.pi * np.arange(ticks)[:, None] / 400.0 + phase)
    level = random.normal(scale=0.5, size=(DEVICES, 1, METRICS))
    return np.asarray(noise + 0.7 * course + level)


def _disturbance(random: np.random.Generator, shape: str, length: int) -> npt.NDArray[np.float64]:
    """What an episode adds to a metric; its strength differs from episode to episode."""
    strength = random.uniform(0.7, 1.3)
    if shape == "level":
        return np.full(length, 3.5 * strength)
    if shape == "spikes":
        return np.asarray(np.where(random.random(length) < 0.4, 7.0 * strength, 0.0))
    if shape == "ramp":
        return np.linspace(0.5, 6.0 * strength, length)
    return random.normal(scale=4.0 * strength, size=length)


def _features(values: npt.NDArray[np.float64], labels: npt.NDArray[np.int8]) -> pd.DataFrame:
    """Readings, and their mean and spread in windows of 5 and 15 minutes."""
    ticks = labels.shape[1]
    times = (START + pd.to_timedelta(np.arange(ticks) * STEP_SECONDS, unit="s")).as_unit("us")
    parts = []
    for device in range(DEVICES):
        readings = pd.DataFrame(values[device], columns=[f"metric_{number}" for number in range(METRICS)])
        windows = [
            getattr(readings.rolling(length, min_periods=2), name)().add_suffix(f"_{word}_{length}m")
            for length in (5, 15)
            for name, word in (("mean", "avg"), ("std", "stddev"))
        ]
        part = pd.concat([readings, *windows], axis=1)
        part.insert(0, "timestamp", times)
        part.insert(0, DEVICE, f"unit-{device}")
        parts.append(part.assign(is_error=labels[device]))
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return rows.sort_values("timestamp", kind="stable", ignore_index=True)


def measure(episodes: int, shape: str, seed: int) -> Found:
    """Train on one network and look at its test rows."""
    schema = network_schema()
    frame, healthy = network(episodes, shape, seed)
    split = split_by_time(frame, schema)
    fitted = fit_model(
        split.train,
        schema,
        plan_search(candidates=CANDIDATES),
        parse_search_metric("max.average_precision", SCORES),
        parse_threshold_rule("max_f1"),
        seed=seed,
    )

    def probability(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        margin = error_margin(fitted.pipeline, fitted.schema.matrix(rows))
        return calibrated(margin, fitted.schema.calibration)

    labels, score = split.test["is_error"].to_numpy(), probability(split.test)
    said = fitted.schema.validation
    return Found(
        episodes=episodes,
        shape=shape,
        seed=seed,
        f1=float(f1_score(labels, score >= fitted.schema.threshold, zero_division=0.0)),
        best_f1=_best_f1(labels, score),
        average_precision=float(average_precision_score(labels, score)),
        stated=said.get("false_alarm_rate"),
        low=said["false_alarm_rate_low"],
        high=said["false_alarm_rate_high"],
        true=float((probability(healthy) >= fitted.schema.threshold).mean()),
    )


def _best_f1(labels: npt.NDArray[np.int8], score: npt.NDArray[np.float64]) -> float:
    """Highest F1 of any threshold."""
    precision, recall, _ = precision_recall_curve(labels, score)
    return float((2.0 * precision * recall / np.maximum(precision + recall, 1e-12)).max())


def summary(found: Sequence[Found], failed: int) -> dict[str, float | int]:
    """What a line says of several networks."""
    facts: dict[str, float | int] = {"networks": len(found) + failed, "no_model": failed}
    if not found:
        return facts
    for name in ("share", "f1", "best_f1", "average_precision"):
        facts[f"{name}_median"] = round(float(np.median([getattr(one, name) for one in found])), 3)
    facts["share_lowest_tenth"] = round(float(np.quantile([one.share for one in found], 0.1)), 3)
    facts["true_median"] = round(float(np.median([one.true for one in found])), 5)
    facts["range_held"] = round(float(np.mean([one.held for one in found])), 3)
    stated = [one for one in found if one.stated is not None]
    facts["stated_share"] = round(len(stated) / len(found), 3)
    if stated:
        facts["stated_median"] = round(float(np.median([one.stated or 0.0 for one in stated])), 5)
        facts["rate_kept"] = round(float(np.mean([one.kept for one in stated])), 3)
    return facts


def measured(episodes: int, seeds: int, show: bool) -> tuple[list[Found], int]:
    """All networks of so many episodes, and how many of them gave no model."""
    found: list[Found] = []
    for shape in SHAPES:
        for seed in range(seeds):
            try:
                found.append(measure(episodes, shape, seed))
            except InputError as error:
                print(f"{episodes} {shape} {seed}: {error}"[:300], flush=True)
                continue
            if show:
                print(json.dumps(asdict(found[-1])), flush=True)
    return found, seeds * len(SHAPES) - len(found)


def main() -> None:
    """Print a line for every number of episodes, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--networks", action="store_true", help="print a line for every network as well")
    parser.add_argument("--code", default="now", help="what the lines call the code that is measured")
    arguments = parser.parse_args()
    every: list[Found] = []
    failures = 0
    for episodes in EPISODES:
        found, failed = measured(episodes, arguments.seeds, arguments.networks)
        every += found
        failures += failed
        print(json.dumps(line(str(episodes), arguments.code, found, failed)), flush=True)
    print(json.dumps(line("all", arguments.code, every, failures)))


def line(episodes: str, code: str, found: Sequence[Found], failed: int) -> dict[str, Any]:
    """What is printed of several networks."""
    return {"benchmark": "few_incidents", "episodes": episodes, "code": code, **summary(found, failed)}


if __name__ == "__main__":
    main()
