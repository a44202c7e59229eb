"""The exploration sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from tests.training.feature_store import store_vector
from tests.training.network import make_frame, make_schema
from training.exploration import exploration_sample
from training.exploration.exploration_sample import (
    device_stretches,
    exploration_sample_of,
    read_exploration_sample,
)


def devices(*counts, seed=0):
    names = np.repeat([f"d{n}" for n in range(len(counts))], counts)
    return pd.Series(np.random.default_rng(seed).permutation(names))


@pytest.mark.parametrize(
    ("counts", "rows"),
    [((5000, 5000, 5000), 6000), ((300,) * 100, 6000), ((1, 9000, 2, 4000), 3003), ((10,), 10)],
)
def test_stretches_are_rows_of_a_device_that_follow_each_other(counts, rows):
    of_row = devices(*counts)
    chosen = device_stretches(of_row, 6000, seed=1)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) == rows
    for device in of_row.iloc[chosen].unique():
        of_device = np.flatnonzero(of_row == device)
        inside = np.isin(of_device, chosen)
        assert np.count_nonzero(np.diff(inside.astype(int))) <= 2  # one stretch has two edges at most
        assert inside.sum() == np.isin(chosen, of_device).sum()


def test_few_devices_share_the_rows_and_of_many_some_have_a_long_stretch():
    three = devices(5000, 5000, 5000)
    assert three.iloc[device_stretches(three, 6000, 0)].value_counts().tolist() == [2000, 2000, 2000]
    many = devices(*[1500] * 40)
    assert many.iloc[device_stretches(many, 6000, 0)].value_counts().tolist() == [1000] * 6


def test_the_seed_decides_which_devices_and_when():
    of_row = devices(*[1500] * 40)
    assert (device_stretches(of_row, 6000, 3) == device_stretches(of_row, 6000, 3)).all()
    assert set(device_stretches(of_row, 6000, 3)) != set(device_stretches(of_row, 6000, 4))


def test_a_vector_gives_a_sample_stretches_and_the_label_history(
    context, vector_uri, frame, schema, monkeypatch
):
    monkeypatch.setattr(exploration_sample, "STRETCH_ROWS", 200)
    rows = read_exploration_sample(context, vector_uri, schema, 0.25, 50_000, seed=2)
    assert len(rows.sample) == len(frame) // 4
    assert rows.stretches["device"].value_counts().tolist() == [200]
    gaps = rows.stretches["timestamp"].diff().dropna().unique()
    assert list(gaps) == [pd.Timedelta("30s")]
    expected = frame.set_index(["device", "timestamp"])["heat"]
    for part in (rows.sample, rows.stretches):
        found = part.set_index(["device", "timestamp"])["heat"]
        pd.testing.assert_series_equal(found, expected.loc[found.index], check_index_type=False)
    assert rows.label == "is_error"
    assert (
        len(rows.label_history) == len(frame)
        and rows.label_history["is_error"].sum() == frame["is_error"].sum()
    )
    assert context.results["rows"] == len(frame)


def test_the_label_history_has_rows_that_no_model_learns_from(context, run_db, frame, tmp_path):
    schema = make_schema(horizon="60s", exclude_labels={"in_repair": 1})
    in_repair = np.arange(len(frame)) % 5 == 0
    labels = frame[["device", "timestamp", "is_error"]].assign(
        in_repair=in_repair,
        **{schema.target: np.where(frame["is_error"] == 1, np.nan, np.arange(len(frame)) % 3 == 0)},
    )
    uri = store_vector(frame, tmp_path, labels, label=schema.target)
    rows = read_exploration_sample(context, uri, schema, 1.0, 50_000, seed=0)
    assert rows.label_history["is_error"].sum() == frame.loc[~in_repair, "is_error"].sum() > 0
    assert rows.label_history["is_error"].isna().sum() == in_repair.sum()
    assert len(rows.sample) < (frame["is_error"] == 0).sum() < len(rows.label_history) == len(frame)


def test_a_data_set_gives_the_same_and_naive_times_count_as_utc(frame, schema):
    naive = frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None)).sample(frac=1.0, random_state=0)
    rows = exploration_sample_of(naive, schema, 1.0, 50_000, seed=0)
    pd.testing.assert_frame_equal(rows.sample, frame)
    pd.testing.assert_frame_equal(rows.stretches, frame)
    assert rows.label == "is_error" and len(rows.label_history) == len(frame)


def test_the_label_of_a_data_set_is_no_feature_of_a_later_error():
    schema = make_schema(horizon="60s")
    frame = make_frame().assign(**{schema.target: 1})
    rows = exploration_sample_of(frame, schema, 1.0, 50_000, seed=0)
    assert rows.label == "is_error" and "is_error" not in rows.sample.columns
    without = exploration_sample_of(frame.drop(columns="is_error"), schema, 1.0, 50_000, seed=0)
    assert without.label == schema.target and without.label_history[schema.target].eq(1).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.drop(columns="device"), "dataset: must have the column 'device', got"),
        (lambda rows: rows.drop(columns="is_error"), "must have the column 'is_error', got"),
        (lambda rows: rows.iloc[:0], "must have rows, got 0"),
        (lambda rows: rows.assign(timestamp="today"), "column 'timestamp': must hold times, got 'object'"),
        (lambda rows: rows.assign(timestamp=pd.NaT), "column 'timestamp': must have no missing value"),
        (lambda rows: rows.assign(device=None), "column 'device': must have no missing value"),
        (lambda rows: rows.assign(is_error=2), "column 'is_error': must be 0 or 1, got 2"),
    ],
)
def test_a_data_set_that_breaks_a_rule_is_refused(frame, schema, change, words):
    with pytest.raises(InputError, match=words):
        exploration_sample_of(change(frame), schema, 1.0, 50_000, seed=0)
