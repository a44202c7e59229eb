"""Labels in words that the schema gives a meaning: the same in files and live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")
WORDS = {"OK": 0, "critical": 1, "3": 1, "warning": 0}
SAID = ["ok", "CRITICAL", "Warning", "3", "yes", "0", "unknown"]
MEANT = [0, 1, 0, 1, 1, 0]


def schema_with(values: object, form: str = "rows", **more: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict(
        {
            **{"name": "lab", "entity": ["router"], "time": "at", "metrics": {"load": {}}, "label": "state"},
            "labels": {"form": form, "values": values, **more},
        }
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_words_of_files_have_the_meaning_of_the_schema(tmp_path: Path, suffix: str) -> None:
    keys = pd.DataFrame(
        {"router": "r1", "at": BEGIN + pd.to_timedelta(range(len(SAID)), unit="min"), "state": SAID}
    )
    for name, frame in (("metrics", keys[["router", "at"]].assign(load=1.0)), ("labels", keys)):
        path = tmp_path / f"{name}.{suffix}"
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    rows, report = read_telemetry(tmp_path, schema_with(WORDS))
    assert rows.labels["state"].tolist() == MEANT
    assert report.labels.rejected == {"bad_label": 1}
    assert "'unknown'" in report.labels.samples["bad_label"]
    assert "labels.values" in report.labels.samples["bad_label"]


def test_words_of_live_labels_have_the_same_meaning() -> None:
    reader = EventParser(schema_with(WORDS))
    body = {"device": "r1", "at": BEGIN.isoformat()}
    assert [reader.label({**body, "state": said}).label for said in SAID[:-1]] == MEANT
    assert reader.label({**body, "state": 3.0}).label == 1
    with pytest.raises(EventError, match="must be 0 or 1, or among OK, critical, 3, warning"):
        reader.label({**body, "state": "unknown"})


def test_the_words_are_kept_with_the_schema_and_absent_without_them() -> None:
    content = schema_with({"down": True, 3: 0}).to_dict()
    assert content["labels"] == {"values": {"down": 1, "3": 0}}
    assert TelemetrySchema.from_dict(content).to_dict() == content
    assert "labels" not in schema_with({}).to_dict()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["down"], r"labels\.values': must be a mapping"),
        ({"down": 2}, r"labels\.values\.down': must be 0 or 1, got 2"),
        ({"down": None}, r"labels\.values\.down': must be 0 or 1"),
        ({"down": "1"}, r"labels\.values\.down': must be 0 or 1"),
        ({"Down": 1, "down": 0}, r"labels\.values\.down': must be there once"),
        ({"yes": 1, "1": 0}, r"labels\.values\.1': must be 1, which this word always means, got 0"),
        ({False: 1}, r"labels\.values\.false': must be 0, which this word always means, got 1"),
        ({None: 1}, r"labels\.values': must be text, a number"),
        ({" ": 1}, r"labels\.values': must be text, a number"),
        ({("a", "b"): 1}, r"labels\.values': must be text, a number"),
    ],
)
def test_what_gives_no_meaning_is_refused(values: object, told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        schema_with(values)


def test_incidents_have_no_words() -> None:
    with pytest.raises(SchemaError, match=r"labels\.values': must be absent for incidents"):
        schema_with({"down": 1}, form="incidents")
    assert schema_with({"down": 1}, form="positives", watched="readings").labels.values == {"down": 1}
