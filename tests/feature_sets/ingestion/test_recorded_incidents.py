"""Incidents of recorded data sets: the labels that these have, and intervals on readings in long layout."""

from __future__ import annotations

import shutil

import mlrun.feature_store as fstore
import pandas as pd
import yaml

from feature_sets.labels.derived_labels import labels_at_readings
from feature_sets.telemetry.readers import KnownTelemetry, read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.folders import forget_all, run
from tests.shared_data import data_set

LEAF7 = {
    "name": "leaf7",
    "entity": ["device"],
    "time": "timestamp",
    "metrics": {"in_rate_mbps": {}, "out_rate_mbps": {}},
    "label": "is_error",
    "labels": {"form": "incidents", "kind": "cause"},
    "static": ["role"],
    "exclude_labels": {"cause": "maintenance"},
    "windows": {"lengths": ["1m"], "period": "10s", "operations": ["avg"]},
}
NAB = {
    "name": "nab",
    "entity": ["series"],
    "time": "timestamp",
    "metrics": {"value": {}},
    "label": "is_error",
    "labels": {"form": "incidents"},
    "windows": {"lengths": ["1h"], "period": "5m", "operations": ["avg"]},
}


def test_the_incidents_of_a_router_are_its_labels(tmp_path, project):
    data = data_set("cisco-leaf7")
    folder = tmp_path / "telemetry"
    folder.mkdir()
    for table in ("metrics", "incidents", "static"):
        shutil.copy(data / f"{table}.parquet", folder)
    (tmp_path / "schema.yaml").write_text(yaml.safe_dump(LEAF7))
    forget_all()
    results = run(folder, tmp_path / "schema.yaml")
    expected = pd.read_parquet(data / "labels.parquet").sort_values([DEVICE, "timestamp"], ignore_index=True)
    found = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    found = found.sort_values([DEVICE, "timestamp"], ignore_index=True)
    assert results["label_rows"] == len(expected) == 33_660
    assert found["is_error"].tolist() == expected["is_error"].tolist()
    assert found["is_error"].sum() == 937
    causes = found["cause"].where(found["cause"].notna(), None).tolist()
    assert causes == expected["cause"].where(expected["cause"].notna(), None).tolist()
    forget_all()


def test_series_of_servers_are_read_with_a_schema_only(tmp_path):
    data = data_set("nab")
    folder = tmp_path / "telemetry"
    folder.mkdir()
    shutil.copy(data / "incidents.parquet", folder)
    shutil.copy(data / "readings.parquet", folder / "metrics.parquet")
    schema = TelemetrySchema.from_dict(NAB)
    rows, report = read_telemetry(folder, schema)
    labels = labels_at_readings(rows, schema)
    assert report.metrics.rejected == {"duplicate": 15, "contradicting": 30}
    assert len(labels) == len(rows.metrics) == 137_301 - 45
    assert rows.incidents is not None and len(rows.incidents.frame) == 49
    given = pd.read_parquet(data / "incidents.parquet")
    inside = labels.merge(given, left_on=DEVICE, right_on="series")
    inside = inside[(inside["start"] <= inside["timestamp"]) & (inside["timestamp"] < inside["end"])]
    assert labels["is_error"].sum() == len(inside.drop_duplicates([DEVICE, "timestamp"]))
    assert round(labels["is_error"].mean(), 3) == 0.094
    healthy = labels.groupby(DEVICE)["is_error"].max()
    assert len(healthy) == 24
    assert sorted(healthy.index[healthy == 0]) == sorted(set(labels[DEVICE]) - set(given["series"]))


def test_an_incident_that_begins_later_is_left_out_until_then_as_live(tmp_path):
    folder = tmp_path / "telemetry"
    folder.mkdir()
    (folder / "metrics.csv").write_text("series,timestamp,value\nr1,2024-05-01T12:00:00Z,1\n")
    rows = [
        "r1,2024-05-01T11:00:00Z,2024-05-01T11:30:00Z",
        "r1,2024-05-01T12:01:01Z,",
        "r1,2024-05-01T12:01:00Z,",
    ]
    (folder / "incidents.csv").write_text("\n".join(["series,start,end", *rows]) + "\n")
    schema = TelemetrySchema.from_dict(NAB)
    noon = pd.Timestamp("2024-05-01T12:00:00Z").timestamp()
    telemetry, report = read_telemetry(folder, schema, clock=lambda: noon)
    assert len(telemetry.incidents.frame) == 2 and report.labels.rejected == {"from_future": 1}
    assert "12:01:01" in report.labels.samples["from_future"]
    known = KnownTelemetry({part.name: part.marks for part in report.files}, {"r1"})
    waiting, _ = read_telemetry(folder, schema, known, clock=lambda: noon)
    assert len(waiting.incidents.frame) == 0
    due, report = read_telemetry(folder, schema, known, clock=lambda: noon + 1)
    assert len(due.incidents.frame) == 3 and not report.labels.rejected


def test_a_scope_of_whole_keys_and_attributes_is_read(tmp_path):
    (tmp_path / "metrics.csv").write_text("series,timestamp,value\nr1,2024-05-01T12:00:00Z,1\n")
    rows = ["r1,,2024-05-01T11:00:00Z,", ",r1,2024-05-01T11:00:00Z,"]
    (tmp_path / "incidents.csv").write_text("\n".join(["device,series,start,end", *rows]) + "\n")
    schema = TelemetrySchema.from_dict(
        {**NAB, "labels": {"form": "incidents", "scope": ["device", "series"]}}
    )
    telemetry, report = read_telemetry(tmp_path, schema)
    assert not report.labels.rejected
    assert telemetry.incidents.frame[["at.device", "at.series"]].values.tolist() == [
        ["r1", None],
        [None, "r1"],
    ]
