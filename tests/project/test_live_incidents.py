"""Incidents that an endpoint accepts become history: equal to files with the same, and to what was served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_history import take_live
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import SCHEMA, assert_same_bits
from tests.project.live_network import START, TICK, open_endpoint

BASE = {**SCHEMA.to_dict(), "horizon": "0s", "exclude_labels": {"kind": "test"}}


def of(**labels: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**BASE, "labels": {"form": "incidents", **labels}})


def of_incidents(tmp_path: Path, schema: TelemetrySchema) -> Folder:
    """A folder without label rows, for a history that begins anew."""
    forget_all()
    folder = Folder(tmp_path / "files", schema)
    (folder.path / "labels").rmdir()
    folder.static(MODELS)
    return folder


def reading(device: str, at: pd.Timestamp) -> dict[str, Any]:
    return {"device": device, "timestamp": at.isoformat(), "cpu": 50.0, "latency": 5.0}


def conversation(generator: np.random.Generator, ticks: int = 80):
    """Readings in order; incidents that open, close, change kind and are cancelled, by id and without one."""
    known: list[str] = []
    for tick in range(ticks):
        at = START + pd.Timedelta(seconds=TICK * tick)
        device = f"dev-{generator.integers(0, 4)}"
        if generator.random() < 0.2:
            name = f"INC{tick}"
            known.append(name)
            kind = "test" if generator.random() < 0.3 else "link"
            yield "/incidents", {"id": name, "device": device, "start": at.isoformat(), "kind": kind}
        if known and generator.random() < 0.2:
            # It ends later, so that no prediction was joined that is not in it.
            end = at + pd.Timedelta(seconds=float(generator.choice([1, 20])))
            yield "/incidents", {"id": known.pop(0), "end": end.isoformat()}
        if generator.random() < 0.1:
            early = at - pd.Timedelta("7s")
            sent = {"device": device, "start": early.isoformat(), "end": at.isoformat(), "kind": None}
            yield "/labels", [sent, {"id": "nobody knows it", "end": at.isoformat()}]
        yield "/telemetry", [reading(device, at) for device in MODELS]


def labels_of(state) -> dict[tuple[str, int], int]:
    frame = state.table.to_pandas()
    frame = frame[frame["kind"] != "test"]
    return dict(zip(zip(frame[DEVICE], frame["timestamp"], strict=True), frame["is_error"], strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labels", [{"healthy_after": "1m"}, {"tolerance": "3s", "healthy_after": "1m"}])
def test_live_incidents_become_history(project, local_stack, tmp_path, seed, labels):
    url, schema = local_stack.info.redis_url, of(**labels)
    generator = np.random.default_rng(seed)
    folder = of_incidents(tmp_path, schema)
    times = pd.date_range(end=START - pd.Timedelta(seconds=TICK), periods=20, freq=f"{TICK}s")
    past = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 50.0, "latency": 5.0})
    folder.add("metrics", "past", past)
    given = pd.DataFrame({"box": ["dev-0"], "start": [times[3]], "end": [times[9]], "kind": ["link"]})
    given.to_parquet(folder.path / "incidents.parquet")
    folder.ingest()
    served = tmp_path / "pairs"
    endpoint = open_endpoint(
        tmp_path,
        project,
        url,
        schema,
        labeled_directory=str(served),
        batch_seconds=3600,
        archive_directory=None,
    )
    endpoint.settings.pop("archive_directory")
    client = endpoint.start()
    done, sent = [], 0
    for number, (path, body) in enumerate(conversation(generator)):
        assert endpoint.send(path, body).status == 200
        sent += len(body) if isinstance(body, list) and path != "/telemetry" else path == "/incidents"
        if number in (40, 41, 90):
            done.append(take_live(endpoint.journal, schema))
        if number == 60:
            client.shut_down()
            client = endpoint.start()
    done.append(take_live(endpoint.journal, schema))
    client.shut_down()
    assert sum(result["incidents"] for result in done) == sent
    assert sum(result["incidents_waiting"] for result in done) > 0
    grown = states(url)
    incidents = pd.read_parquet(grown[1].folder / "_incidents")
    assert take_live(endpoint.journal, schema)["labels_changed"] == 0

    frame = pd.concat([pd.read_parquet(file) for file in sorted(served.glob("*.parquet"))])
    pairs = {(row.device, row.timestamp.tz_localize(None)): row.is_error for row in frame.itertuples()}
    history = labels_of(grown[1])
    assert len(pairs) > 200
    assert {key: history.get(key) for key in pairs} == pairs
    assert set(pairs.values()) == {0, 1}

    # Taken in at once after the history was replaced, it is the same.
    forget_all()
    folder.ingest()
    take_live(endpoint.journal, schema)
    for mine, theirs in zip(grown, states(url), strict=True):
        assert_same_bits(mine.table, theirs.table)

    # A file with the same incidents, readings and the same past says the same.
    rows = endpoint.accepted()
    live = incidents[incidents["source"] == "live"]
    columns = {"at.device": "box", "is.kind": "kind", "id": "id", "start": "start", "end": "end"}
    live = live.rename(columns=columns)[[*columns.values(), "cancelled"]]
    live[["start", "end"]] = live[["start", "end"]].apply(lambda column: column.dt.tz_localize("UTC"))
    forget_all()
    folder.add("metrics", "then", rows[[DEVICE, "timestamp", "cpu", "latency"]])
    pd.concat([given, live]).to_parquet(folder.path / "incidents.parquet")
    folder.ingest()
    assert_same_bits(grown[1].table, states(url)[1].table)
    forget_all()


def test_an_incident_that_was_live_before_is_changed_by_a_later_one(project, local_stack, tmp_path):
    url, schema = local_stack.info.redis_url, of()
    folder = of_incidents(tmp_path, schema)
    folder.add(
        "metrics",
        "past",
        pd.DataFrame([reading("dev-0", START)]).rename(columns={"device": DEVICE}).assign(timestamp=START),
    )
    pd.DataFrame({"box": [], "start": [], "end": [], "kind": []}).to_csv(
        folder.path / "incidents.csv", index=False
    )
    folder.ingest()
    endpoint = open_endpoint(tmp_path, project, url, schema)
    client = endpoint.start()

    def errors() -> list[int]:
        take_live(endpoint.journal, schema)
        frame = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
        return frame.sort_values("timestamp")["is_error"].tolist()

    at = [START + pd.Timedelta(seconds=TICK * number) for number in range(4)]
    endpoint.send("/telemetry", [reading("dev-0", moment) for moment in at[1:]])
    endpoint.send("/incidents", {"id": "7", "device": "dev-0", "start": at[1].isoformat()})
    assert errors() == [0, 1, 1, 1]
    endpoint.send("/incidents", {"id": "7", "end": at[2].isoformat()})
    assert errors() == [0, 1, 0, 0]
    endpoint.send("/labels", {"device": "dev-0", "timestamp": at[3].isoformat(), "is_error": 1})
    assert errors() == [0, 1, 0, 1]
    endpoint.send("/incidents", {"id": "7", "cancelled": True})
    assert errors() == [0, 0, 0, 1]
    again = {"id": "7", "device": "dev-0", "start": at[1].isoformat(), "end": None}
    assert endpoint.send("/incidents", again).json["status"] == "changed"  # Its end, and no more.
    assert endpoint.send("/incidents", [again, again]).json[1]["status"] == "duplicate"
    assert errors() == [0, 0, 0, 1]
    endpoint.send("/incidents", {**again, "end": at[3].isoformat(), "cancelled": False})
    assert errors() == [0, 1, 1, 1]
    client.shut_down()
    forget_all()


@pytest.mark.parametrize("is_live_first", [True, False])
def test_a_note_that_comes_after_the_end_keeps_no_incident_open(
    project, local_stack, tmp_path, is_live_first
):
    url, schema = local_stack.info.redis_url, of()
    folder = of_incidents(tmp_path, schema)
    at = [START + pd.Timedelta(seconds=TICK * number) for number in range(6)]
    past = pd.DataFrame({DEVICE: "dev-0", "timestamp": at[:1], "cpu": 50.0, "latency": 5.0})
    folder.add("metrics", "past", past)
    (folder.path / "incidents").mkdir()

    def export(name: str, end: pd.Timestamp) -> None:
        given = {"id": ["7"], "box": ["dev-0"], "start": [at[1]], "end": [end], "kind": ["link"]}
        pd.DataFrame(given).to_csv(folder.path / "incidents" / f"{name}.csv", index=False)
        folder.ingest()

    def errors() -> list[int]:
        take_live(endpoint.journal, schema)
        frame = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
        return frame.sort_values("timestamp")["is_error"].tolist()

    given = pd.DataFrame({"id": [], "box": [], "start": [], "end": [], "kind": []})
    given.to_csv(folder.path / "incidents" / "0.csv", index=False)
    folder.ingest()
    endpoint = open_endpoint(tmp_path, project, url, schema)
    client = endpoint.start()
    endpoint.send("/telemetry", [reading("dev-0", moment) for moment in at[1:]])
    if not is_live_first:
        export("1", at[3])
    # Both arrive after its end: as it was opened, and what was found out of it.
    endpoint.send("/incidents", {"id": "7", "device": "dev-0", "start": at[1].isoformat(), "end": None})
    assert errors() == ([0, 1, 1, 1, 1, 1] if is_live_first else [0, 1, 1, 0, 0, 0])
    endpoint.send("/incidents", {"id": "7", "kind": "link"})
    assert errors() == ([0, 1, 1, 1, 1, 1] if is_live_first else [0, 1, 1, 0, 0, 0])
    if is_live_first:
        export("1", at[3])
    assert errors() == [0, 1, 1, 0, 0, 0]
    # Who opens it again says more than a file of before; a later export ends it.
    endpoint.send("/incidents", {"id": "7", "end": None})
    assert errors() == [0, 1, 1, 1, 1, 1]
    export("2", at[3])
    assert errors() == [0, 1, 1, 1, 1, 1]
    client.shut_down()
    forget_all()


def with_labels(generator: np.random.Generator, beside: int, ticks: int = 60):
    """Readings, incidents, and labels of both values: before their reading, before an incident and in it.

    :param beside: how much later than its reading a label is, seconds.
    """
    for path, body in conversation(generator, ticks):
        yield path, body
        if path == "/telemetry":
            at = pd.Timestamp(body[0]["timestamp"])
            about = [at - pd.Timedelta(seconds=TICK * int(back)) for back in generator.integers(-1, 8, 3)]
            sent = [
                {
                    "device": f"dev-{generator.integers(0, 4)}",
                    "timestamp": (moment + pd.Timedelta(seconds=beside)).isoformat(),
                    "is_error": int(generator.random() < 0.3),
                }
                for moment in about
            ]
            yield "/labels", sent + sent[:1]


@pytest.mark.parametrize(("seed", "beside"), [(0, 0), (1, 0), (2, 2), (3, 2)])
def test_what_the_endpoint_refused_is_no_history_either(project, local_stack, tmp_path, seed, beside):
    url, schema = local_stack.info.redis_url, of(healthy_after="1m", tolerance=f"{beside}s")
    folder = of_incidents(tmp_path, schema)
    past = pd.DataFrame({DEVICE: "dev-0", "timestamp": [START - pd.Timedelta("1h")], "cpu": 50.0})
    folder.add("metrics", "past", past.assign(latency=5.0))
    pd.DataFrame({"box": [], "start": [], "end": [], "kind": []}).to_csv(
        folder.path / "incidents.csv", index=False
    )
    folder.ingest()
    served = tmp_path / "pairs"
    settings = {"labeled_directory": str(served), "batch_seconds": 3600}
    endpoint = open_endpoint(tmp_path, project, url, schema, **settings)
    client = endpoint.start()
    done, statuses = [], []
    for number, (path, body) in enumerate(with_labels(np.random.default_rng(seed), beside)):
        answer = endpoint.send(path, body)
        assert answer.status == 200
        if path == "/labels" and "is_error" in body[0]:
            statuses += [result["status"] for result in answer.json]
        if number in (40, 41, 90):
            done.append(take_live(endpoint.journal, schema))
        if number == 60:
            client.shut_down()
            client = endpoint.start()
    done.append(take_live(endpoint.journal, schema))
    client.shut_down()
    frame = pd.concat([pd.read_parquet(file) for file in sorted(served.glob("*.parquet"))])
    pairs = {(row.device, row.timestamp.tz_localize(None)): row.is_error for row in frame.itertuples()}
    grown = states(url)
    history = labels_of(grown[1])
    assert len(pairs) > 100
    assert {key: history.get(key) for key in pairs} == pairs
    refused = sum(result["labels_conflicting"] for result in done)
    # One that is sent again is refused again, and answered as the same.
    assert 20 < statuses.count("conflicting") <= refused
    assert sum(result["labels"] for result in done) == len(statuses)

    forget_all()
    folder.ingest()
    again = take_live(endpoint.journal, schema)
    assert again["labels_conflicting"] == refused
    for mine, theirs in zip(grown, states(url), strict=True):
        assert_same_bits(mine.table, theirs.table)
    forget_all()


def test_a_file_that_ends_an_incident_otherwise_than_live_is_told(project, local_stack, tmp_path):
    url, schema = local_stack.info.redis_url, of()
    folder = of_incidents(tmp_path, schema)
    past = pd.DataFrame({DEVICE: "dev-0", "timestamp": [START], "cpu": 50.0, "latency": 5.0})
    folder.add("metrics", "past", past)
    at = [(START + pd.Timedelta(seconds=TICK * number)).isoformat() for number in range(5)]

    def told(**ends: str | None) -> dict[str, Any]:
        rows = {"box": "dev-0", "id": list(ends), "start": at[0], "end": list(ends.values())}
        table = pd.DataFrame(rows).assign(kind="link", cancelled=[end == "" for end in ends.values()])
        table.to_csv(folder.path / "incidents.csv", index=False)
        return folder.ingest()

    told(A=None, B=None, C=at[1], D=None)
    endpoint = open_endpoint(tmp_path, project, url, schema)
    client = endpoint.start()
    for name, end in (("A", at[2]), ("B", at[2]), ("D", at[3])):
        whole = {"id": name, "device": "dev-0", "start": at[0], "end": end}
        assert endpoint.send("/incidents", whole).status == 200
    assert take_live(endpoint.journal, schema)["incidents_conflicting"] == 0
    assert told(A=at[4], B=at[2], C=at[1], D=None)["incidents_conflicting"] == 1
    last = told(A=at[4], B=at[2], C=at[1], D="")
    assert (last["incidents_conflicting"], last["labels_changed"]) == (1, 0)
    sample = {"key": "D", "time": at[0], "column": "cancelled", "kept": False, "given": True}
    assert last["conflicts"] == [sample]
    assert told(A=at[3], B=at[2], C=at[1], D="")["conflicts"] == [
        {"key": "A", "time": at[0], "column": "end", "kept": at[2], "given": at[3]}
    ]
    lines = told(A=at[4], B=at[2], C=at[1], D="")["report_lines"]
    assert "incidents: 1 of files end otherwise than was sent live, which counts:" in lines
    assert f"  A of {at[0]}: end is {at[2]!r}, given {at[4]!r}" in lines
    assert folder.ingest()["incidents_conflicting"] == 0
    endpoint.send("/incidents", {"id": "C", "device": "dev-0", "start": at[0], "end": at[3]})
    live = take_live(endpoint.journal, schema)
    assert (live["incidents_conflicting"], live["conflicts"][0]["key"]) == (1, "C")
    client.shut_down()
    forget_all()


@pytest.mark.parametrize("between", [True, False])
def test_an_end_before_its_start_becomes_the_same_history(project, local_stack, tmp_path, between):
    url, schema = local_stack.info.redis_url, of()
    folder = of_incidents(tmp_path, schema)
    past = pd.DataFrame({DEVICE: "dev-0", "timestamp": [START], "cpu": 50.0, "latency": 5.0})
    folder.add("metrics", "past", past)

    def written(*ids: str) -> None:
        rows = pd.DataFrame({"id": list(ids), "box": "dev-1", "start": at[1].isoformat()})
        rows.assign(end=None, kind="link").to_csv(folder.path / "incidents.csv", index=False)
        folder.ingest()

    at = [START + pd.Timedelta(seconds=TICK * number) for number in range(5)]
    written()
    labels = f"store://feature-sets/{project}/device_labels"
    endpoint = open_endpoint(tmp_path, project, url, schema, labels=labels)
    endpoint.start()

    def status(**body: Any) -> str:
        answered = endpoint.send("/incidents", body)
        assert answered.status == 200
        return answered.json["status"]

    def errors(device: str) -> list[int]:
        frame = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
        return frame[frame[DEVICE] == device].sort_values("timestamp")["is_error"].tolist()

    endpoint.send("/telemetry", [reading("dev-0", moment) for moment in at[1:]])
    endpoint.send("/telemetry", [reading("dev-1", moment) for moment in at[1:]])
    assert status(id="live", end=at[3].isoformat()) == "waiting"
    assert status(id="file", end=at[2].isoformat()) == "waiting"
    if between:
        assert take_live(endpoint.journal, schema)["incidents_waiting"] == 2
        endpoint.start()  # A kill: what waits is known again.
    assert status(id="live", device="dev-0", start=at[1].isoformat(), end=None) == "opened"
    found = take_live(endpoint.journal, schema)
    assert found["incidents_waiting"] == (0 if between else 2)
    assert errors("dev-0") == [0, 1, 1, 0, 0]
    written("file")
    endpoint.send("/devices/reload", None)
    book = endpoint.client.step("labeled_join")._book
    assert book.get("live").end == at[3].timestamp()
    assert (book.get("file").end, len(book.early)) == (at[2].timestamp(), 0)
    assert take_live(endpoint.journal, schema)["incidents"] == 1
    assert errors("dev-1") == [1, 0, 0, 0]
    endpoint.client.shut_down()
    forget_all()
