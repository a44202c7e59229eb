"""Local times that clocks show twice: which of both moments alarms, incidents and maintenance are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.incident_rows import END, KNOWN, START
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.ingest_report import IngestReport
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.time_columns import parse_times

MIDNIGHT = pd.Timestamp("2026-10-24T22:00:00Z")
"""In Madrid; at 01:00 UTC clocks go back from 03:00 to 02:00."""
CONTENT: dict[str, Any] = {
    "name": "site",
    "entity": ["device"],
    "time": "time",
    "metrics": {"cpu": {}},
    "label": "is_error",
    "assume_timezone": "Europe/Madrid",
}


def read(folder: Path, table: str, labels: dict[str, Any], **more: Any) -> tuple[Telemetry, IngestReport]:
    """Telemetry with a table of incidents; a word ``HH:MM`` is a time of the day on which clocks go back."""
    of = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", **labels}, **more})
    (folder / "metrics.csv").write_text("time,device,cpu\n2026-10-25T01:00:00,r1,1\n2026-10-25T05:00:00,r1,1")
    header, *rows = table.split()
    lines = [
        ",".join(f"2026-10-25T{cell}:00" if cell[2:3] == ":" else cell for cell in row.split(","))
        for row in rows
    ]
    (folder / "incidents.csv").write_text("\n".join([header, *lines, ""]))
    return read_telemetry(folder, of)


def minutes(found: Telemetry) -> list[tuple[float, float | None]]:
    """Start and end of each incident, minutes after midnight as they passed."""
    assert found.incidents is not None
    minute = pd.Timedelta("1min")
    return sorted(
        ((start - MIDNIGHT) / minute, None if pd.isna(end) else (end - MIDNIGHT) / minute)
        for start, end in found.incidents.frame[[START, END]].itertuples(index=False)
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("01:53,r1,raise 02:48,r1,clear", [(113, 228)]),
        ("02:10,r1,raise 04:00,r1,clear", [(130, 300)]),
        ("02:10,r1,raise 02:40,r1,clear", [(130, 220)]),
        # Raised on the first pass of the hour and cleared on the second: as local times it would end before.
        ("02:50,r1,raise 02:10,r1,clear", [(170, 190)]),
        # The rows around the hour tell that the clear comes before the second raise.
        ("01:53,r1,raise 02:48,r1,clear 02:50,r1,raise 04:00,r1,clear", [(113, 168), (170, 300)]),
        ("02:48,r1,clear 02:50,r1,raise 04:00,r1,clear 01:53,r1,raise", [(113, 168), (170, 300)]),
        ("02:10,r1,raise 02:20,r1,clear 02:30,r1,raise 02:40,r1,clear", [(130, 140), (150, 220)]),
        # What is open before the hour is cleared in it; without that its raise may be the earlier one.
        ("00:30,r1,raise 02:10,r1,clear 02:20,r1,raise", [(30, 130), (140, None)]),
        ("02:10,r1,clear 02:20,r1,raise", [(140, 190)]),
        # The same rows in a copy.
        ("02:10,r1,raise 02:20,r1,clear 02:10,r1,raise 02:20,r1,clear", [(130, 200)]),
        # A row that acknowledges is no clear.
        ("01:00,r1,raise 02:05,r1,ack 02:10,r1,clear 02:20,r1,raise 04:00,r1,clear", [(60, 130), (140, 300)]),
    ],
)
def test_a_log_in_the_hour_that_is_there_twice_raises_and_clears(
    tmp_path: Path, rows: str, expected: list[tuple[float, float | None]]
) -> None:
    found, report = read(tmp_path, f"time,device,state {rows}", {"alarm_log": {}})
    assert minutes(found) == expected
    assert not report.labels.rejected
    assert "clocks show twice, such as time" in report.labels.notes[0]


def test_alarms_of_other_devices_do_not_tell(tmp_path: Path) -> None:
    rows = "01:53,r1,raise 02:48,r1,clear 02:50,r2,raise 04:00,r2,clear"
    found, _ = read(tmp_path, f"time,device,state {rows}", {"alarm_log": {}})
    assert minutes(found) == [(113, 228), (170, 300)]


def test_incidents_cover_all_time_that_they_may_have_had(tmp_path: Path) -> None:
    rows = "01:00,02:30,r1 02:10,04:00,r1 02:10,02:40,r1 00:30,,r1"
    found, report = read(tmp_path, f"start,end,device {rows}", {})
    assert minutes(found) == [(30, None), (60, 210), (130, 220), (130, 300)]
    notes = [note.partition(",")[0] for note in report.labels.notes if "clocks show twice" in note]
    assert notes == ["2 times are in an hour that clocks show twice"] * 2
    assert not report.labels.rejected


@pytest.mark.parametrize(
    ("rows", "labels", "expected"),
    [
        ("start,end,known,device 01:00,04:00,02:45,r1", {}, [(60, 300)]),
        # Of two rows of one incident the later known one counts, whatever hour both are of.
        (
            "id,start,end,known,device T1,01:00,04:00,02:45,r1 T1,01:00,05:00,02:50,r1 "
            "T2,02:10,,02:50,r1 T2,02:10,04:30,03:00,r1",
            {},
            [(60, 360), (130, 330)],
        ),
        ("time,device,state,known 01:00,r1,raise,02:10 04:00,r1,clear,04:01", {"alarm_log": {}}, [(60, 300)]),
    ],
)
def test_a_row_that_was_known_in_the_hour_counts_from_the_later_moment(
    tmp_path: Path, rows: str, labels: dict[str, Any], expected: list[tuple[float, float | None]]
) -> None:
    found, report = read(tmp_path, rows, labels)
    assert not report.labels.rejected
    assert found.incidents is not None
    if not labels:
        assert found.incidents.frame[KNOWN].min() == MIDNIGHT + pd.Timedelta("225min")
    of = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", **labels}})
    counting = incidents_that_count(found.incidents.frame, of)
    found = replace(found, incidents=replace(found.incidents, frame=counting))
    assert minutes(found) == expected
    assert any("it counts as known from the later moment" in note for note in report.labels.notes)


def test_maintenance_covers_all_time_that_it_may_have_had(tmp_path: Path) -> None:
    (tmp_path / "maintenance.csv").write_text(
        "start,end,device\n2026-10-25T02:10:00,2026-10-25T02:05:00,r1\n2026-10-25T02:20:00,,r1"
    )
    more = {"maintenance": {"scope": ["device"]}}
    found, report = read(tmp_path, "time,device,state 01:00,r1,raise", {"alarm_log": {}}, **more)
    assert found.maintenance is not None
    begin = MIDNIGHT.value // 1000
    spans = sorted((entry.start - begin, entry.end - begin) for entry in found.maintenance.values())
    assert spans[0] == (130 * 60_000_000, 185 * 60_000_000)
    assert spans[1][0] == 140 * 60_000_000
    assert not report.maintenance.rejected
    assert len([note for note in report.maintenance.notes if "twice" in note]) == 2


def test_readings_and_hours_that_never_were_are_still_left_out(tmp_path: Path) -> None:
    (tmp_path / "incidents.csv").touch()
    of = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", "alarm_log": {}}})
    times = ["2026-10-25T01:00:00", "2026-10-25T02:30:00", "2026-03-29T01:00:00"]
    (tmp_path / "metrics.csv").write_text("\n".join(["time,device,cpu", *(f"{time},r1,1" for time in times)]))
    rows = ["2026-03-29T01:00:00,r1,raise", "2026-03-29T02:30:00,r1,clear"]
    (tmp_path / "incidents.csv").write_text("\n".join(["time,device,state", *rows, ""]))
    _, report = read_telemetry(tmp_path, of)
    assert report.metrics.rejected == {"unparsable_time": 1}
    assert report.labels.rejected == {"unparsable_time": 1}
    assert "1 row clears an alarm, but was left out above" in report.labels.notes[0]


@pytest.mark.parametrize(("zone", "apart"), [("Europe/Dublin", 60), ("Australia/Lord_Howe", 30)])
def test_both_moments_are_found_in_any_zone(zone: str, apart: int) -> None:
    day = "2026-10-25T01:15:00" if zone == "Europe/Dublin" else "2026-04-05T01:45:00"
    found = parse_times(pd.Series([None, day]), zone).twice
    assert found.rows.tolist() == [1]
    assert (found.second - found.first).tolist() == [apart * 60_000_000]
