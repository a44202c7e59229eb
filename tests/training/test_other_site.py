"""Trained on two sites, used on a third with another level: features relative to the device carry over."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score

from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from tests.training.network import START, make_schema

SCHEMA = make_schema(
    metrics={"load": None, "delay": None},
    windows={"lengths": ["2m", "10m"], "period": "1m", "operations": ["avg", "stddev"]},
    derived={"relative": {"operations": ["avg", "stddev"], "windows": ["2m", "10m"]}},
)
LEVELS = {"oslo": (10.0, 1.0), "bergen": (1000.0, 150.0), "narvik": (80.0, 2.0)}
TICKS, DEVICES = 1000, 4


def network(seed=0):
    """Readings and errors: in an error both metrics are three spreads of their site higher."""
    random = np.random.default_rng(seed)
    rows = []
    for site, (level, spread) in LEVELS.items():
        for unit in range(DEVICES):
            error = np.zeros(TICKS, dtype=np.int8)
            for first in range(120 + 13 * unit, TICKS, 150):
                error[first : first + 10] = 1
            offset = level * random.normal(1.0, 0.1)
            frame = pd.DataFrame(
                {
                    DEVICE: f"{site}/{unit}",
                    SCHEMA.time: START + pd.to_timedelta(np.arange(TICKS) * 60, unit="s"),
                    "load": offset + spread * (random.normal(size=TICKS) + 2.0 * error),
                    "delay": offset / 3 + spread / 5 * (random.normal(size=TICKS) + 2.0 * error),
                    SCHEMA.target: error,
                }
            )
            rows.append(frame)
    return pd.concat(rows, ignore_index=True)


def features(frame):
    rows = KeyedRows.of(frame, DEVICE, SCHEMA.time).in_event_order()
    windows = windows_as_known(rows, WindowDefinition.from_schema(SCHEMA), None)
    relative = RelativeFeatures(SCHEMA)
    found = relative.of_history(rows, None, {name: windows[name].to_numpy() for name in relative.inputs})
    return pd.concat([rows.frame, windows], axis=1).assign(**found)


def precision(learned, tested, names):
    model = RandomForestClassifier(60, min_samples_leaf=5, class_weight="balanced", random_state=0, n_jobs=1)
    model.fit(learned[names].fillna(0.0), learned[SCHEMA.target])
    return average_precision_score(
        tested[SCHEMA.target], model.predict_proba(tested[names].fillna(0.0))[:, 1]
    )


def test_a_model_of_two_sites_is_nearly_as_good_on_a_third_as_that_site_s_own():
    frame = features(network())
    there = frame[DEVICE].str.startswith("narvik")
    half = frame[SCHEMA.time] < START + pd.Timedelta(minutes=TICKS / 2)
    tested = frame[there & ~half]
    relative, plain = list(SCHEMA.relative_features), list(SCHEMA.window_features)
    own = precision(frame[there & half], tested, plain + relative)
    carried = precision(frame[~there], tested, relative)
    assert own > 0.6 and carried >= 0.9 * own, (own, carried)
    assert precision(frame[~there], tested, plain) < 0.6 * own
