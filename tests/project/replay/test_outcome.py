"""What a replay tells, of predictions and labels that are known exactly."""

import dataclasses
from collections import Counter

import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_telemetry import Batch
from project.replay.instance import GraphInstance, Played
from project.replay.lines import replay_lines
from project.replay.outcome import Stretch, outcome
from project.replay.recording import KNOWN, Recording

SCHEMA = dataclasses.replace(TelemetrySchema.load(), exclude_labels={"state": "planned"})
START = pd.Timestamp("2024-01-01", tz="UTC")
TICKS = 100
"""Ticks of ten seconds; the stretch begins at tick 10."""


def at(tick):
    return START + pd.Timedelta(seconds=10 * tick)


def alarmed(ticks_by_device):
    """Readings from tick 10 on, with alarms at these ticks."""
    return Played(
        readings=[
            (device, at(tick).isoformat(), "accepted", int(tick in ticks), 0.5)
            for device, ticks in ticks_by_device.items()
            for tick in range(10, TICKS)
        ],
        labels=Counter(joined=2, waiting=2),
        joined=3,
        rejected=Counter({"device: must be a known device": 2}),
    )


def recorded(errors_by_device, planned=()):
    rows = [
        {
            DEVICE: device,
            SCHEMA.time: at(tick),
            SCHEMA.label: int(tick in errors),
            "state": "planned" if tick in planned else "",
        }
        for device, errors in errors_by_device.items()
        for tick in range(TICKS)
    ]
    frame = pd.DataFrame(rows)
    frame[KNOWN] = frame[SCHEMA.time] + pd.Timedelta(seconds=60)
    return Recording(pd.DataFrame(), frame[frame[KNOWN] >= at(10)], frame)


def told(played, recording, end=TICKS + 100):
    return outcome(played, recording, SCHEMA, Stretch(at(10), at(end), 60.0))


def test_episodes_are_caught_or_missed_and_other_alarms_are_false():
    facts = told(
        alarmed({"a": range(42, 46), "b": {20}, "c": ()}),
        recorded({"a": range(40, 48), "b": range(60, 64), "c": ()}),
    )
    assert (facts["episodes"], facts["episodes_caught"], facts["false_alarms"]) == (2, 1, 1)
    assert facts["median_delay_seconds"] == 20.0
    assert (facts["precision"], facts["recall"]) == (4 / 5, 4 / 12)
    assert (facts["alarms"], facts["devices_with_alarms"], facts["labeled"]) == (5, 2, 270)
    a, b, c = facts["devices"]
    assert (a["caught"], a["missed"], a["median_delay_seconds"], a["false_alarms"]) == (1, 0, 20.0, 0)
    assert (b["caught"], b["missed"], b["median_delay_seconds"], b["false_alarms"]) == (0, 1, None, 1)
    assert b["false_alarms_per_device_day"] == pytest.approx(1 / b["days"])
    assert (c["alarms"], c["episodes"]) == (0, 0)
    assert facts["labels"] == {
        "known": 4,
        "joined": 3,
        "statuses": {"joined": 2, "waiting": 2},
        "rejected": 0,
    }


def test_an_alarm_too_recent_for_its_label_is_not_called_false():
    recording = recorded({"a": ()})
    facts = told(alarmed({"a": {95}}), recording, end=100)
    # By tick 100 the labels of ticks up to 93 were known.
    assert facts["judged"] == 84
    assert (facts["alarms"], facts["false_alarms"]) == (1, 0)


def test_planned_work_and_devices_without_labels_are_not_judged():
    recording = recorded({"a": ()}, planned=range(30, 40))
    facts = told(alarmed({"a": range(30, 40), "unlabeled": {50}}), recording)
    assert (facts["alarms"], facts["false_alarms"], facts["judged"]) == (11, 0, 80)
    assert facts["precision"] is None


def test_an_episode_that_began_before_does_not_count():
    facts = told(alarmed({"a": {12}}), recorded({"a": range(5, 15)}))
    assert (facts["episodes"], facts["episodes_begun_before_test"], facts["false_alarms"]) == (0, 1, 0)


def test_without_any_label_alarms_are_told_all_the_same():
    recording = recorded({"a": ()})
    nothing = Recording(recording.metrics, recording.labels[:0], recording.label_history[:0])
    facts = told(alarmed({"a": {12}}), nothing)
    assert (facts["alarms"], facts["judged"], facts["precision"]) == (1, 0, None)
    assert "episodes" not in facts
    assert "nothing is judged" in "\n".join(replay_lines({**facts, **HEAD}))


HEAD = {
    "project": "p",
    "from": "2024-01-01T00:01:40+00:00",
    "to": "2024-01-02T00:00:00+00:00",
    "version": "v1",
    "trained_until": "2023-12-31T00:00:00+00:00",
    "seen_in_training": True,
}


def test_the_text_says_what_the_document_says():
    facts = told(
        alarmed({"a": range(42, 46), "b": {20}, "c": ()}),
        recorded({"a": range(40, 48), "b": range(60, 64), "c": ()}),
    )
    text = "\n".join(replay_lines({**facts, **HEAD}))
    assert "from 2024-01-01T00:01:40+00:00 up to, but without, 2024-01-02T00:00:00+00:00" in text
    assert "it knew them" in text
    assert "readings      270 (270 accepted), 2 rejected" in text
    assert "labels        4 known by then, 3 met a prediction" in text
    assert "episodes      1 of 2 caught, median delay 20 s" in text
    assert "precision 0.800, recall 0.333, on 270 labeled readings" in text
    assert "device  alarms  caught  missed  delay s  false alarms  per day" in text
    assert "and 1 more devices without an alarm or an episode" in text


class Server:
    """Answers every reading; refuses those of the device ``x``."""

    def test(self, path, body, method, **_):
        from json import dumps, loads
        from types import SimpleNamespace

        if method == "GET":
            return SimpleNamespace(status_code=200, body=dumps({"joined": 7}))
        events = loads(body)
        results = [
            None if each[DEVICE] == "x" else {"status": "accepted", "prediction": 1, "probability": 0.9}
            for each in events
        ]
        errors = [{"field": "device", "rule": "must be known"} for each in results if each is None]
        content = {"results": results, "errors": errors} if errors else results
        return SimpleNamespace(status_code=422 if errors else 200, body=dumps(content))


def test_a_recording_is_played_at_the_speed_that_is_asked_for():
    instance = GraphInstance.__new__(GraphInstance)
    instance._server = Server()
    waits = []
    bodies = [[{DEVICE: device, "at": "2024-01-01T00:00:00Z"}] for device in ("a", "x", "b")]
    batches = [Batch(body, [], 1000.0 + 60 * place) for place, body in enumerate(bodies)]
    played = instance.play(iter(batches), "at", 30.0, clock=lambda: sum(waits), sleep=waits.append)
    assert waits == [0.0, 2.0, 2.0]
    assert [each[0] for each in played.readings] == ["a", "b"]
    assert played.rejected == {"device: must be known": 1}
    assert played.joined == 7
    waits.clear()
    instance.play(iter(batches), "at", None, sleep=waits.append)
    assert waits == []
