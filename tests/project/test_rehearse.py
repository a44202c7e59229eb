"""The rehearsal: what it plays, and when it fails a run."""

from collections import Counter

import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE
from project.errors import NetopsError
from project.jobs.rehearse import _first, _tested, _unseen, check, written_pairs
from project.replay.recording import KNOWN, Recording
from project.streaming import StreamReport
from tests.project.fake_endpoint import fake_endpoint

START = pd.Timestamp("2024-01-01", tz="UTC")


def test_a_model_that_takes_nothing_of_the_recording_fails():
    taken = StreamReport(events_sent=9, labels_sent=4, statuses=Counter(accepted=9))
    check(taken, joined=3)
    check(StreamReport(), joined=0)
    with pytest.raises(NetopsError, match=r"of 4 recorded labels some must meet a prediction .* stays"):
        check(taken, joined=0)
    check(StreamReport(events_sent=9, labels_sent=4, labels=Counter(kept=4)), joined=0)  # all excluded
    refused = StreamReport(events_sent=9, labels_sent=4, rejected=13)
    with pytest.raises(NetopsError, match=r"must take recorded events, got all 9 rejected; what is in prod"):
        check(refused, joined=0)


def test_of_a_long_recording_the_first_readings_are_played_with_their_labels():
    times = START + pd.to_timedelta([0, 10, 20, 30], unit="s")
    metrics = pd.DataFrame({DEVICE: "a", "at": times, KNOWN: times[[3, 0, 1, 2]]})
    labels = pd.DataFrame({DEVICE: "a", "at": times, KNOWN: times + pd.Timedelta(seconds=60)})
    recording = _first(Recording(metrics, labels, labels), 2, "at")
    assert list(recording.metrics["at"]) == [times[1], times[2]]
    assert list(recording.labels["at"]) == [times[1], times[2]]
    whole = Recording(metrics, labels, labels)
    assert _first(whole, 4, "at") is whole


def test_of_devices_that_were_held_out_their_test_rows_are_played():
    times = START + pd.to_timedelta([0, 10, 20, 30], unit="s")
    rows = pd.concat([pd.DataFrame({DEVICE: device, "at": times, KNOWN: times}) for device in "abc"])
    incidents = pd.DataFrame({DEVICE: ["b"]})
    whole = Recording(rows, rows, rows, incidents)
    after = times[3]
    # b is held out from its first labeled row on; c was tested on what is later than training anyway.
    test_set = pd.DataFrame({DEVICE: ["b", "b", "c"], "at": times[[1, 2, 3]]})
    tested = _tested(test_set, "at", after)
    assert tested.loc["b"].tolist() == [times[1], times[2]] and list(tested.index) == ["b"]
    played = _unseen(whole, tested, after, "at")
    for part in (played.metrics, played.labels):
        assert part.groupby(DEVICE).size().to_dict() == {"a": 1, "b": 3, "c": 1}
    assert played.incidents is incidents
    by_time = _tested(test_set[test_set["at"] >= after], "at", after)
    # What arrived after the training and has a time of before it, as a backlog has, is not played.
    played = _unseen(whole, by_time, after, "at")
    assert [set(part["at"]) for part in (played.metrics, played.labels)] == [{after}] * 2
    late = times[3] + pd.Timedelta(days=14)
    arrived = Recording(rows.assign(**{KNOWN: late}), rows, rows, incidents)
    assert set(_unseen(arrived, by_time, after, "at").metrics["at"]) == {after}
    assert _unseen(arrived, by_time, after + pd.Timedelta(days=1), "at").metrics.empty
    assert _tested(None, "at", after).empty


def test_incidents_are_played_whatever_was_held_out():
    times = START + pd.to_timedelta([0, 10], unit="s")
    rows = pd.DataFrame({DEVICE: "a", "at": times, KNOWN: times})
    whole = Recording(rows, rows, rows, pd.DataFrame({"id": ["i1"]}))
    for test_set in (rows, rows.iloc[:0]):
        played = _unseen(whole, _tested(test_set, "at", times[1]), times[1], "at")
        assert played.incidents is whole.incidents


def test_the_pairs_are_counted_when_they_are_all_in_batches():
    left = iter([3, 1, 0, 0])
    with fake_endpoint(lambda *_: (200, {"unwritten": next(left), "joined": 5})) as address:
        assert written_pairs(address, sleep=lambda _: None) == {"unwritten": 0, "joined": 5}
    with fake_endpoint(lambda *_: (200, {"unwritten": 3, "joined": 5})) as address:
        times = iter(range(100))
        late = written_pairs(address, 3, clock=lambda: float(next(times)), sleep=lambda _: None)
    assert late["unwritten"] == 3
