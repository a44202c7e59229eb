"""What an endpoint accepts becomes history: once, as if it had come in files, with the features it served."""

from __future__ import annotations

import contextlib
import itertools
import math
from unittest.mock import Mock

import mlrun
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.checks import InputError
from feature_sets.ingestion.label_state import no_statements
from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.protocol.event_names import SentEvents
from graphs.protocol.routes import Kind
from graphs.serving_graph import build_serving_graph
from graphs.state.accepted_entries import accepted_entries
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.redis_journal import RedisJournal
from graphs.state.settings import ServingSettings
from project import live_rows
from project.function_names import SERVING
from project.live_history import LiveJournal, take_live
from project.settings import Settings
from project.untold_warnings import UntoldWarnings
from tests.feature_sets.ingestion.folders import MODELS, forget_all, states
from tests.feature_sets.ingestion.histories import SCHEMA, assert_same_bits, assert_same_rows
from tests.feature_sets.ingestion.test_append_kills import Death, KilledError
from tests.project.live_network import (
    ARRIVING,
    COUNTING,
    COUNTING_ARRIVING,
    GROUPED_ARRIVING,
    GROUPED_PLAIN,
    PLAIN,
    RELATIVE_ARRIVING,
    RELATIVE_PLAIN,
    START,
    TICK,
    Past,
    at_once,
    conversation,
    offline_rows,
    open_endpoint,
    sent_by,
)


def test_the_label_deadline_is_that_of_the_endpoint(project, tmp_path):
    settings = Settings(home=tmp_path, token="secret")
    assert LiveJournal.of(project, settings).label_deadline == ServingSettings.label_deadline_seconds
    function = mlrun.new_function(SERVING, project=project, kind="serving", image="mlrun/mlrun")
    build_serving_graph(function, model_path="model", label_deadline_seconds=60)
    mlrun.get_run_db().store_function(function.to_dict(), SERVING, project, tag="latest")
    assert LiveJournal.of(project, settings).label_deadline == 60


EXPECTING = TelemetrySchema.from_dict({**ARRIVING.to_dict(), "expected_interval": "5s"})

both_schemas = pytest.mark.parametrize(
    "schema",
    [PLAIN, ARRIVING, COUNTING, COUNTING_ARRIVING, RELATIVE_ARRIVING, GROUPED_ARRIVING],
    ids=[
        *("no arrival", "arrival", "counters, no arrival", "counters, arrival", "relative, arrival"),
        "groups, arrival",
    ],
)


def different(schema: TelemetrySchema, table: pa.Table, served) -> list[tuple[str, float]]:
    """Served events with a feature of other bits than offline."""
    offline = offline_rows(table, served)
    names = list(schema.live_features)
    made = np.array([[row[name] for name in names] for row in served.values()], dtype=np.float64)
    stored = np.ascontiguousarray(offline[names].to_numpy(dtype=np.float64))
    same = (made.view(np.int64) == stored.view(np.int64)) | (np.isnan(made) & np.isnan(stored))
    return [key for key, alike in zip(served, same.all(axis=1), strict=True) if not alike]


@both_schemas
def test_live_becomes_history_as_if_it_had_been_in_files(project, local_stack, tmp_path, schema):
    url = local_stack.info.redis_url
    forget_all()
    generator = np.random.default_rng(8)
    past = Past.random(generator)
    past.folder(tmp_path / "files", schema).ingest()
    endpoint = open_endpoint(tmp_path, project, url, schema)
    client = endpoint.start()
    requests = sent_by(schema, conversation(generator))
    results = []
    for number, (path, body) in enumerate(requests):
        assert endpoint.send(path, body).status == 200
        if number in (33, 34, 90):
            results.append(take_live(endpoint.journal, schema))
        if number == 70:
            client.shut_down()
            client = endpoint.start()
    results.append(take_live(endpoint.journal, schema))
    client.shut_down()
    first = states(url)

    # Once more changes nothing.
    again = take_live(endpoint.journal, schema)
    assert again["readings"] == again["labels"] == 0
    assert [state.folder for state in states(url)] == [state.folder for state in first]

    accepted = endpoint.accepted()
    assert sum(result["readings"] for result in results) == len(accepted)
    statuses = accepted["status"].value_counts()
    assert {"accepted", "late", "too_late", "duplicate", "quarantined"} <= set(statuses.index)
    assert sum(result["readings_quarantined"] for result in results) == statuses["quarantined"]
    once_each = accepted[accepted["status"] != "quarantined"].drop_duplicates([DEVICE, "timestamp"])
    known = pd.MultiIndex.from_frame(past.rows[[DEVICE, "timestamp"]])
    new = ~pd.MultiIndex.from_frame(once_each[[DEVICE, "timestamp"]]).isin(known)
    late = ((once_each["status"] == "late") & new).sum()
    if schema.arrival is None:  # With one, those that a file has too are known.
        too_late = sum(result["readings_too_late"] for result in results)
        # Of those that the windows did not count some were sent again, or a file has them.
        taken = accepted[accepted["status"].isin(["accepted", "late"])]
        not_future = accepted[accepted["status"] != "quarantined"]
        keys, of_taken = (pd.MultiIndex.from_frame(of[[DEVICE, "timestamp"]]) for of in (not_future, taken))
        lost = ~keys.isin(of_taken) & ~keys.isin(known)
        assert 0 < too_late == lost.sum() < endpoint.by_windows["too_late"]
    assert sum(result["late_readings"] for result in results) == (0 if schema.arrival else late)

    served = endpoint.served
    wrong = different(schema, first[0].table, served)
    if schema.arrival:
        assert not wrong
    else:  # Only where a late reading came within the longest window, or within what rates reach back.
        assert 0 < len(wrong) < (len(served) if schema.counter_metrics else len(served) / 2)
        came_late = accepted[accepted["status"] == "late"]
        definition = WindowDefinition.from_schema(schema)
        reach = pd.Timedelta(microseconds=(definition.kept_buckets + 1) * definition.period_micros)
        for device, time in wrong:
            moments = came_late.loc[came_late[DEVICE] == device, "timestamp"]
            assert ((moments - pd.Timestamp(time, unit="s", tz="UTC")).abs() <= reach).any(), (device, time)

    once = at_once(past.folder(tmp_path / "at-once", schema), schema, endpoint, requests)
    assert_same_rows(first, once)
    forget_all()


def in_order(generator: np.random.Generator, ticks: int = 60):
    """A conversation without anything late."""
    requests = []
    for path, body in conversation(generator, ticks):
        if path == "/telemetry":
            at = f"{START + pd.Timedelta(seconds=TICK * (len(requests) // 2)):%Y-%m-%dT%H:%M:%S}Z"
            seen: dict[str, dict] = {}
            for event in body:
                seen.setdefault(event["device"], {**event, "timestamp": at})
            body = list(seen.values())
        requests.append((path, body))
    return requests


@pytest.mark.parametrize(
    ("schema", "talk"),
    [
        *((PLAIN, in_order), (ARRIVING, in_order), (ARRIVING, conversation)),
        *((COUNTING, in_order), (COUNTING_ARRIVING, conversation), (EXPECTING, conversation)),
        *((RELATIVE_PLAIN, in_order), (RELATIVE_ARRIVING, conversation)),
        *((GROUPED_PLAIN, in_order), (GROUPED_ARRIVING, conversation)),
    ],
    ids=[
        *("no arrival", "arrival", "arrival, late readings"),
        *("counters, no arrival", "counters, arrival, late readings", "expected interval, late readings"),
        *("relative, no arrival", "relative, arrival, late readings"),
        *("groups, no arrival", "groups, arrival, late readings"),
    ],
)
def test_a_restart_serves_the_same_after_live_has_become_history(
    project, local_stack, tmp_path, schema, talk
):
    """The journal holds the newest 150 readings only; their windows begin in what is history by then."""
    forget_all()
    generator = np.random.default_rng(9)
    past = Past.random(generator)
    past.folder(tmp_path / "files", schema).ingest()
    endpoint = open_endpoint(tmp_path, project, local_stack.info.redis_url, schema)
    client = endpoint.start()
    requests = sent_by(schema, talk(generator))
    for path, body in requests[:100]:
        assert endpoint.send(path, body).status == 200
    endpoint.client.step("journal")._journal.archive.catch_up()
    for path, body in requests[100:]:
        assert endpoint.send(path, body).status == 200
    take_live(endpoint.journal, schema)
    client.shut_down()
    endpoint.start().shut_down()
    served, replayed = endpoint.served, endpoint.replayed
    assert 60 <= len(replayed) < len(served)
    for key, features in replayed.items():
        for name, value in features.items():
            assert np.array([value]).tobytes() == np.array([served[key][name]]).tobytes() or (
                np.isnan(value) and np.isnan(served[key][name])
            ), (key, name)
    # Where nothing was late they equal the offline ones without an arrival, too.
    assert not different(schema, states(local_stack.info.redis_url)[0].table, served)
    forget_all()


def test_live_may_be_killed_at_any_step(project, local_stack, tmp_path, monkeypatch):
    url = local_stack.info.redis_url
    generator = np.random.default_rng(10)
    past = Past.random(generator)
    folder = past.folder(tmp_path / "files", PLAIN)
    forget_all()
    folder.ingest()
    endpoint = open_endpoint(tmp_path, project, url, PLAIN)
    endpoint.start()
    requests = conversation(generator, 25)
    for number, (path, body) in enumerate(requests):
        endpoint.send(path, body)
        if number == 20:
            take_live(endpoint.journal, PLAIN)
    take_live(endpoint.journal, PLAIN)
    endpoint.client.shut_down()
    expected = states(url)
    for at in itertools.count(1, 3):
        forget_all()
        folder.ingest()
        with monkeypatch.context() as patch:
            death = Death(patch, at)
            with contextlib.suppress(KilledError):
                take_live(endpoint.journal, PLAIN)
        result = take_live(endpoint.journal, PLAIN)
        assert_same_rows(states(url), expected)
        if not death.dead:
            assert result["readings"] == 0
            break
    assert at > 12
    forget_all()


def test_readings_of_other_metrics_and_labels_of_another_column_are_told(project, local_stack, tmp_path):
    forget_all()
    past = Past.random(np.random.default_rng(11))
    past.folder(tmp_path / "files", PLAIN).ingest()
    journal = LiveJournal("serving", local_stack.info.redis_url, "of-earlier", tmp_path / "accepted")
    for metrics, label in ((("fan", "jitter"), "broken"), (("cpu", "latency"), "is_error")):
        kept = RedisJournal(journal.url, journal.key, metrics, 1000, label)
        readings = [
            TelemetryEvent("dev-1", START.timestamp() + len(label), dict.fromkeys(metrics, 1.0)),
            TelemetryEvent("dev-7", START.timestamp() + len(label), dict.fromkeys(metrics, 1.0)),
        ]
        kept.append(Kind.TELEMETRY, START.timestamp() + 20, readings)
        kept.append(Kind.LABELS, START.timestamp() + 20, [LabelEvent("dev-1", START.timestamp(), 1)])
    found = take_live(journal, PLAIN)
    assert (found["readings"], found["readings_new"], found["readings_of_other_schema"]) == (4, 2, 2)
    assert (found["labels"], found["labels_new"], found["labels_of_other_column"]) == (2, 1, 1)
    assert found["devices_unknown"] == 1
    report = "\n".join(found["report_lines"])
    assert "2 readings left out: of a schema with none of these metrics" in report
    assert "1 labels left out: not of 'is_error'" in report
    forget_all()


def test_readings_are_read_by_the_names_of_their_columns(project, local_stack, tmp_path):
    forget_all()
    Past.random(np.random.default_rng(11)).folder(tmp_path / "files", PLAIN).ingest()
    at = START.timestamp()
    journal = LiveJournal("serving", local_stack.info.redis_url, "of-other-order", tmp_path / "accepted")
    reading = TelemetryEvent("dev-1", at, {"latency": 3.0, "cpu": 70.0})
    RedisJournal(journal.url, journal.key, tuple(reading.metrics), 1000).append(
        Kind.TELEMETRY, at, [reading, TelemetryEvent("dev-1", at - 12.5, {"latency": 4.0, "cpu": 71.0})]
    )
    (replayed,) = RedisJournal(journal.url, journal.key, PLAIN.reading_columns, 1000).entries()
    assert replayed.events[0].metrics == reading.metrics
    entries = accepted_entries(journal.url, journal.key, journal.archive, BEFORE_ALL)
    rows = live_rows.live_rows(entries, PLAIN).rows.metrics
    assert rows[["cpu", "latency"]].values.tolist() == [[70.0, 3.0], [71.0, 4.0]]
    found = take_live(journal, PLAIN)
    counts = found["readings_new"], found["readings_of_other_schema"], found["late_readings"]
    assert counts == (2, 0, 1)
    forget_all()


def test_what_is_in_a_file_too_is_known_and_contradictions_are_told(project, local_stack, tmp_path):
    forget_all()
    past = Past.random(np.random.default_rng(12))
    folder = past.folder(tmp_path / "files", PLAIN)
    folder.ingest()
    journal = LiveJournal("serving", local_stack.info.redis_url, "also-in-files", tmp_path / "accepted")
    kept = RedisJournal(journal.url, journal.key, PLAIN.metric_names, 1000, "is_error")
    again = past.rows.iloc[-8:].reset_index(drop=True)
    events = [
        TelemetryEvent(
            row[DEVICE], row["timestamp"].timestamp(), {"cpu": row["cpu"], "latency": row["latency"]}
        )
        for row in again.to_dict("records")
    ]
    events[3] = events[3]._replace(metrics={"cpu": 77.0, "latency": 1.0})
    kept.append(Kind.TELEMETRY, START.timestamp(), events)
    found = take_live(journal, PLAIN)
    assert (found["readings_known"], found["readings_new"], found["readings_conflicting"]) == (8, 0, 1)
    assert found["conflicts"][0]["given"] == 77.0
    later = START.timestamp() + 2 * 86_400
    fresh = [event._replace(time=event.time + 86_400) for event in events[:2]]
    kept.append(Kind.TELEMETRY, later, fresh)
    kept.append(Kind.TELEMETRY, later + 1, fresh[:1])
    kept.append(Kind.TELEMETRY, later + 2, [fresh[1]._replace(metrics={"cpu": 3.0, "latency": math.nan})])
    found = take_live(journal, PLAIN)
    assert (found["readings_known"], found["readings_new"], found["readings_conflicting"]) == (2, 2, 1)
    assert found["conflicts"][0]["given"] == 3.0
    assert found["conflicts"][0]["kept"] == fresh[1].metrics["cpu"]
    assert any("given 3.0" in line for line in found["report_lines"])
    # Windows have passed by now: what is sent again is held against the history all the same.
    ahead = fresh[0]._replace(time=fresh[0].time + 2 * 86_400)
    kept.append(Kind.TELEMETRY, later + 3 * 86_400, [ahead, fresh[0]])
    kept.append(
        Kind.TELEMETRY, later + 3 * 86_400 + 1, [fresh[0]._replace(metrics={"cpu": 5.0, "latency": 2.0})]
    )
    found = take_live(journal, PLAIN)
    assert (found["readings_known"], found["readings_new"], found["readings_conflicting"]) == (2, 1, 1)
    (told,) = found["conflicts"]
    assert (told["given"], told["kept"]) == (5.0, fresh[0].metrics["cpu"])
    assert any("given 5.0" in line for line in found["report_lines"])
    assert folder.ingest()["rows_new"] == 0
    forget_all()


def test_live_readings_in_another_unit_are_warned_of_once(project, local_stack, tmp_path, monkeypatch):
    forget_all()
    past = Past.random(np.random.default_rng(14))
    past.folder(tmp_path / "files", PLAIN).ingest()
    journal = LiveJournal("serving", local_stack.info.redis_url, "other-unit", tmp_path / "accepted")
    kept = RedisJournal(journal.url, journal.key, PLAIN.metric_names, 1000, "is_error")
    for day, factor in ((1, 1.0), (2, 1000.0)):
        events = [
            TelemetryEvent(
                row[DEVICE],
                row["timestamp"].timestamp() + day * 86_400,
                {"cpu": row["cpu"] * factor, "latency": row["latency"]},
            )
            for row in past.rows.tail(40 * len(MODELS)).to_dict("records")
        ]
        kept.append(Kind.TELEMETRY, START.timestamp() + day * 86_400, events)
        untold = UntoldWarnings(tmp_path / "untold.json")
        if factor == 1.0:
            lines = take_live(journal, PLAIN, untold)["report_lines"]
            assert not [line for line in lines if "another unit" in line]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("project.live_history._repeats", Mock(side_effect=KeyboardInterrupt))
        take_live(journal, PLAIN, untold)  # As if killed when the rows were there.
    lines = take_live(journal, PLAIN, untold)["report_lines"]
    untold.told()
    assert take_live(journal, PLAIN, untold)["report_lines"] == ["live: nothing new"]
    assert lines[0] == "live: nothing new"
    (line,) = lines[1:]
    assert line.startswith(
        "live: warning: an ingestion that was ended before it could say so: cpu may be in another unit in "
        "live readings of 2024-01-05 00:00 to 2024-01-05 06:00 UTC: its values are "
        "about 1,000 times larger there than in "
    )
    forget_all()


def test_a_label_by_the_id_of_a_request_becomes_history_once_its_event_has_come(
    project, local_stack, tmp_path
):
    forget_all()
    past = Past.random(np.random.default_rng(14))
    past.folder(tmp_path / "files", PLAIN).ingest()
    journal = LiveJournal("serving", local_stack.info.redis_url, "by-name", tmp_path / "accepted")
    kept = RedisJournal(journal.url, journal.key, PLAIN.metric_names, 1000, "is_error")
    begin = START.timestamp() + 86_400

    def waits(name: str, is_error: int) -> LabelEvent:
        return LabelEvent("", math.nan, is_error, name=name)

    def reading(second: int) -> TelemetryEvent:
        return TelemetryEvent("dev-1", begin + second, {"cpu": 1.0, "latency": 1.0})

    kept.append(Kind.LABELS, begin, [waits("r-2#1", 1), LabelEvent("dev-1", begin, 0), waits("r-3", 1)])
    kept.append(Kind.TELEMETRY, begin + 1, [reading(0)], [SentEvents("r-1")])
    found = take_live(journal, PLAIN)
    assert (found["labels"], found["labels_new"]) == (1, 1)
    sent = [SentEvents("r-2", (0, 1)), SentEvents("r-4", (1,))]
    kept.append(Kind.TELEMETRY, begin + 8, [reading(5), reading(6), reading(7)], sent)
    kept.append(Kind.LABELS, begin + 9, [waits("r-4#1", 0), waits("r-2#1", 0)])
    found = take_live(journal, PLAIN)
    assert (found["labels"], found["labels_new"], found["labels_conflicting"]) == (3, 2, 1)
    asked = [waits("r-1", 1)]
    kept.append(
        Kind.LABELS, begin + 10, [*asked, LabelEvent("dev-1", begin, 1), LabelEvent("dev-1", begin + 6, 1)]
    )
    kept.append(Kind.LABELS, begin + 10, [LabelEvent("dev-1", begin + 7, 0)])
    found = take_live(journal, PLAIN)
    assert (found["labels_known"], found["labels_conflicting"], found["labels_new"]) == (4, 1, 0)
    forget_all()


def test_labels_of_an_unknown_device_wait_until_its_population_is_known(project, local_stack, tmp_path):
    schema = TelemetrySchema.from_dict({**PLAIN.to_dict(), "population": {"model": "m1"}})
    forget_all()
    past = Past.random(np.random.default_rng(13))
    folder = past.folder(tmp_path / "files", schema)
    folder.ingest()
    journal = LiveJournal("serving", local_stack.info.redis_url, "waits", tmp_path / "accepted")
    kept = RedisJournal(journal.url, journal.key, schema.metric_names, 1000, "is_error")

    def accept(second: int) -> None:
        time = START.timestamp() + second
        kept.append(Kind.TELEMETRY, time, [TelemetryEvent("dev-9", time, {"cpu": 1.0, "latency": 1.0})])
        kept.append(Kind.LABELS, time, [LabelEvent("dev-9", time, 1), LabelEvent("dev-1", time, 0)])

    accept(0)
    found = take_live(journal, schema)
    assert (found["readings_new"], found["labels_new"], found["labels"]) == (1, 1, 2)
    accept(5)
    assert take_live(journal, schema)["labels_new"] == 1
    folder.static({**MODELS, "dev-9": "m1"})
    folder.ingest()
    found = take_live(journal, schema)
    assert (found["labels_new"], found["labels_known"], found["readings_new"]) == (2, 2, 0)
    assert take_live(journal, schema)["labels"] == 0
    forget_all()


def test_without_a_history_there_is_nothing_to_add_to(project, local_stack, tmp_path):
    forget_all()
    journal = LiveJournal("serving", local_stack.info.redis_url, "no-history", tmp_path / "accepted")
    assert take_live(journal, PLAIN)["readings"] == 0
    kept = RedisJournal(journal.url, journal.key, PLAIN.metric_names, 1000)
    kept.append(Kind.TELEMETRY, 1.0, [TelemetryEvent("dev-1", 1.0, {"cpu": 1.0, "latency": 1.0})])
    with pytest.raises(InputError, match="must have been begun by 'netops ingest'"):
        take_live(journal, PLAIN)


def test_with_a_horizon_the_label_itself_becomes_history(project, local_stack, tmp_path):
    """What is predicted of it is computed there, as of labels in files."""
    url = local_stack.info.redis_url
    forget_all()
    generator = np.random.default_rng(14)
    past = Past.random(generator)
    past.folder(tmp_path / "files", SCHEMA).ingest()
    endpoint = open_endpoint(tmp_path, project, url, SCHEMA)
    endpoint.start()
    requests = conversation(generator, 30)
    for number, (path, body) in enumerate(requests):
        answer = endpoint.send(path, body)
        assert answer.status == 200
        if path == "/labels":
            assert {each["status"] for each in answer.json} <= {"kept", "duplicate", "conflicting"}
        if number == 31:
            take_live(endpoint.journal, SCHEMA)
    target = {"device": "dev-1", "timestamp": START.isoformat(), SCHEMA.target: 1}
    assert endpoint.send("/labels", target).json["status"] in ("joined", "waiting")
    found = take_live(endpoint.journal, SCHEMA)
    assert (found["labels_of_other_column"], found["labels"]) == (1, 4 * 14 + 1)
    endpoint.client.shut_down()
    first = states(url)
    once = at_once(past.folder(tmp_path / "at-once", SCHEMA), SCHEMA, endpoint, requests)
    for mine, theirs in zip(first, once, strict=True):
        assert_same_bits(mine.table, theirs.table)
    forget_all()


def test_a_live_label_is_of_no_part_of_a_split_by_column():
    content = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {"load": None}, "label": "bad"}
    schema = TelemetrySchema.from_dict({**content, "exclude_labels": {"by": "test"}, "split": "column:part"})
    rows = live_rows._labels([LabelEvent("a", 0.0, 1, ("x",)), LabelEvent("b", 0.0, 0)], schema)
    assert list(rows) == list(no_statements(schema)) == ["device", "at", "bad", "by", "part"]
    assert rows["by"].tolist() == ["x", None] and rows["part"].isna().all()
