"""Live features of other devices: begun from what was ingested, in the order in which rows came."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.group_features import GroupFeatures
from feature_sets.groups import Groups
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.preprocess import Preprocess
from graphs.protocol.records import TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.live_groups import IngestedValues, LiveGroups
from graphs.state.reading_history import ReadingHistory
from tests.graphs.conftest import START, step_context, write_package

ALWAYS = ((BEGINNING, OPEN),)
NAME = "cpu_avg_1m_neighbors_max"


@pytest.fixture
def linked(schema):
    content = schema.to_dict()
    content["topology"] = {}
    content["derived"] = {
        "neighbors": {"operations": ["avg"], "windows": ["1m"], "statistics": ["max"], "max_age": "1m"}
    }
    return TelemetrySchema.from_dict(content)


class Source:
    """Links that may change."""

    def __init__(self, schema, *pairs):
        self.schema, self.pairs = schema, pairs

    def read(self):
        return Groups(self.schema, dict.fromkeys(self.pairs, ALWAYS))


def ingested(schema, values, devices=("a/1", "a/2", "b/9"), delay=0.0):
    rows = [
        {DEVICE: device, schema.time: START + 10.0 * at, "cpu_avg_1m": value, "latency_avg_1m": -value}
        for at, value in enumerate(values)
        for device in devices
    ]
    frame = pd.DataFrame(rows)
    frame[schema.time] = pd.to_datetime(frame[schema.time], unit="s", utc=True)
    if schema.arrival:
        frame[schema.arrival] = frame[schema.time] + pd.Timedelta(seconds=delay)
    return frame


def answered(groups, time, *given, arrivals=()):
    """Features of one list of readings: device and value of each."""
    events = [SimpleNamespace(event=SimpleNamespace(device=device, time=time)) for device, _ in given]
    request = SimpleNamespace(
        telemetry=events, arrived=lambda place: arrivals[place] if arrivals else time + 1e6
    )
    rows = [{"cpu_avg_1m": value, "latency_avg_1m": -value} for _, value in given]
    groups.add_to(rows, request, range(len(rows)))
    return [row[NAME] for row in rows]


def live(schema, frame=None, *pairs, **kwargs):
    reads = []

    def read(start, end):
        reads.append((start, end))
        return frame[(frame[schema.time] > start) & (frame[schema.time] <= end)]

    history = None if frame is None else IngestedValues(read, schema, GroupFeatures(schema))
    return LiveGroups(schema, history, Source(schema, *pairs), **kwargs), reads


def test_what_was_saved_before_there_were_groups_is_of_a_schema_without(schema, linked):
    assert LiveGroups(schema).put({}, {})
    assert not LiveGroups(linked).put({}, {})


def test_a_device_that_comes_first_sees_what_was_ingested_of_its_neighbors(linked):
    groups, reads = live(linked, ingested(linked, [1.0, 3.0, 8.0]), ("a/1", "a/2"))
    groups.begin([(START + 20.0, START + 1e6, "a/1")])
    # The reading of the neighbor at the same time had not come before.
    assert answered(groups, START + 20.0, ("a/1", 0.0)) == [3.0]
    groups.begin([(START + 20.0, START + 1e6, "b/9")])
    assert np.isnan(answered(groups, START + 20.0, ("b/9", 0.0))).all()
    groups.begin([(START + 30.0, START + 1e6, "a/2")])
    assert answered(groups, START + 30.0, ("a/2", 5.0)) == [0.0]
    assert answered(groups, START + 40.0, ("a/1", 0.0)) == [5.0]
    assert len(reads) == 1
    # A neighbor that has been silent for longer than the age says nothing.
    assert np.isnan(answered(groups, START + 95.0, ("a/1", 0.0))).all()


def test_what_a_replay_gives_itself_is_not_taken_from_the_history(linked):
    groups, _ = live(linked, ingested(linked, [1.0, 3.0]), ("a/1", "a/2"))
    left_out = frozenset({("a/2", int(START + 10) * 1_000_000)})
    groups.begin([(START + 20.0, START + 1e6, "a/1")], left_out)
    assert answered(groups, START + 20.0, ("a/1", 0.0)) == [1.0]


def test_links_and_rows_that_were_ingested_since_count_after_a_refresh(linked):
    frame = ingested(linked, [1.0, 3.0])
    groups, reads = live(linked, frame, ("a/1", "a/2"))
    groups.begin([(START + 5.0, START + 1e6, "a/1")])
    assert answered(groups, START + 5.0, ("a/1", 0.0)) == [1.0]
    groups._source.pairs = (("a/1", "b/9"),)
    groups.refresh()
    groups.begin([(START + 20.0, START + 1e6, "a/1")])
    assert answered(groups, START + 20.0, ("a/1", 0.0)) == [3.0] and len(reads) == 2
    assert groups._groups.shard_key("b/9") == "a/1"


def test_readings_of_one_list_follow_each_other_unless_they_say_when_they_arrived(linked):
    arriving = TelemetrySchema.from_dict({**linked.to_dict(), "arrival": "received"})
    groups, _ = live(arriving, None, ("a/1", "a/2"))
    first, second = answered(groups, START, ("a/1", 1.0), ("a/2", 2.0))
    assert np.isnan(first) and second == 1.0
    # Its clock may go back; readings still follow.
    assert answered(groups, START, ("a/1", 0.0), arrivals=[0.0]) == [2.0]
    told, _ = live(arriving, None, ("a/1", "a/2"), tells_arrival=True)
    assert np.isnan(answered(told, START, ("a/1", 1.0), ("a/2", 2.0), arrivals=[9.0, 9.0])).all()
    assert answered(told, START, ("a/1", 0.0), arrivals=[9.5]) == [2.0]
    # Without an arrival a list is taken in order of event time, and those of one time do not see each other.
    plain, _ = live(linked, None, ("a/1", "a/2"))
    assert np.isnan(answered(plain, START, ("a/1", 1.0), ("a/2", 2.0))).all()


def test_with_an_arrival_what_had_arrived_counts(linked):
    arriving = TelemetrySchema.from_dict({**linked.to_dict(), "arrival": "received"})
    frame = ingested(arriving, [1.0, 3.0], delay=100.0)
    groups, _ = live(arriving, frame, ("a/1", "a/2"))
    groups.begin([(START + 10.0, START + 105.0, "a/1")])
    assert answered(groups, START + 10.0, ("a/1", 0.0), arrivals=[START + 105.0]) == [1.0]


def test_a_device_days_behind_sees_what_the_others_sent_lately_where_arrivals_tell(linked):
    arriving = TelemetrySchema.from_dict({**linked.to_dict(), "arrival": "received"})
    groups, reads = live(arriving, ingested(arriving, [1.0, 3.0, 8.0]), ("a/1", "a/2"))
    behind, now = START - 2 * 86_400.0, START + 25.0
    groups.begin([(behind, now, "a/1")])
    assert answered(groups, behind, ("a/1", 0.0), arrivals=[now]) == [8.0] and len(reads) == 2
    # However many such readings a list has, each stretch is read once, and its rows are taken in once.
    groups, reads = live(arriving, ingested(arriving, [1.0, 3.0, 8.0]), ("a/1", "a/2"))
    groups.begin([(behind + second, now, "a/1") for second in range(40)])
    assert len(reads) == 2 and sum(len(rows.codes) for rows in groups._past) == 6
    assert answered(groups, behind, ("a/1", 0.0), arrivals=[now]) == [8.0]
    # One that is hours behind needs no second look, and rows that had not arrived do not count.
    groups, reads = live(arriving, ingested(arriving, [1.0, 3.0, 8.0]), ("a/1", "a/2"))
    groups.begin([(START - 7_200.0, START + 15.0, "a/1")])
    assert answered(groups, START - 7_200.0, ("a/1", 0.0), arrivals=[START + 15.0]) == [3.0]
    assert len(reads) == 1


def test_what_is_kept_goes_on_and_that_of_other_features_is_refused(linked):
    groups, _ = live(linked, ingested(linked, [1.0, 3.0]), ("a/1", "a/2"))
    groups.begin([(START + 10.0, START + 1e6, "a/1")])
    answered(groups, START + 10.0, ("a/2", 7.0))
    other, reads = live(linked, ingested(linked, [1.0, 3.0]), ("a/1", "a/2"))
    assert other.put(*groups.content())
    other.forget(["a/2", "nobody"])
    assert answered(other, START + 20.0, ("a/1", 0.0)) == [7.0] and not reads
    plain, arrays = groups.content()
    assert not other.put({**plain, "inputs": ["cpu"]}, arrays)
    # What was prepared and not yet answered is kept, too, and nothing of devices without a link.
    groups, _ = live(linked, ingested(linked, [1.0, 3.0]), ("a/1", "a/2"))
    groups.begin([(START + 10.0, START + 1e6, "a/1")])
    other, _ = live(linked, None, ("a/1", "a/2"))
    plain, arrays = groups.content()
    assert other.put(plain, arrays) and plain["devices"] == ["a/1", "a/2"]
    assert answered(other, START + 10.0, ("a/1", 0.0)) == [1.0]


def test_a_schema_without_them_does_nothing_and_a_history_without_the_windows_is_refused(
    monkeypatch, linked, schema
):
    class Known:
        class spec:
            features: ClassVar = {"cpu_avg_1m": None}

    monkeypatch.setattr(fstore, "get_feature_set", lambda _uri: Known)
    uri = "store://feature-sets/p/m"

    def state(of):
        return SimpleNamespace(schema=of, settings=SimpleNamespace(history=uri, devices=None), arrivals=None)

    with pytest.raises(InputError, match="must hold latency_avg_1m of schema 'tiny'"):
        LiveGroups.of(state(linked))
    groups = LiveGroups.of(state(schema))
    groups.begin([(START, START, "a/1")])
    groups.refresh()
    rows = [{"cpu_avg_1m": 1.0}]
    groups.add_to(rows, SimpleNamespace(), [0])
    assert rows == [{"cpu_avg_1m": 1.0}]


def frame_of(schema, rows):
    """Rows as they are ingested: device, time and value of each."""
    frame = pd.DataFrame(
        [{DEVICE: d, schema.time: at, "cpu_avg_1m": value, "latency_avg_1m": -value} for d, at, value in rows]
    )
    frame[schema.time] = pd.to_datetime(frame[schema.time], unit="s", utc=True)
    return frame


def far_apart(schema, seed):
    """Ingested rows of four devices that are up to hours apart, and what they send, in any order."""
    generator = np.random.default_rng([seed, 31])
    behind = dict(zip(FAR, generator.choice([0, 15, 40, 3600, 10800], len(FAR)).tolist(), strict=True))
    rows = [
        (device, START + 10.0 * at - behind[device] + number, float(generator.integers(1, 99)))
        for at in range(-1200, 6)
        for number, device in enumerate(FAR)
    ]
    newest = {device: START - behind[device] for device in FAR}
    past = [row for row in rows if row[1] < newest[row[0]]]
    sent = [row for row in rows if row[1] >= newest[row[0]]]
    assert sorted({device for device, _, _ in sent}) == sorted(FAR)
    return frame_of(schema, past), past, [sent[place] for place in generator.permutation(len(sent))]


FAR = ["a/1", "a/2", "b/9", "c/3"]
RING = [("a/1", "a/2"), ("a/2", "b/9"), ("b/9", "c/3"), ("a/1", "c/3")]


def of_backfill(schema, rows):
    """The feature of every row, in the order of event time."""
    ordered = sorted(rows, key=lambda row: row[1])
    features, groups = GroupFeatures(schema), Groups(schema, dict.fromkeys(RING, ALWAYS))
    at = np.array([[round(time * 1e6)] * 2 for _, time, _ in ordered])
    keys = [device for device, _, _ in ordered]
    given = [{"cpu_avg_1m": value, "latency_avg_1m": -value} for _, _, value in ordered]
    features.add_to(given, keys, at, features.state(groups))
    return {(key, time): row[NAME] for (key, time, _), row in zip(ordered, given, strict=True)}


def request_of(sent):
    events = [SimpleNamespace(event=SimpleNamespace(device=device, time=time)) for device, time, _ in sent]
    return SimpleNamespace(telemetry=events, arrived=lambda _place: START + 1e6)


def answers(groups, sent, left_out=frozenset()):
    """What one request gets, as the step of the windows asks for it."""
    groups.begin([(time, START + 1e6, device) for device, time, _ in sent], left_out)
    rows = [{"cpu_avg_1m": value, "latency_avg_1m": -value} for _, _, value in sent]
    groups.add_to(rows, request_of(sent), range(len(rows)))
    return {(device, time): row[NAME] for (device, time, _), row in zip(sent, rows, strict=True)}


@pytest.mark.parametrize("seed", [0, 1, 5, 7, 8])
def test_one_request_of_devices_far_apart_gets_what_the_history_has_and_a_replay_the_same(linked, seed):
    frame, past, sent = far_apart(linked, seed)
    offline = of_backfill(linked, [*past, *sent])
    assert not all(np.isnan(offline[device, time]) for device, time, _ in sent)
    groups, _ = live(linked, frame, *RING)
    found = answers(groups, sent)
    np.testing.assert_equal(found, {place: offline[place] for place in found})
    # Since then the rows were ingested, and the journal gives them again.
    again, _ = live(linked, pd.concat([frame, frame_of(linked, sent)]), *RING)
    left_out = frozenset((device, round(time * 1e6)) for device, time, _ in sent)
    np.testing.assert_equal(answers(again, sent, left_out), found)


def test_without_an_arrival_a_row_behind_an_earlier_request_sees_the_row_before_the_newest_at_best(linked):
    def played(groups, left_out=frozenset()):
        return [value for sent in requests for value in answers(groups, [sent], left_out).values()]

    requests = [("a/2", START + 20.0, 3.0), ("a/2", START + 30.0, 8.0)]
    requests += [("a/1", START + 25.0, 0.0), ("a/1", START + 15.0, 0.0), ("a/1", START + 35.0, 0.0)]
    frame = ingested(linked, [1.0, 2.0])  # At the start, and ten seconds later.
    pairs = [("a/1", "a/2")]
    found = played(live(linked, frame, *pairs)[0])
    # Offline the second row of the device that is behind would see 2.
    np.testing.assert_equal(found, [2.0, 2.0, 3.0, np.nan, 8.0])
    # A restart after these rows were ingested gives the same answers.
    again, _ = live(linked, pd.concat([frame, frame_of(linked, requests)]), *pairs)
    left_out = frozenset((device, round(time * 1e6)) for device, time, _ in requests)
    np.testing.assert_equal(played(again, left_out), found)


def test_the_step_has_each_event_of_a_request_see_what_was_ingested_before_it(linked, tmp_path, monkeypatch):
    frame, _, _ = far_apart(linked, 1)
    readings = frame.rename(columns={"cpu_avg_1m": "cpu", "latency_avg_1m": "latency"})
    history = ReadingHistory(lambda _start, _end: readings, linked)
    monkeypatch.setattr("graphs.preprocess.stored_readings", lambda _uri, _schema: history)
    groups, reads = live(linked, frame, *RING)
    monkeypatch.setattr(LiveGroups, "of", lambda _state: groups)
    package = write_package(tmp_path, linked)
    step = Preprocess(step_context(package, devices=None, history="store://feature-sets/p/m"))
    newest = frame.groupby(DEVICE)[linked.time].max()
    ends = {device: int(time.timestamp()) + 5.0 for device, time in newest.items()}
    events = [("c/3", ends["c/3"] + 60), ("a/1", ends["a/1"] + 20), ("b/9", ends["b/9"])]
    events += [("c/3", ends["c/3"] + 70), ("a/1", ends["a/1"]), ("b/9", ends["b/9"] + 30)]
    request = Request(Kind.TELEMETRY, arrival=START + 1e6)
    request.telemetry = [
        TelemetryRecord(TelemetryEvent(device, time, {"cpu": 5.0, "latency": 1.0}), place)
        for place, (device, time) in enumerate(events)
    ]
    step.prepare(request)
    step.do(request)
    served = [record.features for record in request.telemetry]
    past = [(row[DEVICE], row[linked.time].timestamp(), row["cpu_avg_1m"]) for _, row in frame.iterrows()]
    sent = [(*event, row["cpu_avg_1m"]) for event, row in zip(events, served, strict=True)]
    offline = of_backfill(linked, [*past, *sent])
    np.testing.assert_equal([row[NAME] for row in served], [offline[event] for event in events])
    # Each stretch of time is read once.
    assert len(reads) == 3


def test_a_device_that_is_ahead_of_the_first_sees_what_was_ingested_of_devices_that_send_nothing(linked):
    groups, _ = live(linked, ingested(linked, range(1, 40)), ("a/1", "a/2"), ("a/2", "b/9"))
    groups.begin([(START + 20.0, START + 1e6, "a/1")])
    assert answered(groups, START + 20.0, ("a/1", 0.0)) == [2.0]
    groups.begin([(START + 380.0, START + 1e6, "a/2")])
    assert answered(groups, START + 380.0, ("a/2", 0.0)) == [38.0]
