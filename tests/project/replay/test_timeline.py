"""Readings and labels are played in the order in which they became known."""

import dataclasses

import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.replay.recording import KNOWN, Recording
from project.replay.timeline import timeline

SCHEMA = dataclasses.replace(TelemetrySchema.load(), arrival="received")
START = pd.Timestamp("2024-01-01", tz="UTC")


def seconds(*values):
    return START + pd.to_timedelta(list(values), unit="s")


def readings(times, arrivals):
    frame = pd.DataFrame({DEVICE: "a", SCHEMA.time: seconds(*times), "received": seconds(*arrivals)})
    return frame.assign(**dict.fromkeys(SCHEMA.metric_names, 1.0), **{KNOWN: frame["received"]})


def labels(times, delay, values=None):
    frame = pd.DataFrame(
        {DEVICE: "a", SCHEMA.time: seconds(*times), SCHEMA.label: values or [0] * len(times)}
    )
    return frame.assign(**{KNOWN: frame[SCHEMA.time] + pd.Timedelta(seconds=delay)})


def order(batches):
    """Kind and event time in seconds of everything that was sent."""
    return [
        (kind, (pd.Timestamp(body[SCHEMA.time]) - START).total_seconds())
        for batch in batches
        for kind, bodies in (("reading", batch.telemetry), ("label", batch.labels))
        for body in bodies
    ]


def test_a_late_reading_comes_when_it_arrived_and_a_label_when_it_was_known():
    recording = Recording(readings([0, 10, 20], [0, 75, 20]), labels([0, 10], 60), labels([], 60))
    assert order(timeline(recording, SCHEMA)) == [
        ("reading", 0.0),
        ("reading", 20.0),
        ("label", 0.0),
        ("label", 10.0),
        ("reading", 10.0),
    ]


def test_what_became_known_in_one_instant_has_readings_first():
    recording = Recording(readings([0, 60], [0, 60]), labels([0], 60), labels([], 60))
    assert order(timeline(recording, SCHEMA)) == [("reading", 0.0), ("reading", 60.0), ("label", 0.0)]


def test_bodies_say_when_they_arrived_and_unknown_labels_are_left_out():
    known = labels([0, 10], 60).assign(**{SCHEMA.label: [1.0, float("nan")]})
    recording = Recording(readings([0], [3]), known, known)
    reading, label = timeline(recording, SCHEMA)
    assert reading.telemetry[0]["received"] == "2024-01-01T00:00:03.000000Z"
    assert label.labels == [
        {
            DEVICE: "a",
            SCHEMA.time: "2024-01-01T00:00:00.000000Z",
            "received": "2024-01-01T00:01:00.000000Z",
            SCHEMA.label: 1,
        }
    ]
    assert label.known == START.timestamp() + 60


@pytest.mark.parametrize("most", [1, 2, 500])
def test_the_order_does_not_depend_on_the_size_of_the_batches(most):
    recording = Recording(
        readings(range(0, 300, 10), range(5, 305, 10)), labels(range(0, 300, 10), 60), labels([], 60)
    )
    batches = list(timeline(recording, SCHEMA, most))
    assert max(len(batch.telemetry) + len(batch.labels) for batch in batches) <= most
    assert order(batches) == order(timeline(recording, SCHEMA))
    assert [batch.known for batch in batches] == sorted(batch.known for batch in batches)


def test_labels_may_wait_to_make_fewer_batches():
    recording = Recording(
        readings(range(0, 300, 10), range(0, 300, 10)), labels(range(0, 300, 10), 60), labels([], 60)
    )
    few = list(timeline(recording, SCHEMA, labels_every=60))
    assert len(few) < len(list(timeline(recording, SCHEMA))) / 4
    assert sorted(order(few)) == sorted(order(timeline(recording, SCHEMA)))


def test_a_recording_without_anything_is_no_batch():
    assert list(timeline(Recording(readings([], []), labels([], 60), labels([], 60)), SCHEMA)) == []
