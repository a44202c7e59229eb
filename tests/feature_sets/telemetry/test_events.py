"""Live events: what is accepted, and the field and rule of what is not."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
import pytest

from feature_sets.telemetry.cell_numbers import numbers_of
from feature_sets.telemetry.event_time import NAIVE_RULE
from feature_sets.telemetry.events import KEY_LIMIT, EventError, EventParser, LabelEvent
from feature_sets.telemetry.incident_parser import IncidentParser
from feature_sets.telemetry.maintenance_event import MaintenanceParser
from feature_sets.telemetry.schema import TelemetrySchema

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "lab",
        "entity": ["site", "box"],
        "time": "at",
        "metrics": {"load": {"range": [0, 100]}, "heat": None},
        "label": "broken",
    }
)
PARSER = EventParser(SCHEMA)
GOOD: dict[str, Any] = {"site": "osl", "box": "b1", "at": "2024-05-01T12:00:00Z", "load": 5, "heat": 1.5}


def test_a_good_event_has_its_key_time_and_metrics_in_schema_order() -> None:
    event = PARSER.telemetry({**GOOD, "heat": -3, "extra": object()})
    assert event.device == "osl/b1"
    assert event.time == 1714564800.0
    assert list(event.metrics.items()) == [("load", 5.0), ("heat", -3.0)]
    assert all(type(value) is float for value in event.metrics.values())
    assert event.out_of_range == ()


def test_the_full_key_is_taken_where_the_levels_are_not_all_there() -> None:
    body = {**GOOD, "device": "osl/b1"}
    del body["site"]
    assert PARSER.telemetry(body).device == "osl/b1"
    assert PARSER.telemetry({**GOOD, "device": "7/b2", "site": 7, "box": " b2 "}).device == "7/b2"


@pytest.mark.parametrize("read", [PARSER.telemetry, lambda body: PARSER.label({**body, "broken": 1})])
def test_a_device_and_entity_columns_that_name_two_devices_are_refused(read: Any) -> None:
    for agreeing in ("osl/b1", " osl/b1 ", "b1", None, "", " "):
        assert read({**GOOD, "device": agreeing}).device == "osl/b1"
    for other in ("ams/b1", "osl/b2", "b2", 7, True):
        with pytest.raises(EventError) as refused:
            read({**GOOD, "device": other})
        rule = "must be 'osl/b1', as site and box have it, or be left out"
        assert (refused.value.where, refused.value.rule, refused.value.got) == ("device", rule, other)
    part = {name: value for name, value in GOOD.items() if name != "box"}
    with pytest.raises(EventError) as refused:
        read({**part, "device": "ams/b1"})
    rule = "must be 'ams', as device has it, or be left out"
    assert (refused.value.where, refused.value.rule) == ("site", rule)
    assert read({**part, "device": "b1"}).device == "b1"  # No whole key: its parts are not known.


def test_a_device_beside_one_entity_column_is_told_in_the_singular() -> None:
    one = EventParser(TelemetrySchema.from_dict({**SCHEMA.to_dict(), "entity": ["box"], "separator": ""}))
    with pytest.raises(EventError, match="must be 'b1', as box has it, or be left out"):
        one.telemetry({**GOOD, "device": "b2"})


def test_a_device_that_is_a_part_is_no_key() -> None:
    part = EventParser(TelemetrySchema.from_dict({**SCHEMA.to_dict(), "entity": ["site", "device"]}))
    assert part.telemetry({**GOOD, "device": "b1"}).device == "osl/b1"


def test_null_is_no_reading_and_out_of_range_becomes_no_reading_and_is_named() -> None:
    event = PARSER.telemetry({**GOOD, "load": 100.5, "heat": None})
    assert math.isnan(event.metrics["load"])
    assert math.isnan(event.metrics["heat"])
    assert event.out_of_range == ("load",)
    assert PARSER.telemetry({**GOOD, "load": 100.0}).out_of_range == ()
    assert PARSER.telemetry({**GOOD, "load": 0}).out_of_range == ()


def test_an_optional_metric_may_be_absent_which_is_null() -> None:
    content = SCHEMA.to_dict()
    content["metrics"]["heat"]["optional"] = True
    parser = EventParser(TelemetrySchema.from_dict(content))
    assert math.isnan(parser.telemetry(without("heat")).metrics["heat"])
    assert parser.telemetry(GOOD).metrics == PARSER.telemetry(GOOD).metrics
    with pytest.raises(EventError, match="load: is required"):
        parser.telemetry(without("load"))


def without(field: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != field}


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ([GOOD], "event", "must be a JSON object"),
        (None, "event", "must be a JSON object"),
        (without("load"), "load", "is required"),
        (without("at"), "at", "is required"),
        (without("site"), "device", "is required"),
        ({**GOOD, "site": None}, "site", "is required"),
        ({**GOOD, "site": "  "}, "site", "must be text that is not empty"),
        ({**GOOD, "box": 1.5}, "box", "must be text that is not empty"),
        ({**GOOD, "box": True}, "box", "must be text that is not empty"),
        ({**GOOD, "box": "b\0"}, "box", "must be whole Unicode characters without NUL"),
        ({**GOOD, "site": "\ud800"}, "site", "must be whole Unicode characters without NUL"),
        ({**GOOD, "site": "a/b"}, "site", "must not contain the separator '/'"),
        ({**GOOD, "box": "x" * KEY_LIMIT}, "box", "must make a key of at most 512 characters"),
        ({**GOOD, "at": "2024-05-01T12:00:00"}, "at", NAIVE_RULE),
        (
            {**GOOD, "at": 1704240040123456789.0},
            "at",
            "must be a whole number of nanoseconds; a number with a decimal point does not hold them",
        ),
        (
            {**GOOD, "at": 20240101},
            "at",
            "must be an epoch number or a date with dashes; these digits may be either",
        ),
        ({**GOOD, "at": "noon"}, "at", "must be ISO 8601 text with a zone or an epoch number"),
        ({**GOOD, "at": -5}, "at", "must be between 1970 and 2106"),
        (
            {**GOOD, "load": "5 %"},
            "load",
            "must be a finite number or null; it has the unit '%', and the metric names none (unit) to "
            "convert it to",
        ),
        (
            {**GOOD, "load": "1 234"},
            "load",
            "must be a finite number or null; it has separators of thousands, which are not read",
        ),
        ({**GOOD, "load": "inf"}, "load", "must be a finite number or null"),
        ({**GOOD, "load": "9" * 5000}, "load", "must be a finite number or null"),
        ({**GOOD, "load": math.nan}, "load", "must be a finite number or null"),
        ({**GOOD, "heat": math.inf}, "heat", "must be a finite number or null"),
        ({**GOOD, "heat": -math.inf}, "heat", "must be a finite number or null"),
        ({**GOOD, "heat": 10**400}, "heat", "must be a finite number or null"),
        ({**GOOD, "heat": [1]}, "heat", "must be a finite number or null"),
    ],
)
def test_a_bad_event_is_refused_with_field_and_rule(body: Any, field: str, rule: str) -> None:
    with pytest.raises(EventError) as caught:
        PARSER.telemetry(body)
    assert (caught.value.where, caught.value.rule) == (field, rule)
    assert str(caught.value).startswith(f"{field}: {rule}, got ")
    json.dumps(caught.value.got, allow_nan=False)


@pytest.mark.parametrize(
    ("given", "read"),
    [("5.3", 5.3), (" 1e2 ", 100.0), ("+7", 7.0), (True, 1.0), ("False", 0.0), ("n/a", None), ("", None)],
)
def test_a_metric_is_read_as_in_files(given: Any, read: float | None) -> None:
    load = PARSER.telemetry({**GOOD, "load": given}).metrics["load"]
    assert load == read if read is not None else math.isnan(load)
    column = pa.array([given])
    (in_file,) = numbers_of(column).values.tolist()
    assert (in_file == load) or (math.isnan(in_file) and math.isnan(load))


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("12.5", "must be a whole number from 0 to 4294967295 or null"),
        (12.5, "must be a whole number from 0 to 4294967295 or null"),
        ("many", "must be a whole number from 0 to 4294967295 or null"),
        (True, "must be a whole number from 0 to 4294967295 or null"),
        (2.0**53, f"must be a whole number (a float from 2^53 = {2**53} on is not exact) or null"),
        (2**32, "must be a whole number from 0 to 4294967295 or null"),
    ],
)
def test_what_is_no_counter_is_told_why(given: Any, rule: str) -> None:
    schema = {
        **{"name": "lab", "entity": ["box"], "time": "at", "label": "bad"},
        "metrics": {"octets": {"kind": "counter", "bits": 32}},
    }
    parser = EventParser(TelemetrySchema.from_dict(schema))
    with pytest.raises(EventError) as caught:
        parser.telemetry({"box": "1", "at": GOOD["at"], "octets": given})
    assert caught.value.rule == rule
    taken = [
        parser.telemetry({"box": "1", "at": GOOD["at"], "octets": text}) for text in ("12.0", "+12", "012")
    ]
    assert {event.metrics["octets_counter"] for event in taken} == {12}


def test_the_separator_may_be_in_the_last_level() -> None:
    assert PARSER.telemetry({**GOOD, "box": "eth1/25"}).device == "osl/eth1/25"


def test_what_was_given_is_shown_short_however_large_it_is() -> None:
    for huge in ("x" * 10_000_000, 10**5000, [0] * 1_000_000, {"a": list(range(9999))}):
        with pytest.raises(EventError) as caught:
            PARSER.telemetry({**GOOD, "load": huge})
        assert len(str(caught.value)) < 300
        assert len(json.dumps(caught.value.got)) < 300


def test_only_known_devices_are_accepted_when_they_are_given() -> None:
    parser = EventParser(SCHEMA, devices={"osl/b1"})
    assert parser.telemetry(GOOD).device == "osl/b1"
    with pytest.raises(EventError, match="device: must be a known device, got 'osl/b2'"):
        parser.telemetry({**GOOD, "box": "b2"})
    with pytest.raises(EventError, match="must be a known device"):
        parser.label({**GOOD, "box": "b2", "broken": 1})


@pytest.mark.parametrize(
    ("body", "field"),
    [({"Gerät": "AP 77"}, "Gerät"), ({"geraet": "AP 77"}, "geraet"), ({"CI": "AP 77"}, "CI"), ({}, "CI")],
)
def test_an_error_about_a_device_names_the_field_that_was_sent(body: dict[str, str], field: str) -> None:
    """Tickets call the device otherwise, and that name is one of the schema, too."""
    content = {**SCHEMA.to_dict(), "entity": ["geraet"], "rename": {"Gerät": "geraet", "CI": "device"}}
    parser = EventParser(TelemetrySchema.from_dict(content), devices=set())
    assert parser.as_sent(EventError("device", "must be a known device", "AP 77"), body).where == field


@pytest.mark.parametrize(
    ("given", "label"), [(0, 0), (1, 1), (True, 1), (False, 0), (1.0, 1), ("1", 1), ("No", 0)]
)
def test_a_label_is_zero_or_one_or_a_word_for_it_as_in_files(given: Any, label: int) -> None:
    event = PARSER.label({**GOOD, "broken": given})
    assert (event.device, event.time, event.label) == ("osl/b1", 1714564800.0, label)
    assert type(event.label) is int


@pytest.mark.parametrize("given", [2, -1, 0.5, "perhaps", "", None, math.nan, [1], "\ud800"])
def test_any_other_label_is_refused(given: Any) -> None:
    with pytest.raises(EventError, match="broken: must be"):
        PARSER.label({**GOOD, "broken": given})


def test_a_label_event_needs_its_label_key_and_time() -> None:
    with pytest.raises(EventError, match="broken: is required"):
        PARSER.label(GOOD)
    with pytest.raises(EventError, match="at: is required"):
        PARSER.label({**without("at"), "broken": 1})


def test_naive_times_are_utc_where_the_schema_says_so() -> None:
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "assume_timezone": "UTC"})
    assert EventParser(schema).telemetry({**GOOD, "at": "2024-05-01T12:00:00"}).time == 1714564800.0


HORIZON = {
    "name": "lab",
    "entity": ["box"],
    "time": "at",
    "metrics": {"load": {}},
    "label": "bad",
    "horizon": "5m",
    "exclude_labels": {"repair": True, "phase": "test"},
}


@pytest.mark.parametrize(
    ("labels", "label", "observed"),
    [
        ({"bad_within_5m": 1}, 1, None),
        ({"bad": 0}, None, 0),
        ({"bad_within_5m": 0, "bad": True}, 0, 1),
    ],
)
def test_with_a_horizon_a_label_may_be_the_label_itself(labels, label, observed):
    parser = EventParser(TelemetrySchema.from_dict(HORIZON))
    found = parser.label({"box": "b", "at": 1.5, **labels})
    assert found == LabelEvent("b", 1.5, label, (), observed)


def test_columns_that_exclude_a_label_are_text_as_in_files():
    parser = EventParser(TelemetrySchema.from_dict(HORIZON))
    body = {"box": "b", "at": 1.5, "bad": 0}
    assert parser.label({**body, "repair": True}).others == ("true", None)
    assert parser.label({**body, "repair": 1, "phase": 2.0}).others == ("1", "2")
    assert parser.label({**body, "phase": " run "}).others == (None, "run")
    assert parser.label({**body, "phase": None}).others == ()
    assert parser.label({**body, "phase": 2**53 + 1}).others == (None, "9007199254740993")
    for value, rule in (
        ("\x00", "phase: must "),
        ([], "phase: must be text, a number or a truth value"),
        (float(2**53), r"a float from 2\^53 = 9007199254740992 on is not exact"),
    ):
        with pytest.raises(EventError, match=rule):
            parser.label({**body, "phase": value})
    with pytest.raises(EventError, match="bad_within_5m: is required"):
        parser.label({"box": "b", "at": 1.5})


def test_a_field_under_both_of_its_names_is_refused_as_two_columns_of_a_file_are():
    rename = {"CPU load %": "load", "when": "at", "faulty": "broken"}
    parser = EventParser(TelemetrySchema.from_dict({**SCHEMA.to_dict(), "rename": rename}))
    body = {"site": "osl", "box": "b1", "when": 1.5, "CPU load %": 5, "heat": 1.5}
    assert parser.telemetry(body).metrics["load"] == 5.0
    for sent, name in (("CPU load %", "load"), ("when", "at"), ("faulty", "broken")):
        both = {**body, "faulty": 1, name: body.get(sent, 1)}  # Even where they say the same.
        for read in (parser.telemetry, parser.label):
            with pytest.raises(EventError) as caught:
                read(both)
            rule = f"must not be beside '{name}', which is the same field"
            assert (caught.value.where, caught.value.rule) == (sent, rule)
            assert parser.as_sent(caught.value, both).where == sent
    extended = {"labels": {"form": "incidents"}, "rename": {"opened at": "start"}}
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), **extended})
    both = {"device": "osl/b1", "opened at": 1.5, "start": 2.5}
    with pytest.raises(EventError, match="opened at: must not be beside 'start'"):
        IncidentParser(schema, EventParser(schema)).incident(both)
    schema = TelemetrySchema.from_dict(
        {**SCHEMA.to_dict(), "maintenance": {}, "rename": {"opened at": "start"}}
    )
    with pytest.raises(EventError, match="start: must not be beside another field that is 'start'"):
        MaintenanceParser(schema).change(both, {}, 3.0)
