import dataclasses
from itertools import islice

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.ingestion.sources import SIMULATION_START
from feature_sets.telemetry import simulator
from feature_sets.telemetry.events import EventParser
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.readers import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork
from project import live_telemetry
from project.live_telemetry import NothingNewerError, batches, label_bodies, recorded, simulated
from project.parameters import DEFAULTS

SCHEMA = TelemetrySchema.load()


@pytest.fixture
def telemetry():
    return next(simulated(SCHEMA, devices=3, history_ticks=100, seed=1))


def test_the_simulation_goes_on_after_its_history_without_a_gap():
    first, second = islice(simulated(SCHEMA, devices=3, history_ticks=100, seed=1), 2)
    history_end = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(seconds=10) * 100
    assert first.metrics[SCHEMA.time].min() >= history_end
    assert second.metrics[SCHEMA.time].min() > first.metrics[SCHEMA.time].max() - pd.Timedelta(seconds=10)
    assert not pd.concat([first.metrics, second.metrics])[[DEVICE, SCHEMA.time]].duplicated().any()


def test_the_stream_after_a_history_of_the_default_length_needs_none_of_it():
    ticks = DEFAULTS["ticks"]
    simulator._block.cache_clear()
    first = next(simulated(SCHEMA, devices=20, history_ticks=ticks, seed=1))
    assert simulator._block.cache_info().misses <= 2
    network = SimulatedNetwork(devices=20, start=SIMULATION_START, ticks=ticks, seed=1)
    pd.testing.assert_frame_equal(first.metrics, network.generate(ticks, 60).metrics)
    assert first.metrics[SCHEMA.time].max() < SIMULATION_START + pd.Timedelta(days=30)


def test_a_second_stream_starts_after_what_was_already_streamed(telemetry):
    seen = telemetry.metrics[SCHEMA.time].sort_values().iloc[10]
    resumed = next(simulated(SCHEMA, devices=3, history_ticks=100, seed=1, after=seen))
    assert resumed.metrics[SCHEMA.time].min() > seen
    both = resumed.metrics.merge(telemetry.metrics)
    assert len(both) == len(telemetry.metrics) - 11


def test_a_stream_that_goes_on_much_later_does_not_play_the_time_between():
    later = pd.Timestamp("2024-06-01", tz="UTC")
    resumed = next(simulated(SCHEMA, devices=3, history_ticks=100, seed=1, after=later))
    times = resumed.metrics[SCHEMA.time]
    assert later < times.min() < times.max() < later + pd.Timedelta(minutes=11)


def test_batches_keep_event_order_and_every_label_follows_its_event_by_the_delay(telemetry):
    cut = list(batches(iter([telemetry]), SCHEMA, size=7, label_delay_seconds=60))
    sent = [event for batch in cut for event in batch.telemetry]
    times = [event[SCHEMA.time] for event in sent]
    assert times == sorted(times)
    assert len(sent) == len(telemetry.metrics)
    assert all(set(event) == {DEVICE, SCHEMA.time, *SCHEMA.metric_names} for event in sent)
    labels = [label for batch in cut for label in batch.labels]
    assert len(labels) == len(telemetry.labels)
    for batch in cut:
        if batch.telemetry:
            newest = pd.Timestamp(batch.telemetry[-1][SCHEMA.time])
            assert all(newest - pd.Timestamp(x[SCHEMA.time]) >= pd.Timedelta("60s") for x in batch.labels)
    assert cut[-1].telemetry == []
    assert cut[-1].labels


def test_labels_outstanding_at_the_end_of_a_chunk_come_with_the_next(telemetry):
    whole = list(batches(iter([telemetry]), SCHEMA, size=10, label_delay_seconds=60))
    early = telemetry.metrics[SCHEMA.time] < telemetry.metrics[SCHEMA.time].iloc[90]
    halves = [
        Telemetry(telemetry.metrics[rows], telemetry.labels[rows.to_numpy()], telemetry.static)
        for rows in (early, ~early)
    ]
    assert list(batches(iter(halves), SCHEMA, size=10, label_delay_seconds=60)) == whole


def test_rows_become_events_a_batch_at_a_time(telemetry, monkeypatch):
    counts = []
    original = live_telemetry._bodies
    monkeypatch.setattr(
        live_telemetry, "_bodies", lambda *args: counts.append(len(args[0])) or original(*args)
    )
    next(batches(iter([telemetry]), SCHEMA, size=7, label_delay_seconds=60))
    assert counts == [7, 0]


def test_a_missing_reading_is_null(telemetry):
    metrics = telemetry.metrics.copy()
    metrics.loc[metrics.index[0], SCHEMA.metric_names[0]] = float("nan")
    holed = Telemetry(metrics=metrics, labels=telemetry.labels, static=telemetry.static)
    batch = next(batches(iter([holed]), SCHEMA, size=10_000, label_delay_seconds=60))
    nulls = [event for event in batch.telemetry if event[SCHEMA.metric_names[0]] is None]
    assert len(nulls) == 1


def test_a_recording_replays_what_comes_after_training(tmp_path, telemetry):
    write_folder(tmp_path, telemetry)
    trained_until = telemetry.metrics[SCHEMA.time].sort_values().iloc[100]
    replayed = next(recorded(SCHEMA, str(tmp_path), trained_until))
    assert replayed.metrics[SCHEMA.time].min() > trained_until
    assert len(replayed.metrics) == len(telemetry.metrics) - 101
    assert replayed.labels[SCHEMA.time].min() > trained_until


def test_a_recording_that_ends_with_training_is_refused(tmp_path, telemetry):
    write_folder(tmp_path, telemetry)
    with pytest.raises(InputError, match="must hold metrics later than the last training row, 2024"):
        next(recorded(SCHEMA, str(tmp_path), telemetry.metrics[SCHEMA.time].max()))


def test_what_is_newer_than_the_endpoint_knows_is_streamed_as_it_is(tmp_path, telemetry):
    write_folder(tmp_path, telemetry)
    times = telemetry.metrics[SCHEMA.time].sort_values()
    newer = next(recorded(SCHEMA, str(tmp_path), times.iloc[100], times.iloc[150]))
    assert sorted(newer.metrics[SCHEMA.time]) == [time for time in times if time > times.iloc[150]]


def test_a_recording_is_never_sent_to_the_endpoint_as_if_it_happened_again(tmp_path, telemetry):
    write_folder(tmp_path, telemetry)
    end = telemetry.metrics[SCHEMA.time].max()
    trained_until = telemetry.metrics[SCHEMA.time].sort_values().iloc[100]
    with pytest.raises(NothingNewerError, match=r"newest event of the endpoint; what is recorded is played"):
        next(recorded(SCHEMA, str(tmp_path), trained_until, end))


def test_a_label_is_sent_with_what_may_exclude_it(telemetry):
    schema = dataclasses.replace(SCHEMA, exclude_labels={"maintenance": True, "absent": 1})
    labels = telemetry.labels.head(3).assign(maintenance=[True, False, None])
    bodies = label_bodies(labels, schema)
    assert [body["maintenance"] for body in bodies] == [True, False, None]
    assert all("absent" not in body for body in bodies)
    assert [EventParser(schema).label(body).others for body in bodies] == [
        ("true", None),
        ("false", None),
        (),
    ]


def test_a_recording_with_incidents_is_sent_with_labels_at_its_readings(tmp_path):
    schema = TelemetrySchema.from_dict(
        {
            "name": "lab",
            "entity": ["box"],
            "time": "at",
            "metrics": {"load": {}},
            "label": "bad",
            "labels": {"form": "incidents"},
        }
    )
    times = pd.date_range("2024-05-01", periods=6, freq="10s", tz="UTC")
    pd.DataFrame({"box": "r1", "at": times, "load": 1.0}).to_csv(tmp_path / "metrics.csv", index=False)
    incident = pd.DataFrame({"box": ["r1"], "start": [times[3]], "end": [times[5]]})
    incident.to_csv(tmp_path / "incidents.csv", index=False)
    (found,) = recorded(schema, str(tmp_path), times[1].to_pydatetime())
    assert found.labels["bad"].tolist() == [0, 1, 1, 0]
    assert found.labels["at"].tolist() == found.metrics["at"].tolist() == times[2:].tolist()
