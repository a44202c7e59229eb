"""Both engines of ingestion leave the same behind, for MLRun's own readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import redis
import storey.dtypes

from feature_sets import device_metrics
from feature_sets.checks import InputError
from feature_sets.device_metrics import ENGINES, STOREY, VECTORIZED
from feature_sets.feature_vector import all_features
from feature_sets.ingestion.ingest import ingest
from feature_sets.ingestion.telemetry_ingest import ingest_telemetry
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.window_settings import OPERATIONS
from tests.feature_sets.networks import END, SCHEMA, metrics, telemetry


@dataclass
class Left:
    """What an ingestion left behind."""

    counts: dict[str, int]
    records: dict[str, dict[str, Any]]
    frames: dict[str, pd.DataFrame]
    files: dict[str, dict[str, Any]]
    joined: pd.DataFrame
    online: list[dict[str, Any] | None]


class _Clock(storey.dtypes.datetime):
    """The clock by which storey computes the windows of an online request, stopped at the last event."""

    @classmethod
    def now(cls, tz=None):
        return END.to_pydatetime()


def leave(engine: str) -> Left:
    counts = ingest_telemetry(telemetry(), SCHEMA, engine)
    sets = {name: fstore.get_feature_set(name) for name in ("device_metrics", "device_labels", "devices")}
    vector = all_features(SCHEMA)
    vector.save()
    # Times as MLRun stores them: in UTC, without a zone.
    labels = sets["device_labels"].to_dataframe().reset_index()[[DEVICE, "timestamp"]]
    files = {}
    for name in ("device_metrics", "device_labels"):
        root = Path(sets[name].get_target_path("parquet"))
        found = sorted(root.rglob("*.parquet"))
        files[name] = {str(file.parent.relative_to(root)): pq.read_schema(file) for file in found}
        assert len(files[name]) == len(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storey.dtypes, "datetime", _Clock)
        with vector.get_online_feature_service() as service:
            online = service.get([{DEVICE: device} for device in ("dev-0", "dev-1", "dev-2", "nobody")])
    return Left(
        counts=counts,
        records={name: feature_set.to_dict() for name, feature_set in sets.items()},
        frames={name: feature_set.to_dataframe() for name, feature_set in sets.items()},
        files=files,
        joined=vector.get_offline_features(labels, "timestamp").to_dataframe(),
        online=online,
    )


@pytest.fixture(scope="module")
def left(project: str) -> dict[str, Left]:
    return {engine: leave(engine) for engine in (*ENGINES, VECTORIZED)}


@pytest.fixture(scope="module")
def ours(left: dict[str, Left]) -> Left:
    return left[VECTORIZED]


@pytest.fixture(scope="module")
def theirs(left: dict[str, Left]) -> Left:
    return left[STOREY]


def test_both_count_every_row(ours, theirs):
    assert ours.counts == theirs.counts == {"devices": 3, "rows_ingested": 240, "label_rows": 240}


@pytest.mark.parametrize("name", ["device_metrics", "device_labels"])
def test_both_infer_the_same_schema(ours, theirs, name):
    mine, other = ours.records[name]["spec"], theirs.records[name]["spec"]
    # The graph of storey has a step more, which puts our windows in the place of its own.
    assert {**mine, "graph": None} == {**other, "graph": None}


@pytest.mark.parametrize("name", ["device_metrics", "device_labels"])
def test_both_leave_the_same_status_statistics_and_preview(ours, theirs, name):
    mine, other = ours.records[name]["status"], theirs.records[name]["status"]
    assert mine["stats"] == other["stats"]
    assert "hist" in mine["stats"]["cpu" if name == "device_metrics" else "is_error"]
    assert mine["state"] == other["state"]
    assert sorted(mine["preview"][0]) == sorted(other["preview"][0])
    assert len(mine["preview"]) == len(other["preview"]) == 21
    varying = ("run_id", "updated")
    for target in (*mine["targets"], *other["targets"]):
        assert target["run_id"] and target["updated"]
    assert [{**target, **dict.fromkeys(varying)} for target in mine["targets"]] == [
        {**target, **dict.fromkeys(varying)} for target in other["targets"]
    ]
    assert mine["targets"][0]["last_written"] == "2024-01-02 00:05:00+00:00"


@pytest.mark.parametrize("name", ["device_metrics", "device_labels"])
def test_both_write_files_of_the_same_layout_and_schema(ours, theirs, name):
    assert list(ours.files[name]) == ["year=2024/month=01/day=01", "year=2024/month=01/day=02"]
    assert list(theirs.files[name]) == list(ours.files[name])
    for folder, schema in ours.files[name].items():
        # With what pandas notes in it, such as which column is the index.
        assert schema.equals(theirs.files[name][folder], check_metadata=True)


@pytest.mark.parametrize("name", ["device_metrics", "device_labels", "devices"])
def test_mlrun_reads_the_same_rows_back(ours, theirs, name):
    pd.testing.assert_frame_equal(ours.frames[name], theirs.frames[name])


def test_mlrun_joins_the_same_feature_vector(ours, theirs):
    assert len(ours.joined) == 240
    pd.testing.assert_frame_equal(ours.joined, theirs.joined)


def test_mlruns_online_service_answers_the_same(ours, theirs):
    assert ours.online[3] is None and theirs.online[3] is None
    for mine, other in zip(ours.online[:3], theirs.online[:3], strict=True):
        assert mine.keys() == other.keys()
        assert {*SCHEMA.live_features, "model_m0", "model_m1", DEVICE} == mine.keys()
        for name, value in mine.items():
            if name == DEVICE:
                assert value == other[name]
            else:
                # The deviation from storey's sums of squares is less exact than the readings.
                np.testing.assert_allclose(value, other[name], rtol=1e-6, atol=1e-6, err_msg=name)
        assert not np.isnan(mine["cpu_avg_20s"])


def test_an_ingestion_leaves_no_files_and_no_keys_of_an_earlier_one(left, project, local_stack):
    # The module's fixture ingested three times.
    with redis.Redis.from_url(local_stack.info.redis_url) as client:
        keys = list(client.scan_iter(f"*{project}*device_metrics*:static"))
    assert len(keys) == 3
    root = Path(fstore.get_feature_set("device_metrics").get_target_path("parquet"))
    assert [run for run in root.parent.iterdir() if any(run.rglob("*.parquet"))] == [root]


def test_another_engine_is_refused_before_anything_is_read():
    with pytest.raises(ValueError, match="engine: must be among vectorized, storey, got 'spark'"):
        ingest(context=None, telemetry="/nowhere", engine="spark")
    with pytest.raises(ValueError, match="engine: must be among vectorized, storey, got ''"):
        device_metrics.device_metrics(SCHEMA, "")


def test_rows_out_of_order_are_put_in_order_of_event_time(project):
    rows = metrics()
    shuffled = rows.sample(frac=1.0, random_state=3)
    frames = []
    for frame in (rows, shuffled):
        assert ingest_vectorized(device_metrics.device_metrics(SCHEMA), frame).rows == 240
        frames.append(fstore.get_feature_set("device_metrics").to_dataframe())
    pd.testing.assert_frame_equal(*frames)


def test_first_is_refused_for_storey_alone(project):
    schema = with_operations("first", "last")
    with pytest.raises(SchemaError, match="must not name first, which storey computes wrong"):
        ingest_telemetry(telemetry(), schema, STOREY)
    ingest_telemetry(telemetry(), schema, VECTORIZED)
    stored = fstore.get_feature_set("device_metrics").to_dataframe().reset_index()
    rows = stored[stored[DEVICE] == "dev-1"]
    end = rows["timestamp"].iloc[-1]
    buckets = rows["timestamp"].dt.floor("10s")
    within = rows[buckets > end.floor("10s") - pd.Timedelta("1m")]
    assert rows["cpu_first_1m"].iloc[-1] == within["cpu"].iloc[0]


def with_operations(*operations: str) -> TelemetrySchema:
    content = SCHEMA.to_dict()
    return TelemetrySchema.from_dict(
        {**content, "windows": {**content["windows"], "operations": operations}, "derived": {}}
    )


def mlruns_answer(schema: TelemetrySchema, engine: str) -> dict[str, Any]:
    """What MLRun's online service says of a device at the time of its last event."""
    ingest_telemetry(telemetry(), schema, engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storey.dtypes, "datetime", _Clock)
        with all_features(schema).get_online_feature_service() as service:
            (answer,) = service.get([{DEVICE: "dev-1"}])
    return answer


@pytest.mark.parametrize("operations", [("count", "sum"), ("min",), ("last", "sqr"), ("stdvar",)])
def test_mlruns_online_service_answers_the_same_for_every_operation(project, operations):
    schema = with_operations(*operations)
    mine, other = (mlruns_answer(schema, engine) for engine in ENGINES)
    assert {*schema.window_features} < mine.keys() == other.keys()
    for name in schema.window_features:
        np.testing.assert_allclose(mine[name], other[name], rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("operation", ["count", "avg", "max"])
def test_mlruns_online_service_computes_from_our_buckets_what_is_in_our_files(project, operation):
    schema = with_operations(operation)
    answer = mlruns_answer(schema, VECTORIZED)
    stored = fstore.get_feature_set("device_metrics").to_dataframe().loc["dev-1"].iloc[-1]
    for name in schema.window_features:
        np.testing.assert_allclose(answer[name], stored[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("operations", [("first",), ("avg", "first")])
def test_mlruns_online_service_says_that_it_has_no_first_rather_than_a_wrong_one(project, operations):
    with pytest.raises(ValueError, match="Requested aggregates for feature cpu do not match"):
        mlruns_answer(with_operations(*operations), VECTORIZED)


@pytest.mark.skipif("median" not in OPERATIONS, reason="the windows have no median")
def test_a_median_is_refused_for_storey_alone_and_mlrun_reads_ours(project):
    schema = with_operations("median", "avg")
    with pytest.raises(SchemaError, match="must be among those of storey"):
        ingest_telemetry(telemetry(), schema, STOREY)
    answer = mlruns_answer(schema, VECTORIZED)
    stored = fstore.get_feature_set("device_metrics").to_dataframe().loc["dev-1"].iloc[-1]
    for name in schema.window_features:
        np.testing.assert_allclose(answer[name], stored[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("field", "content", "rule"),
    [
        ("expected_interval", "10s", "features of expected_interval: must be ingested by 'netops ingest'"),
        (
            "derived",
            {"relative": {"operations": ["avg"], "windows": ["1m"]}},
            "derived: must be ingested by 'netops ingest'",
        ),
    ],
)
def test_what_mlruns_ingestion_would_leave_out_is_refused_with_the_history_still_there(
    project, field, content, rule
):
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), field: content})
    ingest_telemetry(telemetry(), schema, VECTORIZED)
    with pytest.raises(InputError, match=rule):
        fstore.get_feature_set("device_metrics").ingest(metrics().head())
    assert len(fstore.get_feature_set("device_metrics").to_dataframe()) == 240


def test_counters_are_refused_before_anything_is_deleted():
    counter = {"name": "mine", "metrics": {"octets": {"kind": "counter"}, "load": None}}
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), **counter, "derived": {}, "population": {}})
    with pytest.raises(InputError, match=r"counters: must be ingested by .*octets"):
        device_metrics.device_metrics(schema).validate_steps({})
