"""Reading a training set through MLRun's feature store, as things were known at the time of each label."""

from __future__ import annotations

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
from mlrun.datastore.targets import ParquetTarget

from feature_sets.checks import InputError
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.arrival_order import late, windows_as_known
from feature_sets.windows.definition import WindowDefinition
from tests.training.conftest import make_context
from tests.training.feature_store import store_vector
from tests.training.network import START, make_frame, make_schema
from training.dataset.known_rows import rows_with_reading, rows_with_timely_reading
from training.dataset.label_rows import label_rows_of
from training.dataset.split_arguments import SplitArguments
from training.dataset.time_split import split_by_time
from training.dataset.training_set import read_split
from training.dataset.vector_rows import read_vector
from training.exploration.exploration_sample import read_exploration_sample


def labels_at(*seconds, device="site/0", value=0):
    return pd.DataFrame(
        {
            DEVICE: device,
            "timestamp": START + pd.to_timedelta(list(seconds), unit="s"),
            "is_error": np.int8(value),
        }
    )


def split_arguments(train_rows=20_000, seed=0):
    return SplitArguments(0.3, 0.0, train_rows, seed)


def read_all(context, uri, schema):
    return read_exploration_sample(context, uri, schema, ratio=1.0, max_rows=1_000_000, seed=0).sample


def test_a_vector_gives_back_the_rows_it_was_filled_with(context, vector_uri, schema, frame):
    read = read_all(context, vector_uri, schema)
    expected = frame.sort_values(["timestamp", DEVICE], ignore_index=True)
    pd.testing.assert_frame_equal(read, expected, check_dtype=False)
    assert context.results["rows"] == len(frame)
    assert context.results["rows_without_reading"] == 0


def test_a_label_between_two_readings_gets_the_earlier_one(run_db, vector_uri, schema, frame):
    row = read_vector(vector_uri, schema, labels_at(44.999))  # readings at 30 s and at 60 s
    earlier = frame[(frame[DEVICE] == "site/0") & (frame["timestamp"] == START + pd.Timedelta(seconds=30))]
    assert row["heat"].tolist() == earlier["heat"].tolist()


def test_files_of_other_times_are_not_read_and_the_rows_are_the_same(
    run_db, vector_uri, schema, frame, monkeypatch
):
    lengths, as_df = [], ParquetTarget.as_df

    def counted(self, *args, **kwargs):
        found = as_df(self, *args, **kwargs)
        lengths.append(len(found))
        return found

    monkeypatch.setattr(ParquetTarget, "as_df", counted)
    newest = frame["timestamp"].max()
    rows = frame.loc[frame["timestamp"] > newest - pd.Timedelta(minutes=30), [DEVICE, "timestamp"]]
    of_all = read_vector(vector_uri, schema, rows)
    most = sorted(lengths)[-2]  # Of the labels one column is read before, for the form of their times.
    lengths.clear()
    pd.testing.assert_frame_equal(
        read_vector(vector_uri, schema, rows, schema.longest_window_seconds), of_all
    )
    assert sorted(lengths)[-2] < most / 2
    # The oldest reading that may count for a row, and rows between readings.
    between = rows.iloc[:1].assign(timestamp=rows["timestamp"].min() + pd.Timedelta(seconds=0.5))
    of_all = read_vector(vector_uri, schema, between)
    pd.testing.assert_frame_equal(read_vector(vector_uri, schema, between, 30.0), of_all)


def test_a_reading_at_the_label_time_counts_and_one_after_it_does_not(run_db, tmp_path, schema, frame):
    uri = store_vector(frame, tmp_path, labels=labels_at(60.0, 59.999999))
    read = read_all(make_context(run_db, tmp_path), uri, schema)
    heat = frame[frame[DEVICE] == "site/0"].set_index("timestamp")["heat"]
    at_30, at_60 = (heat[START + pd.Timedelta(seconds=second)] for second in (30, 60))
    assert read["heat"].tolist() == [at_30, at_60]


def test_changing_the_future_changes_no_row_of_the_past(run_db, tmp_path, schema, frame):
    half = START + pd.Timedelta(seconds=4500)
    before = read_all(make_context(run_db, tmp_path), store_vector(frame, tmp_path), schema)
    future = frame["timestamp"] > half
    frame.loc[future, ["heat", "flow", "heat_felt"]] = 1e6
    after = read_all(make_context(run_db, tmp_path, uid="b"), store_vector(frame, tmp_path), schema)
    pd.testing.assert_frame_equal(before[before["timestamp"] <= half], after[after["timestamp"] <= half])


def test_a_silent_device_gives_no_rows_once_its_windows_have_run_out(
    context, run_db, tmp_path, schema, frame
):
    silent = frame[~((frame[DEVICE] == "site/1") & (frame["timestamp"] > START + pd.Timedelta(seconds=600)))]
    uri = store_vector(silent, tmp_path, labels=frame[[DEVICE, "timestamp", "is_error"]])
    read = read_all(context, uri, schema)
    last = read[read[DEVICE] == "site/1"]["timestamp"].max()
    assert last == START + pd.Timedelta(seconds=600 + 270)  # at 900 s the window (600 s, 900 s] is empty
    assert context.results["rows_without_reading"] == len(frame) - len(read) > 0


def test_labels_of_devices_without_telemetry_are_left_out_and_counted(
    context, run_db, tmp_path, schema, frame
):
    known = frame[[DEVICE, "timestamp", "is_error"]]
    uri = store_vector(frame, tmp_path, labels=pd.concat([known, labels_at(60, 90, device="elsewhere/9")]))
    assert "elsewhere/9" not in set(read_all(context, uri, schema)[DEVICE])
    assert context.results["rows_without_reading"] == 2


@pytest.mark.parametrize("labels", [{}, {"horizon": "10m"}])
def test_rows_of_a_time_of_which_only_errors_are_known_are_left_out_and_counted(
    run_db, tmp_path, frame, labels
):
    """Errors are told at once, healthy is a reading half an hour later: what is newer has errors alone."""
    schema = make_schema(
        **labels, labels={"form": "positives", "watched": "readings", "healthy_after": "30m"}
    )
    until = frame["timestamp"].max() - pd.Timedelta("30m") - pd.Timedelta(labels.get("horizon", "0s"))
    early = frame["timestamp"] <= until
    told = frame[early | (frame["is_error"] == 1)][[DEVICE, "timestamp", "is_error"]]
    told = told.assign(is_error=0).assign(**{schema.target: told["is_error"]})
    uri = store_vector(frame, tmp_path, labels=told, label=schema.target)
    context = make_context(run_db, tmp_path)
    read = read_all(context, uri, schema)
    assert read["timestamp"].max() <= until
    counted = context.results["rows_of_errors_alone"]
    assert counted == int((frame[~early]["is_error"] == 1).sum()) > 20
    assert context.results["rows_without_reading"] == 0
    # Where a label says healthy there, rows of its device say both.
    one = frame[~early & (frame["is_error"] == 0) & (frame[DEVICE] == "site/0")].iloc[[0]]
    said = one[[DEVICE, "timestamp"]].assign(is_error=0).assign(**{schema.target: 0})
    uri = store_vector(frame, tmp_path, labels=pd.concat([told, said]), label=schema.target)
    again = read_all(make_context(run_db, tmp_path, uid="b"), uri, schema)
    assert set(again[again["timestamp"] > until][DEVICE]) == {"site/0"}


def test_a_split_that_is_read_equals_the_split_of_everything(context, vector_uri, schema, frame):
    read = read_split(context, vector_uri, schema, split_arguments(), with_test=True)
    expected = split_by_time(frame.sort_values(["timestamp", DEVICE], ignore_index=True), schema, 0.3)
    assert read.cut == expected.cut
    pd.testing.assert_frame_equal(read.train, expected.train, check_dtype=False)
    pd.testing.assert_frame_equal(read.test, expected.test, check_dtype=False)
    assert read.describe() == expected.describe()
    assert context.results["rows"] == len(frame)
    assert context.results["train_rows"] == context.results["train_rows_available"] == len(expected.train)


def test_sampling_the_training_part_moves_neither_the_cut_nor_the_test_part(
    run_db, tmp_path, vector_uri, schema
):
    def read(train_rows, seed=0):
        context = make_context(run_db, tmp_path)
        return read_split(
            context, vector_uri, schema, split_arguments(train_rows, seed), with_test=True
        ), context

    whole, _ = read(10_000)
    sampled, context = read(200)
    assert (sampled.cut, sampled.embargoed_rows) == (whole.cut, whole.embargoed_rows)
    pd.testing.assert_frame_equal(sampled.test, whole.test)
    assert len(sampled.train) == context.results["train_rows"] == 200
    assert context.results["train_rows_available"] == len(whole.train)
    # A sample of the same rows, in order, from the beginning to the end: all errors, and healthy ones.
    assert len(sampled.train.merge(whole.train)) == 200
    assert sampled.train["timestamp"].is_monotonic_increasing
    length = whole.train["timestamp"].max() - whole.train["timestamp"].min()
    assert sampled.train["timestamp"].max() - sampled.train["timestamp"].min() > 0.9 * length
    errors = int(whole.train["is_error"].sum())
    assert context.results["train_positives_available"] == errors
    assert sampled.train["is_error"].sum() == errors < 100
    # With its weights the sample has the share of errors of all rows.
    counted = sampled.weights.of(sampled.train["is_error"].to_numpy())
    assert np.average(sampled.train["is_error"], weights=counted) == pytest.approx(errors / len(whole.train))
    pd.testing.assert_frame_equal(read(200)[0].train, sampled.train)
    assert not read(200, seed=1)[0].train.equals(sampled.train)


def test_rows_before_the_training_window_are_in_neither_part(context, vector_uri, schema, frame):
    arguments = SplitArguments(0.3, 0.0, 20_000, 0, training_window="1h")
    read = read_split(context, vector_uri, schema, arguments, with_test=True)
    # The window is open at its older end, as those of the features are.
    inside = frame[frame["timestamp"] > frame["timestamp"].max() - pd.Timedelta(hours=1)]
    expected = split_by_time(inside.sort_values(["timestamp", DEVICE], ignore_index=True), schema, 0.3)
    assert read.cut == expected.cut
    pd.testing.assert_frame_equal(read.train, expected.train, check_dtype=False)
    assert context.results["rows_before_window"] == len(frame) - len(inside) > 0
    assert context.results["train_rows_available"] == len(expected.train)


def test_a_training_window_that_is_a_time_begins_there(context, vector_uri, schema, frame):
    since = frame["timestamp"].max() - pd.Timedelta(hours=1)
    arguments = SplitArguments(0.3, 0.0, 20_000, 0, training_window=f"since {since.isoformat()}")
    read = read_split(context, vector_uri, schema, arguments, with_test=True)
    inside = frame[frame["timestamp"] >= since]
    expected = split_by_time(inside.sort_values(["timestamp", DEVICE], ignore_index=True), schema, 0.3)
    assert read.cut == expected.cut
    pd.testing.assert_frame_equal(read.train, expected.train, check_dtype=False)


@pytest.mark.parametrize("back", [-60, 300])
def test_too_few_rows_are_told_apart_from_other_failures(context, vector_uri, schema, frame, back):
    since = frame["timestamp"].max() - pd.Timedelta(seconds=back)
    arguments = SplitArguments(0.3, 0.0, 20_000, 0, training_window=f"since {since.isoformat()}")
    with pytest.raises(InputError) as refused:
        read_split(context, vector_uri, schema, arguments)
    assert context.results["too_little_data"] == str(refused.value)


def test_without_the_test_part_its_features_are_not_read(context, vector_uri, schema):
    split = read_split(context, vector_uri, schema, split_arguments())
    assert list(split.test.columns) == [DEVICE, "timestamp", "is_error"]
    assert "heat" in split.train.columns
    assert split.describe()["test_rows"] == len(split.test) > 0


def test_a_sample_to_look_at_keeps_the_class_shares_and_says_of_how_many_rows(
    context, vector_uri, schema, frame
):
    rows = read_exploration_sample(context, vector_uri, schema, 0.25, 10_000, 0).sample
    assert len(rows) == len(frame) // 4
    assert rows["is_error"].mean() == pytest.approx(frame["is_error"].mean(), abs=0.005)
    assert context.results["rows"] == len(frame)
    assert len(read_exploration_sample(context, vector_uri, schema, 0.25, 100, 0).sample) == 100


def test_rows_with_reading_keeps_a_reading_inside_the_window_and_not_one_at_its_start():
    rows = labels_at(100, 399.999, 400)[[DEVICE, "timestamp"]]
    readings = labels_at(100)[[DEVICE, "timestamp"]]
    kept = rows_with_reading(rows, readings, "timestamp", 300)
    assert kept["timestamp"].tolist() == rows["timestamp"].tolist()[:2]


def test_rows_with_reading_keeps_none_beside_readings_where_labels_are_made_at_them():
    rows = labels_at(100, 101, 400)[[DEVICE, "timestamp"]]
    readings = labels_at(100, 400)[[DEVICE, "timestamp"]]
    kept = rows_with_reading(rows, readings, "timestamp", 300, at_readings=True)
    assert kept["timestamp"].tolist() == rows["timestamp"].tolist()[::2]


def test_rows_with_reading_does_not_round_a_later_reading_down_to_the_label():
    rows = labels_at(100)[[DEVICE, "timestamp"]].assign(timestamp=lambda f: f["timestamp"].dt.as_unit("s"))
    readings = labels_at(100.4)[[DEVICE, "timestamp"]]
    assert rows_with_reading(rows, readings, "timestamp", 300).empty


def test_a_label_is_left_out_if_its_reading_came_late():
    rows = labels_at(100, 110, 121)[[DEVICE, "timestamp"]]
    readings = labels_at(100, 110, 120)[[DEVICE, "timestamp"]]
    came = START + pd.to_timedelta([100, 500, 120], unit="s")
    kept = rows_with_timely_reading(rows, readings.assign(came=came), "timestamp", "came")
    assert kept["timestamp"].tolist() == rows["timestamp"].iloc[[0, 2]].tolist()


@pytest.mark.parametrize("hindsight", [False, True])
def test_features_of_the_past_show_what_was_known_then(run_db, tmp_path, hindsight):
    schema = make_schema(arrival="came")
    frame = KeyedRows.of(make_frame(), DEVICE, "timestamp").in_event_order().frame
    delay = np.where(np.random.default_rng(0).random(len(frame)) < 0.1, 120, 1)
    frame["came"] = frame["timestamp"] + pd.to_timedelta(delay, unit="s")
    definition = WindowDefinition.from_schema(schema)
    known = windows_as_known(
        KeyedRows.of(frame, DEVICE, "timestamp"), definition, None if hindsight else "came"
    )
    uri = store_vector(frame.assign(heat_avg_1m=known["heat_avg_1m"]), tmp_path)
    vector = fstore.get_feature_vector(uri)
    vector.spec.features = ["device_metrics.heat", "device_metrics.heat_avg_1m"]
    vector.save()
    if hindsight:
        with pytest.raises(
            InputError, match=r"feature 'heat_avg_1m' of .*: must follow from the readings up"
        ):
            read_split(make_context(run_db, tmp_path), uri, schema, split_arguments())
        return
    context = make_context(run_db, tmp_path)
    split = read_split(context, uri, schema, split_arguments(), with_test=True)
    late_rows = int(late(frame, "timestamp", "came").sum())
    assert context.results["rows_with_late_reading"] == late_rows > 50
    assert context.results["rows"] == len(frame) - late_rows
    assert len(split.train) + len(split.test) + split.embargoed_rows == len(frame) - late_rows


def test_label_rows_leave_out_what_the_schema_excludes_and_what_has_no_label():
    schema = make_schema(exclude_labels={"in_repair": 1})
    labels = labels_at(0, 30, 60, 90).assign(in_repair=[0, 1, None, 0], is_error=[0, 1, 1, None])
    found = label_rows_of(labels, schema)
    assert (
        found.rows["timestamp"].tolist()
        == labels["timestamp"].tolist()[:1] + labels["timestamp"].tolist()[2:3]
    )
    assert (found.excluded, found.unlabeled) == (1, 1)


def test_label_rows_name_a_device_and_time_once():
    assert len(label_rows_of(pd.concat([labels_at(0), labels_at(0)]), make_schema()).rows) == 1


def test_labels_without_an_excluding_column_are_refused():
    with pytest.raises(InputError, match=r"labels: must have the column 'in_repair', got \['device'"):
        label_rows_of(labels_at(0), make_schema(exclude_labels={"in_repair": 1}))


def test_a_label_that_is_not_zero_or_one_is_refused():
    with pytest.raises(InputError, match="label 'is_error': must be 0 or 1, got 2"):
        label_rows_of(labels_at(0, value=2), make_schema())


def test_no_labels_at_all_are_refused():
    with pytest.raises(
        InputError,
        match=r"1 label rows \(0 excluded, 0 in error already, 1 without a label\): must leave .* got 0",
    ):
        label_rows_of(labels_at(0).assign(is_error=None), make_schema())


def test_labels_outside_the_telemetrys_period_are_refused(context, run_db, tmp_path, schema, frame):
    uri = store_vector(frame, tmp_path, labels=labels_at(-60, -30))
    with pytest.raises(
        InputError, match="2 labeled rows: must include one with a reading in the 300 s up to it, got 0"
    ):
        read_all(context, uri, schema)


def test_a_vector_with_another_label_is_refused(context, vector_uri):
    with pytest.raises(InputError, match=r"must be 'is_broken', got 'device_labels\.is_error'"):
        read_all(context, vector_uri, make_schema(label="is_broken"))


def test_something_that_is_no_vector_address_is_refused(context, schema):
    with pytest.raises(InputError, match="must be a store://feature-vectors/ address, got 'device_features'"):
        read_all(context, "device_features", schema)


def test_a_feature_that_is_text_is_refused(context, run_db, tmp_path, schema, frame):
    uri = store_vector(frame.assign(noise="high"), tmp_path)
    with pytest.raises(InputError, match="feature 'noise': must be numeric, got 'object'"):
        read_all(context, uri, schema)


def test_a_true_or_false_feature_becomes_a_number(context, run_db, tmp_path, schema, frame):
    uri = store_vector(frame.assign(model_a=frame["model_a"] == 1.0), tmp_path)
    assert set(read_all(context, uri, schema)["model_a"]) == {0.0, 1.0}


def test_only_the_vectors_features_are_read(context, run_db, vector_uri, schema):
    vector = fstore.FeatureVector(
        "two", ["device_metrics.flow", "device_metrics.heat"], label_feature="device_labels.is_error"
    )
    vector.metadata.project = "test-network"
    vector.save()
    frame = read_all(context, vector.uri, schema)
    assert list(frame.columns) == [DEVICE, "timestamp", "flow", "heat", "is_error"]
