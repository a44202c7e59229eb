"""Dates with the year last: one declared order, for files, live events, labels and calendars alike."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.telemetry import file_chunks
from feature_sets.telemetry.event_time import DATE_ORDERS, DAY_FIRST, MONTH_FIRST, seconds_of
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.incident_parser import IncidentParser
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.maintenance_event import MaintenanceParser
from feature_sets.telemetry.readers import KnownTelemetry, TelemetryError, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.time_columns import parse_times

CONTENT: dict[str, Any] = {
    "name": "dates",
    "entity": ["box"],
    "time": "at",
    "metrics": {"load": {}},
    "label": "bad",
    "assume_timezone": "Europe/Oslo",
}
FORMS = {"day_first": "%d.%m.%Y %H:%M:%S", "month_first": "%m/%d/%Y %I:%M:%S %p"}
TIMES = pd.date_range("2024-12-30T22:00", periods=12, freq="3h", tz="Europe/Oslo")


def schema_of(order: str | None, **others: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**CONTENT, **({"date_order": order} if order else {}), **others})


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("31.12.2024 23:59:59", "day_first", "2024-12-31T23:59:59"),
        ("31.12.2024, 23:59:59,25", "day_first", "2024-12-31T23:59:59.25"),
        ("12/31/2024 11:59 PM", "month_first", "2024-12-31T23:59"),
        ("12/31/2024 12:00 a.m.", "month_first", "2024-12-31T00:00"),
        ("12/31/2024 12:30PM", "month_first", "2024-12-31T12:30"),
        ("31/12/2024", "day_first", "2024-12-31"),
        (" 1-2-2024 7:05 ", "day_first", "2024-02-01T07:05"),
        ("1-2-2024 7:05", "month_first", "2024-01-02T07:05"),
        ("2024-02-01 07:05", "month_first", "2024-02-01T07:05"),
    ],
)
def test_dates_with_the_year_last_are_read_in_the_order_that_is_declared(
    text: str, order: str, moment: str
) -> None:
    expected = pd.Timestamp(moment, tz="UTC").timestamp()
    assert seconds_of(text, "UTC", order) == expected
    assert seconds_of(text.strip() + ("+02:00" if " " in text.strip() else " 00:00+02:00"), None, order) == (
        expected - 7200
    )
    column = pd.Series([text, "2024-05-01T00:00:00Z", "1714564800"])
    for cells in (column, column.iloc[:1]):
        assert parse_times(cells, "UTC", order).times[0].timestamp() == expected


@pytest.mark.parametrize(
    ("text", "order", "rule"),
    [
        ("31.12.2024", None, "date_order: day_first or month_first"),
        ("12/31/2024", "day_first", "must have the day first, as date_order says"),
        ("31/12/2024", "month_first", "must have the month first, as date_order says"),
        ("31.12/2024", "day_first", "must be ISO 8601"),
        ("31.12.24", "day_first", "must be ISO 8601"),
        ("30.02.2024", "day_first", "must be ISO 8601"),
        ("32.13.2024", "day_first", "must be ISO 8601"),
        ("31.12.2024 13:00 PM", "day_first", "must be ISO 8601"),
        ("31.12.2024 0:10 AM", "day_first", "must be ISO 8601"),
        ("31.12.2024 24:01", "day_first", "must be at most 24:00:00"),
        ("31.12.2016 23:59:60", "day_first", "must have seconds from 0 to 59; a leap second"),
    ],
)
def test_what_does_not_fit_the_order_is_refused_with_its_rule(
    text: str, order: str | None, rule: str
) -> None:
    with pytest.raises(InputError, match=rule):
        seconds_of(text, "UTC", order)
    assert parse_times(pd.Series([text, "31.12.2024 10:00"]), "UTC", order).unparsable[0]


@given(
    st.tuples(st.integers(0, 33), st.integers(0, 14)),
    st.sampled_from(["2024", "1969", "2106", "24"]),
    st.sampled_from(
        ["", " 0:00", " 09:59:59.123456789", " 12:00 AM", ", 1:30:00 pm", " 23:59:59 +05:30", "T10:00Z"]
    ),
    st.sampled_from([".", "/", "-"]),
    st.sampled_from([None, *DATE_ORDERS]),
    st.sampled_from([None, "UTC", "Europe/Oslo"]),
)
def test_a_column_is_read_as_its_cells_one_by_one(
    numbers: tuple[int, int], year: str, rest: str, mark: str, order: str | None, zone: str | None
) -> None:
    text = f"{mark.join((*map(str, numbers), year))}{rest}"
    for cells in ([text], [text, "2024-05-01T00:00:00Z", "no"]):
        parsed = parse_times(pd.Series(cells), zone, order)
        try:
            expected = seconds_of(text, zone, order)
        except InputError:
            assert parsed.times.isna()[0]
            assert parsed.unparsable[0] or parsed.naive[0]
        else:
            assert parsed.times[0].timestamp() == expected


def folder_of(folder: Path, form: str, times: pd.DatetimeIndex = TIMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame({"box": "r1", "at": times.strftime(form), "load": range(len(times))})
    rows.to_csv(folder / "metrics.csv", index=False)
    rows[["box", "at"]].assign(bad=0).to_csv(folder / "labels.csv", index=False)
    start, end = (f'"{times[place].strftime(form)}"' for place in (1, 3))
    (folder / "maintenance.csv").write_text(f"device,start,end\nr1,{start},{end}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("order", DATE_ORDERS)
def test_files_and_live_events_are_those_of_iso_times(tmp_path: Path, order: str) -> None:
    schema, form = schema_of(order, maintenance={}), FORMS[order]
    expected, _ = read_telemetry(folder_of(tmp_path / "iso", "%Y-%m-%dT%H:%M:%S%z"), schema)
    found, report = read_telemetry(folder_of(tmp_path / "own", form), schema)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)
    pd.testing.assert_frame_equal(found.labels, expected.labels)
    assert found.maintenance == expected.maintenance
    assert report.metrics.rejected == report.labels.rejected == {}
    parser = EventParser(schema)
    live = [
        parser.telemetry({"box": "r1", "at": at, "load": place})
        for place, at in enumerate(TIMES.strftime(form))
    ]
    assert [event.time for event in live] == [moment.timestamp() for moment in found.metrics["at"]]
    change = MaintenanceParser(schema).change(
        {"device": "r1", "start": TIMES.strftime(form)[1], "end": TIMES.strftime(form)[3]}, {}, 0.0
    )
    assert [change.entry] == list((found.maintenance or {}).values())
    label = parser.label({"box": "r1", "at": TIMES.strftime(form)[2], "bad": 1})
    assert label.time == TIMES[2].timestamp()


def test_incidents_are_read_alike_from_files_and_live(tmp_path: Path) -> None:
    schema = schema_of("day_first", labels={"form": "incidents"})
    folder = folder_of(tmp_path, FORMS["day_first"])
    (folder / "labels.csv").unlink()
    (folder / "incidents.csv").write_text(
        "box,start,end\nr1,31.12.2024 07:00:00,31.12.2024 09:30:00\n", encoding="utf-8"
    )
    found, _ = read_telemetry(folder, schema)
    assert found.incidents is not None
    start = datetime(2024, 12, 31, 7, tzinfo=ZoneInfo("Europe/Oslo"))
    assert found.incidents.frame["start"].tolist() == [pd.Timestamp(start)]
    live = IncidentParser(schema, EventParser(schema)).incident(
        {"box": "r1", "start": "31.12.2024 07:00:00", "end": "31.12.2024 09:30"}
    )
    assert live.start == start.timestamp()
    with pytest.raises(EventError, match="must have the day first"):
        IncidentParser(schema, EventParser(schema)).incident({"box": "r1", "start": "12/31/2024"})


@pytest.mark.parametrize("table", ["metrics", "labels", "maintenance"])
def test_a_file_with_a_date_of_the_other_order_is_refused(tmp_path: Path, table: str) -> None:
    """Its other dates would be misread, and nobody could see it."""
    schema = schema_of("day_first", maintenance={})
    folder = folder_of(tmp_path, FORMS["day_first"])
    other = folder_of(tmp_path / "other", FORMS["month_first"])
    (other / f"{table}.csv").rename(folder / f"{table}.csv")
    known = KnownTelemetry(devices=["r1"])
    for earlier in (None, known):
        with pytest.raises(TelemetryError) as refused:
            read_telemetry(folder, schema, earlier)
        column = "start" if table == "maintenance" else "at"
        assert refused.value.where == f"{table}.csv, column '{column}'"
        assert "must have the day first, as date_order says" in refused.value.rule
        assert str(refused.value.got).startswith("'12/3")
        assert str(refused.value.got).endswith("in row 1")


@pytest.mark.parametrize("table", ["metrics", "labels"])
def test_an_added_file_of_dates_without_a_declared_order_is_refused(tmp_path: Path, table: str) -> None:
    folder = folder_of(tmp_path, "%Y-%m-%dT%H:%M:%S%z")
    other = folder_of(tmp_path / "other", FORMS["day_first"])
    (other / f"{table}.csv").rename(folder / f"{table}.csv")
    with pytest.raises(TelemetryError) as refused:
        read_telemetry(folder, schema_of(None), KnownTelemetry(devices=["r1"]))
    assert refused.value.where == f"{table}.csv, column 'at'"
    assert "date_order: day_first or month_first" in refused.value.rule
    assert refused.value.got == "'30.12.2024 22:00:00' in row 1"


@pytest.mark.parametrize("size", [1, 300, 16 << 20])
@pytest.mark.parametrize(
    ("order", "cell"), [(None, "01.02.2024 03:00"), ("day_first", "12/31/2024"), (None, "31.12.2024")]
)
@pytest.mark.parametrize("layout", ["wide", "long"])
def test_one_date_of_no_declared_order_is_told_whatever_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, order: str | None, cell: str, layout: str
) -> None:
    """Of some parts all rows are such dates, of others none, of others some."""
    monkeypatch.setattr(file_chunks, "CHUNK_BYTES", size)
    monkeypatch.setattr(file_chunks, "_BLOCK_BYTES", max(size, 100))
    folder = folder_of(tmp_path, "%Y-%m-%dT%H:%M:%S%z")
    times = [*TIMES.strftime("%Y-%m-%dT%H:%M:%S%z")[:7], cell, cell, *TIMES.strftime("%d.%m.%Y %H:%M")[9:]]
    rows = pd.DataFrame({"box": "r1", "at": times, "load": range(12)})
    others: dict[str, Any] = {}
    if layout == "long":
        rows = rows.rename(columns={"load": "what"}).assign(name="load")
        others = {"files": {"layout": "long", "metric": "name", "value": "what"}}
    rows.to_csv(folder / "metrics.csv", index=False)
    with pytest.raises(TelemetryError) as refused:
        read_telemetry(folder, schema_of(order, **others))
    assert refused.value.where == "metrics.csv, column 'at'"
    assert refused.value.got == f"'{cell}' in row 8"
    assert refused.value.rule.endswith("; nothing of the file is read")
    assert "date_order" in refused.value.rule


def test_what_is_no_date_in_any_order_is_left_out_as_before(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "%Y-%m-%dT%H:%M:%S%z")
    times = [*TIMES.strftime("%Y-%m-%dT%H:%M:%S%z")[:10], "32.13.2024", "1.2/2024"]
    rows = pd.DataFrame({"box": "r1", "at": times, "load": range(12)})
    rows.to_csv(folder / "metrics.csv", index=False)
    found, report = read_telemetry(folder, schema_of(None))
    assert len(found.metrics) == 10 and report.metrics.rejected == {"unparsable_time": 2}


@pytest.mark.parametrize("order", DATE_ORDERS)
def test_check_proposes_the_order_that_a_number_above_12_tells(tmp_path: Path, order: str) -> None:
    times = pd.date_range("2024-12-12T00:00", periods=60, freq="1h", tz="UTC")
    folder = folder_of(tmp_path, FORMS[order], times)
    # These alone do not tell.
    (folder / "labels.csv").write_text(
        "box,at,bad\n"
        + "".join(f"r1,{at},{place}\n" for place, at in enumerate(times[:2].strftime(FORMS[order]))),
        encoding="utf-8",
    )
    found = check_folder(folder)
    assert found.proposal.fields["date_order"] == order
    assert found.proposal.missing == []
    assert found.tables["metrics"].columns["at"].first == "2024-12-12T00:00:00"
    schema = TelemetrySchema.from_dict(found.proposal.content)
    rows, report = read_telemetry(folder, schema)
    assert rows.metrics["at"].tolist() == times.tolist()
    assert report.metrics.rejected == {}


def test_check_guesses_no_order_that_nothing_tells(tmp_path: Path) -> None:
    times = pd.date_range("2024-03-01T00:00", periods=60, freq="1h", tz="UTC")
    found = check_folder(folder_of(tmp_path, "%d/%m/%Y %H:%M", times))
    assert found.schema_text() is None
    (sentence,) = (sentence for sentence in found.proposal.missing if "Dates" in sentence)
    assert "such as '01/03/2024 00:00' in the metrics" in sentence
    assert "Say it with --date-order day_first (or month_first)" in sentence
    assert "  " not in "".join(line.strip() for line in found.lines())


@pytest.mark.parametrize("order", DATE_ORDERS)
def test_check_takes_the_order_that_the_owner_says(tmp_path: Path, order: str) -> None:
    times = pd.date_range("2024-03-01T00:00", periods=60, freq="1h", tz="UTC")
    found = check_folder(folder_of(tmp_path, FORMS[order], times), order)
    assert found.proposal.missing == []
    assert any("as --date-order says" in sentence for sentence in found.proposal.decide)
    schema = TelemetrySchema.from_dict(found.proposal.content)
    assert schema.date_order == order
    assert read_telemetry(tmp_path, schema)[0].metrics["at"].tolist() == times.tolist()


def test_check_refuses_an_order_that_the_dates_have_not(tmp_path: Path) -> None:
    times = pd.date_range("2024-12-12T00:00", periods=60, freq="1h", tz="UTC")
    folder = folder_of(tmp_path / "day", FORMS[DAY_FIRST], times)
    with pytest.raises(InputError, match="date_order: must be day_first, as numbers above 12"):
        check_folder(folder, MONTH_FIRST)
    with pytest.raises(InputError, match="date_order: must be among"):
        check_folder(folder, "year_first")
    folder = folder_of(tmp_path / "iso", "%Y-%m-%dT%H:%M:%SZ", times)
    with pytest.raises(InputError, match="must be left out, as no dates have the year last"):
        check_folder(folder, DAY_FIRST)


def test_check_tells_two_orders_in_one_folder(tmp_path: Path) -> None:
    times = pd.date_range("2024-12-20T00:00", periods=60, freq="1h", tz="UTC")
    folder = folder_of(tmp_path, "%d/%m/%Y %H:%M", times)
    other = folder_of(tmp_path / "other", "%m/%d/%Y %H:%M", times)
    (other / "labels.csv").rename(folder / "labels.csv")
    assert any(
        "all of a folder need one order" in sentence for sentence in check_folder(folder).proposal.missing
    )


def test_the_order_must_be_one_of_two() -> None:
    with pytest.raises(InputError, match="date_order"):
        schema_of("year_first")
    assert "date_order" not in schema_of(None).to_dict()
    assert TelemetrySchema.from_dict(schema_of("day_first").to_dict()) == schema_of("day_first")
