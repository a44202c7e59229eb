"""The newest features of devices, beside those that MLRun's own online service gives."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
import redis
import storey.dtypes
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget

from feature_sets.checks import InputError
from feature_sets.device_metrics import STOREY, device_metrics
from feature_sets.feature_vector import all_features, selected_features
from feature_sets.ingestion.telemetry_ingest import ingest_telemetry
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.online_store.errors import OnlineStoreError
from feature_sets.online_store.features import OnlineFeatures
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.networks import END, SCHEMA, metrics, telemetry

END_SECONDS = END.timestamp()
STATIC = ("model_m0", "model_m1")


class Clock:
    def __init__(self, now: float = END_SECONDS) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class _AtTheEnd(storey.dtypes.datetime):
    """The clock by which storey computes the windows of an online request, stopped at the last event."""

    @classmethod
    def now(cls, tz=None):
        return END.to_pydatetime()


@pytest.fixture(scope="module")
def vector(project):
    ingest_telemetry(telemetry(), SCHEMA)
    made = all_features(SCHEMA)
    made.save()
    return made


def table_of(name: str) -> OnlineTable:
    feature_set = fstore.get_feature_set(name)
    return OnlineTable.of(next(t for t in feature_set.status.targets if t.kind == "redisnosql"), feature_set)


def test_values_are_those_of_the_offline_store_in_the_order_of_the_vector(vector):
    stored = fstore.get_feature_set("device_metrics").to_dataframe().groupby(DEVICE).tail(1)
    with OnlineFeatures(vector, clock=Clock()) as online:
        rows = online.get(["dev-2", "dev-0", "dev-2"])
        assert online.names == (*SCHEMA.live_features, *STATIC)
    assert [row.device for row in rows] == ["dev-2", "dev-0", "dev-2"]
    for row in rows:
        assert tuple(row.features) == online.names
        for name in (*SCHEMA.metric_names, *SCHEMA.window_features):
            # To the last bit, and NaN where there was no reading.
            np.testing.assert_array_equal(row.features[name], stored.loc[row.device, name], err_msg=name)
    assert [rows[0].features[name] for name in STATIC] == [1, 0]


def test_values_equal_those_of_mlruns_own_service(vector, monkeypatch):
    devices = ["dev-0", "dev-1", "dev-2"]
    monkeypatch.setattr(storey.dtypes, "datetime", _AtTheEnd)
    with vector.get_online_feature_service() as service:
        theirs = service.get([{DEVICE: device} for device in devices])
    with OnlineFeatures(vector.uri, clock=Clock()) as online:
        ours = online.get(devices)
    for mine, other in zip(ours, theirs, strict=True):
        assert other.pop(DEVICE) == mine.device
        assert mine.features.keys() == other.keys()
        for name, value in mine.features.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-6, atol=1e-6, err_msg=name)


def test_a_device_is_fresh_until_its_time_to_live_has_passed(vector):
    clock = Clock()
    with OnlineFeatures(vector, time_to_live=30, clock=clock) as online:
        for after, status in ((0.0, "fresh"), (30.0, "fresh"), (30.5, "stale"), (-5.0, "fresh")):
            clock.now = END_SECONDS + after
            (row,) = online.get(["dev-1"])
            assert (row.status, row.age_seconds) == (status, after)
            assert row.event_time == END.to_pydatetime() and row.event_time.tzinfo is UTC
            assert row.features["cpu"] is not None
    with OnlineFeatures(vector, clock=Clock(END_SECONDS + 1e9)) as online:
        assert online.get(["dev-1"])[0].status == "fresh"


def test_missing_devices_do_not_fail_the_others(vector):
    with OnlineFeatures(vector, clock=Clock()) as online:
        unknown, known = online.get(["nobody", "dev-0"])
    assert (unknown.status, unknown.event_time, unknown.age_seconds) == ("missing", None, None)
    assert set(unknown.features.values()) == {None} and tuple(unknown.features) == online.names
    assert known.status == "fresh"


def test_a_device_that_is_known_but_never_reported_is_missing_with_its_static_features(vector):
    with redis.Redis.from_url(table_of("devices").url) as client:
        key = table_of("devices").key("dev-new")
        client.hset(key, mapping={"\x01_mtime_": 1, "model_m0": 1, "model_m1": 0})
        with OnlineFeatures(vector, clock=Clock()) as online:
            (row,) = online.get(["dev-new"])
        client.delete(key)
    assert row.status == "missing"
    assert (row.features["model_m0"], row.features["cpu"]) == (1, None)


def test_a_device_without_static_features_is_fresh_without_them(vector):
    with redis.Redis.from_url(table_of("devices").url) as client:
        key = table_of("devices").key("dev-0")
        kept = client.dump(key)
        client.delete(key)
        try:
            with OnlineFeatures(vector, clock=Clock()) as online:
                (row,) = online.get(["dev-0"])
        finally:
            client.restore(key, 0, kept)
    assert row.status == "fresh"
    assert (row.features["model_m0"], row.features["cpu"]) == (None, pytest.approx(row.features["cpu"]))


def test_all_devices_and_feature_sets_take_one_round_trip(vector):
    with OnlineFeatures(vector, clock=Clock()) as online:
        online.get(["dev-0"])
        sent = []
        send = online._connection.send_packed_command
        online._connection.send_packed_command = lambda *args, **kwargs: (
            sent.append(args),
            send(*args, **kwargs),
        )
        assert len(online.get(["dev-0", "dev-1", "nobody"] * 50)) == 150
    assert len(sent) == 1


def test_features_keep_the_order_and_the_names_of_the_vector(vector):
    chosen = selected_features(SCHEMA, ["model_m1", "latency_max_1m", "cpu"])
    with OnlineFeatures(chosen, clock=Clock()) as online:
        assert list(online.get(["dev-1"])[0].features) == ["model_m1", "latency_max_1m", "cpu"]
    named = fstore.FeatureVector("named", ["devices.model_m1 as m", "device_metrics.cpu", "devices.*"])
    with OnlineFeatures(named, clock=Clock()) as online:
        features = online.get(["dev-1"])[0].features
    assert list(features) == ["m", "cpu", "model_m0", "model_m1"]
    assert (features["m"], features["model_m0"], features["model_m1"]) == (1, 0, 1)


def test_a_vector_without_times_is_fresh_or_missing(vector):
    static = fstore.FeatureVector("static", ["devices.*"])
    with OnlineFeatures(static, time_to_live=1) as online:
        known, unknown = online.get(["dev-0", "nobody"])
    assert (known.status, known.event_time, known.age_seconds) == ("fresh", None, None)
    assert unknown.status == "missing"


def test_every_type_of_value_is_read_as_it_was_written(project):
    feature_set = fstore.FeatureSet("typed", entities=[DEVICE], timestamp_key="at")
    feature_set.set_targets([RedisNoSqlTarget("now")], with_defaults=False)
    moment = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    rows = pd.DataFrame(
        {
            DEVICE: ["ä/1", "b", "c"],
            "at": pd.to_datetime([moment] * 3).as_unit("us"),
            "seen": [moment, moment - timedelta(days=30000), pd.NaT],
            "text": ["12", "nan", None],
            "whole": [2**53 + 1, -1, 0],
            "truth": [True, False, True],
            "number": [0.1 + 0.2, -0.0, -math.inf],
        }
    )
    ingest_vectorized(feature_set, rows)
    with OnlineFeatures(fstore.FeatureVector("typed-vector", ["typed.*"])) as online:
        first, second, third = (row.features for row in online.get(["ä/1", "b", "c"]))
    assert first == {"seen": moment, "text": "12", "whole": 2**53 + 1, "truth": True, "number": 0.1 + 0.2}
    assert second["seen"] == moment - timedelta(days=30000) and second["text"] == "nan"
    assert math.copysign(1, second["number"]) == -1 and second["truth"] is False
    assert third == {"seen": None, "text": None, "whole": 0, "truth": True, "number": -math.inf}


def test_an_idle_connection_that_the_server_closed_is_opened_again(vector):
    with OnlineFeatures(vector, clock=Clock()) as online:
        before = online.get(["dev-0"])
        with redis.Redis.from_url(table_of("devices").url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert repr(online.get(["dev-0"])) == repr(before)
        online.close()
        assert repr(online.get(["dev-0"])) == repr(before)


def test_threads_share_one_reader(vector):
    answers = {}
    with OnlineFeatures(vector, clock=Clock()) as online:
        expected = {device: online.get([device]) for device in ("dev-0", "dev-1", "dev-2")}

        def read(device):
            answers[device] = [online.get([device]) for _ in range(50)]

        threads = [threading.Thread(target=read, args=(device,)) for device in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # As text, in which a window without readings equals itself.
    for device, rows in expected.items():
        assert repr(answers[device]) == repr([rows] * 50)


def test_a_store_that_is_away_is_an_error(vector, monkeypatch):
    online = OnlineFeatures(vector)
    pool = redis.ConnectionPool.from_url("redis://user:secret@127.0.0.1:2")
    monkeypatch.setattr(online, "_pool", pool)
    with pytest.raises(OnlineStoreError, match="the online store must answer, got ConnectionError") as raised:
        online.get(["dev-0"])
    assert "secret" not in str(raised.value)


def test_a_key_that_holds_something_else_is_an_error_and_the_next_request_is_answered(vector):
    with redis.Redis.from_url(table_of("devices").url) as client, OnlineFeatures(vector) as online:
        key = table_of("device_metrics").key("odd")
        client.set(key, "text")
        with pytest.raises(OnlineStoreError, match="WRONGTYPE"):
            online.get(["dev-1", "odd", "dev-0"])
        client.delete(key)
        assert online.get(["dev-0"])[0].features["cpu"] is not None


def test_a_value_that_is_not_of_its_type_is_an_error_that_names_it(vector):
    table = table_of("device_metrics")
    chosen = selected_features(SCHEMA, ["cpu", "latency"])
    with redis.Redis.from_url(table.url) as client, OnlineFeatures(chosen) as online:
        kept = client.hget(table.key("dev-0"), "cpu")
        client.hset(table.key("dev-0"), "cpu", "much")
        try:
            with pytest.raises(
                OnlineStoreError, match="feature 'cpu' of 'dev-0': must be of its type, got b'much"
            ):
                online.get(["dev-0"])
        finally:
            client.hset(table.key("dev-0"), "cpu", kept)


def test_numbers_are_the_same_whatever_else_is_in_their_row(project):
    """Rows without gaps are decoded in another way than those with them."""
    feature_set = fstore.FeatureSet("numbers", entities=[DEVICE], timestamp_key="at")
    feature_set.set_targets([RedisNoSqlTarget("now")], with_defaults=False)
    numbers = [
        5e-324,
        1.7976931348623157e308,
        -0.0,
        0.1 + 0.2,
        1 / 3,
        50.0,
        1e22,
        123456789.123456789,
        2.0**53,
    ]
    rows = pd.DataFrame(
        {DEVICE: [f"d{at}" for at in range(9)], "at": END, "x": numbers, "y": 1.0, "z": np.nan}
    )
    ingest_vectorized(feature_set, rows)
    for names in ("xy", "xz"):
        wanted = fstore.FeatureVector("numbers-vector", [f"numbers.{name}" for name in names])
        with OnlineFeatures(wanted) as online:
            found = [row.features["x"] for row in online.get(rows[DEVICE].tolist())]
        assert list(map(repr, found)) == list(map(repr, numbers))


@pytest.mark.parametrize("devices", [[], (), "dev-0", None])
def test_a_request_needs_a_list_of_devices(vector, devices):
    with (
        OnlineFeatures(vector) as online,
        pytest.raises(ValueError, match="must be a list of one or more keys"),
    ):
        online.get(devices)


@pytest.mark.parametrize("device", ["", 5, None, b"dev-0"])
def test_a_device_is_text(vector, device):
    with (
        OnlineFeatures(vector) as online,
        pytest.raises(ValueError, match="must be keys, text that is not empty"),
    ):
        online.get(["dev-0", device])


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_a_time_to_live_is_positive(vector, seconds):
    with pytest.raises(ValueError, match="time_to_live: must be a positive number of seconds or None"):
        OnlineFeatures(vector, time_to_live=seconds)


def test_vectors_that_cannot_be_read_are_refused(vector, project):
    def refused(vector, message):
        with pytest.raises(InputError, match=message):
            OnlineFeatures(vector)

    refused(fstore.FeatureVector("none", []), "'none': must have features")
    offline = fstore.FeatureSet("offline", entities=[DEVICE])
    offline.set_targets([ParquetTarget("f")], with_defaults=False)
    ingest_vectorized(offline, pd.DataFrame({DEVICE: ["a"], "x": [1]}))
    refused(
        fstore.FeatureVector("v", ["offline.x"]),
        "must have an ingested Redis target in feature set 'offline'",
    )
    other = fstore.FeatureSet("other", entities=["site"])
    other.set_targets([RedisNoSqlTarget("now")], with_defaults=False)
    ingest_vectorized(other, pd.DataFrame({"site": ["a"], "y": [1]}))
    refused(fstore.FeatureVector("v", ["devices.*", "other.y"]), "feature sets of one and the same entity")
    stepped = fstore.FeatureVector("v", ["devices.*"])
    stepped.spec.graph.add_step("storey.Map", "step", after="$prev", _fn="(event)")
    refused(stepped, r"must have no graph of its own, got \['step'\]")


def test_rows_that_storey_wrote_are_an_error_that_says_so(vector, project):
    ingest_telemetry(telemetry(), SCHEMA, STOREY)
    try:
        with (
            OnlineFeatures(all_features(SCHEMA)) as online,
            pytest.raises(OnlineStoreError, match="'device_metrics': the row of 'dev-0' must have an event"),
        ):
            online.get(["dev-0"])
    finally:
        ingest_telemetry(telemetry(), SCHEMA)


def test_the_features_of_a_device_are_replaced_by_its_next_event(vector, project):
    later = metrics(devices=1, seed=5, end=END + pd.Timedelta("1m"))
    ingest_vectorized(device_metrics(SCHEMA), later, overwrite=False)
    with OnlineFeatures(all_features(SCHEMA), clock=Clock()) as online:
        first, second = online.get(["dev-0", "dev-1"])
    assert (first.age_seconds, second.age_seconds) == (-60.0, 0.0)
    assert first.features["cpu"] == later["cpu"].iloc[-1]
