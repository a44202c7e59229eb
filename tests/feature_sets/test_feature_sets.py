import mlrun.feature_store as fstore
import pandas as pd
import pytest

from feature_sets import device_labels, device_metrics, devices, feature_vector
from feature_sets.ingestion.storey_ingest import newest_window
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition

SCHEMA = TelemetrySchema.load()


def with_windows(**windows):
    return TelemetrySchema.from_dict({**SCHEMA.to_dict(), "windows": windows, "derived": {}})


def test_the_rolling_set_asks_for_every_window_of_the_schema():
    feature_set = device_metrics.device_metrics(SCHEMA)
    assert set(SCHEMA.window_features) <= set(feature_set.spec.features.keys())
    assert WindowDefinition.from_feature_set(feature_set).feature_names == SCHEMA.window_features
    assert {target.kind for target in feature_set.spec.targets} == {"parquet", "redisnosql"}


def test_arrival_times_are_refused_for_storey_alone():
    content = {**TelemetrySchema.load().to_dict(), "arrival": "received"}
    with pytest.raises(SchemaError, match="'arrival': must be absent for storey"):
        device_metrics.device_metrics(TelemetrySchema.from_dict(content), device_metrics.STOREY)
    device_metrics.device_metrics(TelemetrySchema.from_dict(content))


def test_an_operation_that_storey_computes_wrong_is_refused_for_storey_alone():
    with pytest.raises(SchemaError, match="must not name first, which storey computes wrong"):
        device_metrics.device_metrics(with_windows(operations=["avg", "first"]), device_metrics.STOREY)
    feature_set = device_metrics.device_metrics(with_windows(operations=["avg", "first"]))
    assert WindowDefinition.from_feature_set(feature_set).operations == ("avg", "first")


def test_static_values_are_text_in_sorted_categories_and_missing_is_none_of_them():
    static = pd.DataFrame({DEVICE: ["a", "b", "c"], "model": ["x9", None, "x1"], "country": [1, 2, 1]})
    assert devices.categories(SCHEMA, static) == {"model": ["x1", "x9"], "country": ["1", "2"]}
    assert devices.as_names(static, SCHEMA.static)["model"].tolist() == ["x9", "", "x1"]
    assert static["country"].tolist() == [1, 2, 1]


def test_labels_have_an_offline_target_only():
    assert [target.kind for target in device_labels.device_labels(SCHEMA).spec.targets] == ["parquet"]


def test_the_population_keeps_its_devices_in_order():
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "population": {"up": True, "role": "edge"}})
    static = pd.DataFrame(
        {DEVICE: ["a", "b", "c"], "up": [True, True, False], "role": ["edge", "core", "edge"]}
    )
    rows = pd.DataFrame({DEVICE: ["c", "a", "b", "a"], "x": [1, 2, 3, 4]})
    assert device_labels.within_population(schema, rows, static)["x"].tolist() == [2, 4]
    assert len(device_labels.within_population(SCHEMA, rows, static)) == 4


def test_a_label_counts_by_what_held_of_its_device_at_its_time():
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "population": {"up": True}})
    times = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"], utc=True)
    static = pd.DataFrame(
        {
            DEVICE: ["a", "a", "b", "b", "c"],
            "valid_from": [pd.NaT, times[1], times[1], times[2], pd.NaT],
            "up": [True, False, False, True, True],
        }
    )
    rows = pd.DataFrame({DEVICE: ["a", "b", "c", "d"] * 3, "timestamp": times.repeat(4)})
    rows = rows.sample(frac=1.0, random_state=1).reset_index(drop=True)
    kept = device_labels.within_population(schema, rows, static)
    # What is first known of a device holds before, too.
    assert sorted(kept[DEVICE] + kept["timestamp"].dt.strftime("%d")) == ["a01", "b03", "c01", "c02", "c03"]
    assert kept.index.is_monotonic_increasing
    once = static.drop_duplicates(DEVICE)
    assert set(device_labels.within_population(schema, rows, once)[DEVICE]) == {"a", "c"}


def test_narrow_integers_become_plain_ones():
    labels = pd.DataFrame({"y": pd.Series([0, 1], dtype="int8"), "cause": ["a", None]})
    plain = device_labels.plain_integers(labels)
    assert plain["y"].dtype == "int64"
    assert plain["cause"].tolist() == ["a", None]


def test_the_vector_lists_metrics_windows_and_static_facts_with_the_label():
    vector = feature_vector.all_features(SCHEMA)
    assert vector.spec.features[: len(SCHEMA.metric_names)] == [
        f"device_metrics.{name}" for name in SCHEMA.metric_names
    ]
    assert vector.spec.features[-1] == "devices.*"
    assert vector.spec.label_feature == "device_labels.is_error"
    assert isinstance(vector, fstore.FeatureVector)


def test_selected_features_keep_their_order_and_their_set():
    vector = feature_vector.selected_features(SCHEMA, ["model_x1", "latency_avg_1m", "latency"])
    assert vector.spec.features == [
        "devices.model_x1",
        "device_metrics.latency_avg_1m",
        "device_metrics.latency",
    ]


def test_the_newest_window_reaches_one_period_beyond_the_longest_window():
    times = pd.date_range("2024-01-01", periods=100, freq="10s", tz="UTC")
    frame = pd.DataFrame({DEVICE: "a", SCHEMA.time: times})
    early = pd.DataFrame({DEVICE: "b", SCHEMA.time: times[:1]})
    kept = newest_window(pd.concat([frame, early]), SCHEMA)
    # 5 minutes and one period of 10 s before the newest row, which itself counts.
    assert (kept[DEVICE] == "a").sum() == 31
    assert (kept[DEVICE] == "b").sum() == 1
