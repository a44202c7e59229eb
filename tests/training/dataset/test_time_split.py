"""Splitting by time: nothing lies in both parts, not even a reading inside a window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from tests.training.network import START, make_frame, make_schema
from training.dataset.time_split import split_by_time

# Longest window 300 s, one row every 30 s of each device:
#
#   ... train ... | embargo: (cut - 300 s, cut) | test ...
#                 ^ cut - 300 s is in train      ^ cut is in test


def test_the_last_training_row_is_exactly_an_embargo_before_the_first_test_row(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    assert split.test["timestamp"].min() == split.cut
    assert split.train["timestamp"].max() == split.train_until == split.cut - pd.Timedelta(seconds=300)
    assert split.embargoed_rows == 9 * 4  # the nine ticks strictly between


def test_a_row_a_second_inside_the_embargo_is_in_no_part(schema):
    frame = make_frame(devices=4)
    cut = split_by_time(frame, schema, 0.3).cut
    inside = frame["timestamp"] == cut - pd.Timedelta(seconds=270)
    frame.loc[inside, "timestamp"] = cut - pd.Timedelta(seconds=299)
    split = split_by_time(frame, schema, 0.3)
    assert split.cut == cut
    assert split.train["timestamp"].max() == cut - pd.Timedelta(seconds=300)


def test_every_row_is_in_one_part_or_in_the_embargo(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    assert len(split.train) + len(split.test) + split.embargoed_rows == len(frame)
    assert len(split.test) / len(frame) == pytest.approx(0.3, abs=0.01)


def test_no_training_window_shares_a_reading_with_a_test_window(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    first_reading_of_test = split.test["timestamp"].min() - pd.Timedelta(seconds=300)  # exclusive
    assert not (split.train["timestamp"] > first_reading_of_test).any()


def test_the_order_of_the_rows_does_not_matter(frame, schema):
    shuffled = frame.sample(frac=1.0, random_state=3)
    assert split_by_time(shuffled, schema).describe() == split_by_time(frame, schema).describe()


def test_the_given_frame_is_not_changed(frame, schema):
    before = frame.copy()
    split_by_time(frame, schema)
    pd.testing.assert_frame_equal(frame, before)


def test_rows_at_the_cut_time_all_go_to_the_test_part(schema):
    frame = make_frame(ticks=100, devices=4)
    split = split_by_time(frame, schema, 0.2999)
    assert (split.test["timestamp"] == split.cut).sum() == 4


def test_facts_are_named_after_the_parts(frame, schema):
    facts = split_by_time(frame, schema).describe("fit", "validation")
    assert facts["fit_start"] == START.isoformat()
    assert facts["fit_rows"] > facts["validation_rows"] > 0
    assert facts["fit_positives"] > 0 and facts["embargo_seconds"] == 300


def test_an_embargo_shorter_than_the_longest_window_is_refused(frame, schema):
    with pytest.raises(
        InputError,
        match="embargo_seconds: must be at least the longest window of 300 s and the horizon of 0 s, got 60",
    ):
        split_by_time(frame, schema, embargo_seconds=60)


def test_a_longer_embargo_is_kept(frame, schema):
    split = split_by_time(frame, schema, embargo_seconds=900)
    assert split.train["timestamp"].max() == split.train_until == split.cut - pd.Timedelta(seconds=900)


def test_fewer_rows_than_an_embargo_are_refused(schema):
    frame = make_frame(ticks=30, devices=4)  # 15 minutes; 70 % of them is less than the embargo leaves over
    with pytest.raises(
        InputError, match=r"training part .*embargo of 600 s\): must have at least 50 rows, got \d+"
    ):
        split_by_time(frame, schema, embargo_seconds=600)


def test_too_few_rows_are_refused(schema):
    with pytest.raises(InputError, match="labeled rows: must be at least 100 for a split, got 40"):
        split_by_time(make_frame(ticks=10, devices=4), schema)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_fraction_that_leaves_a_part_empty_is_refused(frame, schema, fraction):
    with pytest.raises(InputError, match="test_fraction: must be a number above 0 and below 1"):
        split_by_time(frame, schema, fraction)


@pytest.mark.parametrize(("part", "late"), [("training", False), ("test", True)])
def test_a_part_with_one_class_only_is_refused(frame, schema, part, late):
    edge = START + (frame["timestamp"].max() - START) * (0.6 if late else 0.8)
    frame.loc[(frame["timestamp"] > edge) == late, "is_error"] = np.int8(0)
    with pytest.raises(
        InputError,
        match=rf"^{part} part .* must hold both classes of 'is_error' in its \d+ rows .*, got \[0\]",
    ):
        split_by_time(frame, schema)


def test_the_embargo_follows_the_schema():
    schema = make_schema(windows={"lengths": ["10m"], "period": "10s"})
    assert split_by_time(make_frame(), schema).embargo_seconds == 600
