"""Real router: maintenance over one event removes it from training, labels and drift, and nothing else."""

from __future__ import annotations

from pathlib import Path

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
import yaml

from drift.detectors.ddm import DDM
from drift.monitor import DriftMonitor
from feature_sets.feature_vector import all_features
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_telemetry import label_bodies, telemetry_bodies
from project.settings import SOURCE_ROOT
from tests.feature_sets.ingestion.folders import forget_all, run
from tests.graphs.conftest import make_client, write_package
from training.dataset.known_rows import labeled_rows
from training.dataset.label_history import read_incident_spans, read_label_history

RECORDING = SOURCE_ROOT.parent / "shared" / "data" / "cisco-leaf7"
PLAIN = TelemetrySchema.from_yaml(SOURCE_ROOT / "tests" / "schemas" / "cisco_leaf7.yaml")
SCHEMA = TelemetrySchema.from_dict({**PLAIN.to_dict(), "maintenance": {}})

pytestmark = pytest.mark.skipif(
    not RECORDING.is_dir(), reason="the recording of the real router is not on this machine"
)


@pytest.fixture(scope="module")
def event() -> dict[str, object]:
    """The second time that an interface was shut."""
    incidents = pd.read_parquet(RECORDING / "incidents.parquet")
    shut = incidents[incidents["cause"] == "interface_shutdown"].sort_values("start")
    return dict(shut.iloc[1])


def known(project: str, schema: TelemetrySchema) -> pd.DataFrame:
    """Rows that are trained and evaluated on."""
    vector = all_features(schema)
    vector.metadata.project = project
    vector.save()
    return labeled_rows(vector.uri, schema).rows


def inside(rows: pd.DataFrame, event: dict[str, object]) -> pd.Series:
    times = pd.to_datetime(rows[SCHEMA.time], utc=True)
    return (rows[DEVICE] == event[DEVICE]) & (times >= event["start"]) & (times < event["end"])


def removed(
    project: str, tmp_path: Path, event: dict[str, object], schema: TelemetrySchema, files: dict[str, str]
) -> tuple[Path, int]:
    """Ingest the recording, then a calendar with the event; gives the folder and how many labels are gone.

    :param files: name in the folder -> name in the recording.
    """
    folder = tmp_path / "leaf7"
    folder.mkdir()
    for table, name in files.items():
        (folder / f"{table}.parquet").symlink_to(RECORDING / f"{name}.parquet")
    written = tmp_path / "schema.yaml"
    written.write_text(yaml.safe_dump(schema.to_dict()))
    forget_all()
    assert run(folder, written)["label_rows_in_maintenance"] == 0
    before = known(project, schema)
    calendar = pd.DataFrame([{name: event[name] for name in ("device", "start", "end")}])
    calendar.to_csv(folder / "maintenance.csv", index=False)
    results = run(folder, written)

    # Labels: those of the event are marked and counted, all others stay.
    labels = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    marked = labels["in_maintenance"] == 1
    gone = int(marked.sum())
    assert gone > 200 and labels.loc[marked, "is_error"].sum() > 200
    assert (marked == inside(labels, event)).all()
    assert results["label_rows_rewritten"] == results["label_rows_in_maintenance"] == gone

    # Training and evaluation: its rows are gone and no others, and the event is no episode.
    after = known(project, schema)
    expected = before[~inside(before, event)].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, expected)
    assert len(before) - len(after) == gone
    history = read_label_history(all_features(schema).uri, schema, [str(event[DEVICE])])
    assert history.loc[inside(history, event), schema.label].isna().all()
    assert (history.loc[~inside(history, event), schema.label] == 1).sum() > 100
    return folder, gone


def test_it_is_gone_where_rates_are_of_counters_and_labels_of_incidents(
    project: str, tmp_path: Path, event: dict[str, object]
) -> None:
    names = {"bytes_received": "in_rate_mbps", "bytes_sent": "out_rate_mbps"}
    counter = {"kind": "counter", "max_rate": 1.25e10, "scale": 8e-6, "unit": "Mbit/s"}
    content = {
        **SCHEMA.to_dict(),
        "rename": names,
        "metrics": dict.fromkeys(names.values(), counter),
        "counters": {"min_interval": "5s"},
        "labels": {"form": "incidents", "kind": "cause"},
    }
    files = {"metrics": "counters", "incidents": "incidents", "static": "static"}
    schema = TelemetrySchema.from_dict(content)
    removed(project, tmp_path, event, schema, files)
    # What one learns of incidents beside their label rows.
    given = pd.read_parquet(RECORDING / "incidents.parquet")
    found = read_incident_spans(all_features(schema).uri, schema, [])
    assert len(found.keys) == len(given) and set(found.keys) == set(given[DEVICE])
    assert sorted(found.start) == sorted(given["start"].astype("datetime64[ns, UTC]").astype("int64"))


def test_a_maintenance_over_one_event_removes_it_from_training_labels_and_drift(
    project: str, tmp_path: Path, event: dict[str, object]
) -> None:
    same = {table: table for table in ("metrics", "labels", "static")}
    folder, gone = removed(project, tmp_path, event, SCHEMA, same)

    # Drift: the endpoint takes the calendar from the history, and learns nothing inside.
    store = f"store://feature-sets/{project}"
    (tmp_path / "model").mkdir()
    client = make_client(
        write_package(tmp_path / "model", SCHEMA, inputs=("in_rate_mbps", "out_rate_mbps_avg_5m")),
        devices=f"{store}/devices",
        labels=f"{store}/device_labels",
        clock="arrival",
        labeled_directory=str(tmp_path / "pairs"),
    )
    client.send("PUT", "/drift/detectors", DriftMonitor([DDM()]).to_dict())
    around = pd.Timedelta(minutes=5)
    frames = []
    for table in ("metrics", "labels"):
        rows = pd.read_parquet(folder / f"{table}.parquet")
        times = rows[SCHEMA.time]
        near = (times >= event["start"] - around) & (times < event["end"] + around)  # type: ignore[operator]
        frames.append(rows[near & (rows[DEVICE] == event[DEVICE])])
    answers = client.post("/telemetry", telemetry_bodies(frames[0], SCHEMA)).json
    silenced = [answer["device_state"] == "maintenance" for answer in answers]
    assert silenced == inside(frames[0], event).tolist() and sum(silenced) == gone
    assert [answer["prediction"] is None for answer in answers] == silenced
    assert all(answer["probability"] is not None for answer in answers)
    sent = client.post("/labels", label_bodies(frames[1], SCHEMA)).json
    assert [label["status"] == "kept" for label in sent] == inside(frames[1], event).tolist()
    watched = len(answers) - gone
    assert watched > 20 and client.get("/drift").json["n"] == watched
    client.shut_down()
    pairs = pd.concat([pd.read_parquet(path) for path in (tmp_path / "pairs").glob("*.parquet")])
    assert len(pairs) == watched and not inside(pairs, event).any()
    assert np.isfinite(pairs["probability"]).all()
