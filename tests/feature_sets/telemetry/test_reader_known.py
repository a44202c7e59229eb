"""What a folder holds that is new since it was read last, and from when attributes hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.ingest_report import FileMark, FileReport
from feature_sets.telemetry.readers import KnownTelemetry, read_telemetry
from tests.feature_sets.telemetry.telemetry_folder import SCHEMA, TIMES, Frames, good, write


def days(folder: Path) -> Path:
    """A folder with two files of metrics and of labels."""
    frames = good()
    for table in ("metrics", "labels"):
        (folder / table).mkdir()
        for name, part in (("a", frames[table].iloc[:1]), ("b", frames[table].iloc[1:])):
            part.to_csv(folder / table / f"{name}.csv", index=False)
    frames["static"].to_csv(folder / "static.csv", index=False)
    return folder


def marks(folder: Path) -> KnownTelemetry:
    _, report = read_telemetry(folder, SCHEMA)
    files = {part.name: part.marks for part in report.files}
    return KnownTelemetry(files, ("osl/a", "osl/b"))


def test_files_that_did_not_change_are_counted_and_not_read(tmp_path: Path) -> None:
    folder = days(tmp_path)
    (folder / "metrics" / "b.csv").write_text((folder / "metrics" / "b.csv").read_text() + "osl,z,,1,1\n")
    known = marks(folder)
    assert known.files["metrics"]["metrics/b.csv"].rejected == {"unparsable_time": 1}
    (folder / "labels" / "c.csv").write_text(f"site,box,at,broken,edge\nosl,a,{TIMES[1]},1,0\n")
    telemetry, report = read_telemetry(folder, SCHEMA, known)
    assert len(telemetry.metrics) == 0 and str(telemetry.metrics["at"].dtype) == "datetime64[ns, UTC]"
    assert list(telemetry.metrics.columns) == ["device", "at", "load", "heat"]
    assert telemetry.labels["broken"].tolist() == [1]
    assert (report.metrics.rows_read, report.metrics.rejected) == (5, {"unparsable_time": 1})
    assert (report.metrics.rows_accepted, report.metrics.rows_unchanged) == (4, 4)
    assert (report.labels.rows_read, report.labels.rows_unchanged) == (5, 4)
    assert report.labels.paths == ["labels/c.csv"] and list(report.labels.marks) == ["labels/c.csv"]
    assert "  note: 2 files unchanged; their 5 rows were not read again" in report.lines()
    assert report.to_dict()["metrics"]["files_unchanged"] == 2


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_changed_is_read_again(tmp_path: Path, change: str) -> None:
    folder = days(tmp_path)
    known = marks(folder)
    file = folder / "metrics" / "a.csv"
    if change == "size":
        stamp = file.stat().st_mtime_ns
        file.write_text(file.read_text() + f"osl,b,{TIMES[0]},7,7\n")
        os.utime(file, ns=(stamp, stamp))
    else:
        os.utime(file, (1, 1))
    telemetry, _ = read_telemetry(folder, SCHEMA, known)
    assert len(telemetry.metrics) == (2 if change == "size" else 1)


def test_rows_of_a_device_that_was_unknown_are_read_again_when_there_are_more_devices() -> None:
    mark = FileMark(10, 20, 5, {"unknown_device": 2}, devices=3)
    assert mark.is_of(FileMark(10, 20), devices=3)
    assert not mark.is_of(FileMark(10, 20), devices=4)
    assert FileMark(10, 20, 5, {"naive_time": 2}, devices=3).is_of(FileMark(10, 20), devices=4)
    assert FileMark.from_dict(mark.to_dict()) == mark


def test_tables_may_be_absent_once_there_is_a_history(tmp_path: Path) -> None:
    folder = days(tmp_path)
    known = KnownTelemetry({}, ("osl/a", "osl/b"))
    for table in ("labels", "static"):
        for file in [*folder.glob(f"{table}/*"), *folder.glob(f"{table}.*")]:
            file.unlink()
    telemetry, report = read_telemetry(folder, SCHEMA, known)
    assert (len(telemetry.metrics), len(telemetry.labels), len(telemetry.static)) == (4, 0, 0)
    assert list(telemetry.static.columns) == ["device", "role", "live"]
    assert report.metrics.rejected == {}
    with pytest.raises(TelemetryError, match="static: must exist as"):
        read_telemetry(folder, SCHEMA)
    for file in folder.glob("metrics/*"):
        file.unlink()
    with pytest.raises(TelemetryError, match="metrics: must exist as"):
        read_telemetry(folder, SCHEMA, known)
    with pytest.raises(TelemetryError, match="must be a folder that exists"):
        read_telemetry(folder / "none", SCHEMA, known)


def test_devices_of_the_history_are_known_without_a_static_row(tmp_path: Path) -> None:
    folder = days(tmp_path)
    (folder / "static.csv").write_text("site,box,role,live\nosl,a,leaf,True\n")
    _, report = read_telemetry(folder, SCHEMA)
    assert report.metrics.rejected == {"unknown_device": 2}
    _, report = read_telemetry(folder, SCHEMA, KnownTelemetry({}, ("osl/b",)))
    assert report.metrics.rejected == {}


def attributes(frames: Frames) -> None:
    frames["static"] = pd.DataFrame(
        {
            "site": "osl",
            "box": ["a", "b", "a", "a", "a"],
            "role": ["spine", "leaf", "leaf", "edge", "core"],
            "live": True,
            "valid_from": ["2024-05-02T00:00:00Z", None, None, "never", "2024-05-02T00:00:00"],
        }
    )


def test_attributes_may_say_from_when_they_hold(tmp_path: Path) -> None:
    frames = _with(attributes)
    frames["static"] = frames["static"].iloc[:3]
    telemetry, report = read_telemetry(write(tmp_path, frames), SCHEMA)
    # Of each device the newest counts; what holds from the beginning comes first.
    assert telemetry.static["role"].tolist() == ["spine", "leaf"]
    assert telemetry.attributes is not None
    assert telemetry.attributes["device"].tolist() == ["osl/a", "osl/a", "osl/b"]
    assert telemetry.attributes["role"].tolist() == ["leaf", "spine", "leaf"]
    assert telemetry.attributes["valid_from"].isna().tolist() == [True, False, True]
    assert report.static.rejected == {}


def test_a_time_from_which_attributes_hold_is_read_as_every_time(tmp_path: Path) -> None:
    folder = write(tmp_path, _with(attributes))
    telemetry, report = read_telemetry(folder, SCHEMA)
    assert report.static.rejected == {"unparsable_valid_from": 1, "naive_valid_from": 1}
    assert telemetry.attributes is not None and len(telemetry.attributes) == 3
    again = tmp_path / "again"
    write_folder(again, telemetry, SCHEMA)
    back, _ = read_telemetry(again, SCHEMA)
    assert back.attributes is not None
    pd.testing.assert_frame_equal(back.attributes, telemetry.attributes)


def _with(change: Callable[[Frames], None]) -> Frames:
    frames = good()
    change(frames)
    return frames


def test_all_static_files_or_none_say_from_when(tmp_path: Path) -> None:
    folder = days(tmp_path)
    (folder / "static.csv").unlink()
    (folder / "static").mkdir()
    static = good()["static"]
    static.iloc[:1].to_csv(folder / "static" / "a.csv", index=False)
    static.iloc[1:].assign(valid_from=TIMES[0]).to_csv(folder / "static" / "b.csv", index=False)
    with pytest.raises(TelemetryError, match=r"a\.csv, column 'valid_from': must be in all files or none"):
        read_telemetry(folder, SCHEMA)


def test_a_report_counts_what_was_left_as_it_was() -> None:
    report = FileReport("metrics", rows_read=10)
    report.leave({"a": FileMark(1, 1, 5, {"naive_time": 2}), "b": FileMark(1, 1, 3)})
    assert (report.rows_read, report.rows_rejected, report.rows_unchanged) == (18, 2, 6)
