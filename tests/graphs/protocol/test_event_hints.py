"""A refused event whose shape tells what was meant is told what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from feature_sets.telemetry.events import KNOWN_DEVICE, EventError, EventParser
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.event_hints import EventHints, text_hint
from tests.graphs.conftest import Client, event, make_client

FLAT = "An event is one flat object with device (or site and box), timestamp, cpu, latency"
KEY = "a key is site and box, with '/' between, such as 'a/2'. They may be fields of their own, too"


def rule_of(client: Client, path: str, body: Any) -> tuple[str, str]:
    answered = client.post(path, body)
    assert answered.status in (400, 422)
    return answered.json["error"]["field"], answered.json["error"]["rule"]


def test_a_part_of_a_key_is_told_the_form_of_keys_with_one_that_is_known(client: Client) -> None:
    told = ("device", f"must be a known device; {KEY}")
    assert rule_of(client, "/telemetry", {**event(), "device": "2"}) == told
    assert rule_of(client, "/labels", {"device": "2", "timestamp": 1, "is_error": 1}) == told
    body = event()
    del body["device"]
    asked = ("device", "is required, or site and box, such as 'a/1'")
    assert rule_of(client, "/telemetry", {**body, "site": "a"}) == asked
    # A whole key that nobody knows needs no word on its form.
    assert rule_of(client, "/telemetry", event("a/9")) == ("device", "must be a known device")


def test_a_part_of_a_key_is_refused_where_unknown_devices_are_accepted(package: Path) -> None:
    client = make_client(package, unknown_devices="accept")
    told = ("device", f"must be a key with all of its parts; {KEY}")
    assert rule_of(client, "/telemetry", {**event(), "device": "2"}) == told
    assert client.post("/telemetry", event("b/2")).json["device_status"] == "unknown"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("A/1", "in upper and lower case"),
        ("a/1.0", "in a point and zeros at the end"),
        ("A_1", "in the signs between their parts, and upper and lower case"),
        ("a_1", "in the signs between their parts"),
    ],
)
def test_a_known_device_in_another_writing_is_told(client: Client, name: str, how: str) -> None:
    told = f"must be a known device; 'a/1' is known, which differs {how}"
    assert rule_of(client, "/telemetry", event(name)) == ("device", told)
    assert rule_of(client, "/labels", {"device": name, "timestamp": 1, "is_error": 1}) == ("device", told)


def test_writings_are_those_of_the_devices_that_are_known_now() -> None:
    known: dict[str, Any] = {"r1": {}}
    plain = {"name": "one", "entity": ["device"], "time": "t", "metrics": {"m": None}, "label": "bad"}
    hints = EventHints(TelemetrySchema.from_dict(plain), lambda: known)

    def rule(name: str) -> str:
        return hints.key(EventError("device", KNOWN_DEVICE, name), {}).rule

    assert rule("R1").endswith("'r1' is known, which differs in upper and lower case")
    known = {"r2": {}}  # As many, after a device was replaced.
    assert rule("R1") == KNOWN_DEVICE and "'r2' is known" in rule("R2")
    known["r3"] = {}
    assert "'r3' is known" in rule("R3")


GNMIC = {"name": "sub", "timestamp": 1700000000000000000, "tags": {"source": "r1"}, "values": {"/cpu": 5}}
TELEGRAF = {"name": "cpu", "timestamp": 1700000000, "tags": {"host": "r1"}, "fields": {"usage": 5.0}}
PROMETHEUS = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@pytest.mark.parametrize(
    ("body", "field", "shape"),
    [
        (GNMIC, "device", "an event of gNMIc. Files of those are read with files.format gnmic"),
        ({**GNMIC, "device": "a/1"}, "cpu", "an event of gNMIc. Files of those"),
        (TELEGRAF, "device", "JSON of Telegraf. Files of those are read with files.format telegraf"),
        ({"metrics": [TELEGRAF]}, "device", "JSON of Telegraf."),
        (
            PROMETHEUS,
            "device",
            "an answer of Prometheus. Files of those are read with files.format prometheus",
        ),
        (
            {"device": "a/1", "timestamp": 1700000000, "metric": "cpu", "value": 5},
            "cpu",
            "one value of the long layout. Files of those are read with files.layout long in the schema",
        ),
    ],
)
def test_json_of_a_collector_is_told_what_it_looks_like_and_what_reads_it(
    client: Client, body: Any, field: str, shape: str
) -> None:
    where, rule = rule_of(client, "/telemetry", body)
    assert where == field
    assert f"is required; the body looks like {shape}" in rule
    assert rule.endswith(FLAT)
    # One of several is told as well.
    errors = client.post("/telemetry", [event(), body]).json["errors"]
    assert [(error["position"], error["rule"]) for error in errors] == [(1, rule)]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"cpu,host=r1,cpu=cpu0 usage_idle=99.5,n=3i 1700000000000000000\n", "the line protocol of Telegraf"),
        (b"cpu usage=1\ncpu usage=2", "the line protocol of Telegraf"),
        (json.dumps(event()).encode() + b"\n" + json.dumps(event()).encode() + b"\n", "one object a line"),
        (json.dumps(event()).encode() + b"\n{bad", "one object a line"),
    ],
)
def test_text_that_is_no_json_is_told_what_it_looks_like(client: Client, body: bytes, hint: str) -> None:
    field, rule = rule_of(client, "/telemetry", body)
    assert field == "body"
    assert f"; it looks like {hint}" in rule


@pytest.mark.parametrize("body", [b"{bad", b"\xff\xfe", b"hello world", b"[1,\n2", b"a=b", b"   "])
def test_other_text_has_no_hint(body: bytes) -> None:
    assert text_hint(body) == ""


def test_a_schema_whose_own_columns_are_called_so_has_no_hint() -> None:
    content = {"name": "lab", "entity": ["device"], "time": "at", "label": "bad"}
    schema = TelemetrySchema.from_dict({**content, "metrics": {"value": None, "fields": None}})
    for body in ({"name": "x", "value": 1}, {"fields": {}, "name": "x"}, {"device": "r", "at": 1}):
        with pytest.raises(EventError) as error:
            EventParser(schema).telemetry(body)
        assert EventHints(schema).telemetry(error.value, body) is error.value


def test_many_metrics_and_renamed_ones_are_named_as_they_are_sent() -> None:
    metrics = {f"m{number}": None for number in range(12)}
    content = {"name": "lab", "entity": ["box"], "time": "at", "metrics": metrics, "label": "bad"}
    schema = TelemetrySchema.from_dict({**content, "rename": {"/m/0": "m0", "host": "box"}})
    hints, body = EventHints(schema), {"tags": {}, "values": {}}
    with pytest.raises(EventError) as error:
        EventParser(schema).telemetry(body)
    told = hints.telemetry(error.value, body)
    assert told.rule.endswith("with device (or host), at, /m/0, m1, m2, m3, m4, m5, m6 and 5 more")
    with pytest.raises(EventError) as error:
        EventParser(schema).telemetry({})
    assert hints.telemetry(error.value, {}).rule == "is required, or host"


@pytest.mark.parametrize(
    ("body", "is_inside"),
    [
        ({"readings": {"rssi": -61.6}}, True),
        ({"readings": {"loss": 1.0}}, False),
        ({"readings": -61.6}, False),
        ({}, False),
    ],
)
def test_a_reading_inside_an_object_is_told_to_be_flat(
    schema: TelemetrySchema, body: dict[str, Any], is_inside: bool
) -> None:
    """Files may nest: their columns are named by the path, as events must be."""
    said = EventHints(schema).telemetry(EventError("readings.rssi", "is required", None), body)
    rule = (
        "is required as a field of the event itself, as an event is one flat object; it is inside 'readings'"
    )
    assert (said.where, said.rule) == ("readings.rssi", rule if is_inside else "is required")
