"""Maintenance that was posted becomes part of the history's calendar, and that of files is known live."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_history import take_live
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import assert_same_states
from tests.project.live_network import PLAIN, START, open_endpoint

SCHEMA = TelemetrySchema.from_dict({**PLAIN.to_dict(), "maintenance": {}})
BEFORE = START - pd.Timedelta(minutes=5)


def at(seconds: int, start: pd.Timestamp = START) -> str:
    return (start + pd.Timedelta(seconds=seconds)).isoformat()


def marked() -> list[tuple[str, int]]:
    """Device and seconds after the start of every label in maintenance."""
    rows = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    inside = rows[rows["in_maintenance"] == 1]
    seconds = (pd.to_datetime(inside["timestamp"], utc=True) - START) // pd.Timedelta(seconds=1)
    return sorted(zip(inside[DEVICE], seconds, strict=True))


def rows(start: pd.Timestamp, devices: tuple[str, ...] = ("dev-0", "dev-1")) -> pd.DataFrame:
    times = pd.date_range(start, periods=6, freq="10s")
    return pd.DataFrame(
        {
            DEVICE: list(devices) * len(times),
            "timestamp": times.repeat(len(devices)),
            "cpu": 1.0,
            "latency": 2.0,
        }
    )


def labels(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[DEVICE, "timestamp"]].assign(is_error=0, repair=False)


def bodies(frame: pd.DataFrame) -> list[dict[str, object]]:
    return frame.assign(timestamp=[moment.isoformat() for moment in frame["timestamp"]]).to_dict("records")


def folder(path, *parts: pd.DataFrame, calendar: list[dict[str, object]]) -> Folder:
    made = Folder(path, SCHEMA)
    made.static(MODELS)
    for number, part in enumerate(parts):
        made.add("metrics", f"{number}", part)
        made.add("labels", f"{number}", labels(part))
    frame = pd.DataFrame(calendar, columns=["device", "model", "start", "end", "reason"])
    frame.to_csv(made.path / "maintenance.csv", index=False)
    return made


def test_what_is_posted_becomes_history_and_what_is_in_files_is_known_live(project, local_stack, tmp_path):
    url = local_stack.info.redis_url
    forget_all()
    by_file = {"model": "m0", "start": at(40), "end": at(50)}
    folder(tmp_path / "past", rows(BEFORE), calendar=[by_file]).ingest()
    store = f"store://feature-sets/{project}"
    endpoint = open_endpoint(tmp_path, project, url, SCHEMA, labels=f"{store}/device_labels")
    endpoint.start()

    live = rows(START)
    endpoint.send("/maintenance", {"id": "now", "device": "dev-1", "start": at(0), "end": at(30)})
    endpoint.send("/maintenance", {"id": "gone", "device": "dev-1", "start": at(0)})
    endpoint.send("/maintenance", {"id": "past", "device": "dev-0", "start": at(0, BEFORE), "end": at(-280)})
    endpoint.send("/maintenance", {"id": "gone", "cancel": True})
    answers = endpoint.send("/telemetry", bodies(live)).json
    states_told = [answer["device_state"] == "maintenance" for answer in answers]
    inside = [
        ("dev-0", 40),
        *(("dev-1", seconds) for seconds in (0, 10, 20)),
    ]
    seconds = ((live["timestamp"] - START) // pd.Timedelta(seconds=1)).tolist()
    assert [
        pair for pair, told in zip(zip(live[DEVICE], seconds, strict=True), states_told, strict=True) if told
    ] == sorted(inside, key=lambda pair: pair[1])
    endpoint.send("/labels", bodies(labels(live)))

    done = take_live(endpoint.journal, SCHEMA)
    assert (done["maintenance_changes"], done["labels_rewritten"]) == (4, 2)
    assert marked() == sorted([("dev-0", -300), ("dev-0", -290), *inside])
    found = states(url)
    assert take_live(endpoint.journal, SCHEMA)["maintenance_changes"] == 0

    # A file closes nothing of what was posted, and a later change of it is taken from the journal.
    endpoint.send("/maintenance", {"id": "now", "end": at(10)})
    assert take_live(endpoint.journal, SCHEMA)["labels_rewritten"] == 2
    assert ("dev-1", 10) not in marked() and ("dev-1", 0) in marked()
    endpoint.send("/maintenance", {"id": "now", "end": at(30)})
    assert take_live(endpoint.journal, SCHEMA)["labels_rewritten"] == 2

    # An endpoint whose journal is gone knows the entries from the history.
    other = open_endpoint(tmp_path, project, url, SCHEMA, labels=f"{store}/device_labels")
    entries = other.start().get("/maintenance").json["entries"]
    assert [(entry["id"][:5], entry["scope"]) for entry in entries] == [
        ("past", {"device": "dev-0"}),
        ("now", {"device": "dev-1"}),
        ("file:", {"model": "m0"}),
    ]

    # All of it in files, at once.
    forget_all()
    folder(
        tmp_path / "at-once",
        rows(BEFORE),
        live,
        calendar=[
            by_file,
            {"device": "dev-1", "start": at(0), "end": at(30)},
            {"device": "dev-0", "start": at(0, BEFORE), "end": at(-280)},
        ],
    ).ingest()
    assert_same_states(found, states(url))


def test_a_calendar_that_is_ingested_is_taken_over_by_an_endpoint_that_is_up(project, local_stack, tmp_path):
    forget_all()
    past = folder(tmp_path / "past", rows(BEFORE), calendar=[])
    past.ingest()
    store = f"store://feature-sets/{project}"
    url = local_stack.info.redis_url
    endpoint = open_endpoint(tmp_path, project, url, SCHEMA, labels=f"{store}/device_labels")
    client = endpoint.start()
    assert client.get("/maintenance").json == {"entries": []}
    frame = pd.DataFrame([{"device": "dev-0", "start": at(0), "end": None}])
    frame.to_csv(past.path / "maintenance.csv", index=False)
    past.ingest()
    assert client.post("/devices/reload", {}).status == 200
    assert len(client.get("/maintenance").json["entries"]) == 1
    assert client.post("/telemetry", bodies(rows(START))[0]).json["device_state"] == "maintenance"
