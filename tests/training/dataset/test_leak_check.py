"""Leaks are found: a split too close, a held-out device in the training part, a feature of the future."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE
from tests.training.conftest import make_context
from tests.training.feature_store import store_vector
from tests.training.network import make_frame, make_schema, with_window
from training.dataset.leak_check import check_features, check_split
from training.dataset.split_arguments import SplitArguments
from training.dataset.time_split import split_by_time
from training.dataset.training_set import read_split


@pytest.fixture
def frame():
    return with_window(make_frame())


def read(run_db, folder, uri, schema, test_devices=0.0, **settings):
    return read_split(
        make_context(run_db, folder), uri, schema, SplitArguments(0.3, test_devices, 20_000, 0), **settings
    )


def test_our_split_and_features_pass(run_db, vector_uri, schema, frame, tmp_path):
    split = read(run_db, tmp_path, vector_uri, schema, with_test=True)
    check_split(split, schema)
    assert check_features(vector_uri, split.train, schema, seed=1) == 5  # four metrics and one window


def test_a_random_split_is_a_leak(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    shuffled = frame.sample(frac=1.0, random_state=0)
    leaky = dataclasses.replace(split, train=shuffled.iloc[:800], test=shuffled.iloc[800:])
    with pytest.raises(InputError, match="training rows: must end 300 s"):
        check_split(leaky, schema)


def test_a_split_without_embargo_is_a_leak(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    leaky = dataclasses.replace(split, train=frame[frame["timestamp"] < split.cut])
    with pytest.raises(InputError, match="longest window and horizon"):
        check_split(leaky, schema)


def test_a_label_that_reaches_into_the_test_part_is_a_leak(frame):
    split = split_by_time(frame, make_schema(), 0.3)
    check_split(split, make_schema())
    with pytest.raises(InputError, match=r"training rows: must end 420 s"):
        check_split(split, make_schema(horizon="2m"))


def test_a_test_row_before_the_cut_is_a_leak(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    with pytest.raises(InputError, match="test rows: must begin at the cut"):
        check_split(dataclasses.replace(split, test=frame), schema)


@pytest.mark.parametrize("steps", [-1, -5, 1])
def test_a_shifted_feature_is_found(run_db, tmp_path, schema, frame, steps):
    frame["heat_avg_1m"] = frame.groupby(DEVICE)["heat_avg_1m"].shift(steps)
    uri = store_vector(frame, tmp_path)
    with pytest.raises(InputError, match=r"feature 'heat_avg_1m' of .*: must follow from the readings up"):
        read(run_db, tmp_path, uri, schema)


def test_a_feature_computed_over_all_rows_is_found(run_db, tmp_path, schema, frame):
    frame["heat_avg_1m"] = frame.groupby(DEVICE)["heat_avg_1m"].transform("mean")
    with pytest.raises(InputError, match="of 500 rows looked at differ"):
        read(run_db, tmp_path, store_vector(frame, tmp_path), schema)


def test_the_rounding_of_another_engine_is_no_leak(run_db, tmp_path, schema, frame):
    frame["heat_avg_1m"] *= 1.0 + 1e-12
    read(run_db, tmp_path, store_vector(frame, tmp_path), schema)


def test_held_out_devices_are_only_evaluated_on(run_db, vector_uri, schema, frame, tmp_path):
    split = read(run_db, tmp_path, vector_uri, schema, test_devices=0.25, with_test=True)
    assert len(split.held_out) == 1
    assert set(split.test[DEVICE]) == set(split.held_out)
    assert set(split.train[DEVICE]) == set(frame[DEVICE]) - set(split.held_out)
    assert split.describe()["held_out_devices"] == 1
    assert len(split.train) + len(split.test) == len(frame)
    leaky = dataclasses.replace(split, train=pd.concat([split.train, split.test.iloc[:1]]))
    with pytest.raises(InputError, match="held-out devices: must not be in the training part"):
        check_split(leaky, schema)
