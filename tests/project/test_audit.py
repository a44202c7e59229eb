"""What was served against the history: nothing differs, and what does differ is found and named."""

import math
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import orjson
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.damaged_file import DamagedFileError
from feature_sets.derived_features import DerivedFeatures
from feature_sets.feature_vector import all_features
from feature_sets.model_package.package import fetch_model_package
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
from project.audit_account import Audit
from project.jobs import audit as step
from project.live_history import LiveJournal, take_live
from project.summary.audit_text import DRIFT, audit_text
from tests.feature_sets.ingestion.folders import forget_all
from tests.project.fake_endpoint import fake_endpoint
from tests.project.live_network import (
    GROUPED_ARRIVING,
    GROUPED_PLAIN,
    INPUTS,
    PLAIN,
    RELATIVE_PLAIN,
    START,
    Past,
    conversation,
    open_endpoint,
)
from training.report_page.page import Page, Section, render


@pytest.mark.parametrize(
    "schema",
    [PLAIN, GROUPED_PLAIN, GROUPED_ARRIVING],
    ids=["plain", "groups", "groups-arrival"],
)
def test_what_was_served_is_what_the_history_says(project, local_stack, tmp_path, monkeypatch, schema):
    forget_all()
    generator = np.random.default_rng(8)
    past = Past.random(generator)
    past.folder(tmp_path / "files", schema).ingest()
    all_features(schema).save()
    pairs = tmp_path / "pairs"
    of_others = DerivedFeatures(schema).groups.names[:1] + DerivedFeatures(schema).groups.names[-1:]
    endpoint = open_endpoint(
        tmp_path,
        project,
        local_stack.info.redis_url,
        schema,
        (*INPUTS, *of_others),
        labeled_directory=str(pairs),
    )
    client = endpoint.start()
    package = fetch_model_package(str(endpoint.package))
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)

    def look(most=1_000_000, since="3650d"):
        return audit(project, pairs, endpoint.journal, schema, most, since)

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
def test_pairs_after_a_silence_are_held_against_what_the_journal_says(
    project, local_stack, tmp_path, monkeypatch, course
):
    forget_all()
    generator = np.random.default_rng(11)
    Past.random(generator).folder(tmp_path / "files", PLAIN).ingest()
    all_features(PLAIN).save()
    pairs = tmp_path / "pairs"
    redis_url = local_stack.info.redis_url
    of_clock = {"clock": "arrival", "arrival_clock_in_production": True}
    endpoint = open_endpoint(
        tmp_path, project, redis_url, PLAIN, INPUTS, labeled_directory=str(pairs), **of_clock
    )
    client = endpoint.start()
    package = fetch_model_package(str(endpoint.package))
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)
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

    def look():
        return audit(project, pairs, endpoint.journal, PLAIN, 10_000, "3650d")

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


def test_late_readings_are_no_difference_and_what_was_changed_is_told(
    project, local_stack, tmp_path, monkeypatch
):
    forget_all()
    generator = np.random.default_rng(15)
    Past.random(generator).folder(tmp_path / "files", PLAIN).ingest()
    all_features(PLAIN).save()
    pairs = tmp_path / "pairs"
    redis_url = local_stack.info.redis_url
    endpoint = open_endpoint(tmp_path, project, redis_url, PLAIN, INPUTS, labeled_directory=str(pairs))
    package = fetch_model_package(str(endpoint.package))
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)

    def late(_second):
        return float(generator.integers(5, 55)) + 0.5 if generator.random() < 0.05 else 0.0

    serve_a_device(endpoint, generator, 600, late)
    take_live(endpoint.journal, PLAIN)

    def look():
        return audit(project, pairs, endpoint.journal, PLAIN, 10_000, "3650d")

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


def test_a_label_that_came_after_its_reading_was_history_is_waited_for_and_is_no_difference(
    project, local_stack, tmp_path, monkeypatch
):
    forget_all()
    generator = np.random.default_rng(17)
    Past.random(generator).folder(tmp_path / "files", PLAIN).ingest()
    all_features(PLAIN).save()
    pairs = tmp_path / "pairs"
    redis_url = local_stack.info.redis_url
    endpoint = open_endpoint(tmp_path, project, redis_url, PLAIN, INPUTS, labeled_directory=str(pairs))
    package = fetch_model_package(str(endpoint.package))
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)
    client, times = endpoint.start(), []
    for second in range(60):
        times.append((START + pd.Timedelta(seconds=second)).isoformat())
        event = {"device": "dev-1", "timestamp": times[-1], "cpu": float(second), "latency": 2.0}
        assert endpoint.send("/telemetry", [event]).status == 200
    told = [{"device": "dev-1", "timestamp": at, "is_error": 0} for at in times]

    def look():
        return audit(project, pairs, endpoint.journal, PLAIN, 10_000, "3650d")

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


def test_a_late_reading_is_no_difference_of_features_relative_to_the_past(
    project, local_stack, tmp_path, monkeypatch
):
    forget_all()
    generator = np.random.default_rng(16)
    Past.random(generator).folder(tmp_path / "files", RELATIVE_PLAIN).ingest()
    all_features(RELATIVE_PLAIN).save()
    pairs, relative = tmp_path / "pairs", DerivedFeatures(RELATIVE_PLAIN).relative.names[:2]
    endpoint = open_endpoint(
        tmp_path,
        project,
        local_stack.info.redis_url,
        RELATIVE_PLAIN,
        (*INPUTS, *relative),
        labeled_directory=str(pairs),
    )
    package = fetch_model_package(str(endpoint.package))
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)
    serve_a_device(endpoint, generator, 1500, lambda second: 7.5 if second == 700 else 0.0)
    take_live(endpoint.journal, RELATIVE_PLAIN)

    def look(since="3650d"):
        return audit(project, pairs, endpoint.journal, RELATIVE_PLAIN, 10_000, since)

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
    found = look(later)
    assert (found.mismatches, found.compared, found.left_out.total()) == (0, 600, 0), found.lines()
    assert found.rounded > 500 and found.after_late == 0
    path = max(pairs.glob("*.parquet"))
    rows = pd.read_parquet(path)
    rows.loc[rows.index[-1], relative[0]] *= 1.01
    rows.loc[rows.index[-1], relative[0]] += 0.01
    rows.to_parquet(path)
    found = look(later)
    assert found.mismatches == 1 and found.by_feature[relative[0]] == 1, found.lines()


@pytest.fixture(autouse=True)
def nobody_streams(monkeypatch):
    monkeypatch.setattr(step, "generator_address", lambda _: "")


def test_the_step_tells_its_figures_and_a_difference_is_an_error_of_its_log(monkeypatch):
    monkeypatch.setattr(
        step, "LiveJournal", SimpleNamespace(of=lambda *_: None)
    )  # It has MLRun write an address.
    found = Audit(pairs=9, compared=7, mismatches=2, not_in_history=2, since="x", first="a", last="b")
    found.by_feature["cpu"] = 2
    given, results, errors = [], {}, []
    monkeypatch.setattr(step, "audit", lambda *arguments: given.append(arguments) or found)
    context = SimpleNamespace(
        project="p", log_results=results.update, logger=SimpleNamespace(error=errors.append)
    )
    step.audit_served(context)
    assert given[0][-2:] == (100_000, "7d")
    assert (results["mismatches"], results["by_feature"], results["not_in_history"]) == (2, {"cpu": 2}, 2)
    assert errors == found.lines()
    text = audit_text(results)
    assert text.startswith("DIFFERENT: 2 of 7 served pairs are not what the history says (cpu 2)")
    first = Audit(pairs=9, not_in_history=9, since="x", first="a", last="b")
    assert first.lines()[1:] == [
        "nothing to compare yet",
        "  9 are compared once their readings are history: with the next run, or 'netops ingest --live'",
    ]
    found.mismatches, errors[:] = 0, []
    step.audit_served(context)
    assert errors == [] and audit_text(results) == (
        "7 of 9 served pairs compared with the history, equal to the last bit; "
        "2 are no history yet and are audited with the next run"
    )
    none = {**results, "compared": 0, "not_in_history": 9, "left_out": {"x": 3}}
    assert audit_text(none) == (
        "9 served pairs become history with the next run, which audits them; "
        "1 features not looked at where their order of arrival is not known"
    )
    assert audit_text({"pairs": 0}).endswith("from now on is audited with the next run")
    some = {**results, "compared": 0, "not_in_history": 7, "not_in_journal": 2}
    assert audit_text(some) == (
        "7 served pairs become history with the next run, which audits them; "
        "2 had a late reading, and no journal has them"
    )
    with fake_endpoint(lambda *_: (200, {"done": False})) as address:
        monkeypatch.setattr(step, "generator_address", lambda _: address)
        step.audit_served(context)
    assert results["while_streaming"] is True and audit_text(results).endswith(
        "; these were in files while the network still streamed, and the next run audits the rest"
    )
    del results["while_streaming"]
    with fake_endpoint(lambda *_: (200, {"done": True})) as address:
        monkeypatch.setattr(step, "generator_address", lambda _: address)
        step.audit_served(context)
    assert "while_streaming" not in results
    late = {**results, "compared": 0, "not_in_history": 0, "not_in_journal": 9}
    assert audit_text(late) == (
        "none of 9 served pairs could be compared; 9 had a late reading, and no journal has them"
    )
    silent = {**results, "compared": 9, "not_in_history": 0, "after_silence": 2}
    assert audit_text(silent).endswith("2 came after a silence of their device and were, too")
    other = {**results, "without_input": 9, "absent": {"cpu": 9}}
    assert audit_text(other).endswith("9 are of a model whose inputs cpu are no history")


class Stored:
    """A report in a store."""

    def __init__(self, html: str) -> None:
        self.html = html

    def get(self, encoding: str) -> str:
        return self.html

    def put(self, html: str) -> None:
        self.html = html


def test_the_figures_are_the_last_section_of_the_report_also_when_the_step_runs_again(monkeypatch):
    logged: list[str] = []
    context = SimpleNamespace(
        project="p",
        log_result=lambda *_: None,
        log_results=lambda _: None,
        logger=SimpleNamespace(error=logged.append),
    )
    given = render(Page("a network", "Good.", {"F1": "0.9"}, (Section("Model <1>", ("text",)),)))
    report = Stored(given)
    found = Audit(pairs=9, compared=7, not_in_history=2, mismatches=2, after_late=3)
    found.by_feature["cpu"] = 2
    monkeypatch.setattr(step, "_audited", lambda *_: found)
    monkeypatch.setattr(step, "read_drift", lambda project: (None, f"none in {project}"))
    monkeypatch.setattr(step, "drift_section", lambda drift, why: Section("Drift", (why,)))
    step.audit_served(context, report=report)
    assert report.html.index('<section id="drift">') < report.html.index('<section id="audit-of-what')
    assert report.html.count("none in p") == 1
    assert "<th>in the order of the journal, after a late reading</th>" in report.html
    assert report.html.count('<section id="audit-of-what-was-served">') == 1
    assert report.html.count('<a href="#audit-of-what-was-served">') == 1
    assert "DIFFERENT: 2 of 7 served pairs are not what" in report.html
    assert "<th>pairs that differ</th>" in report.html
    found.mismatches, found.by_feature = 0, Counter()
    step.audit_served(context, report=report)
    assert report.html.count('<section id="audit-of-what-was-served">') == 1
    assert report.html.count('<a href="#audit-of-what-was-served">') == 1
    assert "DIFFERENT" not in report.html and "7 of 9 served pairs compared" in report.html
    without = report.html.replace('<a href="#audit-of-what-was-served">Audit of what was served</a>', "")
    without = without.replace('<a href="#drift">Drift</a>', "")
    begin, end = without.index('<section id="drift'), without.index("</main>")
    assert without[:begin] + without[end:] == given
    logged.clear()
    step.audit_served(context, report=Stored("<html>"))
    assert logged == [
        f"the report has no section '{title}': page must be a report of ours, "
        "got one without </nav> or </main>"
        for title in ("Drift", "Audit of what was served")
    ]


def test_a_step_that_cannot_compare_says_so_and_ends_no_run(monkeypatch):
    def fails(*_):
        raise InputError("history", "must have been begun", "none")

    monkeypatch.setattr(step, "audit", fails)
    told = {"summary": "in control"}
    monkeypatch.setattr(step, "read_drift", lambda project: (told, ""))
    results, errors = {}, []
    step.audit_served(
        SimpleNamespace(
            project="p", log_result=results.__setitem__, logger=SimpleNamespace(error=errors.append)
        )
    )
    assert errors == ["nothing was audited: history: must have been begun, got 'none'"]
    assert results[DRIFT] == told
    assert audit_text(results) == "NOT AUDITED: history: must have been begun, got 'none'; see 'netops audit'"
