"""Features that tell the time are left out, those that tell errors are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from training.select_features import select_from
from training.steadiness import drift_of, unsteady_features
from training.time_split import TrainingSetError, split_by_time


def reasons(frame, *names, max_drift=0.7):
    return unsteady_features(frame, names, "timestamp", "is_error", max_drift)


def test_the_drift_is_that_of_all_pairs_of_rows():
    random = np.random.default_rng(0)
    later = np.arange(200) >= 100
    values = random.normal(size=200) + later
    pairs = np.sign(values[later][:, None] - values[~later][None, :])
    assert drift_of(values, later) == pytest.approx(abs(pairs.mean()))
    assert drift_of(-values, later) == pytest.approx(drift_of(values, later))


def test_missing_readings_do_not_count():
    later = np.arange(100) >= 50
    values = np.random.default_rng(1).normal(size=100)
    gaps = np.where(np.arange(100) % 3 == 0, np.nan, values)
    known = ~np.isnan(gaps)
    assert drift_of(gaps, later) == pytest.approx(abs(2 * roc_auc_score(later[known], values[known]) - 1))
    assert drift_of(np.where(later, np.nan, values), later) == 0.0


def test_a_clock_is_left_out_and_a_steady_reading_is_not(frame):
    frame["clock"] = frame["timestamp"].astype("int64").astype(float)
    found = reasons(frame, "heat", "clock")
    assert list(found) == ["clock"]
    assert found["clock"] == "it tells earlier from later healthy rows: |2 AUC - 1| is 1.00"
    assert reasons(frame, "heat", "clock", max_drift=1.0) == {}


def test_errors_that_come_late_leave_their_feature_alone(frame):
    late = frame["timestamp"] > frame["timestamp"].quantile(0.6)
    frame["is_error"] = np.int8(0)
    frame.loc[late, "is_error"] = np.int8(1)
    random = np.random.default_rng(2)
    frame["sign"] = random.normal(size=len(frame)) + 10.0 * frame["is_error"]
    assert reasons(frame, "sign") == {}


def test_selection_leaves_out_what_misleads_in_the_later_part(frame, schema):
    frame["clock"] = frame["timestamp"].astype("int64").astype(float)
    selection = select_from(split_by_time(frame, schema, 0.3), schema, k=4)
    assert list(selection.dropped) == ["clock"]
    assert "clock" not in selection.election.selected
    kept = select_from(split_by_time(frame, schema, 0.3), schema, k=4, max_drift=1.0)
    assert kept.dropped == {}


def test_nothing_but_clocks_is_refused(frame, schema):
    clocks = frame[["device", "timestamp", "is_error"]].assign(
        clock=frame["timestamp"].astype("int64").astype(float)
    )
    with pytest.raises(TrainingSetError, match=r"at least one feature must be steady .* got none of 1"):
        select_from(split_by_time(clocks, schema, 0.3), schema)


def test_no_healthy_row_is_no_drift():
    rows = pd.DataFrame({"timestamp": pd.to_datetime([1, 2]), "is_error": [1, 1], "x": [0.0, 1.0]})
    assert reasons(rows, "x") == {}
