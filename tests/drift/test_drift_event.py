"""A drift event says which, when, how serious and how much, in plain values."""

import dataclasses
import json

import pytest

from drift.drift_event import DriftEvent, utc_time


def event(**changes):
    given = {
        "source": "ddm", "level": "drift", "event_time": "2024-05-01T12:00:00Z",
        "value": 3.2, "limit": 3.0, "n_seen": 100, "detail": "error stream",
    }  # fmt: skip
    return DriftEvent(**{**given, **changes})


def test_it_is_plain_json():
    assert json.loads(json.dumps(event().to_dict())) == {
        "source": "ddm",
        "level": "drift",
        "event_time": "2024-05-01T12:00:00+00:00",
        "value": 3.2,
        "limit": 3.0,
        "n_seen": 100,
        "detail": "error stream",
        "onset": None,
        "since_onset": None,
        **dict.fromkeys(("severity", "confidence", "sample_labels", "sample_rate")),
        **dict.fromkeys(("reference_labels", "reference_rate")),
        "group": "",
        "alert": "",
    }


def test_it_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        event().level = "warning"


def test_another_level_is_refused():
    with pytest.raises(
        ValueError,
        match="drift event: level: must be among warning, drift, improvement, cleared, got 'alarm'",
    ):
        event(level="alarm")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": 1}, "source: must be text, got 1"),
        ({"n_seen": -1}, "n_seen: must be a whole number of at least 0"),
        ({"value": float("nan")}, "value: must be a number"),
        ({"severity": "high"}, "severity: must be among minor, moderate, severe, got 'high'"),
        ({"confidence": 1.5}, "confidence: must be a number of at least 0 and at most 1, got 1.5"),
        ({"sample_labels": 0.5}, "sample_labels: must be a whole number"),
        ({"reference_rate": -0.1}, "reference_rate: must be a number of at least 0"),
        ({"group": None}, "group: must be text, got None"),
        ({"onset": "yesterday"}, "onset: must be ISO 8601 text with a time zone"),
    ],
)
def test_what_it_cannot_say_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"drift event: {message}"):
        event(**changes)


def test_its_time_is_turned_into_utc():
    assert utc_time("2024-05-01T12:00:00.123456789Z") == "2024-05-01T12:00:00.123456+00:00"
    assert event(event_time="2024-05-01T14:00:00.5+02:00").event_time == "2024-05-01T12:00:00.500000+00:00"


@pytest.mark.parametrize("bad", ["2024-05-01T12:00:00", "2024-05-01", "yesterday", "", None, 1714564800.0])
def test_a_time_without_a_zone_or_sense_is_refused(bad):
    with pytest.raises(ValueError, match="event_time: must be ISO 8601 text with a time zone, got"):
        utc_time(bad)
    with pytest.raises(ValueError, match="drift event: event_time: must be ISO 8601"):
        event(event_time=bad)
