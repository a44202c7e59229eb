"""Incidents and positives of files at an endpoint: known there, journaled once, not ingested twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import accepted_entries
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.told_labels import StoredLabels
from project.contradicted_pairs import contradicted_pairs
from project.live_history import take_live
from project.summary.live_labels import COMPARED, CONTRADICTED, contradiction_lines
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import SCHEMA
from tests.graphs.snapshots.conftest import taken
from tests.project.live_network import START, TICK, Endpoint, open_endpoint

BASE = {**SCHEMA.to_dict(), "horizon": "0s", "exclude_labels": {"kind": "test"}}


@pytest.fixture(autouse=True)
def nothing_before(project):
    forget_all()
    yield
    forget_all()


def of(**labels: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**BASE, "labels": labels})


INCIDENTS = of(form="incidents", healthy_after="30s", scope=["device", "model"])
POSITIVES = of(form="positives", watched="readings", healthy_after="30s")


def at(seconds: float) -> str:
    return (START + pd.Timedelta(seconds=seconds)).isoformat()


def past_of(tmp_path: Path, schema: TelemetrySchema) -> Folder:
    folder = Folder(tmp_path / "files", schema)
    folder.static(MODELS)
    times = pd.date_range(end=START - pd.Timedelta(seconds=TICK), periods=20, freq=f"{TICK}s")
    rows = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 50.0, "latency": 5.0})
    folder.add("metrics", "past", rows)
    return folder


def write(folder: Folder, *incidents: tuple[str | None, str | None, float, float | None, str]) -> None:
    """Incidents by id: device or model, start and end in seconds, kind."""
    if (folder.path / "labels").is_dir():
        (folder.path / "labels").rmdir()
    columns = ["id", "device", "model", "start", "end", "kind"]
    rows = [
        (
            f"INC{number}" if number else None,
            whom if whom and whom.startswith("dev") else None,
            whom if whom and whom.startswith("m") else None,
            at(start),
            None if end is None else at(end),
            kind,
        )
        for number, (whom, _, start, end, kind) in enumerate(incidents)
    ]
    pd.DataFrame(rows, columns=columns).to_csv(folder.path / "incidents.csv", index=False)


def incident(whom: str, start: float, end: float | None = None, kind: str = "link") -> tuple[Any, ...]:
    return whom, None, start, end, kind


def serve(tmp_path: Path, project: str, url: str, schema: TelemetrySchema, name: str) -> Endpoint:
    (tmp_path / name).mkdir()
    endpoint = open_endpoint(
        tmp_path / name,
        project,
        url,
        schema,
        labels=f"store://feature-sets/{project}/device_labels",
        labeled_directory=str(tmp_path / name / "pairs"),
        batch_rows=7,
        batch_seconds=3600,
    )
    endpoint.most = 100_000
    return endpoint


def tick(number: int) -> list[dict[str, Any]]:
    moment = at(TICK * number)
    return [{"device": name, "timestamp": moment, "cpu": 50.0 + number, "latency": 5.0} for name in MODELS]


def pairs(endpoint: Endpoint) -> pd.DataFrame:
    files = sorted(Path(endpoint.settings["labeled_directory"]).glob("*.parquet"))
    frame = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    assert not frame.duplicated([DEVICE, "timestamp"]).any()
    return frame.drop(columns=["predicted_at", "labeled_at"])


def labels_of(frame: pd.DataFrame, label: str = "is_error") -> dict[tuple[str, int], int]:
    seconds = (pd.to_datetime(frame["timestamp"], utc=True) - START) // pd.Timedelta(seconds=1)
    return dict(zip(zip(frame[DEVICE], seconds, strict=True), frame[label], strict=True))


def told(endpoint: Endpoint, kind: Kind = Kind.INCIDENTS) -> list[int]:
    """How much each entry of a kind in the journal has."""
    journal = endpoint.journal
    entries = accepted_entries(journal.url, journal.key, journal.archive, BEFORE_ALL).new
    return [len(entry.rows) for entry in entries if entry.kind == kind]


def test_no_prediction_in_an_incident_of_a_file_is_called_healthy(project, local_stack, tmp_path):
    url = local_stack.info.redis_url
    folder = past_of(tmp_path, INCIDENTS)
    first = [
        incident("dev-0", 20, 60),
        incident("dev-1", 0, None),
        incident("m1", 50, 70),
        incident("dev-2", 10, 90, "test"),
        incident("dev-2", 40),
    ]
    write(folder, *first)
    folder.ingest()
    steady = serve(tmp_path, project, url, INCIDENTS, "steady")
    killed = serve(tmp_path, project, url, INCIDENTS, "killed")
    for endpoint in (steady, killed):
        endpoint.start()
    assert told(steady) == told(killed) == [5]
    for number in range(40):
        if number == 10:  # It was longer.
            write(folder, incident("dev-0", 20, 100), first[1], incident("m1", 50, 70), first[3], first[4])
            folder.ingest()
        if number == 20:  # One was another one, and one was none.
            write(folder, incident("dev-0", 20, 100), first[1], incident("m0", 110, 120), first[3])
            folder.ingest()
        for endpoint in (steady, killed):
            if number in (10, 20, 30):
                answer = endpoint.send("/devices/reload", None)
                assert answer.json["incidents"] == {10: 1, 20: 2, 30: 0}[number]
            if number == 15:
                whole = {"id": "INC1", "end": at(85)}
                assert endpoint.send("/incidents", whole).json["status"] == "closed"
            assert endpoint.send("/telemetry", tick(number)).status == 200
        if number in (5, 11, 12, 22, 33):
            killed.start()
    assert told(steady) == told(killed) == [5, 1, 2]
    contradicted = [endpoint.client.get("/labeled").json["contradicted"] for endpoint in (steady, killed)]
    for endpoint in (steady, killed):
        endpoint.client.shut_down()
    pd.testing.assert_frame_equal(
        *(
            pairs(endpoint).sort_values([DEVICE, "timestamp"], ignore_index=True)
            for endpoint in (steady, killed)
        )
    )

    # What the files said when it mattered is what the history says; what was taken back later stays.
    assert take_live(steady.journal, INCIDENTS)["incidents"] == 1
    history = labels_of(states(url)[1].table.to_pandas())
    found = labels_of(pairs(steady))
    assert len(found) > 100
    differing = {key: (label, history.get(key)) for key, label in found.items() if history.get(key) != label}
    taken_back = [("dev-3", seconds) for seconds in (50, 55, 60, 65)] + [("dev-2", 90), ("dev-2", 95)]
    assert differing == dict.fromkeys(taken_back, (1, 0))
    assert contradicted == [len(taken_back)] * 2
    labels, folder = TelemetryHistory.of(INCIDENTS).labels, Path(steady.settings["labeled_directory"])
    counted = contradicted_pairs(folder, labels, INCIDENTS)
    compared = sum(key in history for key in found)
    assert counted == {COMPARED: compared, CONTRADICTED: len(taken_back)}
    assert contradiction_lines(counted)[0].startswith(f"{len(taken_back)} of {compared} labeled pairs have")
    newest = contradicted_pairs(folder, labels, INCIDENTS, most=1)
    assert 0 < newest[COMPARED] <= 7 and newest[CONTRADICTED] == 0
    assert contradiction_lines(newest) == []
    assert contradicted_pairs(tmp_path / "none", labels, INCIDENTS) == {COMPARED: 0, CONTRADICTED: 0}
    assert ("dev-1", 80) in found and found["dev-1", 85] == 0
    kept = pd.read_parquet(states(url)[1].folder / "_incidents")
    assert sorted(kept["source"].str.rpartition("|")[2]) == ["incidents.csv"] * 4 + ["live"]
    assert take_live(steady.journal, INCIDENTS)["labels_changed"] == 0


def test_predictions_whose_future_came_by_file_get_the_label_of_the_history(project, local_stack, tmp_path):
    """The last live horizon before a day by file: nothing that arrives live says what followed.

    Of dev-1 an incident does, which is known.
    """
    ahead = replace(INCIDENTS, horizon="20s")
    folder = past_of(tmp_path, ahead)
    write(folder, incident("dev-1", 62, 70))
    folder.ingest()
    endpoint = serve(tmp_path, project, local_stack.info.redis_url, ahead, "endpoint")
    endpoint.settings |= {"snapshot_directory": str(tmp_path / "snapshots"), "snapshot_seconds": 3600}
    endpoint.start()
    for number in range(10):
        assert endpoint.send("/telemetry", tick(number)).status == 200
    take_live(endpoint.journal, ahead)
    assert endpoint.send("/devices/reload", None).json["incidents"] == 0, "nobody knows what followed"
    times = pd.to_datetime([at(TICK * number) for number in range(10, 30)], utc=True)
    for name in ("dev-0", "dev-1", "dev-2"):
        rows = pd.DataFrame({DEVICE: name, "timestamp": times, "cpu": 50.0, "latency": 5.0})
        folder.add("metrics", name, rows)
    folder.ingest()
    assert endpoint.send("/devices/reload", None).json["incidents"] == 11
    assert told(endpoint) == [1, 11]
    endpoint.start()  # From the journal, then from a snapshot. It asks the history each time.
    taken(endpoint.client)
    endpoint.start()
    assert told(endpoint) == [1, 11], "each is told once"
    for number in range(80, 100):
        assert endpoint.send("/telemetry", tick(number)).status == 200
    endpoint.client.shut_down()
    found = {one: label for one, label in labels_of(pairs(endpoint), ahead.target).items() if one[1] < 50}
    kept = states(local_stack.info.redis_url)[1].table.to_pandas().dropna(subset=[ahead.target])
    history = labels_of(kept, ahead.target)
    assert found == {one: label for one, label in history.items() if 0 <= one[1] < 50}
    assert {one for one, label in found.items() if label} == {("dev-1", 45)}
    assert ("dev-0", 45) in found and ("dev-3", 45) not in found


def test_an_alarm_that_flaps_is_one_incident_live_as_far_as_it_is_told_in_time(
    project, local_stack, tmp_path
):
    flaps = of(form="incidents", healthy_after="30s", alarm_log={"time": "at", "hold_off": "10s"})
    folder = past_of(tmp_path, flaps)
    (folder.path / "labels").rmdir()
    (folder.path / "incidents").mkdir()

    def add(name: str, *rows: tuple[int, str]) -> None:
        told = pd.DataFrame(
            {
                "box": "dev-0",
                "at": [at(row[0]) for row in rows],
                "state": [row[1] for row in rows],
                "kind": "link",
            }
        )
        told.to_csv(folder.path / "incidents" / f"{name}.csv", index=False)
        folder.ingest()

    add("begin", (-500, "raise"), (-490, "clear"))
    endpoint = serve(tmp_path, project, local_stack.info.redis_url, flaps, "flaps")
    endpoint.start()
    for number in range(60):
        if number == 7:
            add("first", (20, "raise"), (30, "clear"))
        if number == 9:  # What is in between is not taken as healthy yet.
            add("second", (40, "raise"), (45, "clear"))
        if number == 30:
            add("third", (100, "raise"), (105, "clear"))
        if number == 40:  # Now it is.
            add("late", (115, "raise"), (120, "clear"), (131, "raise"), (134, "clear"))
        if number in (7, 9, 30, 40):
            assert endpoint.send("/devices/reload", None).json["incidents"] > 0
        assert endpoint.send("/telemetry", tick(number)).status == 200
    contradicted = endpoint.client.get("/labeled").json["contradicted"]
    endpoint.client.shut_down()
    take_live(endpoint.journal, flaps)
    history = labels_of(states(local_stack.info.redis_url)[1].table.to_pandas())
    errors = [*range(20, 45, 5), *range(100, 120, 5)]
    assert (
        sorted(at for (name, at), label in history.items() if name == "dev-0" and at >= 0 and label) == errors
    )
    found = labels_of(pairs(endpoint))
    assert all(found["dev-0", at] == 1 for at in range(20, 45, 5))
    differing = {key for key, label in found.items() if history.get(key) != label}
    assert differing <= {("dev-0", at) for at in errors if at >= 100} and ("dev-0", 110) in differing
    assert contradicted == len(differing)


def test_positives_of_files_are_known_before_their_predictions_are_healthy(project, local_stack, tmp_path):
    url = local_stack.info.redis_url
    folder = past_of(tmp_path, POSITIVES)

    def add(name: str, *seconds: float) -> None:
        times = pd.to_datetime([at(one) for one in seconds], utc=True)
        folder.add("labels", name, pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "kind": None}))

    add("first", -3000, -5, 10)
    folder.ingest()
    endpoint = serve(tmp_path, project, url, POSITIVES, "endpoint")
    endpoint.start()
    assert told(endpoint) == [3]
    for number in range(30):
        if number == 12:
            add("second", 50, 55)
            folder.ingest()
            assert endpoint.send("/devices/reload", None).json["incidents"] == 2
            endpoint.start()
        assert endpoint.send("/telemetry", tick(number)).status == 200
    assert told(endpoint) == [3, 2]
    endpoint.client.shut_down()
    found = labels_of(pairs(endpoint))
    assert {key for key, label in found.items() if label} == {("dev-0", at_) for at_ in (10, 50, 55)}
    assert take_live(endpoint.journal, POSITIVES)["labels"] == 0
    history = labels_of(states(url)[1].table.to_pandas())
    assert {key: history.get(key) for key in found} == found


@pytest.mark.parametrize("form", ["incidents", "positives"])
@pytest.mark.parametrize("sent", [False, True], ids=["by files", "live"])
def test_errors_that_are_told_late_count_by_one_rule(project, local_stack, tmp_path, form, sent):
    """Whoever tells them: by files, or live."""
    schema = INCIDENTS if form == "incidents" else POSITIVES
    folder = past_of(tmp_path, schema)
    past, told_later = [-200, -5], [20, 40, 60, 140]  # The last one is younger than what counts as healthy.

    def tell(*seconds: float) -> None:
        if form == "incidents":
            write(folder, *(incident("dev-0", second, second + 4) for second in seconds))
        else:
            times = pd.to_datetime([at(one) for one in seconds], utc=True)
            folder.add("labels", "told", pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "kind": None}))

    tell(*past)
    folder.ingest()
    endpoint = serve(tmp_path, project, local_stack.info.redis_url, schema, "endpoint")
    endpoint.start()

    def missed() -> tuple[int, int]:
        found = endpoint.client.step("labeled_join")._ledger.missed
        return found.lost, found.told

    assert missed() == (0, 0)
    for number in range(30):
        assert endpoint.send("/telemetry", tick(number)).status == 200
    if sent and form == "incidents":
        for second in told_later:
            body = {"device": "dev-0", "start": at(second), "end": at(second + 4)}
            assert endpoint.send("/incidents", body).json["status"] == "opened"
    elif sent:
        for second in told_later:
            assert endpoint.send("/labels", {"device": "dev-0", "timestamp": at(second)}).status == 200
    else:
        tell(*past, *told_later)
        folder.ingest()
        endpoint.send("/devices/reload", None)
    assert missed() == (3, 4)
    warning = endpoint.client.get("/labeled").json["warning"]
    assert warning.startswith(
        "75.0% of the newest errors that were told, 3, began longer ago than the 1m after which"
    )
    endpoint.start()  # As after a kill: the journal tells the same.
    assert missed() == (3, 4)
    endpoint.client.shut_down()


def test_of_overlapping_sources_the_first_counts_live_as_in_files(project, local_stack, tmp_path):
    url = local_stack.info.redis_url
    schema = of(
        form="incidents", healthy_after="30s", sources=["tickets", "alerts"], conflict="first", tolerance="2s"
    )
    folder = past_of(tmp_path, schema)
    (folder.path / "labels").rmdir()
    (folder.path / "incidents").mkdir()
    for name, rows in {
        "tickets": [("dev-0", 20, 40), ("dev-1", 60, 70)],
        "alerts": [("dev-0", 0, 25), ("dev-0", 50, 60), ("dev-1", 72, 80)],
        "others": [("dev-0", 55, 90), ("dev-1", 10, 15)],
    }.items():
        table = [(device, at(start), at(end), "link") for device, start, end in rows]
        frame = pd.DataFrame(table, columns=["device", "start", "end", "kind"])
        frame.to_csv(folder.path / "incidents" / f"{name}.csv", index=False)
    folder.ingest()
    endpoint = serve(tmp_path, project, url, schema, "endpoint")
    endpoint.start()
    for number in range(30):
        assert endpoint.send("/telemetry", tick(number)).status == 200
    endpoint.client.shut_down()
    other = of(form="incidents", kind="cause")  # Of a model from before the history was replaced.
    assert StoredLabels(endpoint.settings["labels"], other).read() is None
    take_live(endpoint.journal, schema)
    found, history = labels_of(pairs(endpoint)), labels_of(states(url)[1].table.to_pandas())
    assert {key: history.get(key) for key in found} == found and 5 < sum(found.values()) < 20


def test_incidents_that_were_over_before_the_start_are_known_by_their_id(project, local_stack, tmp_path):
    url, after = local_stack.info.redis_url, TICK * 3
    folder = past_of(tmp_path, INCIDENTS)
    over = [incident("dev-0", first, first + 10) for first in (-100, -90, -70, -50, -30)]
    write(folder, *over)
    folder.ingest()

    def ones() -> int:
        return sum(labels_of(states(url)[1].table.to_pandas()).values())

    assert ones() == 10
    endpoint = serve(tmp_path, project, url, INCIDENTS, "endpoint")
    endpoint.settings["label_deadline_seconds"] = 5
    endpoint.start()

    def status(body: dict[str, Any]) -> str:
        answered = endpoint.send("/incidents", body)
        assert answered.status == 200
        return answered.json["status"]

    assert endpoint.send("/telemetry", tick(after)).status == 200  # All of them are forgotten by now.
    assert not len(endpoint.client.step("labeled_join")._book)
    assert status({"id": "INC1", "cancelled": True}) == "cancelled"
    assert status({"id": "INC2", "end": at(-55)}) == "changed"
    assert status({"id": "INC3", "end": at(-40)}) == "duplicate"
    assert status({"id": "INC4", "start": at(-20), "end": at(-15)}) == "changed"
    assert status({"id": "INC9", "cancelled": True}) == "waiting"
    assert endpoint.send("/telemetry", tick(after + 2)).status == 200
    # What was sent counts before the file, though the history has it not yet.
    endpoint.start()
    assert status({"id": "INC2", "kind": "power"}) == "changed"
    assert endpoint.client.step("labeled_join")._book.get("INC2").end == pd.Timestamp(at(-55)).timestamp()
    assert sum(told(endpoint)) == 5 + 5
    take_live(endpoint.journal, INCIDENTS)
    history = labels_of(states(url)[1].table.to_pandas())
    assert {at_ for (_, at_), label in history.items() if label} == {-100, -95, -70, -65, -60, -50, -45, -20}
    endpoint.send("/devices/reload", None)
    endpoint.send("/telemetry", tick(after + 4))
    assert status({"id": "INC1", "cancelled": False}) == "changed"
    take_live(endpoint.journal, INCIDENTS)
    assert ones() == 10
    endpoint.client.shut_down()


def test_positives_that_a_full_ledger_has_forgotten_are_not_journaled_again(project, local_stack, tmp_path):
    url = local_stack.info.redis_url
    folder = past_of(tmp_path, POSITIVES)
    times = pd.to_datetime([at(-10), at(-5)], utc=True)
    folder.add("labels", "first", pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "kind": None}))
    folder.ingest()
    endpoint = serve(tmp_path, project, url, POSITIVES, "endpoint")
    endpoint.start()
    assert told(endpoint) == [2]
    for _ in range(2):
        # As if other events had taken their place.
        ledger = endpoint.client.step("labeled_join")._ledger
        ledger.has_label = lambda device, micros: False
        assert endpoint.send("/devices/reload", None).json["incidents"] == 0
        endpoint.start()
    assert told(endpoint) == [2]
    endpoint.client.shut_down()
