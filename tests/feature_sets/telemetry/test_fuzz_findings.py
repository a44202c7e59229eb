"""Files and schemas that once let a plain exception out, found by ``tests/fuzz``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.telemetry.errors import SchemaError, TelemetryError
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "found",
    "entity": ["device"],
    "time": "at",
    "metrics": {"cpu": {}},
    "label": "bad",
}
AT = "2024-05-01T12:00:00Z"


def write(folder: Path, metrics: pa.Table) -> Path:
    pq.write_table(metrics, folder / "metrics.parquet")
    pd.DataFrame({"device": ["r1"], "at": [AT], "bad": [0]}).to_csv(folder / "labels.csv", index=False)
    return folder


def test_a_list_of_devices_whose_paths_say_it_all(tmp_path: Path) -> None:
    write(tmp_path, pa.table({"device": ["r1", "r9"], "at": [AT, AT], "cpu": [1.0, 2.0]}))
    static = tmp_path / "static" / "device=r9"
    static.mkdir(parents=True)
    (static / "0.csv").write_text("note\nx\n")
    (tmp_path / "labels.csv").write_text(f"device,at,bad\nr9,{AT},1\n")
    telemetry, report = read_telemetry(tmp_path, TelemetrySchema.from_dict(CONTENT))
    assert telemetry.static["device"].tolist() == ["r9"]
    assert report.metrics.rejected == {"unknown_device": 1}


def test_a_list_of_devices_without_columns_is_refused(tmp_path: Path) -> None:
    write(tmp_path, pa.table({"device": ["r1"], "at": [AT], "cpu": [1.0]}))
    static = tmp_path / "static" / "device=r1"
    static.mkdir(parents=True)
    pq.write_table(pa.table({}), static / "0.parquet")
    with pytest.raises(TelemetryError, match=r"0\.parquet: must have columns"):
        read_telemetry(tmp_path, TelemetrySchema.from_dict(CONTENT))


def test_text_as_views_is_text_in_long_layout_and_in_a_look_at_it(tmp_path: Path) -> None:
    views = {name: pa.array([text], pa.string_view()) for name, text in (("device", "r1"), ("at", AT))}
    long = pa.table({**views, "metric": ["cpu"], "value": pa.array(["1.5"], pa.string_view())})
    folder = write(tmp_path, long)
    schema = TelemetrySchema.from_dict({**CONTENT, "files": {"layout": "long"}})
    assert read_telemetry(folder, schema)[0].metrics["cpu"].tolist() == [1.5]
    assert check_folder(folder).tables["metrics"].columns["device"].kind == "text"


@pytest.mark.parametrize(
    "text",
    [b"name: \xcc", b"name: 2024-13-45", b"[" * 5000, b"name: \x00"],
    ids=["bytes", "date", "deep", "nul"],
)
def test_a_schema_file_that_is_no_yaml_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(text)
    with pytest.raises(SchemaError, match="schema file: must be"):
        TelemetrySchema.from_yaml(path)


def test_a_bound_beyond_all_floats_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"metrics\.cpu\.range': must hold numbers or null"):
        TelemetrySchema.from_dict({**CONTENT, "metrics": {"cpu": {"range": [0, 10**400]}}})
