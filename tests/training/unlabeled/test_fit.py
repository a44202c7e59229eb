"""A model without labels: its inputs, its threshold, and its graph against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from feature_sets.checks import InputError
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE
from tests.training.network import START, make_schema
from training.decision.threshold_rules import MAX_F1, ThresholdRule, parse_threshold_rule
from training.packaging.package_writer import write_model_package
from training.unlabeled.fit import ALARM_SHARE, COUNTED_SHARE, fit_unlabeled, limit_of_middle

SCHEMA = make_schema(
    windows={"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg"]},
    derived={"relative": {"operations": ["avg"], "windows": ["1m"]}},
    metrics={"heat": None, "flow": None, "still": None},
)
HEAT, FLOW, STILL = SCHEMA.relative_features


def rows(count=2000, seed=0):
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            DEVICE: "site/1",
            SCHEMA.time: START + pd.to_timedelta(np.arange(count) * 30, unit="s"),
            "heat": 1.0,
            HEAT: np.where(np.arange(count) < 20, np.nan, generator.normal(size=count)),
            FLOW: np.where(np.arange(count) < 20, np.nan, generator.normal(size=count)),
            STILL: 0.0,
            SCHEMA.target: np.int8(0),
        }
    )


def test_the_inputs_are_the_relative_features_that_vary_and_a_missing_one_is_at_its_level():
    made = fit_unlabeled(rows(), SCHEMA, parse_threshold_rule(MAX_F1))
    assert made.schema.input_names == (HEAT, FLOW)
    assert set(made.dropped) == {STILL}
    assert [column.imputation for column in made.schema.inputs] == [0.0, 0.0]
    assert made.schema.unlabeled and made.schema.threshold_rule == f"false_alarms:{ALARM_SHARE}"


def test_a_share_of_the_largest_value_is_no_distance_in_spreads():
    relative = {"operations": ["avg"], "windows": ["1m"], "of_max": ["1m"]}
    schema = make_schema(**{**SCHEMA.to_dict(), "derived": {"relative": relative}})
    frame = rows()
    frame = frame.assign(heat_avg_1m_of_max=np.linspace(0.5, 1.0, len(frame)))
    assert "heat_avg_1m_of_max" in schema.relative_features
    assert fit_unlabeled(frame, schema, parse_threshold_rule(MAX_F1)).schema.input_names == (HEAT, FLOW)


def test_the_threshold_keeps_the_stated_share_of_rows_with_a_level():
    made = fit_unlabeled(rows(), SCHEMA, ThresholdRule("false_alarms", 0.05))
    assert made.schema.validation["alarm_share"] == pytest.approx(0.05, abs=0.001)
    frame = rows()
    distance = np.sqrt((frame[HEAT] ** 2 + frame[FLOW] ** 2) / 2).dropna()
    assert (distance >= made.limit).mean() == made.schema.validation["alarm_share"]


def test_the_limit_is_told_by_the_middle_of_the_rows_and_not_by_the_farthest():
    default = parse_threshold_rule(MAX_F1)
    calm = fit_unlabeled(rows(count=20_000), SCHEMA, default)
    assert calm.schema.validation["alarm_share"] == pytest.approx(ALARM_SHARE, abs=0.002)
    restless = rows(count=20_000)
    restless.loc[restless.index % 20 == 7, [HEAT, FLOW]] = 50.0  # incidents, or first rows with little spread
    assert fit_unlabeled(restless, SCHEMA, default).limit == pytest.approx(calm.limit, rel=0.15)
    counted = fit_unlabeled(restless, SCHEMA, ThresholdRule("false_alarms", COUNTED_SHARE))
    assert counted.limit > 10 * calm.limit


def test_the_limit_of_independent_features_is_that_of_their_distribution():
    generator = np.random.default_rng(1)
    for features in (2, 5, 20):
        distances = np.sqrt(np.mean(generator.normal(size=(100_000, features)) ** 2, axis=1))
        exact = np.sqrt(stats.chi2.ppf(0.998, features) / features)
        assert limit_of_middle(distances, 0.002) == pytest.approx(exact, rel=0.03)


def test_where_nearly_all_rows_are_at_their_level_the_farthest_are_counted():
    still = rows()
    still.loc[still.index % 10 != 0, [HEAT, FLOW]] = 0.0
    made = fit_unlabeled(still, SCHEMA, parse_threshold_rule(MAX_F1))
    assert made.schema.threshold_rule == f"false_alarms:{COUNTED_SHARE}"
    assert 0.0 < made.schema.validation["alarm_share"] <= COUNTED_SHARE


def test_the_graph_is_the_root_mean_square_against_the_limit(tmp_path):
    made = fit_unlabeled(rows(), SCHEMA, ThresholdRule("false_alarms", 0.05))
    written = write_model_package(tmp_path, made.pipeline, made.schema, made.schema.matrix(rows()))
    assert ModelSchema.from_dict(written.to_dict()) == written
    session = OnnxSession((tmp_path / "model.onnx").read_bytes())
    values = np.array([[3.0, 4.0], [0.0, 0.0], [-100.0, 100.0], [made.limit, -made.limit]], dtype=np.float32)
    distance = np.sqrt(np.mean(values.astype(float) ** 2, axis=1))
    np.testing.assert_allclose(session.probability(values), distance / (distance + made.limit), atol=2e-6)
    again = fit_unlabeled(rows(), SCHEMA, ThresholdRule("false_alarms", 0.05))
    assert write_model_package(tmp_path, again.pipeline, again.schema, values).version == written.version


def test_without_a_relative_feature_that_varies_there_is_no_model():
    with pytest.raises(InputError, match=r"must have a relative feature that varies \(derived.relative"):
        fit_unlabeled(rows().assign(**{HEAT: np.nan, FLOW: 1.0}), SCHEMA, parse_threshold_rule(MAX_F1))
