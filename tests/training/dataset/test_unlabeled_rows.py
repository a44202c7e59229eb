"""Readings that no label tells of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from tests.training.feature_store import store_vector
from tests.training.network import START, make_frame, make_schema
from training.dataset import unlabeled_rows
from training.dataset.unlabeled_rows import read_unlabeled


def labels_of(frame, schema, **columns):
    return frame[[DEVICE, "timestamp", "is_error"]].assign(**columns)


def seconds(rows):
    return (rows["timestamp"] - START).dt.total_seconds()


def test_readings_beyond_the_reach_of_labels_are_read_with_their_features(run_db, tmp_path, schema):
    frame = make_frame(ticks=100, devices=4)
    told = (frame[DEVICE] != "site/3") & (frame["timestamp"] < START + pd.Timedelta(seconds=30 * 60))
    uri = store_vector(frame, tmp_path, labels_of(frame[told], schema))
    found = read_unlabeled(uri, schema, 0)
    assert "is_error" not in found and {"heat", "flow", "model_a"} <= set(found.columns)
    own = found[found[DEVICE] == "site/0"]
    # The last label is at 59 * 30 s and tells of what is 300 s later at most.
    assert seconds(own).min() == 59 * 30 + 330 and len(own) == 100 - 70
    assert len(found[found[DEVICE] == "site/3"]) == 100  # a device without any label
    expected = frame.merge(found[[DEVICE, "timestamp"]], on=[DEVICE, "timestamp"])
    joined = found.merge(expected, on=[DEVICE, "timestamp"], suffixes=("", "_given"))
    assert len(joined) == len(found) and joined["heat"].equals(joined["heat_given"])


def test_of_many_readings_the_newest_of_each_device_are_read_and_of_many_devices_some(
    run_db, tmp_path, schema, monkeypatch
):
    frame = make_frame(ticks=100, devices=4)
    uri = store_vector(frame, tmp_path, labels_of(frame[frame["timestamp"] == START], schema))
    monkeypatch.setattr(unlabeled_rows, "MOST_ROWS", 40)
    newest = read_unlabeled(uri, schema, 0)
    assert newest[DEVICE].value_counts().tolist() == [20, 20] and seconds(newest).min() == 80 * 30
    assert read_unlabeled(uri, schema, 0).equals(newest)
    drawn = {tuple(sorted(read_unlabeled(uri, schema, seed)[DEVICE].unique())) for seed in range(6)}
    assert len(drawn) > 1


def test_what_labels_leave_open_is_unlabeled_and_what_they_exclude_is_not(run_db, tmp_path):
    schema = make_schema(exclude_labels={"kind": "drill"})
    frame = make_frame(ticks=60, devices=4)
    labels = labels_of(frame, schema, kind=np.where(frame[DEVICE] == "site/1", "drill", "real"))
    labels["is_error"] = labels["is_error"].astype("float64").mask(frame[DEVICE] == "site/2")
    uri = store_vector(frame, tmp_path, labels)
    assert set(read_unlabeled(uri, schema, 0)[DEVICE]) == {"site/2"}


def test_with_a_horizon_what_nobody_can_tell_yet_is_not_asked_for(run_db, tmp_path):
    schema = make_schema(horizon="20m")
    frame = make_frame(ticks=60)
    late = frame["timestamp"] > START + pd.Timedelta(minutes=10)
    labels = labels_of(frame, schema).assign(**{schema.target: np.where(late, np.nan, 0.0)})
    uri = store_vector(frame, tmp_path, labels, label=schema.target)
    assert schema.target != schema.label and read_unlabeled(uri, schema, 0).empty


def test_where_all_is_labeled_nothing_is_read(run_db, tmp_path, schema):
    frame = make_frame(ticks=60)
    uri = store_vector(frame, tmp_path)
    assert read_unlabeled(uri, schema, 0).empty
