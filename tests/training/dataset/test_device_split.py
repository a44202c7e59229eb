from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.split_rule import SplitRule
from tests.training.network import STEP_SECONDS, make_frame
from training.dataset.device_split import split_by_column, split_within_devices
from training.dataset.leak_check import check_split

BY_DEVICE_TIME, FIRST_100 = SplitRule("device_time"), SplitRule("first_rows", rows=100)
EMBARGO_ROWS = 300 // STEP_SECONDS


@pytest.fixture
def apart():
    """Devices that report at different times: no one cut has each of them on both sides."""
    frame = make_frame()
    day = frame[DEVICE].astype("category").cat.codes
    return frame.assign(timestamp=frame["timestamp"] + pd.to_timedelta(day, unit="D"))


def of_device(rows):
    return rows.groupby(DEVICE)["timestamp"]


def test_the_latest_rows_of_each_device_are_tested(apart, schema):
    split = split_within_devices(apart, schema, BY_DEVICE_TIME, 0.3)
    assert of_device(split.test).size().tolist() == [90] * 4
    # Of those before, the last lies exactly an embargo before the first test row.
    assert of_device(split.train).size().tolist() == [210 - EMBARGO_ROWS + 1] * 4
    gap = of_device(split.test).min() - of_device(split.train).max()
    assert (gap == pd.Timedelta(seconds=300)).all()
    assert split.describe()["embargoed_rows"] == (EMBARGO_ROWS - 1) * 4
    assert "in neither part: 36 within the embargo." in split.describe()["split_summary"]
    check_split(split, schema)


def test_the_first_rows_of_each_device_train_as_many_as_are_told(apart, schema):
    split = split_within_devices(apart, schema, FIRST_100, 0.3)
    assert of_device(split.train).size().tolist() == [100] * 4
    assert (of_device(split.train).min() == of_device(apart).min()).all()
    # The embargo is taken from the test rows: the protocol says which rows train.
    assert of_device(split.test).size().tolist() == [200 - EMBARGO_ROWS + 1] * 4
    check_split(split, schema)


def test_one_device_can_be_cut_as_well(schema):
    frame = make_frame(ticks=400)
    alone = frame[frame[DEVICE] == "site/0"]
    split = split_within_devices(alone, schema, BY_DEVICE_TIME, 0.3)
    assert (len(split.train), len(split.test)) == (280 - EMBARGO_ROWS + 1, 120)


def test_a_device_with_a_single_row_trains(frame, schema):
    lone = frame.iloc[:1].assign(**{DEVICE: "site/9"})
    split = split_within_devices(pd.concat([frame, lone]), schema, BY_DEVICE_TIME, 0.3)
    assert "site/9" in set(split.train[DEVICE]) and "site/9" not in set(split.test[DEVICE])


@pytest.mark.parametrize("shift", [pd.Timedelta(seconds=-1), pd.Timedelta(seconds=299)])
def test_a_training_row_within_the_embargo_of_its_device_is_a_leak(apart, schema, shift):
    split = split_within_devices(apart, schema, BY_DEVICE_TIME, 0.3)
    late = split.test.iloc[[0]].assign(timestamp=split.test["timestamp"].iloc[0] - shift)
    with pytest.raises(InputError, match=r"training rows: must lie 300 s or more from each test row"):
        check_split(dataclasses.replace(split, train=pd.concat([split.train, late])), schema)


def test_a_training_row_beside_test_rows_of_another_device_is_none(apart, schema):
    split = split_within_devices(apart, schema, BY_DEVICE_TIME, 0.3)
    other = split.test.iloc[[0]].assign(**{DEVICE: "site/9"})
    check_split(dataclasses.replace(split, train=pd.concat([split.train, other])), schema)


def with_column(frame):
    """Training rows, test rows, training rows again; a few of neither."""
    tick = np.arange(len(frame)) // frame[DEVICE].nunique()
    part = np.select([tick < 100, tick < 200, tick < 205], ["train", "test", "dev"], "train")
    return frame.assign(split=np.where(tick == 250, None, part))


def test_a_column_says_the_part_of_each_row(frame, schema):
    split = split_by_column(with_column(frame), schema, SplitRule("column"))
    assert len(split.test) == 100 * 4
    facts = split.describe()
    # Ticks 200 to 204 and 250 are of no part; before and after the test rows nine ticks are embargoed.
    assert facts["rows_of_no_part"] == 6 * 4
    assert facts["embargoed_rows"] == (9 + 4) * 4
    assert len(split.train) + len(split.test) + facts["embargoed_rows"] + 24 == len(frame)
    assert "split" not in split.train
    check_split(split, schema)


def test_values_of_the_column_can_be_told(frame, schema):
    coded = with_column(frame).assign(fold=lambda rows: rows["split"].map({"train": 1, "test": 2, "dev": 3}))
    rule = SplitRule("column", "fold", train=("1", "3"), test=("2",))
    split = split_by_column(coded.drop(columns="split"), schema, rule)
    assert split.describe()["rows_of_no_part"] == 4


def test_a_part_without_rows_names_the_column(frame, schema):
    rule = SplitRule("column", test=("nowhere",))
    with pytest.raises(InputError, match=r"test part \(split is train, or nowhere, .*must have at least 50"):
        split_by_column(with_column(frame), schema, rule)


def test_errors_only_in_the_test_part_are_refused_with_where_they_are(frame, schema):
    late = frame.assign(is_error=np.where(frame.index < 980, 0, frame["is_error"]).astype(np.int8))
    with pytest.raises(InputError, match=r"both classes.*all errors are in the other part, 2024-03-01T0"):
        split_within_devices(late, schema, BY_DEVICE_TIME, 0.2)


def test_test_parts_that_begin_alike_are_told_apart(frame, schema):
    tick = np.arange(len(frame)) // frame[DEVICE].nunique()
    folds = frame.assign(fold=np.select([tick < 100, tick < 180, tick < 240], ["1", "2", "3"], "4"))
    parts = [
        split_by_column(folds, schema, SplitRule("column", "fold", train=train, test=test))
        for train, test in ((("1", "3", "4"), ("2",)), (("1", "4"), ("2", "3")), (("1", "4"), ("2",)))
    ]
    assert parts[0].test_starts.equals(parts[1].test_starts)
    assert parts[0].digest != parts[1].digest
    assert parts[0].digest == parts[2].digest  # Another training part does no harm.
