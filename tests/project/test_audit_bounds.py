"""What an audit computes of a device grows as its readings do, whatever its silences are."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from feature_sets.model_package.columns import PREDICTED_AT
from feature_sets.relative_features import RelativeFeatures
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.schema import DEVICE
from graphs.state.reading_history import ReadingHistory
from project import levels_by_arrival, windows_by_arrival
from project.arrivals import Arrivals
from project.journaled_device import JournaledDevice
from project.levels_by_arrival import LevelRows, LevelSearch
from project.live_rows import ARRIVED
from project.windows_by_arrival import LiveOrder
from tests.project.live_network import PLAIN, RELATIVE_PLAIN

BEGIN = 1_700_000_000


def searched(monkeypatch, count, silences):
    """Readings that windows took in search of a device of which nothing fits, a reading each 5 s."""
    generator = np.random.default_rng(4)
    times = BEGIN + 5.0 * np.arange(count)
    for at in silences:
        times[at:] += 1000.0
    sent = JournaledDevice()
    for time in times.tolist():
        values = {"cpu": float(generator.normal()), "latency": float(generator.normal())}
        sent.add(TelemetryEvent("a", time, values), round(time * 1e6))
    moments = pd.to_datetime(times, unit="s", utc=True)
    frame = pd.DataFrame({DEVICE: "a", PLAIN.time: moments, "cpu": 1.0, "latency": 2.0})
    rows = frame[:0]
    history = ReadingHistory(lambda start, end: rows, PLAIN)
    order = LiveOrder(SimpleNamespace(), PLAIN, history)
    taken = []
    update = windows_by_arrival.OnlineWindows.update

    def watched(windows, events):
        taken.append(len(events))
        return update(windows, events)

    monkeypatch.setattr(windows_by_arrival.OnlineWindows, "update", watched)
    pairs = frame.assign(**{PREDICTED_AT: moments, "cpu_avg_1m": -1.0})
    found, known = order.closest(pairs, ["cpu_avg_1m"], {"a": sent})
    assert known.all() and len(found) == count
    return sum(taken)


@pytest.mark.parametrize("each", [1_500, 100], ids=["few silences", "many silences"])
def test_the_search_of_windows_is_linear_in_the_readings(monkeypatch, each):
    small, large = (searched(monkeypatch, n, range(each // 2, n, each)) for n in (3_000, 30_000))
    assert 30_000 <= large <= 10.5 * small
    assert large <= windows_by_arrival.ROWS_A_READING * 30_000 + windows_by_arrival.ROWS_MORE


def test_of_levels_that_nothing_explains_a_few_are_searched_and_all_are_told(monkeypatch):
    generator, count = np.random.default_rng(5), 200_000
    relative = RelativeFeatures(RELATIVE_PLAIN)
    rows = LevelRows(
        1_000_000 * (BEGIN + 5 * np.arange(count)), generator.normal(size=(count, len(relative.inputs)))
    )
    walks, far_by_cut = [], levels_by_arrival.far_by_cut
    monkeypatch.setattr(levels_by_arrival, "far_by_cut", lambda *given: walks.append(1) or far_by_cut(*given))
    asked = np.arange(len(relative.names))
    search = LevelSearch(relative, rows, rows, range(0, count, 100), np.empty(0, np.int64), asked)
    wrong = np.full(len(asked), 0.123)
    for row in range(50, count):
        assert search.explain(row, wrong) is None
    assert len(walks) <= levels_by_arrival.FRUITLESS * 8


def test_what_a_pair_looks_back_on_is_what_a_look_at_each_event_says():
    generator = np.random.default_rng(6)
    for later, since in ((True, 0), (False, 0), (False, -np.inf)):
        pairs, events = (
            pd.DataFrame(
                {
                    DEVICE: generator.choice(["a", "b", "c"], count),
                    PLAIN.time: BEGIN + generator.integers(0, 400, count),
                    at: BEGIN + generator.integers(0, 400, count),
                }
            )
            for count, at in ((300, PREDICTED_AT), (40, ARRIVED))
        )
        came = Arrivals(events, events, {})
        how = came.missed_by if later else came.begun_anew if since else came.summed_otherwise
        slow = [
            any(
                device == event[DEVICE]
                and since <= time - event[PLAIN.time] <= 60
                and (answered <= event[ARRIVED] if later else answered >= event[ARRIVED])
                for _, event in events.iterrows()
            )
            for device, time, answered in pairs[[DEVICE, PLAIN.time, PREDICTED_AT]].itertuples(index=False)
        ]
        assert how(pairs, PLAIN).tolist() == slow and 20 < sum(slow) < 280
