"""Files of which no row is accepted: the others are taken, and who ingests is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.ingest_report import refused_error
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all
from tests.feature_sets.ingestion.histories import MIDNIGHT, SCHEMA
from tests.feature_sets.ingestion.test_label_forms import one_day, schema

AT = MIDNIGHT.isoformat()
ROWS, BAD_ROWS = (
    f"box,timestamp,is_error,repair\ndev-0,{AT},0,no\n",
    f"box,timestamp,is_error,repair\ndev-0,{AT},maybe,no\n",
)
FORMS: dict[str, tuple[TelemetrySchema, str, str, str]] = {
    "rows": (SCHEMA, ROWS, BAD_ROWS, "bad_label: is_error 'maybe' in row 1 of {}: must be 0 or 1"),
    "incidents": (
        schema({"form": "incidents"}, horizon="0s"),
        f"box,start,end\ndev-0,{AT},\n",
        "box,start,end\ndev-0,soon,\ndev-1,later,\n",
        "unparsable_start: start 'soon' in row 1 of {}: must be ISO 8601 text",
    ),
    "alarm log": (
        schema({"form": "incidents", "alarm_log": {"time": "at"}}, horizon="0s"),
        f"box,at,state\ndev-0,{AT},raise\n",
        f"box,at,state\ndev-0,{AT},perhaps\n",
        "bad_state: state 'perhaps' in row 1 of {}: must raise or clear",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, project: str, request: pytest.FixtureRequest) -> Folder:
    forget_all()
    of, good, _, _ = FORMS[request.param]
    made = Folder(tmp_path / "telemetry", of)
    made.static(MODELS)
    one_day(made)
    (made.path / "labels" / "good.csv").write_text(good, encoding="utf-8")
    return made


def refused(done: dict[str, Any]) -> str:
    return str(refused_error(done["files_refused"]))


@pytest.mark.parametrize(("folder", "name"), [(name, name) for name in FORMS], indirect=["folder"])
@pytest.mark.parametrize("begun", [False, True])
def test_one_stops_no_other_and_is_told_until_it_is_mended(folder: Folder, name: str, begun: bool) -> None:
    _, good, bad, why = FORMS[name]
    path = "labels/bad.csv"
    if begun:
        assert folder.ingest()["files_refused"] == {}
    (folder.path / path).write_text(bad, encoding="utf-8")
    folder.add(
        "metrics", "more", pd.DataFrame({"box": "dev-1", "timestamp": [MIDNIGHT], "cpu": 1.0, "latency": 1.0})
    )
    done = folder.ingest()
    assert done["rows_new"] == (1 if begun else 11)
    assert list(done["files_refused"]) == [path]
    assert why.format(path) in refused(done)
    again = folder.ingest()
    assert list(again["files_refused"]) == [path], "it is not read again, and nothing of it is in the history"
    assert refused(again).startswith(f"{path}: must hold at least one usable row")
    (folder.path / path).write_text(good.replace("dev-0", "dev-1"), encoding="utf-8")
    assert folder.ingest()["files_refused"] == {}


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
def test_a_copy_of_another_file_is_not_refused_and_readings_may_be(folder: Folder) -> None:
    (folder.path / "labels" / "copy.csv").write_text(ROWS, encoding="utf-8")
    text = f"box,timestamp,cpu,latency\nnobody,{AT},1,1\nnothing,{AT},1,1\n"
    for name in ("a", "b"):
        (folder.path / "metrics" / f"{name}.csv").write_text(text, encoding="utf-8")
    done = folder.ingest()
    assert list(done["files_refused"]) == ["metrics/a.csv", "metrics/b.csv"]
    error = refused(done)
    assert error.startswith("metrics/a.csv and 1 more: must hold at least one usable row; ")
    assert "metrics/b.csv: 2 rows (unknown_device: 2; such as unknown_device: box 'nobody' in row 1" in error


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
def test_a_file_of_the_future_is_not_refused_as_it_is_read_again_when_it_is_due(folder: Folder) -> None:
    text = "box,timestamp,cpu,latency\ndev-0,2100-01-01T00:00:00Z,1,1\n"
    (folder.path / "metrics" / "later.csv").write_text(text, encoding="utf-8")
    done = folder.ingest()
    assert done["files_refused"] == {}
    assert any("from_future: 1" in line for line in done["report_lines"])
