"""Labels as incidents, as errors only or beside the readings: the schema that is proposed has them read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sets.labels.derived_labels import labels_at_readings
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.incident_rows import said
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.inspection.test_folder_check import Frames, frames, taken, write
from tests.shared_data import data_set

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")


def at(*minutes: float | None) -> list[pd.Timestamp | None]:
    return [None if minute is None else BEGIN + pd.Timedelta(minutes=minute) for minute in minutes]


def with_labels(table: str, rows: pd.DataFrame, **more: pd.DataFrame) -> Frames:
    given = frames()
    given["static"] = given["static"].assign(site=["oslo", "bergen"] * 3)
    del given["labels"]
    return {**given, table: rows, **more}


def errors(folder: Path, schema: TelemetrySchema) -> list[tuple[str, pd.Timestamp]]:
    """Device and time of the readings that are errors."""
    rows, _ = read_telemetry(folder, schema)
    labels = labels_at_readings(rows, schema)
    bad = labels[labels[schema.label] == 1]
    return list(zip(bad["device"], bad[schema.time], strict=True))


TICKETS = pd.DataFrame(
    {"router": ["r1", "r2"], "opened_at": at(2, 15), "closed_at": at(5, None), "cause": ["power", "fiber"]}
)


@pytest.mark.parametrize("table", ["incidents", "labels"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_incidents_are_recognized_with_their_columns(tmp_path: Path, table: str, suffix: str) -> None:
    folder = write(tmp_path, with_labels(table, TICKETS), suffix)
    check, schema = taken(folder)
    form = schema.labels
    assert (form.form, form.start, form.end, form.kind) == ("incidents", "opened_at", "closed_at", "cause")
    assert any("labels.watched" in sentence for sentence in check.proposal.decide)
    found = errors(folder, schema)
    # From 2 to 5 minutes every 30 s, the end not included; the open one to the last reading.
    assert [time for device, time in found if device == "r1"] == at(*np.arange(2, 5, 0.5))
    assert [time for device, time in found if device == "r2"] == at(*np.arange(15, 20, 0.5))


@pytest.mark.parametrize("tolerance", ["0s", "60s"])
def test_incidents_that_end_when_they_start_are_told(tmp_path: Path, tolerance: str) -> None:
    instants = TICKETS.assign(
        closed_at=[TICKETS["opened_at"][0], TICKETS["opened_at"][1] + pd.Timedelta("1min")]
    )
    folder = write(tmp_path, with_labels("incidents", instants))
    check, schema = taken(folder)
    assert any(sentence.startswith("1 of 2 incidents end when") for sentence in check.proposal.decide)
    schema = replace(schema, labels=replace(schema.labels, tolerance=tolerance))
    _, report = read_telemetry(folder, schema)
    (note,) = (note for note in report.labels.notes if "end when they start" in note)
    found = [time for device, time in errors(folder, schema) if device == "r1"]
    if tolerance == "0s":
        assert found == []
        assert "no reading is an error by them (labels.tolerance), such as device 'r1' from" in note
    else:
        assert found == at(1, 1.5)
        assert "they last for the 60s before" in note


@pytest.mark.parametrize(
    ("zone", "suffix", "said"),
    [
        (
            "Etc/GMT-1",
            ".csv",
            "have the offset +01:00: if these times are of the same clock, say Etc/GMT-1, or",
        ),
        (
            "Asia/Kolkata",
            ".csv",
            "have the offset +05:30: if these times are of the same clock, say their zone",
        ),
        (
            "Europe/Oslo",
            ".parquet",
            "are of Europe/Oslo: if these times are of the same clock, say Europe/Oslo",
        ),
        ("UTC", ".csv", ""),
        ("UTC", ".parquet", ""),
    ],
)
def test_tickets_without_a_zone_are_told_the_clock_of_the_readings(
    tmp_path: Path, zone: str, suffix: str, said: str
) -> None:
    local = {name: TICKETS[name].dt.tz_localize(None) for name in ("opened_at", "closed_at")}
    given = with_labels("incidents", TICKETS.assign(**local))
    given["metrics"]["time"] = given["metrics"]["time"].dt.tz_convert(zone)
    check, _ = taken(write(tmp_path, given, suffix))
    (asked,) = (sentence for sentence in check.proposal.decide if "assume_timezone: UTC" in sentence)
    assert asked.startswith("Times in incidents have no zone")
    assert (said in asked) if said else ("The readings" not in asked)


def test_readings_of_two_offsets_are_of_a_clock_that_is_changed(tmp_path: Path) -> None:
    given = with_labels("incidents", TICKETS.assign(opened_at=["2026-03-01 01:02"] * 2, closed_at=None))
    times = given["metrics"]["time"]
    given["metrics"]["time"] = [
        time.tz_convert(f"Etc/GMT-{1 + (time > BEGIN + pd.Timedelta('5min'))}").isoformat() for time in times
    ]
    asked = "".join(check_folder(write(tmp_path, given, ".csv")).proposal.decide)
    assert "The readings have the offsets +01:00 and +02:00: if these times are of the same clock" in asked


BY_EITHER = pd.DataFrame(
    {"router": ["r1", None], "site": [None, "oslo"], "start": at(2, 15), "end": at(5, 16), "kind": ["a", "b"]}
)


@pytest.mark.parametrize("sites", [["oslo", "bergen"] * 3, ["oslo"] * 6, ["oslo", *"abcde"]])
def test_incidents_of_a_device_or_a_site_name_devices_by_both(tmp_path: Path, sites: list[str]) -> None:
    given = with_labels("incidents", BY_EITHER)
    given["static"]["site"] = sites
    folder = write(tmp_path, given, ".csv")
    check, schema = taken(folder)
    assert schema.labels.scope == ("router", "site") and "site" in schema.static
    assert schema.no_inputs == ("site",)
    columns = check.to_dict()["tables"]["incidents"]["columns"]
    assert columns["router"]["role"] == columns["site"]["role"] == "labels.scope"
    inside = [f"r{number}" for number, site in enumerate(sites) if site == "oslo"]
    found = errors(folder, schema)
    assert sorted(device for device, time in found if time == at(15)[0]) == inside
    assert [time for device, time in found if time < at(10)[0]] == at(*np.arange(2, 5, 0.5))


def test_maintenance_of_a_device_or_a_site_names_devices_by_both(tmp_path: Path) -> None:
    given = {**with_labels("incidents", TICKETS), "maintenance": BY_EITHER}
    given["static"]["site"] = ["oslo", *"abcde"]  # Too many to be a feature.
    folder = write(tmp_path, given, ".csv")
    check, schema = taken(folder)
    assert check.to_dict()["tables"]["maintenance"]["columns"]["site"]["role"] == "maintenance.scope"
    rows, report = read_telemetry(folder, schema)
    assert rows.maintenance is not None and len(rows.maintenance) == 2
    assert report.maintenance is not None and not report.maintenance.rejected


def test_incidents_may_leave_out_a_level_of_the_key(tmp_path: Path) -> None:
    given = frames()
    del given["labels"], given["static"]
    place = given["metrics"].pop("router").str[1:].astype(int)
    sites = np.where(place < 3, "oslo", "rome")
    given["metrics"] = given["metrics"].assign(site=sites, device="r" + (place % 3).astype(str))
    rows = pd.DataFrame(
        {
            "site": [None, "rome", "rome"],
            "device": ["r1", "r2", None],
            "start": at(2, 5, 8),
            "end": at(3, 6, 9),
        }
    )
    folder = write(tmp_path, {**given, "incidents": rows}, ".csv")
    _, schema = taken(folder)
    assert (schema.entity, schema.labels.scope) == (("site", "device"), ("site", "device"))
    found = {(device, (time - BEGIN).total_seconds() // 60) for device, time in errors(folder, schema)}
    assert found == {
        *(("oslo/r1", 2), ("rome/r1", 2)),
        ("rome/r2", 5),
        *((f"rome/r{number}", 8) for number in range(3)),
    }


@pytest.mark.parametrize("name", ["number", "ticket", "incident_id", "sys_id", "Ticket_Number", "id"])
def test_a_column_of_ids_is_proposed_as_the_id(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, with_labels("incidents", TICKETS.assign(**{name: ["INC1", "INC2"]})), ".csv")
    check, schema = taken(folder)
    assert schema.labels.id == name
    assert check.to_dict()["tables"]["incidents"]["columns"][name]["role"] == "labels.id"
    assert schema.labels.kind == "cause"
    rows, _ = read_telemetry(folder, schema)
    assert rows.incidents is not None and sorted(rows.incidents.frame["id"]) == ["INC1", "INC2"]


@pytest.mark.parametrize(("name", "values"), [("number", ["1", "1"]), ("note", ["a", "b"])])
def test_values_that_repeat_and_other_columns_are_no_ids(
    tmp_path: Path, name: str, values: list[str]
) -> None:
    _, schema = taken(write(tmp_path, with_labels("incidents", TICKETS.assign(**{name: values})), ".csv"))
    assert schema.labels.id == "id"


def test_incidents_that_are_all_open_and_name_a_site(tmp_path: Path) -> None:
    open_ones = pd.DataFrame({"site": ["oslo"], "start": at(19), "end": [None], "severity": ["high"]})
    folder = write(tmp_path, with_labels("incidents", open_ones), ".csv")
    _, schema = taken(folder)
    assert (schema.labels.form, schema.labels.scope) == ("incidents", ("site",))
    assert {device for device, _ in errors(folder, schema)} == {"r0", "r2", "r4"}
    open_ones.assign(site="olso").to_csv(folder / "incidents.csv", index=False)
    _, report = read_telemetry(folder, schema)
    assert "site: no device has 'olso'; there are 'oslo', 'bergen'" in report.labels.notes
    assert report.labels.warnings[0].startswith("none of the 1 incidents names a device that is known")


def test_incidents_with_names_of_their_own_and_decimal_commas(tmp_path: Path) -> None:
    given = with_labels("incidents", TICKETS)
    names = {"router": "device_name", "opened_at": "start_time", "closed_at": "ended_at"}
    given["incidents"] = TICKETS.rename(columns=names).assign(cost=[1.5, 2.5], severity=[2**53 + 1, 3])
    tmp_path.mkdir(exist_ok=True)
    for name, frame in given.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False, sep=";", decimal=",")
    check, schema = taken(tmp_path)
    form = schema.labels
    assert (form.start, form.end, form.kind) == ("start_time", "ended_at", "cause")
    assert (schema.files.separator, schema.files.decimal) == (";", ",")
    assert dict(schema.rename) == {"device_name": "router"}
    assert {device for device, _ in errors(tmp_path, schema)} == {"r1", "r2"}
    assert any("'device_name' in the files" in line for line in check.lines())


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_incidents_without_a_column_of_ends_are_all_open(tmp_path: Path, suffix: str) -> None:
    rows = pd.DataFrame({"router": ["r1"], "raised": at(15), "severity": [2**53 + 1]})
    folder = write(tmp_path, with_labels("incidents", rows), suffix)
    check, schema = taken(folder)
    assert (schema.labels.start, schema.labels.kind) == ("raised", "severity")
    assert any("all of them are open" in sentence for sentence in check.proposal.decide)
    assert [time for _, time in errors(folder, schema)] == at(*np.arange(15, 20, 0.5))
    read, report = read_telemetry(folder, schema)
    assert read.incidents is not None
    assert read.incidents.frame[said("severity")].tolist() == [str(2**53 + 1)]
    assert "no column 'end': all incidents are open" in report.labels.notes


@pytest.mark.parametrize(("name", "length"), [("duration_min", 9), ("Duration", "9m"), ("outage_minutes", 1)])
def test_the_length_of_incidents_is_no_end(tmp_path: Path, name: str, length: object) -> None:
    rows = pd.DataFrame({"router": ["r1", "r2"], "start": at(2, 8), name: length})
    check = check_folder(write(tmp_path, with_labels("incidents", rows), ".csv"))
    (missing,) = check.proposal.missing
    assert missing.startswith(f"The incidents have no column of ends, and '{name}' may say how long")
    assert not any("are open" in sentence for sentence in check.proposal.decide)


def test_incidents_without_times_are_told_with_what_is_none(tmp_path: Path) -> None:
    rows = pd.DataFrame({"host_name": ["no"], "Start time": ["Friday at noon"], "end": ["later"]})
    check = check_folder(write(tmp_path, with_labels("incidents", rows), ".csv"))
    assert check.proposal.missing == [
        "incidents.csv has no times that could be the start ('Start time' such as 'Friday at noon', 'end' "
        "such as 'later' is none): times are ISO 8601 text, epoch numbers, or a type of times."
    ]
    said = check.lines()
    assert said[said.index(next(line for line in said if "host_name" in line)) + 1].startswith(
        "    -> not known"
    )


def test_incidents_of_zabbix_with_half_days_are_read(tmp_path: Path) -> None:
    clock = "%Y-%m-%d %I:%M:%S %p"
    rows = pd.DataFrame(
        {
            "Time": [BEGIN.strftime(clock), (BEGIN + pd.Timedelta("12h")).strftime(clock)],
            "Recovery time": [(BEGIN + pd.Timedelta(minutes=2)).strftime(clock), None],
            "Status": ["RESOLVED", "PROBLEM"],
            "Host": ["r1", "r2"],
        }
    )
    folder = write(tmp_path, with_labels("incidents", rows), ".csv")
    _, schema = taken(folder)
    assert (schema.labels.start, schema.labels.end) == ("Time", "Recovery_time")
    assert errors(folder, schema) == [("r1", time) for time in at(0, 0.5, 1, 1.5)]


def test_incidents_of_several_files_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path, {name: frame for name, frame in frames().items() if name != "labels"})
    (folder / "incidents").mkdir()
    for name, start in (("noc", 2), ("tickets", 4)):
        rows = pd.DataFrame({"router": ["r1"], "start": at(start), "end": at(start + 3)})
        rows.to_csv(folder / "incidents" / f"{name}.csv", index=False)
    check, schema = taken(folder)
    assert any("2 files (noc, tickets)" in sentence for sentence in check.proposal.decide)
    assert len(errors(folder, schema)) == 10
    first = replace(schema, labels=replace(schema.labels, sources=("tickets", "nok"), conflict="first"))
    assert len(errors(folder, first)) == 6
    _, report = read_telemetry(folder, first)
    assert "labels.sources: no file of incidents is called nok; there are noc, tickets" in report.labels.notes


def test_an_end_that_the_schema_does_not_name_is_not_taken_for_none(tmp_path: Path) -> None:
    folder = write(tmp_path, with_labels("incidents", TICKETS))
    _, schema = taken(folder)
    wrong = replace(schema, labels=replace(schema.labels, end="end"))
    with pytest.raises(TelemetryError, match=r"if 'closed_at' is the end, the schema says so in labels\.end"):
        read_telemetry(folder, wrong)
    named = replace(schema, labels=replace(schema.labels, end="finished"))
    with pytest.raises(TelemetryError, match="column 'finished'"):
        read_telemetry(folder, named)


def test_without_a_list_of_devices_the_incidents_say_what_names_one(tmp_path: Path) -> None:
    given = with_labels("incidents", TICKETS)
    del given["static"]
    long = given["metrics"][["router", "time", "load", "octets"]].melt(["router", "time"], var_name="metric")
    given["metrics"] = long.assign(source="snmp")
    _, schema = taken(write(tmp_path, given))
    assert (schema.entity, schema.metric_names) == (("router",), ("load", "octets"))


def test_incidents_of_a_site_do_not_make_one_device_of_it(tmp_path: Path) -> None:
    given = with_labels("incidents", pd.DataFrame({"site": ["oslo"], "start": at(2), "end": at(3)}))
    given["metrics"] = given["metrics"].merge(given.pop("static")[["router", "site"]], on="router")
    _, schema = taken(write(tmp_path, given))
    assert (schema.entity, schema.labels.scope) == (("site", "router"), ("site",))
    long = given["metrics"][["router", "site", "time", "load", "octets"]]
    rows = long.assign(host=long["router"]).melt(["router", "site", "time", "host"], var_name="metric")
    given["metrics"] = rows.assign(unit=rows["metric"].map({"load": "%", "octets": "1"}))
    _, schema = taken(write(tmp_path, given))
    assert (schema.entity, schema.metric_names) == (("site", "router"), ("load", "octets"))


def test_incidents_that_name_nothing_known_are_missing_a_column(tmp_path: Path) -> None:
    unnamed = pd.DataFrame({"ticket": ["a"], "start": at(2), "end": at(3)})
    check = check_folder(write(tmp_path, with_labels("incidents", unnamed)))
    assert check.schema_text() is None
    assert check.proposal.missing == [
        "The incidents name no devices: they need a column that metrics or static have, such as "
        "router, role, serial, site."
    ]


def test_incidents_beside_labels_that_are_rows_are_not_read(tmp_path: Path) -> None:
    check, schema = taken(write(tmp_path, {**frames(), "incidents": TICKETS}))
    assert schema.labels.form == "rows"
    assert check.unread == ["incidents.parquet"]
    assert "looks like incidents, from opened_at to closed_at" in check.likely[0]


@pytest.mark.parametrize("with_column", [True, False])
def test_rows_of_errors_only_are_positives(tmp_path: Path, with_column: bool) -> None:
    rows = pd.DataFrame({"router": ["r1", "r3"], "time": at(2, 7), "note": ["a", "b"]})
    if with_column:
        rows["is_down"] = 1
    folder = write(tmp_path, with_labels("labels", rows), ".csv")
    check, schema = taken(folder)
    assert (schema.labels.form, schema.labels.watched) == ("positives", "readings")
    assert schema.label == ("is_down" if with_column else "is_error")
    assert any("labels.watched" in sentence for sentence in check.proposal.decide)
    assert errors(folder, schema) == [("r1", at(2)[0]), ("r3", at(7)[0])]


def test_labels_of_healthy_rows_only_are_told(tmp_path: Path) -> None:
    given = frames()
    given["labels"] = given["labels"].assign(is_error=0, planned=0)
    check, schema = taken(write(tmp_path, given))
    assert schema.labels.form == "rows"
    assert any("nothing can be learned" in sentence for sentence in check.proposal.decide)


def test_labels_beside_the_readings_get_a_tolerance(tmp_path: Path) -> None:
    given = frames()
    given["labels"]["time"] += pd.Timedelta("7s")
    folder = write(tmp_path, given)
    check, schema = taken(folder)
    assert schema.labels.tolerance == "10s"
    assert any("labels.tolerance" in sentence for sentence in check.proposal.decide)
    wrong = given["labels"].query("is_error == 1")
    assert len(errors(folder, schema)) == len(wrong)


def test_a_calendar_of_maintenance_is_read(tmp_path: Path) -> None:
    calendar = pd.DataFrame({"site": ["oslo"], "begin": at(3), "until": at(5), "reason": ["upgrade"]})
    folder = write(tmp_path, {**with_labels("incidents", TICKETS), "maintenance": calendar})
    check, schema = taken(folder)
    assert check.unread == []
    assert schema.maintenance is not None
    assert (schema.maintenance.start, schema.maintenance.end) == ("begin", "until")
    rows, _ = read_telemetry(folder, schema)
    assert rows.maintenance is not None
    assert len(rows.maintenance) == 1


def test_a_public_benchmark_is_recognized_as_it_is() -> None:
    check = check_folder(data_set("nab"))
    schema = TelemetrySchema.from_dict(check.proposal.content)
    assert (schema.entity, schema.time, schema.metric_names) == (("series",), "timestamp", ("value",))
    assert (schema.labels.form, schema.labels.start, schema.labels.end) == ("incidents", "start", "end")
    assert not check.proposal.missing


def test_a_column_without_a_name_is_not_the_time_that_was_not_found(tmp_path: Path) -> None:
    tables = frames()
    tables["metrics"] = tables["metrics"].drop(columns="time")
    tables["labels"] = tables["labels"].rename(columns={"cause": ""})
    check = check_folder(write(tmp_path, tables, ".csv"))
    assert [sentence[:44] for sentence in check.proposal.missing] == [
        "No column of the metrics holds times (ISO 86"
    ]


@pytest.mark.parametrize("empty", ["", "  ", "NULL", "n/a"])
@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"]
)
@pytest.mark.parametrize("closed", ["closed_at", "Geschlossen"])
def test_an_open_incident_hides_no_column_of_ends(tmp_path: Path, form: str, empty: str, closed: str) -> None:
    given = with_labels("incidents", pd.DataFrame({"router": ["r1", "r2"], "opened_at": at(2, 9)}))
    for frame in (given["metrics"], given["incidents"]):
        for name in {"time", "opened_at"} & set(frame):
            frame[name] = (frame[name] + pd.Timedelta("24d")).dt.strftime(form)
    given["incidents"][closed] = [(*at(5), pd.NaT)[0] + pd.Timedelta("24d"), pd.NaT]
    given["incidents"][closed] = given["incidents"][closed].dt.strftime(form).fillna(empty)
    check, schema = taken(write(tmp_path, given, ".csv"))
    assert schema.labels.end == closed
    ends = check.tables["incidents"].columns[closed]
    assert (ends.kind, ends.missing, len(ends.samples)) == ("time", 1, 1)
    rows, report = read_telemetry(tmp_path, schema)
    assert rows.incidents is not None and rows.incidents.frame["end"].isna().tolist() == [False, True]
    assert report.labels.notes[0] == "2 incidents, 1 of them without an end"
    [named] = [note for note in report.labels.notes if note.startswith("1 without an end: all readings")]
    assert rows.incidents.frame["start"].iloc[1].isoformat() in named


def test_a_column_of_ends_with_other_words_in_it_is_told_and_not_left_out(tmp_path: Path) -> None:
    rows = pd.DataFrame({"router": ["r1", "r2", "r3"], "opened_at": at(2, 9, 12)})
    rows["Geschlossen"] = [*(moment.isoformat() for moment in at(5, 11)), "noch offen"]
    check = check_folder(write(tmp_path, with_labels("incidents", rows), ".csv"))
    assert check.proposal.missing == [
        "'Geschlossen' of the incidents may be the end, but 1 of its 3 cells is no time, such as "
        "'noch offen': where there is no end yet, the cell is empty."
    ]


def test_rows_of_one_id_are_one_incident_in_what_is_told(tmp_path: Path) -> None:
    """An export has a ticket once more, or as it was before it was closed."""
    rows = pd.DataFrame(
        {"ticket": ["a", "a", "b", "b"], "router": ["r1", "r1", "r2", "r2"], "opened_at": at(2, 2, 15, 15)}
    ).assign(closed_at=at(5, 5, None, 18))
    folder = write(tmp_path, with_labels("incidents", rows))
    proposed = check_folder(folder).proposal.content
    assert proposed is not None
    labels = {"form": "incidents", "id": "ticket", "start": "opened_at", "end": "closed_at"}
    _, report = read_telemetry(folder, TelemetrySchema.from_dict({**proposed, "labels": labels}))
    assert report.labels.notes == [
        "2 incidents, 0 of them without an end",
        "2 rows do not count: they were cancelled, or a later row is about the same incident",
    ]


def test_a_row_that_closes_an_incident_without_an_id_is_told_as_that_one(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"router": ["r1", "r1", "r2"], "opened_at": at(2, 2, 9), "closed_at": at(None, 5, 12)}
    ).assign(void=["no", "no", "yes"])
    folder = write(tmp_path, with_labels("incidents", rows))
    proposed = check_folder(folder).proposal.content
    assert proposed is not None
    labels = {"form": "incidents", "start": "opened_at", "end": "closed_at", "cancelled": "void"}
    _, report = read_telemetry(folder, TelemetrySchema.from_dict({**proposed, "labels": labels}))
    assert report.labels.notes == [
        "1 incident, 0 of them without an end",
        "2 rows do not count: they were cancelled, or a later row is about the same incident",
    ]


VERSIONS = pd.DataFrame(
    {
        "ticket": ["a", "a", "b", "b", "c"],
        "router": ["r1", "r1", "r2", "r2", "r3"],
        "opened_at": at(2, 2, 15, 14, 9),
        "closed_at": at(None, 5, None, 18, 11),
        "last_update": at(3, 6, 16, 19, 12),
        "void": ["no", "no", "no", "no", "yes"],
    }
)


def test_rows_that_are_versions_of_a_ticket_are_proposed_as_such(tmp_path: Path) -> None:
    folder = write(tmp_path, with_labels("incidents", VERSIONS))
    check, schema = taken(folder)
    form = schema.labels
    assert (form.id, form.known, form.cancelled) == ("ticket", "last_update", "void")
    found = errors(folder, schema)
    expected = [("r1", *np.arange(2, 5, 0.5)), ("r2", *np.arange(14, 18, 0.5))]
    assert found == [(name, time) for name, *minutes in expected for time in at(*minutes)]
    reasons = {choice.column: choice.why for choice in check.proposal.choices if choice.table == "incidents"}
    assert reasons["ticket"].startswith("repeated for one device and start")


def test_a_ticket_about_several_devices_is_no_id_of_a_row(tmp_path: Path) -> None:
    rows = VERSIONS.assign(router=["r1", "r2", "r2", "r3", "r3"]).rename(columns={"void": "planned"})
    check = check_folder(write(tmp_path, with_labels("incidents", rows)))
    content = check.proposal.content
    assert content is not None and not {"id", "known", "cancelled"} & set(content["labels"])
    roles = {choice.column: choice for choice in check.proposal.choices if choice.table == "incidents"}
    assert roles["last_update"].why == "a time, but neither start nor end"
    assert roles["planned"].instead == "labels.cancelled, if it says that there was none"


REOPENED = pd.DataFrame(
    {
        "router": ["r1", "r2", "r3"],
        "Eroeffnet": at(2, 6, 9),
        "Geschlossen": at(5, 7, 11),
        "Wieder auf": at(None, 8, None),
        "Wieder zu": at(None, 8.5, None),
    }
)


def test_the_end_is_found_among_more_times_without_a_name_that_tells_it(tmp_path: Path) -> None:
    folder = write(tmp_path, with_labels("incidents", REOPENED), ".csv")
    check, schema = taken(folder)
    assert (schema.labels.start, schema.labels.end) == ("Eroeffnet", "Geschlossen")
    found = errors(folder, schema)
    assert [time for device, time in found if device == "r1"] == at(*np.arange(2, 5, 0.5))
    (told,) = (sentence for sentence in check.proposal.decide if "after the end" in sentence)
    assert told.startswith(
        "1 row has times after the end 'Geschlossen' in 'Wieder auf', 'Wieder zu' of the inc"
    )


def test_a_second_interval_is_told_where_names_tell_the_first(tmp_path: Path) -> None:
    named = REOPENED.rename(
        columns={"Eroeffnet": "opened", "Geschlossen": "closed", "Wieder auf": "reopened"}
    )
    check, schema = taken(write(tmp_path, with_labels("incidents", named), ".csv"))
    assert (schema.labels.start, schema.labels.end) == ("opened", "closed")
    assert any("in 'reopened', 'Wieder zu' of the inc" in sentence for sentence in check.proposal.decide)


@pytest.mark.parametrize("more", [{"filed": at(12, 12, 12)}, {"updated_at": at(None, 12, None)}])
def test_what_is_later_than_the_end_and_no_second_interval_is_not_told(
    tmp_path: Path, more: dict[str, list[pd.Timestamp | None]]
) -> None:
    rows = TICKETS[["router"]].loc[[0, 1, 1]].assign(opened_at=at(2, 6, 9), closed_at=at(5, 7, 11), **more)
    check, schema = taken(write(tmp_path, with_labels("incidents", rows), ".csv"))
    assert schema.labels.end == "closed_at"
    assert not any("after the end" in sentence for sentence in check.proposal.decide)


def test_times_of_which_several_may_be_the_end_are_asked_for(tmp_path: Path) -> None:
    rows = REOPENED[["router", "Eroeffnet", "Geschlossen"]].assign(Gesehen=at(3, 6.5, 10))
    check = check_folder(write(tmp_path, with_labels("incidents", rows), ".csv"))
    (missing,) = check.proposal.missing
    assert missing.startswith(
        "No name tells the end of the incidents, and several may be it: 'Geschlossen', 'Ge"
    )
    assert check.proposal.content is None


def test_times_before_the_start_are_no_end(tmp_path: Path) -> None:
    rows = REOPENED[["router"]].assign(opened=at(3, 7, 10), Gemessen=at(2, 6, 9), Geplant=at(1, 5, 8))
    check, schema = taken(write(tmp_path, with_labels("incidents", rows), ".csv"))
    assert "The incidents have no column of ends: all of them are open." in check.proposal.decide
    assert schema.labels.start == "opened"
