"""A live device's own level begins with all that was ingested of it, once, and goes on with what it sends."""

from __future__ import annotations

import itertools
from typing import ClassVar

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.relative_features import RelativeFeatures
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.errors import ApiError
from graphs.state.level_history import LevelHistory, stored_levels
from graphs.state.live_levels import LiveLevels
from graphs.state.sent_rows import LEAST, SentRows
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.stored_rows import OtherState
from tests.graphs.conftest import START

NOTHING: frozenset[tuple[str, int]] = frozenset()


@pytest.fixture
def relative(schema):
    content = schema.to_dict()
    content["derived"] = {"relative": {"operations": ["avg"], "windows": ["1m"], "after": 2}}
    return TelemetrySchema.from_dict(content)


def ingested(schema, values, devices=("a/1", "a/2")):
    rows = [
        {DEVICE: device, schema.time: START + 10.0 * at, "cpu_avg_1m": value, "latency_avg_1m": -value}
        for at, value in enumerate(values)
        for device in devices
    ]
    frame = pd.DataFrame(rows)
    frame[schema.time] = pd.to_datetime(frame[schema.time], unit="s", utc=True)
    return frame


def history_of(schema, values):
    """Each time that it is asked again, there is another ingestion."""
    versions = map(str, itertools.count())
    inputs = RelativeFeatures(schema).inputs
    return LevelHistory(lambda: [ingested(schema, values)], schema, inputs, lambda: next(versions))


def levels(schema, history):
    found = LiveLevels(schema, None)
    found._history = history
    return found


def answered(found, value, device="a/1", at=START):
    row = {"cpu_avg_1m": value, "latency_avg_1m": -value}
    found.add_to([row], [device], [at])
    return row["cpu_avg_1m_relative"], row["latency_avg_1m_relative"]


def test_a_new_device_is_compared_with_all_of_its_ingested_rows_before_its_first_event(relative):
    values = [1.0, 3.0, 8.0, 2.0, 500.0]
    reads = []

    def read():
        reads.append(1)
        return [ingested(relative, values).sample(frac=1.0, random_state=1)]

    found = levels(
        relative, LevelHistory(read, relative, RelativeFeatures(relative).inputs, lambda: str(len(reads)))
    )
    for device in ("a/1", "a/2", "a/3"):
        found.begin(device, START + 40.0, START + 1e6)
    level, spread = np.mean(values[:4]), np.std(values[:4])
    assert answered(found, 9.0) == pytest.approx(((9.0 - level) / spread, -(9.0 - level) / spread))
    assert np.isnan(answered(found, 9.0, "a/3")).all()
    assert len(reads) == 1
    # Forgotten, it begins with them again; and what was ingested since is read.
    found.forget(["a/1"])
    assert np.isnan(answered(found, 9.0)).all()
    found.refresh()
    found.begin("a/1", START + 40.0, START + 1e6)
    assert answered(found, 9.0)[0] == pytest.approx((9.0 - level) / spread)
    assert len(reads) == 2


def test_with_an_arrival_what_had_arrived_counts_in_that_order_and_nothing_is_left_out(relative):
    arriving = TelemetrySchema.from_dict({**relative.to_dict(), "arrival": "received"})
    frame = ingested(arriving, [1.0, 2.0, 3.0, 4.0], ["a/1"])
    delay = pd.to_timedelta([0.0, 100.0, 0.0, 3600.0], unit="s")
    frame["received"] = frame[arriving.time] + delay
    history = LevelHistory(lambda: [frame], arriving, ["cpu_avg_1m"], str)
    known = {("a/1", int(START) * 1_000_000)}
    past, micros, *_ = history.with_sent("a/1", START, START + 200.0, frozenset(known), SentRows(1))
    assert past.ravel().tolist() == [1.0, 3.0, 2.0]
    assert micros.tolist() == [int(START + after) * 1_000_000 for after in (0, 20, 10)]


def test_without_an_arrival_what_a_replay_gives_itself_is_left_out(relative):
    history = LevelHistory(lambda: [ingested(relative, [1.0, 2.0, 3.0])], relative, ["cpu_avg_1m"], str)
    left_out = frozenset({("a/1", int(START + 10) * 1_000_000)})
    assert history.with_sent("a/1", START + 20.0, START, left_out, SentRows(1))[0].ravel().tolist() == [1.0]
    assert history.with_sent("a/1", START + 20.0, START, NOTHING, SentRows(1))[0].ravel().tolist() == [
        1.0,
        2.0,
    ]


def test_what_the_windows_are_filled_with_counts_for_devices_that_were_known(relative):
    found = levels(relative, None)
    filled = ingested(relative, [1.0, 3.0])
    statuses = ["accepted", "accepted", "duplicate", "late"]
    rows = filled[["cpu_avg_1m", "latency_avg_1m"]].assign(event_status=statuses)
    found.take_filled(filled, rows, {"a/2"})
    assert answered(found, 4.0, "a/2")[0] == pytest.approx((4.0 - 2.0) / 1.0)
    assert np.isnan(answered(found, 4.0, "a/1")[0])


def test_a_known_device_begins_again_with_what_came_by_file_between_its_rows(relative):
    values = [1.0, 3.0]
    found = levels(
        relative,
        history_of(relative, values),
    )
    found.begin("a/1", START + 20.0, START)
    for at, value in ((50.0, 9.0), (60.0, 4.0)):  # The second one is not in the history yet.
        answered(found, value, at=START + at)
    values += [20.0, 21.0, 22.0, 9.0]
    found.refresh()
    restored = levels(relative, found._history)
    assert restored.restore(found.saved(), {})
    past = [*values, 4.0]
    expected = (7.0 - np.mean(past)) / np.std(past)
    for each in (found, restored):
        for _ in range(2):
            assert each.begin("a/1", START + 70.0, START)
        assert answered(each, 7.0, at=START + 70.0)[0] == pytest.approx(expected, rel=1e-12)


def test_with_the_history_that_it_has_begun_with_nothing_is_read_also_after_a_restart(relative):
    reads = []

    def history():
        return LevelHistory(
            lambda: reads.append(1) or [ingested(relative, [1.0, 3.0])],
            relative,
            RelativeFeatures(relative).inputs,
            lambda: "the same",
        )

    found = levels(relative, history())
    found.begin("a/1", START + 20.0, START)
    answered(found, 9.0, at=START + 20.0)
    restored = levels(relative, history())
    assert restored.restore(found.saved(), {})
    found.refresh()
    assert found.begin("a/1", START + 30.0, START) and restored.begin("a/1", START + 30.0, START)
    assert len(reads) == 1
    expected = answered(found, 7.0, at=START + 30.0)
    assert answered(restored, 7.0, at=START + 30.0) == expected
    assert restored.begin("a/2", START + 30.0, START) and len(reads) == 2  # That one is new.


def test_of_many_devices_fewer_rows_each_are_kept():
    kept = SentRows(2, bytes_of_all=40 * 32 * 4)
    for at in range(200):
        for device in "abcd":
            kept.add(device, at, at, (1.0, 2.0))
    assert [len(kept.of(device).at) <= 80 for device in "abcd"] == [True] * 4
    assert kept.of("a").at[-1].tolist() == [199, 199] and kept.dropped("a") == 199 - len(kept.of("a").at)
    few = SentRows(2, bytes_of_all=1)
    for at in range(100):
        few.add("a", at, at, (1.0, 2.0))
    assert len(few.of("a").at) >= LEAST


def test_rows_that_are_kept_no_more_and_in_no_history_leave_a_device_as_it_is(relative):
    values = [1.0, 3.0]
    history = history_of(relative, values)
    found = levels(relative, history)
    found._sent = SentRows(2, most=2)
    found.begin("a/1", START + 20.0, START)
    for at in range(2, 7):
        answered(found, float(at), at=START + 10.0 * at)
    assert found._sent.dropped("a/1") == int(START + 40.0) * 1_000_000
    before = found._baselines.content()[1]
    assert found.begin("a/1", START + 70.0, START)  # Nothing was ingested since.
    found.refresh()
    assert not found.begin("a/1", START + 70.0, START)
    assert np.array_equal(found._baselines.content()[1], before, equal_nan=True)
    values += [2.0, 3.0, 4.0]
    found.refresh()
    assert found.begin("a/1", START + 70.0, START)
    assert np.array_equal(found._baselines.content()[1], before, equal_nan=True)
    found.forget(["a/1"])
    assert found._sent.newest("a/1") is None and found._sent.dropped("a/1") is None


def test_a_history_without_the_features_is_refused(monkeypatch, relative, schema):
    class Known:
        class spec:
            features: ClassVar = {"cpu_avg_1m": None}

    monkeypatch.setattr(fstore, "get_feature_set", lambda _uri: Known)
    with pytest.raises(InputError, match="must hold latency_avg_1m of schema 'tiny'"):
        stored_levels("store://feature-sets/p/m", relative, RelativeFeatures(relative))
    assert stored_levels("store://feature-sets/p/m", schema, RelativeFeatures(schema)) is None


WEEK = 7 * 86_400.0


def test_live_a_device_is_compared_with_the_same_hour_of_earlier_weeks(relative):
    content = relative.to_dict()
    content["derived"]["relative"]["same_hour"] = ["1m"]
    weekly = TelemetrySchema.from_dict(content)
    values = [1.0, 3.0, 8.0]
    history = history_of(weekly, values)
    found = levels(weekly, history)

    def same_hour(value, at):
        row = {"cpu_avg_1m": value, "latency_avg_1m": -value}
        found.add_to([row], ["a/1"], [at])
        return row["cpu_avg_1m_same_hour"]

    found.begin("a/1", START + 30.0, START + 30.0)
    assert np.isnan(same_hour(9.0, START + 30.0)), "its own hour is no earlier week"
    assert np.isnan(same_hour(9.0, START + 3600.0)), "nor is another hour"
    known = [*values, 9.0]
    assert same_hour(5.0, START + WEEK) == pytest.approx((5.0 - np.mean(known)) / np.std(known))
    # What the windows are filled with is taken in at its own time: it is late, and so of the past at once.
    filled = ingested(weekly, [20.0], ["a/1"])
    rows = filled[["cpu_avg_1m", "latency_avg_1m"]].assign(event_status="accepted")
    found.take_filled(filled, rows, {"a/1"})
    known.append(20.0)
    assert same_hour(5.0, START + WEEK + 1.0) == pytest.approx((5.0 - np.mean(known)) / np.std(known))


def test_levels_of_other_features_are_not_taken_for_those_of_now(relative):
    content = relative.to_dict()
    content["metrics"] = {"cpu": {"unit": "%"}}
    content["derived"]["relative"]["windows"] = ["1m", "5m"]
    plain = TelemetrySchema.from_dict(content)
    content["derived"]["relative"] |= {"windows": ["1m"], "same_hour": ["5m"]}
    weekly = TelemetrySchema.from_dict(content)
    for one, other in ((plain, weekly), (weekly, plain)):
        found = LiveLevels(one, None)
        found.add_to([{"cpu_avg_1m": 1.0, "cpu_avg_5m": 2.0}], ["a/1"], [START])
        assert not LiveLevels(other, None).restore(found.saved(), {})
        assert LiveLevels(one, None).restore(found.saved(), {})


def of_earlier_release(state):
    """Levels as they were saved before there were rows with them."""
    plain = {name: state.plain[name] for name in ("names", "devices")}
    return SavedState(plain, {"levels": state.arrays["levels"]})


def test_levels_of_an_earlier_release_go_on_until_the_history_has_their_rows(relative, caplog):
    values = [1.0, 3.0]
    found = levels(relative, history_of(relative, values))
    for device in ("a/1", "a/2"):
        found.begin(device, START + 20.0, START)
        for at, value in ((20.0, 9.0), (30.0, 4.0)):  # Nothing of it is in the history yet.
            answered(found, value, device, at=START + at)
    newest = {device: round((START + 30.0) * 1e6) for device in ("a/1", "a/2")}
    restored = levels(relative, history_of(relative, values))
    assert restored.restore(of_earlier_release(found.saved()), newest)
    assert caplog.text.count("once 'netops ingest --live' has added what it sent") == 1
    # A restart of now does not change that.
    again = levels(relative, restored._history)
    assert again.restore(restored.saved(), newest)
    for each in (restored, again):
        each.refresh()
        assert not each.begin("a/1", START + 40.0, START)
        assert answered(each, 7.0, at=START + 40.0) == pytest.approx(
            [(7.0 - 4.25) / np.std([1, 3, 9, 4]), -(7.0 - 4.25) / np.std([1, 3, 9, 4])]
        )
        # What it sent is in the history, without what came since, and with what a file had between.
        values[:] = [1.0, 3.0, 9.0, 4.0]
        each.refresh()
        assert each.begin("a/1", START + 50.0, START)
        past = [1.0, 3.0, 9.0, 4.0, 7.0]
        expected = (5.0 - np.mean(past)) / np.std(past)
        assert answered(each, 5.0, at=START + 50.0)[0] == pytest.approx(expected, rel=1e-12)
        values[:] = [1.0, 3.0]
    assert caplog.text.count("lack what was ingested") == 0


def test_levels_of_an_earlier_release_without_a_history_go_on(relative):
    found = levels(relative, None)
    for value in (1.0, 3.0):
        answered(found, value)
    restored = levels(relative, None)
    assert restored.restore(of_earlier_release(found.saved()), {"a/1": round(START * 1e6)})
    assert answered(restored, 4.0)[0] == answered(found, 4.0)[0] == 2.0


@pytest.mark.parametrize("arrives", [False, True])
def test_a_history_that_is_read_in_parts_says_the_same(relative, arrives):
    generator = np.random.default_rng(2)
    schema = TelemetrySchema.from_dict({**relative.to_dict(), "arrival": "received"}) if arrives else relative
    frame = ingested(schema, generator.normal(size=300).tolist())
    frame["received"] = frame[schema.time] + pd.to_timedelta(generator.integers(0, 900, len(frame)), unit="s")
    frame = frame.sample(frac=1.0, random_state=1)
    moments = frame[schema.time].sort_values().iloc[[0, 100, 350, 599]].tolist()
    parts = [
        frame[(frame[schema.time] > a) & (frame[schema.time] <= b)] for a, b in itertools.pairwise(moments)
    ]
    parts[0] = pd.concat([parts[0], frame[frame[schema.time] == moments[0]]])
    whole, in_parts = (
        LevelHistory(lambda read=read: read, schema, RelativeFeatures(schema).inputs, str)
        for read in ([frame], parts)
    )
    for device in ("a/1", "a/2"):
        asked = (device, START + 2000.0, START + 1800.0, NOTHING, SentRows(2))
        one, other = whole.with_sent(*asked), in_parts.with_sent(*asked)
        assert 100 < len(one[0]) < 300 and np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1]) and one[3] == other[3]


def test_a_history_that_changes_while_it_is_read_is_read_anew(relative):
    reads = []

    def read():
        reads.append(1)
        yield ingested(relative, [1.0])
        if len(reads) < changes:
            raise OtherState("metrics")
        yield ingested(relative, [1.0, 3.0]).iloc[2:]

    changes = 3
    asked = ("a/1", START + 40.0, START, NOTHING, SentRows(2))
    history = LevelHistory(read, relative, RelativeFeatures(relative).inputs, str)
    assert history.with_sent(*asked)[0][:, 0].tolist() == [1.0, 3.0] and len(reads) == 3
    changes = 100
    history.refresh()
    with pytest.raises(ApiError, match="must stay as it is while it is read"):
        history.with_sent(*asked)
