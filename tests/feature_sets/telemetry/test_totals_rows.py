"""Rows of totals with a valid time would be one more device: it is told, by its name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.totals_rows import is_total, totals_note

SCHEMA = {"name": "lab", "entity": ["router"], "time": "at", "metrics": {"load": {}}, "label": "is_error"}


def folder(path: Path, *devices: str) -> Path:
    times = pd.date_range("2026-03-01T00:00:00Z", periods=30, freq="1min")
    rows = pd.DataFrame([(device, at, 0.1 + minute) for minute, at in enumerate(times) for device in devices])
    rows.columns = ["router", "at", "load"]
    rows.to_csv(path / "metrics.csv", index=False)
    rows[["router", "at"]].assign(is_error=rows.index % 2).to_csv(path / "labels.csv", index=False)
    return path


@pytest.mark.parametrize("name", ["Total", "SUM", "Averages (of 30 values)", "grand total:", "Max", "Summe"])
def test_a_device_that_is_called_like_a_total_is_warned_of(tmp_path: Path, name: str) -> None:
    given = folder(tmp_path, "r1", "r2", name)
    rows, report = read_telemetry(given, TelemetrySchema.from_dict(SCHEMA))
    (warning,) = report.metrics.said
    assert warning.startswith(f"1 device of 3, {name!r}, is called like a row of totals")
    assert warning.endswith("delete its rows from the files, or list the devices in a static file without it")
    assert name in set(rows.static["device"]), "nothing is left out unasked"
    assert any(f"'{name}', is called like a row of totals" in line for line in check_folder(given).lines())


def test_a_static_file_without_it_leaves_it_out_as_the_warning_says(tmp_path: Path) -> None:
    given = folder(tmp_path, "r1", "r2", "Total")
    pd.DataFrame({"router": ["r1", "r2"]}).to_csv(given / "static.csv", index=False)
    rows, report = read_telemetry(given, TelemetrySchema.from_dict(SCHEMA))
    assert (report.metrics.said, report.metrics.rejected) == ([], {"unknown_device": 30})
    assert set(rows.metrics["device"]) == {"r1", "r2"}


def test_parts_of_a_key_are_looked_at_and_names_that_only_begin_so_are_not() -> None:
    assert "'r1/Total' and" not in totals_note([("r1", "Total"), ("r1", "ge0")])
    assert totals_note([("r1", "Total"), ("r1", "ge0")]).startswith("1 device of 2, 'r1/Total', is called")
    assert totals_note([("Total",), ("Max",), ("r1",)]).startswith(
        "2 devices of 3, 'Total', 'Max', are called"
    )
    assert totals_note([("total-1",), ("maxwell",), ("sumatra",), ("avg-probe",), ("mean.lab",)]) == ""
    assert totals_note([("max",)]) == "", "a single device may be called as it likes"
    assert not is_total("")
