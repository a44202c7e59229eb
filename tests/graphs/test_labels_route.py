"""``POST /labels`` and ``GET /labeled`` through the whole graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from feature_sets.telemetry.label_form import LabelForm
from feature_sets.telemetry.schema import TelemetrySchema
from tests.graphs.conftest import Client, event, label, make_client, write_package


def test_every_status_of_a_label(package: Path) -> None:
    client = make_client(package, label_deadline_seconds=100)
    client.post("/telemetry", [event(seconds=0), event(seconds=10)])
    assert client.post("/labels", label(seconds=0, is_error=True)).json == {
        "device": "a/1",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "status": "joined",
    }
    statuses = [
        row["status"]
        for row in client.post(
            "/labels", [label(seconds=0, is_error=1), label(seconds=0), label(seconds=20), label(seconds=-91)]
        ).json
    ]
    assert statuses == ["duplicate", "conflicting", "waiting", "expired"]
    future = {**label(), "timestamp": "2100-01-01T00:00:00Z"}
    assert client.post("/labels", future).json["status"] == "quarantined"
    client.post("/telemetry", event(seconds=20))
    summary = client.get("/labeled").json
    assert (summary["joined"], summary["waiting"], summary["conflicting"]) == (2, 1, 1)
    (conflict,) = summary["conflicts"]
    assert isinstance(conflict.pop("told_at"), str)
    assert conflict == {"device": "a/1", "timestamp": "2023-11-14T22:13:20.000Z", "kept": 1, "other": 0}
    assert (summary["batches_written"], summary["directory"]) == (0, None)


def test_a_label_of_an_event_without_prediction_waits(client: Client) -> None:
    client.post("/telemetry", {**event(), "timestamp": "2100-01-01T00:00:00Z"})
    assert client.post("/labels", label()).json["status"] == "waiting"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (label(is_error=2), "is_error"),
        (label(is_error="maybe"), "is_error"),
        (label(is_error=None), "is_error"),
        (label(is_error=float("nan")), "is_error"),
        (label(device="nobody"), "device"),
        ({"device": "a/1", "is_error": 1}, "timestamp"),
    ],
)
def test_a_bad_label_is_a_422_that_names_the_field(client: Client, body: object, field: str) -> None:
    answered = client.post("/labels", body)
    assert (answered.status, answered.json["error"]["field"]) == (422, field)


def test_good_labels_of_a_list_are_taken_and_the_bad_ones_reported(client: Client) -> None:
    client.post("/telemetry", [event(seconds=0), event(seconds=10)])
    answered = client.post("/labels", [label(), label(is_error=3), label(seconds=10)])
    assert answered.status == 422
    assert answered.json["error"] == {
        "position": 1,
        "field": "is_error",
        "rule": "must be 0 or 1",
        "got": 3,
    }
    assert [row and row["status"] for row in answered.json["results"]] == ["joined", None, "joined"]


def test_pairs_reach_the_parquet_batches(package: Path, tmp_path: Path) -> None:
    client = make_client(package, labeled_directory=str(tmp_path), batch_seconds=3600)
    sent = client.post("/telemetry", [event(seconds=10 * n, cpu=n, latency=None) for n in range(30)]).json
    client.post("/labels", [label(seconds=10 * n, is_error=n % 2) for n in range(30)])
    assert client.get("/labeled").json["unwritten"] == 30
    client.shut_down()
    assert client.get("/labeled").json["batches_written"] == 1
    (file,) = tmp_path.glob("*.parquet")
    frame = pd.read_parquet(file)
    assert frame["is_error"].tolist() == [n % 2 for n in range(30)]
    assert frame["prediction"].tolist() == [row["prediction"] for row in sent]
    assert frame["probability"].tolist() == [row["probability"] for row in sent]
    assert frame["cpu"].tolist() == list(range(30))
    assert frame["latency"].isna().all()
    assert (frame["model"] + frame["version"]).unique().tolist() == ["modelv3"]


@pytest.mark.parametrize(("told", "means"), [(True, True), ("Yes", True), (1, True), ("plan", "plan")])
def test_a_label_that_the_schema_excludes_is_joined_with_no_prediction(
    schema: TelemetrySchema, tmp_path: Path, told: object, means: object
) -> None:
    excluding = dataclasses.replace(schema, exclude_labels={"maintenance": means, "phase": "test"})
    client = make_client(write_package(tmp_path, excluding), label_deadline_seconds=100)
    client.post("/telemetry", [event(seconds=0), event(seconds=10), event(seconds=20)])
    sent = [
        {**label(seconds=0, is_error=1), "maintenance": told},
        {**label(seconds=10, is_error=1), "phase": "test"},
        {**label(seconds=20, is_error=1), "maintenance": "no", "phase": None},
        {**label(is_error=1), "timestamp": "2100-01-01T00:00:00Z", "maintenance": told},
    ]
    statuses = [row["status"] for row in client.post("/labels", sent).json]
    assert statuses == ["kept", "kept", "joined", "quarantined"]
    summary = client.get("/labeled").json
    assert (summary["joined"], summary["waiting"], summary["expired"]) == (1, 2, 0)
    client.post("/telemetry", event(seconds=115))
    summary = client.get("/labeled").json
    assert (summary["joined"], summary["waiting"], summary["expired"]) == (1, 1, 2)


@pytest.mark.parametrize(("horizon", "status"), [("0s", "joined"), ("1m", "kept")])
def test_what_excludes_by_the_label_itself_excludes_live_as_in_files(
    schema: TelemetrySchema, tmp_path: Path, horizon: str, status: str
) -> None:
    of = TelemetrySchema.from_dict(
        {**schema.to_dict(), "exclude_labels": {"is_error": 1}, "horizon": horizon}
    )
    client = make_client(write_package(tmp_path, of))
    client.post("/telemetry", [event(seconds=0), event(seconds=10)])
    assert client.post("/labels", label(seconds=0, is_error=1)).json["status"] == "kept"
    assert client.post("/labels", label(seconds=10, is_error=0)).json["status"] == status
    assert client.get("/labeled").json["joined"] == (status == "joined")


@pytest.mark.parametrize("form", ["rows", "positives", "incidents"])
@pytest.mark.parametrize("excluded", [False, True])
@pytest.mark.parametrize("snapshots", [False, True])
def test_with_a_horizon_a_label_that_contradicts_is_conflicting_after_a_restart_too(
    schema: TelemetrySchema, tmp_path: Path, redis_url: str, form: str, excluded: bool, snapshots: bool
) -> None:
    of = dataclasses.replace(
        schema,
        horizon="30s",
        labels=LabelForm(form, watched="readings" if form == "positives" else None),
        exclude_labels={"phase": "test"} if excluded else {},
    )
    package = write_package(tmp_path, of)
    sent = [{**label(seconds=at, is_error=said), "phase": "test"} for at, said in ((0, 1), (10, 0), (0, 0))]

    def started() -> Client:
        return make_client(
            package,
            redis_url=redis_url,
            journal_key=f"kept-{form}-{excluded}-{snapshots}",
            label_deadline_seconds=100,
            snapshot_directory=str(tmp_path / "snapshots") if snapshots else None,
        )

    client = started()
    client.post("/telemetry", [event(seconds=0), event(seconds=10)])
    assert [row["status"] for row in client.post("/labels", sent).json] == ["kept", "kept", "conflicting"]
    client.shut_down()
    assert bool(list(tmp_path.glob("snapshots/*.npz"))) == snapshots
    after = started()
    again = [after.post("/labels", one).json["status"] for one in sent]
    assert again == ["duplicate", "duplicate", "conflicting"]
    summary = after.get("/labeled").json
    assert (summary["conflicting"], summary["joined"]) == (2, 0)
    assert [(one["kept"], one["other"]) for one in summary["conflicts"]] == [(1, 0)] * 2
    after.post("/telemetry", event(seconds=1000))
    late = {*("kept", "expired")}
    assert after.post("/labels", sent[2]).json["status"] in late, "what it contradicts is forgotten"


def test_a_label_in_words_of_the_schema_is_joined_as_what_it_means(
    tmp_path: Path, schema: TelemetrySchema
) -> None:
    words = dataclasses.replace(schema, labels=LabelForm(values={"down": 1, "up": 0}))
    client = make_client(write_package(tmp_path, words))
    client.post("/telemetry", [event(seconds=0), event(seconds=10)])
    told = [
        label(seconds=0, is_error="Down"),
        label(seconds=0, is_error=1),
        label(seconds=10, is_error="down"),
    ]
    told += [label(seconds=10, is_error="up")]
    statuses = [row["status"] for row in client.post("/labels", told).json]
    assert statuses == ["joined", "duplicate", "joined", "conflicting"]
    refused = client.post("/labels", label(is_error="off-line")).json["error"]
    assert refused["rule"] == "must be 0 or 1, or among down, up"
    sent = client.get("/openapi.json").json["components"]["schemas"]["Label"]["properties"]["is_error"]
    assert sent == {"enum": [0, 1, "down", "up"]}


@pytest.mark.parametrize("snapshots", [True, False])
def test_with_a_horizon_a_label_that_alone_has_a_column_that_excludes_is_conflicting(
    schema: TelemetrySchema, tmp_path: Path, redis_url: str, snapshots: bool
) -> None:
    of = dataclasses.replace(schema, horizon="30s", exclude_labels={"phase": "test"})
    package = write_package(tmp_path, of)
    plain, test = label(seconds=0, is_error=0), {**label(seconds=0, is_error=0), "phase": "test"}
    other = {**label(seconds=10, is_error=0), "phase": "test"}

    def started() -> Client:
        return make_client(
            package,
            redis_url=redis_url,
            journal_key=f"excluding-{snapshots}",
            snapshot_directory=str(tmp_path / "snapshots") if snapshots else None,
        )

    def statuses(client: Client, sent: list[dict[str, object]]) -> list[str]:
        return [row["status"] for row in client.post("/labels", sent).json]

    client = started()
    assert statuses(client, [plain, test, plain]) == ["kept", "conflicting", "duplicate"]
    # A label without the column is another row than one with it, whichever came first.
    assert statuses(client, [other, other, {**other, "phase": None}]) == ["kept", "duplicate", "conflicting"]
    client.shut_down()
    after = started()
    assert statuses(after, [test, plain, other]) == ["conflicting", "duplicate", "duplicate"]
    assert after.get("/labeled").json["conflicting"] == 3
    after.shut_down()
