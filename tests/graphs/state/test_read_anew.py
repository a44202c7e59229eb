"""Readings of a journal by another schema than the one they were accepted by."""

import math
from typing import Any

import orjson
import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.routes import Kind
from graphs.state.journal_entries import RawEntry
from graphs.state.read_anew import ReadAnew


def schema(metrics: dict[str, Any], **others: Any) -> TelemetrySchema:
    content = {"name": "lab", "entity": ["device"], "time": "at", "metrics": metrics, "label": "bad"}
    return TelemetrySchema.from_dict({**content, **others})


def entry(columns: str, *rows: list[Any]) -> RawEntry:
    return RawEntry((1, 0), Kind.TELEMETRY.value, columns, "bad", 5.0, orjson.dumps(rows))


def read(anew: ReadAnew, raw: RawEntry) -> list[dict[str, float]]:
    assert anew.reads(raw)
    found = anew.entry(raw)
    assert found.id == raw.id and found.arrival == raw.arrival
    # NaN as None, which is equal to itself.
    return [
        {name: None if math.isnan(value) else value for name, value in event.metrics.items()}
        for event in found.events
    ]


def test_a_metric_more_has_no_reading_and_one_less_is_ignored():
    anew = ReadAnew(schema({"cpu": {}, "jitter": {}}))
    assert read(anew, entry("cpu,fan", ["r1", 1.0, 2.5, 9.0], ["r2", 1.0, None, 9.0])) == [
        {"cpu": 2.5, "jitter": None},
        {"cpu": None, "jitter": None},
    ]
    assert anew.lacking == {("jitter", "was not in the schema then"): 2}
    assert anew.ignored == {"fan": 2}
    assert not anew.reads(entry("fan,heat", ["r1", 1.0, 9.0, 9.0]))


def test_what_has_the_columns_of_now_in_another_order_lacks_nothing():
    anew = ReadAnew(schema({"cpu": {}, "jitter": {}}))
    raw = entry("jitter,cpu", ["r1", 1.0, 4.0, 2.5])
    assert read(anew, raw) == [{"cpu": 2.5, "jitter": 4.0}]
    assert not anew.entry(raw).of_other_schema and not anew.lacking and not anew.ignored


def test_a_counter_that_is_a_gauge_now_has_no_reading_and_the_other_way_round():
    """One is the rate of the other: 5 Mbit/s are no 5 octets."""
    counter = schema({"octets": {"kind": "counter"}, "cpu": {}})
    anew = ReadAnew(counter)
    assert read(anew, entry("octets,cpu", ["r1", 1.0, 5.0, 2.5])) == [{"octets_counter": None, "cpu": 2.5}]
    assert anew.lacking == {("octets", "was a gauge then"): 1} and not anew.ignored
    anew = ReadAnew(schema({"octets": {}, "cpu": {}}))
    assert read(anew, entry("octets_counter,cpu", ["r1", 1.0, 2**63, 2.5])) == [{"octets": None, "cpu": 2.5}]
    assert anew.lacking == {("octets", "was a counter then"): 1} and not anew.ignored


def test_a_counter_keeps_what_it_counted_whatever_its_rate_is_made_with():
    anew = ReadAnew(schema({"octets": {"kind": "counter", "scale": 8e-6, "max_rate": 10.0}}))
    assert read(anew, entry("octets_counter", ["r1", 1.0, 2**63 + 1])) == [{"octets_counter": 2**63 + 1}]
    anew = ReadAnew(schema({"octets": {"kind": "counter", "bits": 32}}))
    raw = entry("octets_counter", ["r1", 1.0, 2**32], ["r1", 2.0, 2**32 - 1])
    assert read(anew, raw) == [{"octets_counter": None}, {"octets_counter": 2**32 - 1}]
    assert anew.lacking == {("octets", "beyond the bits of now"): 1}


def test_the_range_is_that_of_now():
    anew = ReadAnew(schema({"cpu": {"range": [0, 50]}}))
    for columns, rest in (("cpu", []), ("cpu,fan", [1.0])):
        raw = entry(columns, ["r1", 1.0, 50.0, *rest], ["r1", 2.0, 50.5, *rest], ["r1", 3.0, None, *rest])
        assert read(anew, raw) == [{"cpu": 50.0}, {"cpu": None}, {"cpu": None}]
    assert anew.lacking == {("cpu", "outside of the range of now"): 2}


def test_an_uptime_that_was_not_told_is_missing():
    content = {"uptime": "up"}
    anew = ReadAnew(schema({"octets": {"kind": "counter"}}, **content))
    assert read(anew, entry("octets_counter", ["r1", 1.0, 7])) == [{"octets_counter": 7, "up_us": None}]
    assert anew.lacking == {("up_us", "was not in the schema then"): 1}
    assert not anew.reads(entry("up_us", ["r1", 1.0, 7]))


@pytest.mark.parametrize(("device", "is_whole"), [("oslo/r1", True), ("oslo/r1/eth0", True), ("r1", False)])
def test_a_key_has_as_many_parts_as_the_entity(device, is_whole):
    anew = ReadAnew(schema({"cpu": {}}, entity=["site", "device"]))
    assert anew.is_whole(device) is is_whole
    assert ReadAnew(schema({"cpu": {}})).is_whole(device)
