"""The calendar of maintenance as files have it: which devices, when; and what is told of wrong rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.calendar import Calendar, Maintenance, checked_scope
from feature_sets.telemetry.errors import SchemaError, TelemetryError
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.intervals import OPEN
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.telemetry_folder import BASE, Frames, good, write

SCHEMA = TelemetrySchema.from_dict({**BASE, "maintenance": {}})
NIGHT = ("2024-05-01T12:00:10Z", "2024-05-01T12:00:30Z")


def micros(text: str) -> int:
    return round(seconds_of(text) * 1_000_000)


def read(
    folder: Path, calendar: Any, schema: TelemetrySchema = SCHEMA, kind: str = "parquet", **frames: Any
) -> tuple[Calendar, FileReport]:
    telemetry, report = read_telemetry(
        write(folder, {**good(), **frames, "maintenance": pd.DataFrame(calendar)}, kind), schema
    )
    assert telemetry.maintenance is not None and report.maintenance is not None
    return telemetry.maintenance, report.maintenance


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("given", "scope"),
    [
        pytest.param({"device": "osl/a"}, (("device", "osl/a"),), id="whole key"),
        pytest.param({"site": "osl", "box": "a"}, (("device", "osl/a"),), id="every level"),
        pytest.param({"site": "osl"}, (("site", "osl"),), id="outer level"),
        pytest.param({"role": "leaf"}, (("role", "leaf"),), id="static column"),
        pytest.param({"live": "True"}, (("live", "true"),), id="column of the population"),
        pytest.param({"site": "osl", "role": "leaf"}, (("role", "leaf"), ("site", "osl")), id="both"),
    ],
)
def test_an_entry_has_a_scope_and_a_time(
    tmp_path: Path, kind: str, given: dict[str, str], scope: tuple[tuple[str, str], ...]
) -> None:
    start, end = NIGHT
    rows = [{**given, "start": start, "end": end, "reason": "upgrade"}, {**given, "start": end, "end": None}]
    found, report = read(tmp_path, rows, kind=kind)
    assert list(found.values()) == [
        Maintenance(scope, micros(start), micros(end), "upgrade"),
        Maintenance(scope, micros(end), OPEN, ""),
    ]
    assert (report.rows_read, report.rejected, report.notes) == (2, {}, [])
    for entry in found.values():
        assert Maintenance.from_list(entry.to_list()) == entry


def test_names_of_the_columns_are_those_of_the_schema(tmp_path: Path) -> None:
    start, end = NIGHT
    content = {
        **BASE,
        "rename": {"Change Start": "begins"},
        "maintenance": {"start": "begins", "end": "ends", "reason": "why", "scope": ["hall"]},
    }
    schema = TelemetrySchema.from_dict(content)
    assert TelemetrySchema.from_dict(schema.to_dict()) == schema
    static = good()["static"].assign(hall=["h1", "h2"])
    rows = [{"hall": "h1", "Change Start": start, "ends": end, "why": "power", "site": "osl"}]
    found, report = read(tmp_path, rows, schema, static=static)
    assert list(found.values()) == [Maintenance((("hall", "h1"),), micros(start), micros(end), "power")]
    assert report.notes == ["not used by the schema: site"]


def test_a_scope_that_is_no_feature_is_kept_with_the_devices(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict({**BASE, "maintenance": {"scope": ["hall"]}})
    assert schema.attributes == ("role", "live", "hall") and "hall" not in schema.static
    frames = {**good(), "static": good()["static"].assign(hall=["h1", "h2"])}
    telemetry, _ = read_telemetry(write(tmp_path, frames), schema)
    assert telemetry.static["hall"].tolist() == ["h1", "h2"] and telemetry.maintenance is None


def test_values_that_no_device_has_are_told_with_those_there_are(tmp_path: Path) -> None:
    scopes = [{"site": "oslo"}, {"device": "osl/c"}, {"role": "edge"}, {"live": "yes"}]
    found, report = read(tmp_path, [{**scope, "start": NIGHT[0]} for scope in scopes])
    assert len(found) == 4
    assert report.notes == [
        "site: no device has 'oslo'; there are 'osl'",
        "device: no device has 'osl/c'; there are 'osl/a', 'osl/b'",
        "role: no device has 'edge'; there are 'leaf', 'spine'",
    ]
    assert not report.warnings


def test_a_value_of_another_column_is_told_with_that(tmp_path: Path) -> None:
    _, report = read(tmp_path, [{"site": name, "start": NIGHT[0]} for name in ("osl", "leaf", "a")])
    assert report.notes == [
        "site: no device has 'leaf', 'a'; there are 'osl'; 'a' of box and 'leaf' of role must be in a "
        "column of that name"
    ]


def test_a_calendar_that_names_nobody_is_a_warning(tmp_path: Path) -> None:
    _, report = read(tmp_path, [{"site": "oslo", "start": NIGHT[0]}, {"device": "a", "start": NIGHT[0]}])
    (warning,) = report.warnings
    assert warning.startswith("none of the 2 entries of the calendar names a device that is known")
    assert report.to_dict()["warnings"] == [warning]


def test_a_calendar_may_name_the_part_of_the_key_that_is_called_device(tmp_path: Path) -> None:
    frames = {name: frame.rename(columns={"box": "device"}) for name, frame in good().items()}
    content = {**BASE, "entity": ["site", "device"], "maintenance": {}}
    rows = [{"device": name, "site": None, "start": NIGHT[0]} for name in ("a", "osl/b")]
    found, report = read(tmp_path, rows, TelemetrySchema.from_dict(content), **frames)
    assert [entry.scope for entry in found.values()] == [(("device", "a"),), (("device", "osl/b"),)]
    assert (report.notes, report.warnings) == ([], [])


@pytest.mark.parametrize(
    ("change", "reason", "sample"),
    [
        ({"start": None}, "unparsable_start", "start None in row 1 of maintenance.parquet: must be ISO 8601"),
        ({"start": "tomorrow"}, "unparsable_start", "start 'tomorrow' in row 1"),
        ({"start": "20240501"}, "unparsable_start", "these digits may be either"),
        ({"start": "2024-05-01T12:00"}, "naive_start", "must have a zone"),
        ({"end": "never"}, "unparsable_end", "end 'never' in row 1"),
        ({"end": "2024-05-01T12:00"}, "naive_end", "must have a zone"),
        ({"end": NIGHT[0]}, "end_before_start", "end '2024-05-01T12:00:10Z' in row 1"),
        ({"site": None}, "bad_scope", "row 1 of maintenance.parquet: scope: must be at least one of device"),
        ({"site": "o/l", "box": "a"}, "bad_scope", "site: must not contain the separator '/'"),
        ({"box": "a", "device": "osl/b"}, "bad_scope", "must be the key that site, box make, got 'osl/b'"),
    ],
)
def test_a_row_that_breaks_a_rule_is_left_out_and_told(
    tmp_path: Path, change: dict[str, Any], reason: str, sample: str
) -> None:
    row = {"site": "osl", "box": None, "device": None, "start": NIGHT[0], "end": NIGHT[1]}
    found, report = read(tmp_path, [{**row, **change}, row])
    assert len(found) == 1 and report.rejected == {reason: 1}
    assert sample in report.samples[reason]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        (["site", "end"], "column 'start': is required"),
        (["start", "end"], "column 'scope': must be at least one of device, site, box, role, live"),
    ],
)
def test_a_calendar_without_a_start_or_a_scope_is_refused(
    tmp_path: Path, columns: list[str], rule: str
) -> None:
    row = {"site": "osl", "start": NIGHT[0], "end": NIGHT[1]}
    with pytest.raises(TelemetryError, match=rule):
        read(tmp_path, [{name: row[name] for name in columns}])


def test_a_calendar_is_read_only_if_the_schema_has_one(tmp_path: Path) -> None:
    frames: Frames = {**good(), "maintenance": pd.DataFrame([{"site": "osl", "start": NIGHT[0]}])}
    without = TelemetrySchema.from_dict(BASE)
    telemetry, report = read_telemetry(write(tmp_path, frames), without)
    assert telemetry.maintenance is None and report.maintenance is None
    way = "'maintenance: {}' in the schema has the calendar read"
    assert f"1 file is of no table and not read: maintenance.parquet; {way}" in report.metrics.notes
    assert "maintenance" not in without.to_dict() and "maintenance" not in report.to_dict()
    _, report = read_telemetry(tmp_path, SCHEMA)
    assert report.to_dict()["maintenance"]["rows_read"] == 1
    assert "maintenance: 1 rows read, 0 rejected, 1 accepted" in report.lines()


def test_a_folder_of_files_in_one_zone_is_a_calendar(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict({**BASE, "maintenance": {}, "assume_timezone": "Europe/Oslo"})
    frames = good()
    write(tmp_path, frames)
    (tmp_path / "maintenance" / "site=osl").mkdir(parents=True)
    part = pd.DataFrame([{"start": "2024-05-01 14:00:10", "end": ""}])
    part.to_csv(tmp_path / "maintenance" / "site=osl" / "may.csv", index=False)
    telemetry, _ = read_telemetry(tmp_path, schema)
    assert telemetry.maintenance is not None
    assert list(telemetry.maintenance.values()) == [Maintenance((("site", "osl"),), micros(NIGHT[0]))]


def test_a_calendar_takes_columns_of_the_path_as_other_tables_do(tmp_path: Path) -> None:
    content = {**BASE, "maintenance": {}, "files": {"path": "{site}"}}
    write(tmp_path, good())
    (tmp_path / "maintenance").mkdir()
    for box, name in (("a", "osl"), ("b", "rom")):
        part = pd.DataFrame([{"box": box, "start": NIGHT[0], "end": NIGHT[1]}])
        part.to_csv(tmp_path / "maintenance" / f"{name}.csv", index=False)
    telemetry, _ = read_telemetry(tmp_path, TelemetrySchema.from_dict(content))
    assert telemetry.maintenance is not None
    scopes = [entry.scope for entry in telemetry.maintenance.values()]
    assert scopes == [(("device", "osl/a"),), (("device", "rom/b"),)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maintenance": {"begin": "x"}}, "must be among end, reason, scope, start, got 'begin'"),
        ({"maintenance": {"start": "a b"}}, "maintenance.start': must be a column name"),
        ({"maintenance": {"end": "start"}}, "must name each column once, got 'start'"),
        ({"maintenance": {"scope": "site"}}, "maintenance.scope': must be a list of names"),
        ({"maintenance": {"start": "role"}}, "must not be a column that says which devices, got 'role'"),
        ({"maintenance": {}, "label": "in_maintenance"}, "which NetOps writes itself, got 'in_maintenance'"),
        ({"maintenance": []}, "must be a mapping"),
    ],
)
def test_a_schema_that_breaks_a_rule_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        TelemetrySchema.from_dict({**BASE, **change})


def test_a_device_with_some_levels_beside_it_is_ambiguous() -> None:
    content: dict[str, Any] = {**BASE, "entity": ["site", "hall", "device"], "maintenance": {}}
    schema = TelemetrySchema.from_dict(content)
    assert checked_scope({"device": "osl/h/a"}, schema) == (("device", "osl/h/a"),)
    whole = checked_scope({"site": "osl", "hall": "h", "device": "a"}, schema)
    assert whole == (("device", "osl/h/a"),)
    some: Callable[[], Any] = lambda: checked_scope({"site": "osl", "device": "a"}, schema)  # noqa: E731
    with pytest.raises(InputError, match="must be the whole key, or stand with all of site, hall, device"):
        some()
