"""Folds by time: what is fitted lies an embargo before what it is evaluated on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from tests.training.network import make_frame, make_schema
from training.search.time_folds import expanding_folds


def test_folds_expand_keep_the_embargo_and_evaluate_on_each_row_once(frame, schema):
    frame = frame.sample(frac=1.0, random_state=1)  # the order of the rows does not matter
    folds = expanding_folds(frame, schema, 3)
    assert len(folds.used) == 3 and folds.skipped == ()
    times = frame["timestamp"].reset_index(drop=True)
    for fold in folds.used:
        gap = times[fold.validation].min() - times[fold.fit].max()
        assert gap >= pd.Timedelta(seconds=schema.embargo_seconds)
    fits = [set(fold.fit) for fold in folds.used]
    assert fits[0] < fits[1] < fits[2]
    evaluated = np.concatenate([fold.validation for fold in folds.used])
    assert len(set(evaluated)) == len(evaluated)
    # 1200 rows: one half only teaches, the other is three blocks of 200.
    assert [len(fold.validation) for fold in folds.used] == [200, 200, 200]
    assert times[evaluated].max() == times.max()


def test_rows_of_one_instant_are_never_in_two_blocks(schema):
    frame = make_frame(ticks=101)  # 404 rows, four an instant: block ends fall inside an instant
    folds = expanding_folds(frame, schema, 2)
    times = frame["timestamp"]
    earlier, later = folds.used
    assert times[earlier.validation].max() < times[later.validation].min()
    assert len(earlier.validation) % 4 == len(later.validation) % 4 == 0


def test_a_longer_horizon_widens_the_gap(frame):
    schema = make_schema(horizon="10m")
    frame = frame.rename(columns={"is_error": schema.target})
    for fold in expanding_folds(frame, schema, 2).used:
        gap = frame["timestamp"][fold.validation].min() - frame["timestamp"][fold.fit].max()
        assert gap >= pd.Timedelta(seconds=300 + 600)


def test_a_fold_without_an_error_is_skipped_and_says_why(frame, schema):
    early = frame["timestamp"] < frame["timestamp"].quantile(0.55)
    frame.loc[early, "is_error"] = 0
    folds = expanding_folds(frame, schema, 3)
    assert len(folds.used) == 2
    (reason,) = folds.skipped
    assert reason.startswith("fold 1 of 3: training part (cut at ")
    assert "must hold both classes of 'is_error' in its " in reason and reason.endswith("got [0]")


def test_no_usable_fold_is_an_error_with_rows_classes_and_embargo(frame, schema):
    frame["is_error"] = 0
    frame.loc[frame.index[-5:], "is_error"] = 1
    with pytest.raises(InputError) as error:
        expanding_folds(frame, schema, 3)
    text = str(error.value)
    assert (
        "cross-validation of 1200 rows (rows of each class: {'0': 1195, '1': 5}) with an embargo of 300 s"
        in text
    )
    assert "at least one of 3 folds with both classes" in text and text.count("must hold both classes") == 3


def test_an_embargo_longer_than_the_data_is_an_error(frame):
    schema = make_schema(windows={"lengths": ["6h"], "period": "1h", "operations": ["avg"]})
    with pytest.raises(InputError, match=r"an embargo of 21600 s: .*must have at least 50 rows, got 0"):
        expanding_folds(frame, schema, 3)


def test_rows_of_a_single_instant_have_no_fold(frame, schema):
    with pytest.raises(InputError, match="must have a time of their own"):
        expanding_folds(frame.assign(timestamp=frame["timestamp"].iloc[0]), schema, 3)
