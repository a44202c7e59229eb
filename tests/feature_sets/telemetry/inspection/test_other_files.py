"""Readings whose table has a name that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from feature_sets.telemetry.inspection.folder_check import check_folder
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write


def test_readings_of_any_other_name_are_found_by_their_columns(tmp_path: Path) -> None:
    tables = frames()
    tables["counters"] = tables.pop("metrics")
    check, schema = taken(write(tmp_path / "one", tables))
    assert schema.files.tables == {"metrics": "counters"}
    assert check.proposal.decide[0] == "counters.parquet is taken for the metrics (files.tables)."
    assert check.unread == [] and "load" in check.proposal.content["metrics"]
    # Of two that may be, nobody knows.
    write(tmp_path / "one", {"samples_of_then": tables["counters"]})
    check = check_folder(tmp_path / "one")
    assert check.proposal.content is None
    assert check.unread == ["counters.parquet", "samples_of_then.parquet"]
    # A table of its own name, and what has another meaning, is left alone.
    write(tmp_path / "one", {"metrics": tables["counters"]})
    assert "files" not in check_folder(tmp_path / "one").proposal.content
    notes = pd.DataFrame({"router": ["r1"], "opened": [pd.Timestamp("2026-03-01", tz="UTC")], "text": ["x"]})
    write(tmp_path / "two", {"labels": tables["labels"], "static": tables["static"], "notes": notes})
    assert check_folder(tmp_path / "two").proposal.content is None
