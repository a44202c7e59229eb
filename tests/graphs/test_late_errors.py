"""Errors that are told after their readings were taken as healthy: the answer and a warning say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.respond import TOLD_LATE
from tests.graphs.conftest import START, Client, event, label
from tests.graphs.test_incidents_route import open_client, with_labels

HOUR = 3600


def post_incident(client: Client, name: str, start: float, end: float | None = None) -> str:
    """Note of the answer to a new incident; empty without one."""
    body = {"id": name, "device": "a/1", "start": START + start}
    answer = client.post("/incidents", body if end is None else {**body, "end": START + end}).json
    assert answer["status"] == "opened"
    return str(answer.get("note", ""))


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({}, "the 60m after which a reading is taken as healthy"),
        ({"healthy_after": "2m"}, "the 2m after which a reading is taken as healthy"),
    ],
)
def test_incidents_that_are_told_late_are_warned_of(
    schema: TelemetrySchema, tmp_path: Path, stated: dict[str, str], said: str
) -> None:
    of = with_labels(schema, None, form="incidents", **stated)
    client = open_client(tmp_path, of, label_deadline_seconds=HOUR)
    client.post("/telemetry", [event(seconds=at) for at in (0, 10, 20, 9 * HOUR)])
    assert post_incident(client, "1", 0, 15) == post_incident(client, "2", 0) == TOLD_LATE
    assert post_incident(client, "3", 9 * HOUR - 60) == ""
    assert client.get("/labeled").json["warning"] is None  # Two are no rule.
    assert post_incident(client, "4", HOUR, HOUR + 10) == TOLD_LATE
    warning = client.get("/labeled").json["warning"]
    assert warning.startswith("75.0% of the newest errors that were told, 3, began longer ago than " + said)
    setting = "labels.healthy_after: 9h in the schema" if stated else "NETOPS_LABEL_DEADLINE=9h"
    assert "most began at most 9h before; set " + setting in warning


def test_one_error_of_long_ago_is_not_what_is_advised(schema: TelemetrySchema, tmp_path: Path) -> None:
    of = with_labels(schema, form="incidents", healthy_after="1m")
    client = open_client(tmp_path, of, label_deadline_seconds=HOUR)
    client.post("/telemetry", [event(seconds=at) for at in (0, 900 * HOUR)])
    for name, hours in enumerate((2, 1, 890, 3, 2)):
        post_incident(client, str(name), (900 - hours) * HOUR, (900 - hours) * HOUR + 10)
    warning = client.get("/labeled").json["warning"]
    assert "told, 5, began" in warning and "set labels.healthy_after: 3h in the schema" in warning


def test_a_change_of_a_late_incident_is_not_told_again(schema: TelemetrySchema, tmp_path: Path) -> None:
    client = open_client(tmp_path, with_labels(schema, form="incidents"), label_deadline_seconds=HOUR)
    client.post("/telemetry", [event(seconds=at) for at in (0, 9 * HOUR)])
    assert post_incident(client, "1", 0) == TOLD_LATE
    assert "note" not in client.post("/incidents", {"id": "1", "end": START + 10}).json


def test_late_positives_are_warned_of_and_late_healthy_rows_are_not(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    of = with_labels(schema, form="positives", watched="readings")
    client = open_client(tmp_path, of, label_deadline_seconds=HOUR)
    client.post("/telemetry", [event(seconds=at) for at in (*range(0, 500, 10), 9 * HOUR)])
    for at in range(0, 470, 10):
        client.post("/labels", label(seconds=at, is_error=0))
    assert client.get("/labeled").json["warning"] is None
    for _ in range(3):  # One that is sent again is the same.
        assert client.post("/labels", label(seconds=470, is_error=1)).json["status"] == "expired"
    assert client.get("/labeled").json["warning"] is None
    for at in range(480, 500, 10):
        assert client.post("/labels", label(seconds=at, is_error=1)).json["status"] == "expired"
    assert "100.0% of the newest errors that were told, 3, began" in client.get("/labeled").json["warning"]


def test_few_late_errors_among_many_are_not_warned_of(schema: TelemetrySchema, tmp_path: Path) -> None:
    of = with_labels(schema, form="positives", watched="readings")
    client = open_client(tmp_path, of, label_deadline_seconds=HOUR)
    for at in range(0, 610, 10):
        client.post("/telemetry", event(seconds=at))
        client.post("/labels", label(seconds=at, is_error=1))
    client.post("/telemetry", event(seconds=9 * HOUR))
    for at in (1, 2, 3):
        client.post("/labels", label(seconds=at, is_error=1))
    assert client.get("/labeled").json["warning"] is None


@pytest.mark.parametrize(
    ("every", "said"), [(10, "10.0% of the newest 1,000 predictions past"), (2, None), (0, None)]
)
def test_labels_that_dry_up_are_told(
    schema: TelemetrySchema, tmp_path: Path, every: int, said: str | None
) -> None:
    client = open_client(tmp_path, schema, label_deadline_seconds=HOUR)
    client.post("/telemetry", [event(seconds=at) for at in range(1_000)])
    # Where none was ever sent nobody means to send any.
    client.post("/labels", [label(seconds=at) for at in range(0, 1_000 if every else 0, every or 1)])
    assert client.get("/labeled").json["warning"] is None  # Their deadline has not passed.
    client.post("/telemetry", event(seconds=9 * HOUR))
    warning = client.get("/labeled").json["warning"]
    assert warning is None if said is None else warning.startswith(said)
