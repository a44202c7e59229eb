"""What was served against the history: nothing differs, and what does differ is found and named."""

import math
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.damaged_file import DamagedFileError
from feature_sets.derived_features import DerivedFeatures
from feature_sets.telemetry.events import LabelEvent
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.definition import WindowDefinition
from graphs.protocol.event_names import SentEvents, names_text
from graphs.state.accepted_entries import AcceptedEntries
from graphs.state.journal_entries import RawEntry, encoded, waiting_names
from graphs.state.longest_reach import longest_reach
from project import arrivals, live_history
from project import audit as audits
from project.audit import audit
from project.live_history import LiveJournal, take_live
from tests.feature_sets.ingestion.folders import forget_all
from tests.project.live_network import (
    GROUPED_ARRIVING,
    GROUPED_PLAIN,
    INPUTS,
    PLAIN,
    RELATIVE_PLAIN,
    START,
    conversation,
    open_endpoint,
)


@pytest.mark.parametrize(
    "schema",
    [PLAIN, GROUPED_PLAIN, GROUPED_ARRIVING],
    ids=["plain", "groups", "groups-arrival"],
)
def test_what_was_served_is_what_the_history_says(audited, monkeypatch, schema):
    generator = np.random.default_rng(8)
    of_others = DerivedFeatures(schema).groups.names[:1] + DerivedFeatures(schema).groups.names[-1:]
    endpoint, pairs, look = audited(generator, schema, (*INPUTS, *of_others))
    client = endpoint.start()
    assert look().pairs == 0
    assert look().lines() == [
        "no labeled pairs yet: what is served is compared once it is labeled and history: with the next run, "
        "or 'netops ingest --live'"
    ]
    for path, body in conversation(generator):
        assert endpoint.send(path, body).status == 200
    client.shut_down()
    count = sum(map(len, map(pd.read_parquet, pairs.glob("*.parquet"))))
    assert count > 100

    before = look()
    assert before.pairs == count and before.not_in_history > count / 2 and not before.mismatches
    take_live(endpoint.journal, schema)
    found = look()
    assert (found.pairs, found.not_in_history, found.mismatches) == (count, 0, 0), "\n".join(found.lines())
    assert found.compared == count and bool(found.after_late) == (schema.arrival is None)
    assert set(found.left_out) == (set(of_others) if schema.arrival is None else set())
    assert not found.left_out or found.lines()[-1].startswith(f"  not looked at in {found.compared:,}, as")

    answered = pd.concat([pd.read_parquet(path)["predicted_at"] for path in pairs.glob("*.parquet")])
    later = answered > answered.median()
    assert look(since=answered[later].min().isoformat()).pairs == later.sum() < count
    assert look(since="1h").since == (answered.max() - pd.Timedelta("1h")).isoformat()
    for wrong in ("7 days", "soon", "2024-05-01T00:00:00"):
        with pytest.raises(InputError, match="since: must be a length"):
            look(since=wrong)

    path = sorted(pairs.glob("*.parquet"))[-1]
    rows = pd.read_parquet(path)
    # One in which every row differs in one bit, and an answer that its model does not give.
    rows["cpu_avg_1m"] = np.nextafter(rows["cpu_avg_1m"].to_numpy(), np.inf)
    rows.loc[rows.index[-1], "probability"] += 0.01
    rows.to_parquet(path)
    found = look(most=1)
    assert found.pairs == len(rows)
    compared = found.compared
    assert found.by_feature == {"cpu_avg_1m": compared, "probability": 1} and found.mismatches == compared
    assert any(line.endswith(f"{compared:,} in cpu_avg_1m") for line in found.lines())

    # What was looked at and is not in the history does not wait for it.
    missing = np.arange(count) % 2 == 0
    held = audits.held_rows

    def half(history, rows, *columns):
        """Of the readings; labels are all there."""
        return held(history, rows, *columns) if columns else (np.where(missing[: len(rows)], -1, 0), None)

    with monkeypatch.context() as patched:
        patched.setattr(audits, "held_rows", half)
        found = look(most=1)
        assert found.out_of_history == (len(rows) + 1) // 2 and not found.not_in_history
        assert any("left out of the history, too late" in line for line in found.lines())
        patched.setattr(audits, "taken_until", lambda *_: 0)
        assert look(most=1).not_in_history == found.out_of_history
    assert audits.held_rows is held

    vector = audits.read_vector
    monkeypatch.setattr(audits, "read_vector", lambda *given: vector(*given).drop(columns="cpu_avg_1m"))
    found = look(most=1)
    assert (found.compared, found.without_input, found.absent) == (0, compared, {"cpu_avg_1m": compared})
    assert f"  {compared:,} not compared: the history has no cpu_avg_1m any more" in found.lines()

    monkeypatch.setattr(audits, "model_of", lambda project, version: None)
    assert look().unknown_models == count


def test_without_a_history_there_is_nothing_to_compare_with(project, local_stack, tmp_path):
    forget_all()
    endpoint = open_endpoint(tmp_path, project, local_stack.info.redis_url, PLAIN)
    with pytest.raises(InputError, match="history"):
        audit(project, tmp_path, endpoint.journal, PLAIN, 10)


def test_archives_of_before_the_range_are_not_read(project, tmp_path, monkeypatch):
    asked = []

    def entries(url, key, archive, after):
        asked.append(after)
        return AcceptedEntries([], [])

    monkeypatch.setattr(live_history, "accepted_entries", entries)
    answered = pd.to_datetime(["2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"])
    arrivals.arrivals(
        LiveJournal("serving", "", "key", tmp_path), PLAIN, [pd.DataFrame({"predicted_at": answered})]
    )
    # An hour, and what the windows can look back on: twice the minute, and the tolerance.
    assert asked == [(pd.Timestamp("2026-11-20T10:57:00Z").value // 1_000_000, 0)]


def test_a_label_that_waited_for_its_request_is_one_of_the_event(project, tmp_path, monkeypatch):
    waiting = [LabelEvent("", math.nan, 1, name="r1"), LabelEvent("", math.nan, 1, name="unknown")]
    entries = [
        RawEntry((1, 0), "labels", "", PLAIN.target, 9.0, encoded(waiting), waiting_names(waiting)),
        RawEntry(
            *((2, 0), "telemetry", "latency,cpu", "", 10.0, orjson.dumps([("a", 5.0, 1, 2)])),
            names_text([SentEvents("r1")]),
        ),
    ]
    monkeypatch.setattr(live_history, "accepted_entries", lambda *_: AcceptedEntries(entries, []))
    files = [pd.DataFrame({"predicted_at": pd.to_datetime([10.0], unit="s", utc=True)})]
    came = arrivals.arrivals(LiveJournal("serving", "", "key", tmp_path), PLAIN, files)
    assert came.labels == {("a", 5_000_000): frozenset({1})}


def test_a_device_that_was_silent_for_long_may_have_begun_anew():
    def entry(number, arrival, *rows):
        return RawEntry((number, 0), "telemetry", "latency,cpu", "", arrival, orjson.dumps(rows))

    silent = 1000.0 + longest_reach(WindowDefinition.from_schema(PLAIN))
    entries = [
        entry(1, 1000.0, ("a", 500.0, 1, 2), ("b", 500.0, 1, 2)),
        entry(2, silent - 1, ("b", 510.0, 1, 2)),
        entry(3, silent, ("a", 510.0, 1, 2)),
    ]
    came = arrivals.Arrivals(pd.DataFrame(), arrivals._returned(entries, PLAIN, 999.0), {})
    assert came.returned[DEVICE].tolist() == ["a"]
    # What was before the entries is not known: one that is heard late may have been silent before.
    assert arrivals._returned(entries[2:], PLAIN, 999.0)[DEVICE].tolist() == ["a"]
    pairs = pd.DataFrame(
        [("a", 510.0, silent), ("a", 500.0, 1000.0), ("b", 510.0, silent - 1), ("a", 600.0, silent + 90)],
        columns=[DEVICE, "timestamp", "predicted_at"],
    )
    assert came.begun_anew(pairs, PLAIN).tolist() == [True, False, False, False]


@pytest.mark.parametrize("course", ["nothing", "ingested before", "ingested amid", "restarted amid"])
def test_pairs_after_a_silence_are_held_against_what_the_journal_says(audited, course):
    generator = np.random.default_rng(11)
    of_clock = {"clock": "arrival", "arrival_clock_in_production": True}
    endpoint, pairs, look = audited(generator, PLAIN, **of_clock)
    client = endpoint.start()
    labels = []

    def send(device, *seconds):
        events = [
            {
                "device": device,
                "timestamp": (START + pd.Timedelta(seconds=at)).isoformat(),
                "cpu": float(generator.normal(50, 10)),
                "latency": float(generator.gamma(2.0, 5.0)),
            }
            for at in seconds
        ]
        labels.extend({"device": device, "timestamp": each["timestamp"], "is_error": 0} for each in events)
        for each in events:
            assert endpoint.send("/telemetry", [each]).status == 200

    def tell():
        for each in labels:
            assert endpoint.send("/labels", [each]).status == 200

    def ingest():
        take_live(endpoint.journal, PLAIN)
        assert endpoint.send("/devices/reload", {}).status == 200

    send("dev-1", *range(0, 60, 5))
    back = 2 * longest_reach(WindowDefinition.from_schema(PLAIN)) + 120
    # The others go on, and their clock is that of the endpoint; it forgets the one that is silent.
    send("dev-2", *np.arange(0, back, 30))
    if course == "ingested before":
        ingest()
    # What it could not send meanwhile, then what it measures now.
    send("dev-1", *range(61, 90, 5))
    if course == "ingested amid":
        ingest()
    if course == "restarted amid":
        take_live(endpoint.journal, PLAIN)
        tell()
        client.shut_down()
        client = endpoint.start()
    send("dev-1", *range(91, 180, 5))
    tell()
    client.shut_down()
    take_live(endpoint.journal, PLAIN)

    found = look()
    assert found.compared == found.pairs == len(labels) and found.mismatches == 0, found.lines()
    assert bool(found.after_silence) == (course != "ingested before")
    if not found.after_silence:
        return
    assert any("their device was begun anew after a silence" in line for line in found.lines())
    wrong = 0
    for path in pairs.glob("*.parquet"):
        rows = pd.read_parquet(path)
        silent = rows["timestamp"] == START + pd.Timedelta(seconds=66)
        silent &= rows[DEVICE] == "dev-1"
        wrong += int(silent.sum())
        rows.loc[silent, "cpu_avg_1m"] = np.nextafter(rows.loc[silent, "cpu_avg_1m"].to_numpy(), np.inf)
        rows.to_parquet(path)
    assert wrong == 1 and (look().mismatches, look().by_feature) == (1, {"cpu_avg_1m": 1})
    (example,) = look().examples
    assert example["column"] == "cpu_avg_1m" and example["expected"] < example["found"]


def serve_a_device(endpoint, generator, readings, late):
    """Send a reading a second, each so many seconds too late, and all of their labels."""
    client, times = endpoint.start(), []
    for second in range(readings):
        times.append((START + pd.Timedelta(seconds=second - late(second))).isoformat())
        values = {"cpu": float(generator.normal(50, 10)), "latency": float(generator.gamma(2.0, 5.0))}
        event = {"device": "dev-1", "timestamp": times[-1], **values}
        assert endpoint.send("/telemetry", [event]).status == 200
    labels = [{"device": "dev-1", "timestamp": at, "is_error": 0} for at in times]
    assert endpoint.send("/labels", labels).status == 200
    client.shut_down()


def test_late_readings_are_no_difference_and_what_was_changed_is_told(audited):
    generator = np.random.default_rng(15)
    endpoint, pairs, look = audited(generator, PLAIN)

    def late(_second):
        return float(generator.integers(5, 55)) + 0.5 if generator.random() < 0.05 else 0.0

    serve_a_device(endpoint, generator, 600, late)
    take_live(endpoint.journal, PLAIN)

    found = look()
    assert (found.mismatches, found.after_silence, found.not_in_history) == (0, 0, 0)
    assert found.compared == found.pairs > 590 and found.after_late > 400 and found.examples == []

    path = max(pairs.glob("*.parquet"))
    rows = pd.read_parquet(path)
    rows.loc[rows.index[-1], "prediction"] = 1 - rows["prediction"].iloc[-1]
    rows.loc[rows.index[-2], "is_error"] = 1
    rows.to_parquet(path)
    changed = look()
    assert (changed.mismatches, changed.by_feature) == (2, {"prediction": 1, "is_error": 1})
    label, prediction = changed.examples
    assert (label["file"], label["column"], label["expected"], label["found"]) == (
        path.name,
        "is_error",
        0,
        1,
    )
    assert prediction["time"] == rows["timestamp"].iloc[-1].isoformat()
    assert f"{path.name}: is_error must be 0, is 1" in "\n".join(changed.lines())

    rows.loc[rows.index[-3], "cpu_avg_1m"] += 1.0
    rows.to_parquet(path)
    assert look().mismatches == 3
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"{path.name}: must be a readable Parquet file"):
        look()
    path.write_bytes(b"PAR1")
    with pytest.raises(DamagedFileError, match="put it back from a backup"):
        look()


def test_a_label_that_came_after_its_reading_was_history_is_waited_for_and_is_no_difference(audited):
    endpoint, _, look = audited(np.random.default_rng(17), PLAIN)
    client, times = endpoint.start(), []
    for second in range(60):
        times.append((START + pd.Timedelta(seconds=second)).isoformat())
        event = {"device": "dev-1", "timestamp": times[-1], "cpu": float(second), "latency": 2.0}
        assert endpoint.send("/telemetry", [event]).status == 200
    told = [{"device": "dev-1", "timestamp": at, "is_error": 0} for at in times]

    assert endpoint.send("/labels", told[:40]).status == 200
    take_live(endpoint.journal, PLAIN)
    assert endpoint.send("/labels", told[40:]).status == 200
    client.shut_down()
    found = look()
    assert (found.pairs, found.compared, found.label_not_in_history) == (60, 40, 20)
    assert (found.mismatches, found.not_in_history, found.after_silence) == (0, 0, 0), found.lines()
    assert (
        "  20 are compared once their labels, which came live, are history: with the next" in found.lines()[2]
    )
    take_live(endpoint.journal, PLAIN)
    found = look()
    assert (found.compared, found.label_not_in_history, found.mismatches) == (60, 0, 0), found.lines()


def test_a_late_reading_is_no_difference_of_features_relative_to_the_past(audited, monkeypatch):
    generator, relative = np.random.default_rng(16), DerivedFeatures(RELATIVE_PLAIN).relative.names[:2]
    endpoint, pairs, look = audited(generator, RELATIVE_PLAIN, (*INPUTS, *relative))
    serve_a_device(endpoint, generator, 1500, lambda second: 7.5 if second == 700 else 0.0)
    take_live(endpoint.journal, RELATIVE_PLAIN)

    found = look()
    assert (found.mismatches, found.pairs, found.compared) == (0, 1500, 1500), found.lines()
    assert 700 < found.rounded < 810 and not found.left_out.total() > 100, found.lines()
    assert any("within a thousandth in features relative to" in line for line in found.lines())

    # An audit that looks back no further than to answers after the late reading sees the level of then.
    def ordered(*given):
        came = arrivals.arrivals(*given)
        return replace(came, late=came.late.iloc[:0], returned=came.returned.iloc[:0])

    monkeypatch.setattr(audits, "arrivals", ordered)
    answered = pd.concat([pd.read_parquet(path)["predicted_at"] for path in pairs.glob("*.parquet")])
    later = answered.sort_values().iloc[900].isoformat()
    found = look(since=later)
    assert (found.mismatches, found.compared, found.left_out) == (0, 600, {}), found.lines()
    assert found.rounded > 500 and found.after_late == 0
    path = max(pairs.glob("*.parquet"))
    rows = pd.read_parquet(path)
    rows.loc[rows.index[-1], relative[0]] *= 1.01
    rows.loc[rows.index[-1], relative[0]] += 0.01
    rows.to_parquet(path)
    found = look(since=later)
    assert found.mismatches == 1 and found.by_feature[relative[0]] == 1, found.lines()
