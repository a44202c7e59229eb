"""Drift that is planted in the simulated network is found, named, and told with its delay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from drift.kind_of_drift import BOTH, CONCEPT, DATA, EITHER, LABEL, NONE, UNKNOWN, kind_of_drift
from drift.magnitude import drift_magnitude
from drift.warm_up import DetectorSettings, warmed_monitor
from feature_sets.telemetry.simulator import SimulatedNetwork

START = datetime(2024, 3, 4, tzinfo=UTC)
TICKS, DEVICES = 600, 20
CHANGE = START + timedelta(seconds=10 * 2 * TICKS)
FEATURES = ["cpu_utilization", "throughput", "latency", "packet_loss"]


def rows(**changes) -> pd.DataFrame:
    """Readings with labels: to learn from, then a base, then live ones."""
    made = SimulatedNetwork(devices=DEVICES, start=START, ticks=3 * TICKS, seed=1, **changes).generate()
    return made.metrics.merge(made.labels, on=["device", "timestamp"]).sort_values(
        ["timestamp", "device"], ignore_index=True
    )


@cache
def still() -> pd.DataFrame:
    return rows()


@cache
def model() -> DecisionTreeClassifier:
    learned = still().iloc[: DEVICES * TICKS]
    return DecisionTreeClassifier(max_depth=4, min_samples_leaf=50, random_state=0).fit(
        learned[FEATURES].fillna(0), learned["is_error"]
    )


def predicted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(prediction=model().predict(frame[FEATURES].fillna(0)))


def live(kind: str) -> pd.DataFrame:
    """The last third of the readings, with something planted at its beginning."""
    changes = {
        "abrupt concept": {"concept_drift_at": CHANGE},
        "gradual concept": {"concept_drift_at": CHANGE},
        "covariate": {"covariate_drift_at": CHANGE},
    }.get(kind, {})
    found = rows(**changes) if changes else still()
    found, before = found.iloc[2 * DEVICES * TICKS :], still().iloc[2 * DEVICES * TICKS :]
    random = np.random.default_rng(3)
    if kind == "gradual concept":
        share = np.minimum(1.0, np.arange(len(found)) / 4000)  # Over 4,000 readings.
        changed = random.random(len(found)) < share
        found = pd.concat([found[changed], before[~changed]]).sort_values(["timestamp", "device"])
    if kind == "label shift":
        found = found[(found["is_error"] == 1) | (random.random(len(found)) < 0.15)]
    return predicted(found.reset_index(drop=True))


def watched(kind: str):
    """Label at which drift is found, None without; and the kind that it is named."""
    base, batch = predicted(still().iloc[DEVICES * TICKS : 2 * DEVICES * TICKS]), live(kind)
    monitor = warmed_monitor(base["is_error"], base["prediction"], DetectorSettings(("glr",)))
    delay = None
    for number, (wrong, time) in enumerate(
        zip(batch["is_error"] != batch["prediction"], batch["timestamp"], strict=True)
    ):
        events = monitor.update(int(wrong), time.isoformat())
        if delay is None and any(event.level == "drift" for event in events):
            delay = number
    how = {"block_rows": 30, "min_rows": 100, "permutations": 99, "entity": "device"}
    parts = [part.sort_values(["device", "timestamp"], ignore_index=True) for part in (base, batch)]
    found = drift_magnitude(*parts, FEATURES, "prediction", "is_error", **how)
    named = kind_of_drift(*parts, FEATURES, "is_error", found, delay is not None, **how)
    return delay, named.kind, named.reason


@pytest.mark.parametrize(
    ("planted", "kind", "most"),
    [
        ("abrupt concept", CONCEPT, 2500),
        ("gradual concept", CONCEPT, 4000),
        ("covariate", DATA, None),
        ("label shift", LABEL, None),
        ("nothing", NONE, None),
    ],
)
def test_what_is_planted_is_found_and_named(planted, kind, most):
    delay, named, reason = watched(planted)
    assert named == kind, (delay, reason)
    if most is not None:
        assert delay is not None and delay <= most
    if planted == "nothing":
        assert delay is None


def frame(count, load, share, seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random(count) < share).astype(int)
    return pd.DataFrame({"load": random.normal(load, 1, count) + 3 * labels, "is_error": labels})


@pytest.mark.parametrize(
    ("batch", "errors_rose", "kind"),
    [
        (frame(400, 0, 0.2, 1), False, NONE),
        (frame(400, 0, 0.2, 1), True, CONCEPT),
        (frame(400, 2, 0.2, 1), False, DATA),
        (frame(400, 2, 0.2, 1), True, BOTH),
        (frame(400, 0, 0.6, 1), True, LABEL),
        (frame(400, 0, 0.6, 1), False, LABEL),
        # Labels moved, and what readings mean of them did as well.
        (frame(400, 0, 0.2, 1).assign(is_error=lambda rows: (rows["load"] < 0.5).astype(int)), True, CONCEPT),
        (frame(20, 2, 0.2, 1), True, UNKNOWN),
    ],
)
def test_the_kinds_are_told_apart(batch, errors_rose, kind):
    base, how = frame(2000, 0, 0.2), {"min_rows": 50, "permutations": 99}
    found = drift_magnitude(base, batch, ["load"], None, "is_error", **how)
    assert kind_of_drift(base, batch, ["load"], "is_error", found, errors_rose, **how).kind == kind


def rare(episodes, load, seed, count=6000):
    """Rows in device order whose errors come in episodes of eight, thirty rows apart or more."""
    random = np.random.default_rng(seed)
    labels = np.zeros(count, int)
    for start in np.linspace(50, count - 50, episodes).astype(int):
        labels[start : start + 8] = 1
    values = random.normal(0, 1, count) + load * labels
    return pd.DataFrame({"load": values, "is_error": labels})


@pytest.mark.parametrize(
    ("episodes", "load", "kind"),
    [
        (60, 3.0, LABEL),  # More of the same errors.
        (60, -3.0, CONCEPT),  # Other errors, and more of them.
        (8, 3.0, NONE),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_kinds_are_told_apart_where_errors_are_rare(episodes, load, kind, seed):
    """Of 240 rows with an error eight share readings, so one of each episode is looked at."""
    how = {"block_rows": 30, "permutations": 199}
    base, batch = rare(15, 3.0, seed), rare(episodes, load, 10 + seed)
    found = drift_magnitude(base, batch, ["load"], None, "is_error", **how)
    named = kind_of_drift(base, batch, ["load"], "is_error", found, False, **how)
    assert named.kind == kind, named.reason


def test_too_few_episodes_say_that_it_may_be_either():
    how = {"block_rows": 30, "permutations": 199}
    base, batch = rare(4, 3.0, 1), rare(60, 3.0, 2)
    found = drift_magnitude(base, batch, ["load"], None, "is_error", **how)
    named = kind_of_drift(base, batch, ["load"], "is_error", found, True, **how)
    assert named.kind == EITHER
    assert named.reason.endswith("rows of is_error 1 are too few to be compared by themselves")
