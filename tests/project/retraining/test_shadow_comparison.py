"""Two versions on the same live rows with the same labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.telemetry.schema import TelemetrySchema
from project.retraining import shadow_comparison
from project.retraining.rows_of_both import RowsOfBoth
from project.retraining.shadow_comparison import Decisions, ShadowComparison, compare_rows

SCHEMA = TelemetrySchema.load("")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 2, tzinfo=UTC)
SHADOWS = pa.list_(
    pa.struct([("version", pa.string()), ("prediction", pa.int64()), ("probability", pa.float64())])
)


def write(
    folder: Path,
    name: str,
    count: int,
    labels,
    own,
    other,
    versions=("a", "b"),
    with_shadows=True,
    hour=1,
    step=1,
) -> None:
    times = np.datetime64(f"2026-01-01T{hour:02d}:00:00") + step * np.arange(count).astype("timedelta64[s]")
    columns = {
        "device": [f"x/y/dev-{number % 30}" for number in range(count)],
        SCHEMA.time: pa.array(times.astype("datetime64[us]"), pa.timestamp("us", tz="UTC")),
        SCHEMA.target: pa.array(labels, pa.int64()),
        "version": [versions[0]] * count,
        "prediction": pa.array([int(value >= 0.5) for value in own], pa.int64()),
        "probability": list(own),
    }
    if with_shadows:
        told = [
            [{"version": versions[1], "prediction": int(value >= 0.7), "probability": value}]
            for value in other
        ]
        columns["shadows"] = pa.array(told, SHADOWS)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def compare_on_live_rows(
    folder: Path, schema: TelemetrySchema, champion: str, challenger: str, since: datetime, until: datetime
) -> ShadowComparison:
    rows = RowsOfBoth(folder).until(schema, champion, challenger, since, until, 0.0)
    return compare_rows(rows, schema, champion)


def test_a_group_on_which_the_challenger_ranks_as_well_and_decides_worse_is_told(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    labels = (random.random(1800) < 0.2).astype(int)
    told = 0.2 * random.random(1800)
    write(tmp_path, "1", 1800, labels, 0.6 * labels + told, 0.6 * labels + told, step=20)
    rows = RowsOfBoth(tmp_path).until(SCHEMA, "a", "b", BEGIN, END, 0.0)
    site = {
        device: "oslo" if int(device.split("-")[1]) < 15 else "bern" for device in rows["device"].unique()
    }
    missed = rows["device"].map(site).eq("oslo") & (rows["challenger_probability"] < 0.75)
    rows["challenger_prediction"] = rows["champion_prediction"].mask(missed, 0)
    found = compare_rows(rows, SCHEMA, "a", groups=lambda _: {"site": site}, group_rows=200)
    assert found.comparison.difference is not None and found.comparison.difference.high == 0.0
    assert found.worse_on.startswith("site oslo (F1 0.") and "bern" not in found.worse_on
    assert compare_rows(rows, SCHEMA, "a", groups=lambda _: {"site": site}, group_rows=2000).worse_on == ""


def test_a_better_challenger_is_told_on_the_same_rows_with_an_interval(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    labels = (random.random(900) < 0.2).astype(int)
    blurred = np.clip(0.3 * labels + random.random(900) * 0.6, 0, 1)
    sharp = np.clip(0.8 * labels + random.random(900) * 0.19, 0, 1)
    write(tmp_path, "1", 900, labels, blurred, sharp, step=60)
    write(tmp_path, "2", 900, labels, blurred, sharp, with_shadows=False, hour=17)
    found = compare_on_live_rows(tmp_path, SCHEMA, "a", "b", BEGIN, END)
    assert (found.comparison.version, found.comparison.rows, found.devices) == ("a", 900, 30)
    assert found.comparison.candidate > 0.99 > found.comparison.champion
    assert found.comparison.difference is not None and found.comparison.difference.low > 0.05
    assert found.challenger == Decisions(int(labels.sum()), 0, 0)
    alarms = blurred >= 0.5
    assert found.champion == Decisions(
        int((alarms & (labels == 1)).sum()),
        int((~alarms & (labels == 1)).sum()),
        int((alarms & (labels == 0)).sum()),
    )
    assert (found.first, found.last) == ("2026-01-01T01:00:00+00:00", "2026-01-01T15:59:00+00:00")


def test_on_the_devices_of_a_canary_the_champion_is_the_one_in_shadow(tmp_path: Path) -> None:
    labels = [0, 1] * 50
    write(tmp_path, "1", 100, labels, [0.1, 0.9] * 50, [0.2, 0.8] * 50, versions=("b", "a"))
    found = compare_on_live_rows(tmp_path, SCHEMA, "a", "b", BEGIN, END)
    assert found.comparison.rows == 100
    assert found.champion == found.challenger == Decisions(50, 0, 0)


def test_only_the_mature_period_counts_and_no_rows_are_no_verdict(tmp_path: Path) -> None:
    write(tmp_path, "1", 100, [0, 1] * 50, [0.1, 0.9] * 50, [0.2, 0.8] * 50)
    until = datetime(2026, 1, 1, 1, 0, 30, tzinfo=UTC)
    assert compare_on_live_rows(tmp_path, SCHEMA, "a", "b", BEGIN, until).comparison.rows == 31
    for folder, challenger in ((tmp_path, "c"), (tmp_path / "nowhere", "b")):
        found = compare_on_live_rows(folder, SCHEMA, "a", challenger, BEGIN, END)
        assert (found.comparison.rows, found.comparison.difference, found.first) == (0, None, "")


def test_an_event_that_is_in_two_files_counts_once(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path, str(number), 100, [0, 1] * 50, [0.1, 0.9] * 50, [0.2, 0.8] * 50)
    assert compare_on_live_rows(tmp_path, SCHEMA, "a", "b", BEGIN, END).comparison.rows == 100


def test_a_file_is_read_once_and_rows_ripen(tmp_path: Path, monkeypatch) -> None:
    read, opened = shadow_comparison.read_pairs, []
    monkeypatch.setattr(
        shadow_comparison, "read_pairs", lambda path, *how: opened.append(path.name) or read(path, *how)
    )
    kept = RowsOfBoth(tmp_path)

    def rows(minute: int, candidate: str = "b") -> int:
        until = datetime(2026, 1, 1, 1, minute, tzinfo=UTC)
        return len(kept.until(SCHEMA, "a", candidate, BEGIN, until, 0.0))

    write(tmp_path, "1", 100, [0, 1] * 50, [0.1, 0.9] * 50, [0.2, 0.8] * 50)
    assert [rows(0), rows(1), rows(9)] == [1, 61, 100]
    write(tmp_path, "2", 50, [0, 1] * 25, [0.1, 0.9] * 25, [0.2, 0.8] * 25, hour=2)
    assert rows(9) == 100
    assert opened == ["1.parquet", "2.parquet"]
    assert rows(9, candidate="c") == 0  # Of another trial all is read anew.
    assert opened[2:] == ["1.parquet", "2.parquet"]
    kept.forget()
    assert kept._rows == [] and rows(9) == 100


def test_no_more_than_the_most_rows_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"{number}", 100, [0, 1] * 50, [0.1, 0.9] * 50, [0.2, 0.8] * 50, hour=number)
    kept = RowsOfBoth(tmp_path, most_rows=150)
    assert len(kept.until(SCHEMA, "a", "b", datetime(2025, 1, 1, tzinfo=UTC), END, 0.0)) == 200


def test_live_rows_tell_what_an_operator_would_have_seen_of_either_version(tmp_path: Path) -> None:
    errors = [0] * 30 + [1] * 30 + [0] * 540  # Each device has one, in its second reading of twenty.
    good = [0.9 if error else 0.1 for error in errors]
    write(tmp_path, "1", 600, errors, [0.1] * 600, good, step=20)
    found = compare_on_live_rows(tmp_path, SCHEMA, "a", "b", BEGIN, END).comparison
    assert (found.caught.episodes, found.caught.caught, found.caught.per_device_day) == (30, 30, 0.0)
    assert (found.champion_caught.episodes, found.champion_caught.caught) == (30, 0)
    assert "; of the error episodes it catches 30 of 30 with 0 false alarms" in found.false_alarms
    ahead = replace(SCHEMA, horizon="10m")
    rows = RowsOfBoth(tmp_path).until(SCHEMA, "a", "b", BEGIN, END, 0.0)
    rows = rows.rename(columns={SCHEMA.target: ahead.target})
    assert compare_rows(rows, ahead, "a").comparison.caught is None
