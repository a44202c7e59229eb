"""Windows as known on arrival: those of the live engine fed in that order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import event_status
from feature_sets.windows.arrival_order import late, windows_as_known
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows

START = pd.Timestamp("2024-03-01T00:00:00Z")
DEFINITION = WindowDefinition(
    "device", "at", ("loss",), ("sum", "count", "max"), ("1m", "5m"), "10s", allowed_lateness="2m"
)


def readings(seed=0, rows=600, devices=4):
    random = np.random.default_rng(seed)
    at = START + pd.to_timedelta(np.sort(random.integers(0, 3600, rows)), unit="s")
    delay = np.where(random.random(rows) < 0.2, random.integers(0, 400, rows), 1)
    frame = pd.DataFrame(
        {
            "device": random.choice([f"d{n}" for n in range(devices)], rows),
            "at": at,
            "loss": random.integers(0, 100, rows).astype(float),
            "came": at + pd.to_timedelta(delay, unit="s"),
        }
    )
    return keyed(frame).in_event_order()


def keyed(frame):
    return KeyedRows.of(frame, "device", "at")


@pytest.mark.parametrize("seed", range(4))
def test_they_are_those_of_the_live_engine_fed_as_the_readings_came(seed):
    rows = readings(seed)
    known = windows_as_known(rows, DEFINITION, "came")
    assert set(known[event_status.COLUMN]) == {"accepted", "late", "too_late"}
    live = OnlineWindows(DEFINITION, clock=lambda: 0.0, arrival="came")
    answers = {}
    for row in rows.frame.sort_values("came", kind="stable").to_dict("records"):
        answers[row["device"], row["at"]] = live.update(row)
    expected = pd.DataFrame(
        [answers[key] for key in zip(rows.frame["device"], rows.frame["at"], strict=True)]
    )
    pd.testing.assert_frame_equal(known, expected[known.columns])


def test_no_reading_counts_before_it_arrived():
    rows = pd.DataFrame(
        {
            "device": "a",
            "at": [START, START + pd.Timedelta("10s"), START + pd.Timedelta("20s")],
            "loss": [1.0, 10.0, 100.0],
            "came": [START, START + pd.Timedelta("30s"), START + pd.Timedelta("20s")],
        }
    )
    assert list(windows_as_known(keyed(rows), DEFINITION, "came")["loss_sum_1m"]) == [1.0, 111.0, 101.0]
    assert list(windows_as_known(keyed(rows), DEFINITION, None)["loss_sum_1m"]) == [1.0, 11.0, 111.0]
    assert list(late(rows, "at", "came")) == [False, True, False]


@pytest.mark.parametrize("seed", range(4))
def test_late_is_what_came_after_a_later_reading_of_its_device(seed):
    rows = readings(seed).frame.sample(frac=1.0, random_state=seed)
    found = late(rows, "at", "came")
    for place, row in enumerate(rows.itertuples()):
        before = rows[(rows["device"] == row.device) & (rows["came"] < row.came)]
        assert found[place] == (before["at"] > row.at).any()


def test_readings_that_came_together_are_taken_in_order_of_event_time():
    rows = readings().frame.assign(came=START + pd.Timedelta("2h"))
    known = windows_as_known(keyed(rows), DEFINITION, "came")
    assert set(known[event_status.COLUMN]) == {"accepted"}
    assert not late(rows, "at", "came").any()
