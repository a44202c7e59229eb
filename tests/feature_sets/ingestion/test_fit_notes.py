"""What is told of a folder that can be read with a schema, and yet does not fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.fit_notes import FitNote, fit_notes, outside_in_folder, rejected_notes
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")
FITS = {
    "name": "lab",
    "entity": ["router"],
    "time": "at",
    "metrics": {"octets": {"kind": "counter", "max_rate": 1000}},
    "label": "is_error",
    "windows": {"lengths": ["5m", "10m"], "period": "1m"},
    "expected_interval": "1m",
}
INCIDENTS = {"labels": {"form": "incidents"}}


def notes(folder: Path, says: int | None = None, starts: int | None = None, **content: Any) -> list[str]:
    """Of two routers that count 100 a second, and report every minute.

    :param says: what all labels say; by default every other one is an error.
    :param starts: minute in which incidents start, instead of labels.
    """
    minutes = np.arange(40) // 2
    keys = pd.DataFrame({"router": ["r1", "r2"] * 20, "at": BEGIN + pd.to_timedelta(minutes * 60, unit="s")})
    keys.assign(octets=10**6 + 6000 * minutes).to_parquet(folder / "metrics.parquet")
    if starts is None:
        told = minutes % 2 if says is None else says
        keys.assign(is_error=told).to_parquet(folder / "labels.parquet")
    else:
        start = BEGIN + pd.Timedelta(minutes=starts)
        ends = [start + pd.Timedelta(minutes=2), None if starts > 0 else start + pd.Timedelta(minutes=5)]
        rows = pd.DataFrame({"router": ["r1", "r2"], "start": start, "end": ends})
        rows.to_parquet(folder / "incidents.parquet")
    schema = TelemetrySchema.from_dict({**FITS, **content})
    return [note.sentence for note in notes_of(folder, schema)]


def notes_of(folder: Path, schema: TelemetrySchema) -> list[FitNote]:
    rows, _ = read_telemetry(folder, schema)
    return fit_notes(rows, outside_in_folder(rows, schema), schema)


def test_nothing_is_told_of_what_fits(tmp_path: Path) -> None:
    assert notes(tmp_path) == []


@pytest.mark.parametrize("starts", [-1, 5, 19])
def test_nothing_is_told_of_incidents_that_meet_readings(tmp_path: Path, starts: int) -> None:
    assert notes(tmp_path, starts=starts, **INCIDENTS) == []


@pytest.mark.parametrize("starts", [-5, 20, 600])
def test_incidents_beside_all_readings_are_told(tmp_path: Path, starts: int) -> None:
    (note,) = notes(tmp_path, starts=starts, **INCIDENTS)
    assert note.startswith(
        "No incident meets a reading. All 2 incidents lie outside of the time of the readings, "
        "2026-03-01T00:00:00+00:00 to 2026-03-01T00:19:00+00:00: "
    )
    assert ("2 are over before the first reading" in note) == (starts < 0)
    assert ("2 begin after the last one" in note) == (starts > 0)


def test_incidents_long_before_the_readings_are_told_and_those_at_their_edges_are_not(tmp_path: Path) -> None:
    notes(tmp_path, starts=5, **INCIDENTS)
    schema = TelemetrySchema.from_dict({**FITS, **INCIDENTS})
    inside = [
        (BEGIN + pd.Timedelta(minutes=at), BEGIN + pd.Timedelta(minutes=at + 1)) for at in range(0, 18, 2)
    ]
    inside *= 2
    for days, told in ((0, 0), (90, 1)):
        start = BEGIN - pd.Timedelta(days=days, minutes=5)
        rows = [*inside, (start, start + pd.Timedelta(minutes=2))]
        frame = pd.DataFrame(rows, columns=["start", "end"]).assign(router=["r1"] * 9 + ["r2"] * 10)
        frame.to_parquet(tmp_path / "incidents.parquet")
        found = [note.sentence for note in notes_of(tmp_path, schema)]
        assert len(found) == told
    assert found[0].startswith("1 of 19 incidents lie outside of the time of the readings, 2026-03-01T")
    assert "1 is over before the first reading (r2 from 2025-11-30T23:55:00+00:00; the first of " in found[0]


def test_an_incident_beside_all_readings_is_counted_once_where_two_rows_tell_of_it(tmp_path: Path) -> None:
    notes(tmp_path, starts=600, **INCIDENTS)
    told = pd.read_parquet(tmp_path / "incidents.parquet")
    closed = told[told["end"].isna()].assign(end=BEGIN + pd.Timedelta("1d"))
    pd.concat([told, closed]).to_parquet(tmp_path / "incidents.parquet")
    schema = TelemetrySchema.from_dict({**FITS, **INCIDENTS})
    (note,) = notes_of(tmp_path, schema)
    assert note.sentence.startswith("No incident meets a reading. All 2 incidents lie outside")


def test_incidents_that_never_end_are_told(tmp_path: Path) -> None:
    notes(tmp_path, starts=2, **INCIDENTS)
    rows = pd.DataFrame({"router": ["r1", "r2"], "start": BEGIN + pd.Timedelta(minutes=2), "end": None})
    rows.to_csv(tmp_path / "incidents.csv", index=False)
    (tmp_path / "incidents.parquet").unlink()
    schema = TelemetrySchema.from_dict({**FITS, **INCIDENTS})
    (note,) = notes_of(tmp_path, schema)
    assert note.sentence.startswith("By these labels 90.0% are errors (36 of 40): ")


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_are_told(tmp_path: Path, label: int) -> None:
    assert notes(tmp_path, says=label) == [
        f"Every label is {label}, so no model can learn to tell errors from health."
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"metrics": {"octets": {"kind": "counter", "max_rate": 10}}}, "max_rate of octets is 10 a second"),
        ({"counters": {"min_interval": "2m"}}, "With counters.min_interval of 120 s, 100% of the readings"),
        ({"counters": {"max_gap": "30s"}}, "With the longest gap of a rate of 30 s, 100%"),
        ({"expected_interval": "10s"}, "devices that report as usual would be told to be silent"),
        ({"expected_interval": "10m"}, "a device that misses some would not be told"),
        (
            {"windows": {"lengths": ["30s", "5m"], "period": "10s"}},
            "Readings come every 60 s, so most windows of 30s hold a single one",
        ),
    ],
)
def test_settings_that_do_not_fit_the_readings_are_told(
    tmp_path: Path, content: dict[str, Any], told: str
) -> None:
    (note,) = notes(tmp_path, **content)
    assert told in note


def test_rows_that_are_left_out_are_told_where_they_are_many(tmp_path: Path) -> None:
    notes(tmp_path)
    schema = TelemetrySchema.from_dict(FITS)
    rows = pd.read_parquet(tmp_path / "labels.parquet")
    pd.DataFrame({"router": ["r1", "r2"]}).to_parquet(tmp_path / "static.parquet")

    def told(labels: pd.DataFrame) -> list[FitNote]:
        labels.to_parquet(tmp_path / "labels.parquet")
        return rejected_notes(read_telemetry(tmp_path, schema)[1])

    few, many = (rows.assign(router=["r3"] * other + rows["router"].tolist()[other:]) for other in (4, 5))
    assert told(few) == []
    sentence = "5 of 40 rows would be left out, most of them as unknown_device."
    assert told(many) == [FitNote("labels", sentence)]
    assert told(pd.concat([rows, rows])) == []
