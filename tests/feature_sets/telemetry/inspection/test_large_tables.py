"""Tables of which not all rows are looked at: every file is, and what is told holds for its devices, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.inspection import table_profile
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.inspection.table_profile import profile_table

LOOKED_AT = 2_000
BEGIN = pd.Timestamp("2026-10-20T00:00:00Z")


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_profile, "LOOKED_AT", LOOKED_AT)


def readings(devices: list[str], seconds: int, days: float, metric: str) -> pd.DataFrame:
    """Readings at local times of Berlin, in order of time."""
    ticks = int(days * 86_400 / seconds)
    times = BEGIN + pd.to_timedelta(np.repeat(np.arange(ticks), len(devices)) * seconds, unit="s")
    local = times.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M:%S")
    values = np.random.default_rng(2).normal(40, 5, len(times)).round(2)
    return pd.DataFrame(
        {"at": local, "box": np.tile(devices, ticks), "rssi": None, "cpu": None, metric: values}
    )[["at", "box", "rssi", "cpu"]]


def test_two_classes_of_devices_in_two_files_are_both_seen(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    points, switches = [f"ap{number}" for number in range(6)], ["sw1", "sw2"]
    readings(points, 300, 7, "rssi").to_csv(tmp_path / "metrics" / "ap.csv", index=False)
    readings(switches, 60, 7, "cpu").to_csv(tmp_path / "metrics" / "sw.csv", index=False)
    check = check_folder(tmp_path)
    fields = check.proposal.fields
    assert set(fields["metrics"]) == {"rssi", "cpu"}
    assert (fields["windows"]["period"], "expected_interval" in fields) == ("5m", False)
    assert fields["assume_timezone"] == "Europe/Berlin"  # The hour is in no row that was looked at.
    told = "\n".join(check.lines())
    assert "more than 2,000 rows, of which 2,000 were looked at, the first ones of each file (2 files" in told
    assert "2 every 60 s, such as 'sw1'; 6 every 300 s, such as 'ap0'." in told
    assert "devices: 8 in the rows looked at, one reading every 60 to 300 s" in told


def test_what_is_empty_as_far_as_was_looked_is_said_as_such(tmp_path: Path) -> None:
    both = [readings(["ap1"], 60, 2, "rssi"), readings(["ap1"], 60, 2, "cpu")]
    pd.concat(both).to_csv(tmp_path / "metrics.csv", index=False)
    check = check_folder(tmp_path)
    (choice,) = (choice for choice in check.proposal.choices if choice.column == "cpu")
    assert choice.why == "empty in the rows looked at, not numbers"
    assert any("is empty in the rows looked at: 'cpu'." in sentence for sentence in check.proposal.decide)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_of_many_files_those_at_ten_places_are_looked_at_one_after_the_other(
    tmp_path: Path, suffix: str
) -> None:
    """A file a minute has one reading of each device: how often they report is seen from file to file."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    rows = readings([f"ap{number}" for number in range(40)], 60, 0.2, "rssi")
    for number, (_, part) in enumerate(rows.groupby("at")):
        path = folder / f"{number:04}{suffix}"
        part.to_csv(path, index=False) if suffix == ".csv" else part.to_parquet(path, index=False)
    table = profile_table(tmp_path, "metrics", sorted(folder.iterdir()))
    assert (table.looked_at, table.lengths[0], table.lengths[-24], len(set(table.runs()))) == (
        2_000,
        40,
        0,
        10,
    )
    assert table.rows == (None if suffix == ".csv" else len(rows))
    assert table.row_text(200) == f"row 1 of metrics/{[*np.flatnonzero(table.lengths)][5]:04}{suffix}"
    assert "the first ones of 50 files" in table.heading()
    check = check_folder(tmp_path)
    assert check.proposal.fields["expected_interval"] == "1m"


def many_files(folder: Path, count: int) -> None:
    """Files of an hour each, of which ten alone are more than is looked at."""
    folder.mkdir()
    rows = readings([f"ap{number}" for number in range(40)], 60, 0.2, "rssi")
    for number, (_, part) in enumerate(rows.groupby("at")):
        if number < count:
            part.assign(rssi=range(40)).to_csv(folder / f"a{number:04}.csv", index=False)


def test_a_file_of_another_shape_behind_many_is_looked_at_and_told(tmp_path: Path) -> None:
    many_files(tmp_path / "metrics", 200)
    value = '{"ts": 1792454400000, "source": {"name": "ap1"}, "metric": {"name": "snr", "value": %d}}'
    (tmp_path / "metrics" / "z.jsonl").write_text("\n".join(value % number for number in range(3)))
    check = check_folder(tmp_path)
    assert check.tables["metrics"].columns["metric.name"].samples == ("'snr'",)
    assert any(
        sentence.startswith("1 of 201 files of the metrics have no column 'box', such as metrics/z.jsonl")
        for sentence in check.proposal.missing
    )


def test_files_of_more_shapes_than_are_looked_at_are_no_error(tmp_path: Path) -> None:
    many_files(tmp_path / "metrics", 200)
    for number in range(12):
        rows = pd.DataFrame({"at": ["2026-10-20 00:00:00"], "box": ["ap1"], f"other{number}": ["b"]})
        rows.to_csv(tmp_path / "metrics" / f"z{number}.csv", index=False)
    check = check_folder(tmp_path)
    table = check.tables["metrics"]
    assert set(table.partial) > set(table.columns) - {"at", "box"} and "other11" not in table.columns
