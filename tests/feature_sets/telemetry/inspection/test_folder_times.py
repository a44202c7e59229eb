"""Times as folders have them: in two columns, or of clocks that are set back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from feature_sets.telemetry.doubled_hour import ZONES, set_back
from feature_sets.telemetry.inspection.column_profile import profile_column
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.inspection.test_folder_check import STEP, frames, taken, write


def test_a_date_and_a_time_of_day_in_two_columns_are_refused_in_one_sentence(tmp_path: Path) -> None:
    tables = frames()
    for name in ("metrics", "labels"):
        times = tables[name].pop("time").dt
        tables[name] = tables[name].assign(date=times.strftime("%Y-%m-%d"), time=times.strftime("%H:%M:%S"))
    check = check_folder(write(tmp_path / "two", tables, ".csv"))
    assert check.proposal.missing == [
        "The metrics and the labels have the date in 'date' and the time of day in 'time': both must be in "
        "one column, such as 2026-11-20 00:01:00, which the schema names as time."
    ]
    assert not any(line.startswith(("devices:", "contradicting:", "decide:")) for line in check.lines())
    tables["metrics"] = tables["metrics"].drop(columns="date")
    missing = check_folder(write(tmp_path / "clock", tables, ".csv")).proposal.missing
    assert missing[1].startswith("The metrics have the time of day in 'time': both must be")


def test_a_reading_a_day_may_have_a_duration_beside_it(tmp_path: Path) -> None:
    tables = frames()
    for name in ("metrics", "labels"):
        days = (tables[name]["time"] - tables[name]["time"].min()) // STEP
        date = pd.Timestamp("2026-03-01") + pd.to_timedelta(days, unit="D")
        tables[name] = tables[name].assign(time=date.dt.strftime("%Y-%m-%d"))
    tables["metrics"]["running"] = "00:05:00"
    check, schema = taken(write(tmp_path, tables, ".csv"))
    assert check.tables["metrics"].columns["running"].kind == "time of day"
    assert (schema.time, "running" in schema.metric_names) == ("time", False)


@pytest.mark.parametrize(
    ("name", "cells", "is_clock"),
    [
        ("at", ["00:00:00", "23:59:59.5"], True),
        ("at", ["9:05 AM", "9:05 p.m."], True),
        ("at", ["09:05:00Z", "09:05:00+01:00"], True),
        ("time", ["00:00", "00:01"], True),
        ("port", ["1:10", "1:12"], False),
        ("mac", ["00:1a:2b", "00:11:22"], False),
        ("at", ["00:00:00", "soon"], False),
    ],
)
def test_a_time_of_day_is_told_from_text_that_looks_like_one(
    name: str, cells: list[str], is_clock: bool
) -> None:
    kind = profile_column(name, pa.chunked_array([cells])).kind
    assert kind == ("time of day" if is_clock else "text")


def local(zone: str, begin: str, hours: int = 4, minutes: int = 10) -> pd.Series:
    """Times of a zone without saying so, each as of two devices."""
    times = pd.date_range(begin, periods=hours * 60 // minutes, freq=f"{minutes}min", tz="UTC")
    return times.tz_convert(zone).tz_localize(None).repeat(2).to_series(index=range(2 * len(times)))


def readings(times: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"device": [0, 1] * (len(times) // 2), "time": times.dt.tz_localize("UTC")})


@pytest.mark.parametrize(
    ("zone", "begin", "hour", "others"),
    [
        ("Europe/Oslo", "2026-10-24T23:00", "2026-10-25T02:00", ("Europe/Berlin",)),
        ("Europe/London", "2026-10-24T23:00", "2026-10-25T01:00", ("Europe/London", "Asia/Jerusalem")),
        ("America/Denver", "2026-11-01T06:00", "2026-11-01T01:00", ZONES[3:8]),
    ],
)
def test_an_hour_that_is_there_twice_tells_the_zone(
    zone: str, begin: str, hour: str, others: tuple[str, ...]
) -> None:
    found = set_back(readings(local(zone, begin)))
    assert found is not None
    assert (found.hour.isoformat(timespec="minutes"), found.zones) == (hour, others)


def test_other_rows_that_come_twice_tell_no_zone() -> None:
    usual = readings(local("UTC", "2026-10-24T23:00"))
    assert set_back(usual) is None
    assert set_back(pd.concat([usual, usual])) is None  # Every hour.
    assert set_back(pd.concat([usual, usual[:6]])) is None  # An hour in which no zone sets its clocks back.
    assert set_back(pd.concat([usual, usual[36:38]])) is None  # Some rows of the hour alone.
    assert set_back(usual[:0]) is None


def test_the_zone_of_clocks_that_were_set_back_is_proposed(tmp_path: Path) -> None:
    tables = frames(devices=2, ticks=120)
    times = local("Europe/Paris", "2026-10-24T22:00", hours=10, minutes=5)
    for name in ("metrics", "labels"):
        tables[name] = tables[name].assign(time=times)
    check = check_folder(write(tmp_path, tables, ".csv"))
    schema = TelemetrySchema.from_dict(yaml.safe_load(check.schema_text() or ""))
    assert schema.assume_timezone == "Europe/Berlin"
    (sentence,) = (one for one in check.proposal.decide if "assume_timezone" in one)
    assert sentence.startswith("The hour from 2026-10-25 02:00 is there twice, as where clocks are set back")
    assert "Readings of that hour are left out" in sentence
    assert not any("contradict" in line for line in check.lines())
    rows, report = read_telemetry(tmp_path, schema)
    assert report.metrics.rejected == report.labels.rejected
    assert sum(report.metrics.rejected.values()) == 48
    assert rows.metrics["time"].iloc[0] == pd.Timestamp("2026-10-24T22:00Z")


def test_files_may_differ_in_one_column_and_in_the_zone_of_their_times(tmp_path: Path) -> None:
    """The other columns keep their types."""
    times = pd.date_range("2024-05-01", periods=3, freq="1min")
    (tmp_path / "metrics").mkdir()
    for name, zone, box in (("1", None, "a"), ("2", "UTC", 5)):
        frame = {"device": f"r{name}", "timestamp": times.tz_localize(zone), "load": [1, 2, 3], "box": box}
        pd.DataFrame(frame).to_parquet(tmp_path / "metrics" / f"{name}.parquet")
    columns = check_folder(tmp_path).tables["metrics"].columns
    assert columns["timestamp"].times == "50.0% without a zone, the others with one"
    assert (columns["load"].type, columns["box"].type) == ("int64", "text")


def jittered(zone: str, step: str, hours: int = 8) -> pd.DataFrame:
    """Readings of two devices, of which no two have the same time of day, as a file has them."""
    utc = pd.date_range(
        "2026-10-24T22:00", periods=pd.Timedelta(f"{hours}h") // pd.Timedelta(step), freq=step, tz="UTC"
    )
    parts = []
    for seed in range(2):
        jitter = pd.to_timedelta(np.random.default_rng(seed).uniform(0, 20, len(utc)).round(3), unit="s")
        times = (utc + jitter).tz_convert(zone).tz_localize(None).tz_localize("UTC")
        parts.append(pd.DataFrame({"device": seed, "time": times}))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


@pytest.mark.parametrize("step", ["30s", "5min", "20min"])
def test_an_hour_is_there_twice_where_no_two_times_are_the_same(step: str) -> None:
    found = set_back(jittered("Europe/Berlin", step))
    assert found is not None
    assert found.hour.isoformat() == "2026-10-25T02:00:00"
    assert set_back(jittered("Europe/Berlin", step)[::-1]) == found  # The newest first.
    assert set_back(jittered("UTC", step)) is None
    shuffled = jittered("UTC", step).sample(frac=1, random_state=1)
    assert set_back(shuffled) is None


def test_rows_of_several_metrics_and_copies_of_files_hide_no_doubled_hour() -> None:
    for zone, is_there in (("Europe/Berlin", True), ("UTC", False)):
        rows = readings(local(zone, "2026-10-24T22:00", hours=8)).assign(device=0)
        assert (set_back(pd.concat([rows, rows, rows])) is not None) == is_there


@pytest.mark.parametrize("form", ["days", "hours"])
@pytest.mark.parametrize("cut", [False, True])
def test_rows_with_a_zone_hide_no_doubled_hour_of_those_without(
    tmp_path: Path, form: str, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site is the name of a folder, and the files are of a day or an hour."""
    if cut:
        monkeypatch.setattr("feature_sets.telemetry.inspection.table_profile.LOOKED_AT", 200)
    utc = pd.Series(pd.date_range("2026-10-24T22:00", periods=9 * 12, freq="5min", tz="UTC"))
    random = np.random.default_rng(1)
    for site in ("a", "b", "c", "d"):
        texts = utc.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        if site == "b":
            texts = utc.dt.tz_convert("Europe/Berlin").dt.strftime("%Y-%m-%d %H:%M:%S")
        load = random.normal(50, 9, len(utc)).round(3)
        rows = pd.DataFrame({"at": texts, "node": "n1", "load": load})
        rows = pd.concat([rows, rows.assign(node="n2", load=load + 1)]).sort_index(kind="stable")
        folder = tmp_path / "metrics" / f"site={site}"
        folder.mkdir(parents=True)
        size = len(rows) if form == "days" else 24
        for begin in range(0, len(rows), size):
            rows[begin : begin + size].to_csv(folder / f"{begin:03}.csv", index=False)
    static = [(site, node) for site in "abcd" for node in ("n1", "n2")]
    pd.DataFrame(static, columns=["site", "node"]).to_csv(tmp_path / "static.csv", index=False)
    proposal = check_folder(tmp_path).proposal
    assert proposal.fields["entity"] == ["site", "node"]
    assert proposal.fields["assume_timezone"] == "Europe/Berlin"
    assert any("so the times without a zone in metrics are local" in one for one in proposal.decide)


@pytest.mark.parametrize("days", [1, 10])
def test_the_clocks_of_one_exporter_among_others_are_found(
    tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others write UTC, and all call their columns otherwise; of many rows a few are seen."""
    monkeypatch.setattr("feature_sets.telemetry.inspection.table_profile.LOOKED_AT", 3000)
    random = np.random.default_rng(1)
    utc = pd.Series(pd.date_range("2026-10-24T22:00", periods=days * 288, freq="5min", tz="UTC"))
    (tmp_path / "metrics").mkdir()
    columns = {
        "epoch": ("ts", utc.astype("datetime64[s, UTC]").astype("int64"), "host", "lte1", "slot", "wan0"),
        "local": (
            "Zeit",
            utc.dt.tz_convert("Europe/Berlin").dt.strftime("%d.%m.%Y %H:%M:%S"),
            "Geraet",
            "dslam1",
            "Karte",
            "01",
        ),
        "zone": ("timestamp", utc.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), "node", "olt1", "port", "gpon1"),
    }
    for name, (time, times, node, one, port, other) in columns.items():
        rows = pd.DataFrame(
            {time: times, node: one, port: other, "load": random.normal(50, 9, len(utc)).round(3)}
        )
        rows.to_csv(tmp_path / "metrics" / f"{name}.csv", index=False)
    names = {"node": ["lte1", "dslam1", "olt1"], "port": ["wan0", "01", "gpon1"]}
    pd.DataFrame(names).to_csv(tmp_path / "static.csv", index=False)
    check = check_folder(tmp_path)
    fields = check.proposal.fields
    assert (fields["assume_timezone"], fields["entity"]) == ("Europe/Berlin", ["node", "port"])
    assert {"Karte", "Zeit", "Geraet", "slot", "ts", "host"} <= set(fields["rename"])
    (dates,) = (line for line in check.proposal.decide if line.startswith("Dates"))
    assert dates.startswith("Dates such as '25.10.2026 00:00:00' in the metrics have the day first")
