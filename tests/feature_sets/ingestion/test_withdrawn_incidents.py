"""Files of incidents that are begun anew: what they had is told, as its readings are healthy then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.feature_sets.ingestion.folders import forget_all, run
from tests.feature_sets.ingestion.test_alarm_history import BEGIN, errors, inside, site

CONTENT = {
    "name": "site",
    "entity": ["device"],
    "time": "timestamp",
    "metrics": {"cpu": {}},
    "label": "is_error",
}
SPANS = [("A", "r1", 5, 8), ("B", "r2", 12, 14), ("C", "r3", 25, None)]
LOG = [(5, "r1", "FAN", "RAISED"), (8, "r1", "FAN", "CLEARED"), (25, "r3", "FAN", "RAISED")]


def write(file: Path, spans: list[tuple[str, str, int, int | None]], columns: list[str]) -> None:
    rows = [
        (name, device, *(None if at is None else BEGIN + pd.Timedelta(minutes=at) for at in both))
        for name, device, *both in spans
    ]
    file.parent.mkdir(exist_ok=True)
    frame = pd.DataFrame(rows, columns=["id", "device", "start", "end"])
    frame[columns].to_csv(file, index=False)


def started(folder: Path, labels: dict[str, Any]) -> Path:
    schema = folder.with_suffix(".yaml")
    schema.write_text(yaml.safe_dump({**CONTENT, "labels": {"form": "incidents", **labels}}))
    site(folder, 0, 30, LOG)
    (folder / "incidents.csv").unlink()
    return schema


@pytest.mark.parametrize("has_id", [True, False])
def test_incidents_of_a_file_that_is_begun_anew_are_told(
    tmp_path: Path, project: str, local_stack: Any, has_id: bool
) -> None:
    forget_all()
    columns = ["id", "device", "start", "end"] if has_id else ["device", "start", "end"]
    schema = started(tmp_path / "site", {})
    newest, older = (tmp_path / "site" / "incidents" / name for name in ("newest.csv", "older.csv"))
    write(newest, SPANS, columns)
    assert run(tmp_path / "site", schema)["incidents_withdrawn"] == 0
    # An end that comes, and a row more, take nothing away.
    write(newest, [*SPANS[:2], ("C", "r3", 25, 27), ("D", "r1", 20, 21)], columns)
    assert run(tmp_path / "site", schema)["incidents_withdrawn"] == 0
    write(newest, [("C", "r3", 25, 27), ("D", "r1", 20, 21)], columns)
    done = run(tmp_path / "site", schema)
    assert (done["incidents_withdrawn"], done["labels_changed"]) == (2, 5)
    (warning,) = done["report"]["labels"]["warnings"]
    assert warning.startswith(
        "2 incidents of 2026-01-01T00:05:00+00:00 to 2026-01-01T00:12:00+00:00 are in no file any more: "
        "incidents/newest.csv had more before"
    )
    assert f"labels: warning: {warning}" in done["report_lines"]
    # As the warning says, the earlier ones come back in a file of their own.
    write(older, SPANS[:2], columns)
    done = run(tmp_path / "site", schema)
    assert (done["incidents_withdrawn"], done["labels_changed"]) == (0, 5)
    expected = inside(("r1", 5, 8), ("r1", 20, 21), ("r2", 12, 14), ("r3", 25, 27))
    assert errors() == expected
    # What moves from one file to another is in one all the time.
    write(newest, [("D", "r1", 20, 21)], columns)
    write(older, [*SPANS[:2], ("C", "r3", 25, 27)], columns)
    assert run(tmp_path / "site", schema)["incidents_withdrawn"] == 0
    assert errors() == expected
    forget_all()


def test_rows_of_an_alarm_log_that_is_rotated_are_told(
    tmp_path: Path, project: str, local_stack: Any
) -> None:
    forget_all()
    schema = started(tmp_path / "site", {"alarm_log": {"alarm": "alarm_type"}})
    folder = tmp_path / "site" / "incidents"
    folder.mkdir()

    def write_log(name: str, log: list[tuple[int, str, str, str]]) -> None:
        rows = [(BEGIN + pd.Timedelta(minutes=minute), *rest) for minute, *rest in log]
        frame = pd.DataFrame(rows, columns=["timestamp", "device", "alarm_type", "state"])
        frame.to_csv(folder / f"{name}.csv", index=False)

    write_log("alarms", LOG)
    assert run(tmp_path / "site", schema)["incidents_withdrawn"] == 0
    # Rotated: what it had is in the other file.
    write_log("alarms-1", LOG)
    write_log("alarms", [(28, "r3", "FAN", "CLEARED")])
    assert run(tmp_path / "site", schema)["incidents_withdrawn"] == 0
    expected = inside(("r1", 5, 8), ("r3", 25, 28))
    assert errors() == expected
    # One that was deleted by then goes on to count.
    (folder / "alarms-1.csv").unlink()
    write_log("alarms", [(28, "r3", "FAN", "CLEARED"), (29, "r1", "FAN", "RAISED")])
    assert run(tmp_path / "site", schema)["incidents_withdrawn"] == 0
    expected = inside(("r1", 5, 8), ("r1", 29, 30), ("r3", 25, 28))
    assert errors() == expected
    write_log("alarms", [(29, "r1", "FAN", "RAISED")])
    done = run(tmp_path / "site", schema)
    assert done["incidents_withdrawn"] == 1
    (warning,) = done["report"]["labels"]["warnings"]
    assert warning.startswith("1 row of the alarm log of 2026-01-01T00:28:00+00:00 to ")
    # Without its end the alarm goes on, and its readings are errors.
    assert (
        "It clears an alarm: what nothing else ends goes on, and later readings are errors now. If" in warning
    )
    assert "healthy" not in warning
    assert errors() == inside(("r1", 5, 8), ("r1", 29, 30), ("r3", 25, 30))
    write_log("alarms", [(30, "r1", "FAN", "CLEARED")])
    (warning,) = run(tmp_path / "site", schema)["report"]["labels"]["warnings"]
    assert (
        warning.startswith("1 row of") and "Errors that rest on nothing else are healthy now. If" in warning
    )
    forget_all()
