"""Folders without labels, or with labels of other names: nothing is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from feature_sets.telemetry.inspection.folder_check import check_folder
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write
from tests.feature_sets.telemetry.inspection.test_label_shapes import TICKETS, errors


def bare(devices: int = 6, ticks: int = 40) -> dict[str, pd.DataFrame]:
    given = frames(devices, ticks)
    del given["labels"]
    return given


@pytest.mark.parametrize("ticks", [40, 1])
def test_without_labels_a_schema_names_none_and_has_relative_features(tmp_path: Path, ticks: int) -> None:
    given = bare(ticks=ticks)
    if ticks == 1:  # One reading a device: nobody knows how often they come.
        del given["static"]
    check, schema = taken(write(tmp_path, given, ".csv"))
    assert "label" not in (check.proposal.content or {})
    assert schema.labels.form == "incidents" and schema.relative_features
    (told,) = (sentence for sentence in check.proposal.decide if sentence.startswith("There are no labels"))
    assert "a model of how far a device is from its own level" in told


@pytest.mark.parametrize("name", ["is_error", "fault", "in_outage"])
def test_a_label_among_the_readings_is_no_metric(tmp_path: Path, name: str) -> None:
    given = bare()
    given["metrics"][name] = [0, 1] * 120
    check = check_folder(write(tmp_path, given, ".csv"))
    assert check.schema_text() is None
    (missing,) = check.proposal.missing
    assert missing.endswith(f"file of labels, with device, time and '{name}'.")
    assert check.to_dict()["tables"]["metrics"]["columns"][name]["role"] == "none"


def test_a_count_that_is_0_and_1_is_a_metric(tmp_path: Path) -> None:
    given = bare()
    given["metrics"]["in_errors"] = [0, 1] * 120
    _, schema = taken(write(tmp_path, given, ".csv"))
    assert "in_errors" in schema.metric_names


@pytest.mark.parametrize("name", ["alarms", "outages_2026", "tickets"])
def test_incidents_of_another_name_are_taken_for_them(tmp_path: Path, name: str) -> None:
    given = bare()
    rows = TICKETS.rename(columns={"opened_at": "raised", "closed_at": "cleared"})
    folder = write(tmp_path, {**given, name: rows}, ".csv")
    check, schema = taken(folder)
    assert (schema.files.tables, schema.labels.start) == ({"incidents": name}, "raised")
    assert f"{name}.csv is taken for the incidents (files.tables)." in check.proposal.decide
    assert check.unread == [] and errors(folder, schema)


def test_labels_of_another_name_are_taken_for_them(tmp_path: Path) -> None:
    given = frames()
    given["ground_truth_faults"] = given.pop("labels")
    _, schema = taken(write(tmp_path, given))
    assert (schema.files.tables, schema.label) == ({"labels": "ground_truth_faults"}, "is_error")


def test_of_two_that_may_be_the_labels_nobody_knows(tmp_path: Path) -> None:
    check = check_folder(write(tmp_path, {**bare(), "alarms": TICKETS, "tickets": TICKETS}))
    (missing,) = check.proposal.missing
    assert missing.endswith("Not read: alarms.parquet, tickets.parquet.")
    assert check.unread == ["alarms.parquet", "tickets.parquet"]


def test_files_of_other_forms_are_named(tmp_path: Path) -> None:
    given = bare()
    (write(tmp_path, {"static": given["static"]}) / "metrics.xlsx").write_bytes(b"PK")
    (tmp_path / "labels.xls").write_bytes(b"x")
    check = check_folder(tmp_path)
    assert check.likely == [
        f"{name} is of a form that is not read: export it as CSV or Parquet."
        for name in ("labels.xls", "metrics.xlsx")
    ]
    assert check.proposal.missing[0].endswith("Not read: labels.xls, metrics.xlsx.")
    check = check_folder(write(tmp_path, given))
    assert [sentence[-22:] for sentence in check.proposal.missing] == [" Not read: labels.xls."]


@pytest.mark.parametrize("named", [True, False])
def test_files_of_the_same_columns_would_be_one_table(tmp_path: Path, named: bool) -> None:
    for router, rows in bare()["metrics"].groupby("router"):
        columns = ["time", "load", *(["router"] if named else [])]
        rows[columns].to_csv(tmp_path / f"{router}.csv", index=False)
    (told,) = check_folder(tmp_path).likely
    assert told.startswith("Each of r0.csv, r1.csv, r2.csv, r3.csv, r4.csv and 1 more has")
    assert "in a folder metrics they would be one table" in told
    assert ("path: '{device}'" in told) == (not named)
