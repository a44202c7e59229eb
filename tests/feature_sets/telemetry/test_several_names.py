"""Files of several vendors in one folder, each with names of its own for the same columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.maintenance_event import MaintenanceParser
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "mobile",
    "entity": ["site"],
    "time": "ts",
    "metrics": {"prb": {}, "octets": {"kind": "counter"}},
    "label": "bad",
    "maintenance": {},
    "rename": {"SITE": "site", "Ne Name": "site", "PRB util": "prb", "DL.prb": "prb", "Bytes": "octets"},
}
SCHEMA = TelemetrySchema.from_dict(CONTENT)
VENDORS = (("site", "prb", "octets"), ("SITE", "PRB util", "octets"), ("Ne Name", "DL.prb", "Bytes"))


def rows_of(vendor: int) -> pd.DataFrame:
    site, prb, octets = VENDORS[vendor]
    times = [f"2024-01-01T00:0{minute}:00Z" for minute in range(4)]
    counted = [2**60 + vendor + 7 * minute for minute in range(4)]
    return pd.DataFrame({site: f"s{vendor}", "ts": times, prb: [vendor + 0.25] * 4, octets: counted})


def written(folder: Path, suffix: str, only: int | None = None) -> Path:
    (folder / "metrics").mkdir(parents=True)
    for vendor in range(3):
        frame, path = rows_of(vendor), folder / "metrics" / f"{vendor}{suffix}"
        if only is not None:
            frame = frame.set_axis((*VENDORS[only][:1], "ts", *VENDORS[only][1:]), axis=1)
        if suffix == ".parquet":
            frame.to_parquet(path, index=False)
        elif suffix == ".jsonl":
            path.write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")))
        else:
            frame.to_csv(path, index=False)
    labels = pd.DataFrame({"SITE": ["s0", "s1", "s2"], "ts": "2024-01-01T00:01:00Z", "bad": [0, 1, 0]})
    labels.to_csv(folder / "labels.csv", index=False)
    (folder / "maintenance.csv").write_text("Ne Name,start,end\ns2,2024-01-01T00:00:00Z,\n")
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".jsonl"])
def test_files_with_several_names_read_as_those_with_one(tmp_path: Path, suffix: str) -> None:
    several, report = read_telemetry(written(tmp_path / "several", suffix), SCHEMA)
    one, _ = read_telemetry(written(tmp_path / "one", suffix, only=0), SCHEMA)
    pd.testing.assert_frame_equal(several.metrics, one.metrics)
    assert several.metrics["device"].unique().tolist() == ["s0", "s1", "s2"]
    assert several.metrics["octets_counter"].max() == 2**60 + 2 + 21
    assert len(several.labels) == 3 and not report.metrics.notes
    assert [entry.scope for entry in several.maintenance.values()] == [(("device", "s2"),)]


@pytest.mark.parametrize("vendor", range(3))
def test_a_live_event_has_any_of_the_names(tmp_path: Path, vendor: int) -> None:
    read, _ = read_telemetry(written(tmp_path, ".csv"), SCHEMA)
    of_files = read.metrics[read.metrics["device"] == f"s{vendor}"]
    parser = EventParser(SCHEMA)
    for row, body in zip(of_files.to_dict("records"), rows_of(vendor).to_dict("records"), strict=True):
        event = parser.telemetry(body)
        assert (event.device, event.time) == (row["device"], row["ts"].timestamp())
        assert event.metrics == {"prb": row["prb"], "octets_counter": row["octets_counter"]}


@pytest.mark.parametrize("names", [("SITE", "Ne Name"), ("Ne Name", "site")])
def test_two_names_of_one_column_in_a_file_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = written(tmp_path, ".parquet")
    frame = rows_of(0).rename(columns={"site": names[0]}).assign(**{names[1]: "s0"})
    frame.head(0).to_parquet(folder / "metrics" / "3.parquet", index=False)  # Without a row, too.
    with pytest.raises(TelemetryError) as caught:
        read_telemetry(folder, SCHEMA)
    error = str(caught.value)
    assert f"metrics/3.parquet, column '{names[1]}': must not be beside '{names[0]}'" in error
    assert "a file has one column of 'site'" in error and str(list(names)) in error


def test_two_names_of_one_field_in_an_event_are_refused() -> None:
    body = {"ts": 1.5, "SITE": "s1", "PRB util": 1.0, "octets": 3}
    parser = EventParser(SCHEMA)
    assert parser.telemetry(body).device == "s1"
    for more, rule in (
        ({"Ne Name": "s1"}, "Ne Name: must not be beside 'SITE', which is the same field"),
        ({"site": "s1"}, "SITE: must not be beside 'site', which is the same field"),
        ({"DL.prb": 1.0}, "DL.prb: must not be beside 'PRB util', which is the same field"),
    ):
        with pytest.raises(EventError, match=rule):
            parser.telemetry({**body, **more})
    with pytest.raises(EventError, match="must not be beside another field that is 'site'"):
        MaintenanceParser(SCHEMA).change({"SITE": "s1", "Ne Name": "s1", "start": 1.5}, {}, 3.0)


def test_an_error_has_the_name_that_was_sent() -> None:
    body = {"ts": 1.5, "Ne Name": "", "DL.prb": "high", "octets": 3}
    parser = EventParser(SCHEMA)
    for given, name in ((body, "Ne Name"), ({**body, "Ne Name": "s1"}, "DL.prb")):
        with pytest.raises(EventError) as caught:
            parser.telemetry(given)
        assert parser.as_sent(caught.value, given).where == name


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"ts": 1.5, "site": "s1", "octets": 3}, "prb"),
        ({"ts": 1.5, "SITE": "s1", "octets": 3, "Other": 1}, "PRB util"),
        ({"ts": 1.5, "Ne Name": "s1"}, "DL.prb"),
        ({"ts": 1.5, "other": 1}, "PRB util"),
    ],
)
def test_a_field_that_is_missing_has_the_name_that_goes_with_the_others(
    body: dict[str, Any], name: str
) -> None:
    parser = EventParser(SCHEMA)
    assert parser.as_sent(EventError("prb", "is required", None), body).where == name


def test_long_layout_takes_several_names_of_a_metric(tmp_path: Path) -> None:
    long = TelemetrySchema.from_dict({**CONTENT, "files": {"layout": "long"}})
    folder = written(tmp_path / "wide", ".csv")
    expected, _ = read_telemetry(folder, SCHEMA)
    for vendor in range(3):
        path, frame = folder / "metrics" / f"{vendor}.csv", rows_of(vendor)
        keys = [VENDORS[vendor][0], "ts"]
        frame = frame.astype(object).melt(keys, var_name="metric", value_name="value")
        frame.to_csv(path, index=False)
    found, _ = read_telemetry(folder, long)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)


def test_a_schema_keeps_all_names_and_one_of_before_says_the_same() -> None:
    assert SCHEMA.to_dict()["rename"] == CONTENT["rename"]
    assert TelemetrySchema.from_dict(SCHEMA.to_dict()) == SCHEMA
    assert SCHEMA.sent_as["site"] == ("SITE", "Ne Name")
    before = {**CONTENT, "rename": {"SITE": "site"}}
    assert TelemetrySchema.from_dict(before).to_dict()["rename"] == {"SITE": "site"}
