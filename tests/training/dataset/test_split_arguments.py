"""The arguments that three handlers share are checked once, before any work starts."""

from __future__ import annotations

import pandas as pd
import pytest

from feature_sets.checks import InputError
from tests.training.network import make_schema
from training.dataset.split_arguments import SplitArguments
from training.dataset.window_rows import window_seconds, window_since

ENDLESS = [float("nan"), float("inf"), -float("inf")]


def arguments(**changes):
    return SplitArguments(
        **{"test_fraction": 0.3, "test_devices": 0.0, "train_rows": 20_000, "seed": 0, **changes}
    )


@pytest.mark.parametrize("value", [0.3, 0.001, 0.999])
def test_a_share_between_zero_and_one_passes(value):
    assert arguments(test_fraction=value).test_fraction == value


@pytest.mark.parametrize("value", [0, 1, 1.0, -0.1, 10**400, *ENDLESS, "0.3", True, None])
def test_other_shares_are_refused(value):
    with pytest.raises(
        InputError, match="argument 'test_fraction': must be a number above 0 and below 1, got"
    ):
        arguments(test_fraction=value)


def test_no_device_or_a_share_of_them_may_be_held_out():
    assert arguments(test_devices=0).test_devices == 0.0
    for value in (-0.1, 1, "0.2"):
        with pytest.raises(
            InputError, match="argument 'test_devices': must be a number of at least 0 and below 1"
        ):
            arguments(test_devices=value)


def test_a_whole_number_may_arrive_as_a_float():
    rows = arguments(train_rows=500.0).train_rows
    assert (type(rows), rows) == (int, 500)


@pytest.mark.parametrize("value", [0, 99, 200.5, -(10**400), *ENDLESS, "500", True, None])
def test_other_numbers_of_rows_are_refused(value):
    with pytest.raises(
        InputError, match="argument 'train_rows': must be a whole number of at least 100, got"
    ):
        arguments(train_rows=value)


@pytest.mark.parametrize("seed", [0, 7.0, 2**32 - 1])
def test_a_seed_that_every_library_takes_passes(seed):
    assert arguments(seed=seed).seed == int(seed)


@pytest.mark.parametrize("seed", [-1, 1.5, 2**32, 2**64, *ENDLESS, "1", True, None])
def test_other_seeds_are_refused_by_us_and_not_by_scikit_learn(seed):
    rule = "argument 'seed': must be a whole number of at least 0 and at most 4294967295, got"
    with pytest.raises(InputError, match=rule):
        arguments(seed=seed)


def test_a_training_window_is_a_duration_and_none_takes_all_rows():
    assert window_seconds(arguments().training_window) is None
    assert window_seconds(arguments(training_window="14d").training_window) == 14 * 86400


def test_a_training_window_may_begin_at_a_time():
    window = arguments(training_window="since 2024-05-01T14:00:00.5+02:00").training_window
    assert window_since(window) == pd.Timestamp("2024-05-01T12:00:00.5Z") and window_seconds(window) is None
    assert window_since("14d") is None


@pytest.mark.parametrize("window", ["since ", "since yesterday", "since 2024-05-01T14:00:00"])
def test_a_window_since_no_time_is_refused(window):
    with pytest.raises(InputError, match="argument 'training_window': since : must"):
        arguments(training_window=window)


@pytest.mark.parametrize("window", ["14", "0d", "two weeks", "-1d", 14, None, True])
def test_other_training_windows_are_refused(window):
    with pytest.raises(InputError, match="argument 'training_window': must be a"):
        arguments(training_window=window)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "time"),
        ({"split": "device_time"}, "device_time"),
        ({"test_devices": 0.2}, "devices"),
        ({"split": "group:site", "test_devices": 0.2}, "group:site"),
        ({"split": "group:model"}, "group:model"),
    ],
)
def test_the_split_of_a_run(changes, rule):
    assert str(arguments(**changes).split_rule(make_schema())) == rule


def test_the_split_of_the_schema_holds_unless_another_is_asked_for():
    schema = make_schema(split={"by": "group", "column": "site"})
    assert str(arguments().split_rule(schema)) == "group:site"
    assert str(arguments(split="time").split_rule(schema)) == "time"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": "tuesday"}, r"argument 'split': must be among time, .*got 'tuesday'"),
        ({"split": 3}, "argument 'split': must be text, got 3"),
        ({"split": "group:rack"}, r"argument 'split': must group by one of device, site, unit, model"),
        ({"split": "column:part"}, r"argument 'split': must name a column of the labels .*got 'part'"),
        ({"split": "first_rows:50", "test_devices": 0.2}, r"'test_devices': must be 0 for the split first_r"),
        ({"split": "devices:a", "test_devices": 0.2}, r"'test_devices': must be 0 for the split devices:a"),
    ],
)
def test_a_split_that_cannot_be_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        arguments(**changes).split_rule(make_schema())
