from types import SimpleNamespace

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from graphs.preprocess import Preprocess
from graphs.protocol.records import TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.reading_history import ReadingHistory, stored_readings
from tests.graphs.conftest import START, before, step_context

STEP = 7.0
NOW = START + 1e6


def readings(schema, devices=("a/1", "a/2"), count=100):
    rows = [
        {DEVICE: device, schema.time: START + index * STEP, "cpu": index % 13.0, "latency": index * 0.5}
        for index in range(count)
        for device in devices
    ]
    frame = pd.DataFrame(rows)
    frame[schema.time] = pd.to_datetime(frame[schema.time], unit="s", utc=True)
    return frame


class Store:
    """Ingested rows, and how often they were asked for."""

    def __init__(self, frame, time):
        self.frame, self.time, self.reads = frame, time, []

    def __call__(self, start, end):
        self.reads.append((start, end))
        times = self.frame[self.time]
        return self.frame[(times > start) & (times <= end)]


@pytest.fixture
def store(schema):
    return Store(readings(schema), schema.time)


def test_the_readings_of_one_longest_window_before_the_event_come_in_order(schema, store):
    time = START + 60 * STEP
    found = before(ReadingHistory(store, schema), "a/1", time, time)
    times = [at for at, _ in found]
    # (t - 5 min, t): a reading at t counts as the event itself, one at t - 5 min is outside.
    assert times == [START + i * STEP for i in range(18, 60)]
    assert found[-1][1] == {"cpu": 59 % 13.0, "latency": 29.5}


def test_of_a_longer_stretch_that_was_read_a_window_is_taken_without_its_older_edge(schema, store):
    history = ReadingHistory(store, schema)
    before(history, "a/1", START + 60 * STEP, NOW)
    # Longest window 5 min: the reading at its older edge, t - 5 min, is outside.
    times = [at for at, _ in before(history, "a/1", START + 28 * STEP + 300, NOW)]
    assert len(store.reads) == 1
    assert times[0] == START + 29 * STEP


def test_one_read_serves_all_devices_of_about_the_same_time(schema, store):
    history = ReadingHistory(store, schema)
    before(history, "a/1", START + 60 * STEP, NOW)
    assert before(history, "a/2", START + 61 * STEP - 1, NOW)
    assert before(history, "a/9", START + 60 * STEP, NOW) == []
    assert len(store.reads) == 1
    before(history, "a/2", START + 400 * STEP, NOW)
    assert len(store.reads) == 2


def test_an_empty_stretch_has_no_readings(schema, store):
    assert before(ReadingHistory(store, schema), "a/1", START - 1e6, NOW) == []


def live(history, monkeypatch, package):
    monkeypatch.setattr("graphs.preprocess.stored_readings", lambda uri, schema: history)
    return Preprocess(step_context(package, devices=None, history="store://feature-sets/p/m"))


def request(*events, arrival):
    return Request(
        kind=Kind.TELEMETRY,
        method="POST",
        path="/telemetry",
        started=0.0,
        arrival=arrival,
        telemetry=[TelemetryRecord(reading, place) for place, reading in enumerate(events)],
    )


def event(index, device="a/1", offset=0.0):
    from feature_sets.telemetry.events import TelemetryEvent

    return TelemetryEvent(
        device, START + index * STEP + offset, {"cpu": index % 13.0, "latency": index * 0.5}
    )


def test_the_first_live_features_equal_those_of_an_uninterrupted_stream(schema, package, store, monkeypatch):
    step = live(ReadingHistory(store, schema), monkeypatch, package)
    answered = request(event(100), event(101), arrival=START + 1e6)
    step.handle(answered)
    uninterrupted = OnlineWindows(WindowDefinition.from_schema(schema), lambda: START + 1e6)
    for index in range(102):
        expected = uninterrupted.update(
            {DEVICE: "a/1", schema.time: START + index * STEP, "cpu": index % 13.0, "latency": index * 0.5}
        )
        if index >= 100:
            features = answered.telemetry[index - 100].features
            for name in schema.window_features:
                np.testing.assert_allclose(features[name], expected[name], rtol=1e-12)
    assert len(store.reads) == 1


def test_an_event_from_the_future_does_not_use_up_the_history(schema, package, store, monkeypatch):
    step = live(ReadingHistory(store, schema), monkeypatch, package)
    now = START + 101 * STEP
    early = request(event(100, offset=1e5), event(100), arrival=now)
    step.handle(early)
    assert [record.status for record in early.telemetry] == ["quarantined", "accepted"]
    features = early.telemetry[1].features
    assert features["cpu_avg_5m"] != features["cpu"]


def test_a_history_that_could_not_be_read_is_read_for_the_next_event(schema, package, store, monkeypatch):
    def read(start, end):
        if not store.reads:
            store.reads.append((start, end))
            raise OSError("the disk is away")
        return store(start, end)

    step = live(ReadingHistory(read, schema), monkeypatch, package)
    with pytest.raises(OSError, match="the disk is away"):
        step.handle(request(event(100), arrival=START + 1e6))
    answered = request(event(100), arrival=START + 1e6)
    step.handle(answered)
    (record,) = answered.telemetry
    assert record.status == "accepted"
    assert record.features["latency_avg_5m"] < record.features["latency"] == 50.0


def test_a_device_that_comes_back_after_long_starts_from_the_history_again(
    schema, package, store, monkeypatch
):
    step = live(ReadingHistory(store, schema), monkeypatch, package)
    step.handle(request(event(1), arrival=START + STEP))
    step.handle(request(event(30, device="a/2"), arrival=START + 30 * STEP))
    store.frame = readings(schema, count=220)  # The readings of the meantime were ingested.
    step.handle(request(event(200, device="a/2"), arrival=START + 200 * STEP))
    assert step._started == {"a/2"}
    answered = request(event(210), arrival=START + 210 * STEP)
    step.handle(answered)
    uninterrupted = OnlineWindows(WindowDefinition.from_schema(schema), lambda: START + 1e6)
    for row in readings(schema, devices=("a/1",), count=211).to_dict("records"):
        expected = uninterrupted.update(row)
    for name in schema.window_features:
        np.testing.assert_allclose(answered.telemetry[0].features[name], expected[name], rtol=1e-12)


def test_readings_that_a_replay_gives_itself_are_left_out_until_it_is_over(schema, store):
    history = ReadingHistory(store, schema)
    history.leave_out([("a/1", START + 59 * STEP), ("a/2", START + 58 * STEP)])
    times = [at for at, _ in before(history, "a/1", START + 60 * STEP, NOW)]
    assert times[-2:] == [START + 57 * STEP, START + 58 * STEP]
    history.leave_out(())
    assert len(before(history, "a/1", START + 60 * STEP, NOW)) == len(times) + 1


def test_with_an_arrival_what_had_arrived_is_given_in_that_order(schema):
    arriving = TelemetrySchema.from_dict({**schema.to_dict(), "arrival": "received"})
    frame = readings(schema, devices=("a/1",), count=5)
    late = pd.to_timedelta([0.0, 100.0, 0.0, 0.0, 2.0], unit="s")
    frame["received"] = frame[schema.time] + late
    history = ReadingHistory(Store(frame, schema.time), arriving)
    found = before(history, "a/1", START + 2.5 * STEP, START + 4 * STEP + 1)
    assert [at for at, _ in found] == [START, START + 2 * STEP, START + 3 * STEP]
    found = before(history, "a/1", START + 2.5 * STEP, START + 200)
    assert [at for at, _ in found] == [START + at * STEP for at in (0, 2, 3, 4, 1)]


def test_a_history_that_moved_twice_since_the_endpoint_started_is_found(monkeypatch, schema):
    rows = readings(schema)
    folders = ["now"]

    def found(_uri):
        folder = folders[-1]

        def to_dataframe(columns, **_):
            if folder != folders[-1]:
                raise FileNotFoundError(folder)
            return rows[[DEVICE, schema.time, *columns]].set_index(DEVICE)

        features = dict.fromkeys(schema.metric_names)
        return SimpleNamespace(spec=SimpleNamespace(features=features), to_dataframe=to_dataframe)

    monkeypatch.setattr(fstore, "get_feature_set", found)
    history = stored_readings("store://feature-sets/p/device_metrics", schema)
    assert len(before(history, "a/1", START + 60 * STEP, NOW)) == 42
    folders.append("later")
    assert len(before(history, "a/1", START + 5000.0, NOW)) == 0
    assert len(before(history, "a/2", START + 60 * STEP, NOW)) == 42


def test_a_history_of_another_schema_is_told_when_the_endpoint_starts(monkeypatch, schema):
    features = dict.fromkeys(schema.metric_names[1:])
    found = SimpleNamespace(spec=SimpleNamespace(features=features))
    monkeypatch.setattr(fstore, "get_feature_set", lambda _uri: found)
    with pytest.raises(
        InputError, match=f"must hold {schema.metric_names[0]} of schema .* 'netops run' trains"
    ):
        stored_readings("store://feature-sets/p/device_metrics", schema)


def test_a_history_that_was_replaced_by_one_of_another_schema_has_nothing_for_the_endpoint(
    monkeypatch, schema
):
    names = [list(schema.metric_names)]

    def found(_uri):
        features = dict.fromkeys(names[-1])

        def to_dataframe(columns, **_):
            return readings(schema)[[DEVICE, schema.time, *columns]].set_index(DEVICE)

        return SimpleNamespace(spec=SimpleNamespace(features=features), to_dataframe=to_dataframe)

    monkeypatch.setattr(fstore, "get_feature_set", found)
    history = stored_readings("store://feature-sets/p/device_metrics", schema)
    assert before(history, "a/1", START + 60 * STEP, NOW)
    names.append(names[0][1:])
    history.refresh()
    assert before(history, "a/1", START + 60 * STEP, NOW) == []


def test_a_replacement_by_another_schema_that_nobody_told_of_leaves_nothing_either(monkeypatch, schema):
    """The files of the schema before are gone, and the endpoint learns only from that."""
    names = [list(schema.metric_names)]

    def found(_uri):
        metrics = names[-1]

        def to_dataframe(columns, **_):
            if metrics is not names[-1]:
                raise FileNotFoundError
            return readings(schema)[[DEVICE, schema.time, *metrics]][columns]

        return SimpleNamespace(
            spec=SimpleNamespace(features=dict.fromkeys(metrics)), to_dataframe=to_dataframe
        )

    monkeypatch.setattr(fstore, "get_feature_set", found)
    history = stored_readings("store://feature-sets/p/device_metrics", schema)
    names.append(names[0][1:])
    assert before(history, "a/1", START + 60 * STEP, NOW) == []
