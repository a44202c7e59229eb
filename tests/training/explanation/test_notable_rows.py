"""Which rows are explained."""

from __future__ import annotations

import pandas as pd

from training.evaluation.episode_view import EpisodeView
from training.explanation.notable_rows import CASE, notable_rows

START = pd.Timestamp("2024-03-01T00:00:00Z")


def at(minute):
    return START + pd.Timedelta(minutes=minute)


def predictions(probability):
    device = [f"d{place // 10}" for place in range(len(probability))]
    times = [at(place % 10) for place in range(len(probability))]
    return pd.DataFrame({"device": device, "time": times, "probability": probability})


def stretches(*given, **more):
    rows = [
        {"device": device, "start": at(start), "end": at(end), **facts} for device, start, end, facts in given
    ]
    return pd.DataFrame(rows, columns=["device", "start", "end", *more])


EPISODES = stretches(
    ("d0", 2, 4, {"counted": True, "caught": True}),
    ("d0", 7, 8, {"counted": True, "caught": False}),
    ("d1", 7, 8, {"counted": False, "caught": False}),
    ("gone", 7, 8, {"counted": True, "caught": False}),
    counted=True,
    caught=True,
)
FALSE = stretches(("d1", 0, 2, {}), ("d1", 5, 6, {}))
ROWS = predictions(
    [0.0, 0.95, 0.5, 0.9, 0.6, 0.2, 0.3, 0.1, 0.2, 0.0, 0.7, 0.6, 0.5, 0.1, 0.1, 0.8, 0.9, 0, 0, 0]
)


def view(episodes=EPISODES, alarms=FALSE, horizon=0):
    return EpisodeView(episodes, alarms, pd.DataFrame(), horizon)


def found(rows):
    return list(zip(rows[CASE], rows["device"], rows["time"], rows["probability"], strict=True))


def test_each_is_the_row_of_the_highest_probability_in_it():
    assert found(notable_rows(ROWS, "time", view(), labeled=True)) == [
        ("false alarm", "d1", at(6), 0.9),
        ("false alarm", "d1", at(0), 0.7),
        ("missed episode", "d0", at(8), 0.2),
        ("caught episode", "d0", at(3), 0.9),
    ]


def test_with_a_horizon_rows_before_an_episode_count():
    rows = found(notable_rows(ROWS, "time", view(horizon=120), labeled=True))
    assert rows[2:] == [("missed episode", "d0", at(6), 0.3), ("caught episode", "d0", at(1), 0.95)]


def test_without_labels_alarms_are_not_called_false():
    rows = notable_rows(ROWS, "time", view(EPISODES[:0]), labeled=False)
    assert list(rows[CASE]) == ["alarm", "alarm"]


def test_only_a_few_of_each_are_taken():
    alarms = stretches(*(("d0", minute, minute, {}) for minute in range(10)))
    rows = notable_rows(ROWS, "time", view(EPISODES[:0], alarms), labeled=True)
    assert list(rows["probability"]) == [0.95, 0.9, 0.6, 0.5, 0.3]
    assert notable_rows(ROWS, "time", view(EPISODES[:0], alarms[:0]), labeled=True).empty
