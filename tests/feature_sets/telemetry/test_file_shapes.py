"""Folders in other shapes: one file a device, tables of other names, one metric without a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.errors import SchemaError, TelemetryError
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.path_pattern import path_parts, path_values
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

TIMES = pd.date_range("2024-05-01", periods=4, freq="1min", tz="UTC")
CONTENT: dict[str, Any] = {
    "name": "shapes",
    "entity": ["site", "box"],
    "time": "at",
    "metrics": {"cpu": {}},
    "label": "bad",
}


def write(folder: Path, pattern: str, table: str = "metrics", suffix: str = ".csv") -> Path:
    """A file for each device, its name in the path alone."""
    labels = []
    for number, (site, box) in enumerate((("osl", "a"), ("osl", "b.2"), ("ber", "a"))):
        path = folder / table / (pattern.format(site=site, box=box) + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame({"at": TIMES, "cpu": float(number)})
        if suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False)
        labels.append(pd.DataFrame({"site": site, "box": box, "at": TIMES, "bad": 0}))
    pd.concat(labels).to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize(
    "pattern", ["{site}/{box}", "{site}-{box}", "site {site}/box_{box}", "day=3/{site}/{box}"]
)
def test_the_path_of_a_file_gives_its_device(tmp_path: Path, pattern: str, suffix: str) -> None:
    folder = write(tmp_path, pattern, suffix=suffix)
    given = pattern.removeprefix("day=3/")
    for path in (given, f"{given}{suffix}"):
        schema = TelemetrySchema.from_dict({**CONTENT, "files": {"path": path}})
        found, report = read_telemetry(folder, schema)
        assert not report.metrics.rejected
        assert found.metrics.groupby("device")["cpu"].unique().to_dict() == {
            "osl/a": [0.0],
            "osl/b.2": [1.0],
            "ber/a": [2.0],
        }
        assert TelemetrySchema.from_dict(schema.to_dict()) == schema


def test_a_file_that_is_not_of_the_pattern_lacks_the_column(tmp_path: Path) -> None:
    folder = write(tmp_path, "{site}/{box}")
    pd.DataFrame({"at": TIMES, "cpu": 1.0}).to_csv(folder / "metrics" / "all.csv")
    schema = TelemetrySchema.from_dict({**CONTENT, "files": {"path": "{site}/{box}"}})
    with pytest.raises(TelemetryError, match=r"metrics/all\.csv, column 'site': is required"):
        read_telemetry(folder, schema)


def test_what_a_pattern_finds() -> None:
    assert path_parts(("metrics", "day=2", "osl", "r.1.csv.gz")) == ("osl", "r.1")
    assert path_parts(("metrics.csv",)) == ()
    assert path_values(("osl", "r1"), "{site}/{box}.csv.gz") == {"site": "osl", "box": "r1"}
    assert path_values(("a-b-c",), "{site}-{box}") == {"site": "a", "box": "b-c"}
    assert path_values(("osl", "x", "r1"), "{site}/{box}") == {}
    assert path_values(("r.1",), "{box}") == {"box": "r.1"}


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"path": "device"}, "files.path.*must be a path with columns in braces"),
        ({"path": "{a}{b}"}, "files.path.*must be a path with columns in braces"),
        ({"path": "{a"}, "files.path.*must be a path with columns in braces"),
        ({"path": "{a}/{a}"}, "files.path.*must name each column once"),
        ({"path": "{a b}"}, "files.path"),
        ({"path": 3}, "files.path.*must be a path"),
        ({"format": "syslog"}, "files.format"),
        ({"tables": {"readings": "metrics"}}, "files.tables.*must be among"),
        ({"tables": {"metrics": "../x"}}, "files.tables.metrics.*must be one name"),
        ({"tables": {"metrics": "a", "labels": "a"}}, "files.tables.metrics.*must be one name"),
        ({"tables": {"metrics": 7}}, "files.tables.metrics.*must be one name"),
    ],
)
def test_a_form_that_there_is_not_is_refused(files: dict[str, Any], match: str) -> None:
    with pytest.raises(SchemaError, match=match):
        TelemetrySchema.from_dict({**CONTENT, "files": files})


def test_what_says_nothing_is_not_written_down() -> None:
    assert sorted(PLAIN.to_dict()) == ["decimal", "layout", "metric", "separator", "value"]
    form = FileFormat.from_content({"format": "gnmic", "tables": {"labels": "events"}})
    assert FileFormat.from_content(form.to_dict()) == form


def test_one_metric_without_a_name_is_a_column_of_another_table(tmp_path: Path) -> None:
    """As the Numenta benchmark has it: series, times and values, in a file of readings."""
    folder = write(tmp_path, "{site}/{box}")
    frame = pd.DataFrame({"series": "s/1.csv", "timestamp": TIMES, "value": [1.0, 2.0, 3.0, 4.0]})
    again = frame[2:3].assign(value=9.0)
    pd.concat([frame, again]).to_parquet(folder / "readings.parquet", index=False)
    (folder / "labels.csv").rename(folder / "faults.csv")
    faults = frame[["series", "timestamp"]].assign(bad=[0, 1, 0, 0])
    faults.to_csv(folder / "faults.csv", index=False)
    schema = TelemetrySchema.from_dict(
        {
            "name": "series",
            "entity": ["series"],
            "time": "timestamp",
            "metrics": {"value": {}},
            "label": "bad",
            "files": {"tables": {"metrics": "readings", "labels": "faults"}},
        }
    )
    found, report = read_telemetry(folder, schema)
    assert found.metrics["value"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert report.metrics.rejected == {"contradicting": 1}
    assert found.labels["bad"].tolist() == [0, 1, 0, 0]
    with pytest.raises(TelemetryError, match="readings: must exist as readings"):
        (folder / "readings.parquet").unlink()
        read_telemetry(folder, schema)


def test_incidents_may_be_called_labels(tmp_path: Path) -> None:
    folder = write(tmp_path, "{site}/{box}")
    ticket = pd.DataFrame([{"site": "osl", "box": "a", "start": TIMES[1], "end": TIMES[2]}])
    ticket.to_csv(folder / "labels.csv", index=False)
    files = {"path": "{site}/{box}", "tables": {"incidents": "labels"}}
    schema = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents"}, "files": files})
    found, _ = read_telemetry(folder, schema)
    assert found.incidents is not None
    assert found.incidents.files == ("labels.csv",)


@pytest.mark.parametrize("table", ["metrics", "labels", "static", "maintenance"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_each_table_may_have_a_separator_and_a_decimal_sign_of_its_own(
    tmp_path: Path, table: str, suffix: str
) -> None:
    content: dict[str, Any] = {
        "name": "apart",
        "entity": ["box"],
        "time": "at",
        "metrics": {"load": {}, "octets": {"kind": "counter"}},
        "label": "bad",
        "static": ["os"],
        "maintenance": {},
        "files": {"separator": "|", "tables": {"metrics": "readings"}},
    }
    times = pd.date_range("2024-05-01T00:00:00Z", periods=4, freq="10s").strftime("%Y-%m-%dT%H:%M:%SZ")
    tables = {
        "metrics": pd.DataFrame(
            {"box": "r1", "at": times, "load": [0.5, 1.25, 2.5, 4], "octets": [1, 2, 3, 2**60]}
        ),
        "labels": pd.DataFrame({"box": "r1", "at": times, "bad": [0, 1, 0, 1]}),
        "static": pd.DataFrame({"box": ["r1"], "os": ["1,5"]}),
        "maintenance": pd.DataFrame({"device": ["r1"], "start": times[:1], "end": times[1:2]}),
    }
    for name, frame in tables.items():
        path = tmp_path / f"{'readings' if name == 'metrics' else name}{suffix}"
        other = {"sep": ";", "decimal": ","} if name == table else {"sep": "|"}
        frame.to_csv(path, index=False, **other)
    usual = dict.fromkeys(("metrics", "labels", "static", "incidents", "maintenance"), "|")
    files = {**content["files"], "separator": {**usual, table: ";"}, "decimal": {table: ","}}
    schema = TelemetrySchema.from_dict({**content, "files": files})
    assert TelemetrySchema.from_dict(schema.to_dict()) == schema
    found, report = read_telemetry(tmp_path, schema)
    assert found.metrics["load"].tolist() == [0.5, 1.25, 2.5, 4.0]
    assert found.metrics["octets_counter"].tolist() == [1, 2, 3, 2**60]
    assert found.labels["bad"].tolist() == [0, 1, 0, 1]
    assert found.static["os"].tolist() == ["1,5"]
    assert len(found.maintenance or {}) == 1
    assert not any(part.rejected for part in report.files)
    with pytest.raises(TelemetryError) as refused:
        read_telemetry(tmp_path, TelemetrySchema.from_dict(content))
    assert refused.value.where == f"{'readings' if table == 'metrics' else table}{suffix}"
    assert "must have '|' between its cells, as files.separator in the schema says" in refused.value.rule
    assert "seems to have ';'" in refused.value.rule


def test_a_separator_of_a_table_is_checked() -> None:
    for files, where in (
        ({"separator": {"metric": ";"}}, "files.separator"),
        ({"separator": {"metrics": ":"}}, "files.separator.metrics"),
        ({"decimal": {"metrics": ","}}, "files.decimal"),
        ({"separator": {"labels": ";"}, "decimal": ","}, "files.decimal"),
    ):
        with pytest.raises(InputError, match=where):
            FileFormat.from_content(files)
