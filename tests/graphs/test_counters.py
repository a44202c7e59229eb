"""Counters at the endpoint: rates in the features, whole numbers in the journal, 422 for what is none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.preprocess import longest_reach
from graphs.protocol.routes import Kind
from graphs.state.journal_entries import RawEntry, encoded
from tests.graphs.conftest import START, Client, make_client, write_package

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "counted",
        "entity": ["box"],
        "time": "timestamp",
        "metrics": {"octets": {"kind": "counter", "max_rate": 1e6}, "latency": {}},
        "label": "is_error",
        "uptime": "up",
        "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev"]},
    }
)
DEVICES = {"a": {"model_x": 1.0}}
INPUTS = ("octets", "octets_avg_1m", "latency", "latency_avg_5m")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("counted"), SCHEMA, inputs=INPUTS)


def sent(seconds: float, octets: Any, up: Any = None, device: str = "a") -> dict[str, Any]:
    return {"device": device, "timestamp": START + seconds, "octets": octets, "latency": 20.0, "up": up}


def watched(client: Client) -> list[dict[str, float]]:
    """Features of what is sent from now on."""
    step, found = client.step("preprocess"), []
    handle = step.handle

    def watching(request: Any) -> None:
        handle(request)
        found.extend(record.features for record in request.telemetry)

    step.handle = watching
    return found


def test_the_model_sees_rates_also_after_a_restart(package: Path, redis_url: str) -> None:
    settings = {"devices": DEVICES, "redis_url": redis_url, "journal_key": "counted"}
    client = make_client(package, **settings)
    features = watched(client)
    for place, octets in enumerate((2**64 - 1001, str(2**64 - 1), None, "1999")):
        answer = client.post("/telemetry", sent(10 * place, octets, 500 + 10 * place))
        assert (answer.status, answer.json["status"]) == (200, "accepted")
    client.shut_down()
    again = make_client(package, **settings)
    more = watched(again)
    again.post("/telemetry", [sent(40, 2999, 540), sent(50, 5, 2), sent(60, 105, 12), sent(35, 2499, 535)])
    rates = [row["octets"] for row in (*features, *more)]
    assert rates[1:2] + rates[3:5] + rates[6:] == [100.0, 100.0, 100.0, 10.0, 100.0]
    assert all(math.isnan(rates[place]) for place in (0, 2, 5))
    assert not {"octets_counter", "up_us"} & set().union(*features, *more)


@pytest.mark.parametrize(
    "octets",
    [-1, 2**64, 2**70, 1.5, 2.0**53, 1e300, "-5", "5.5", "٥", "true", str(2**64), "9" * 5000, True, [], {}],
)
def test_what_is_no_counter_is_refused_with_422(package: Path, octets: Any) -> None:
    client = make_client(package, devices=DEVICES)
    answer = client.post("/telemetry", sent(0, octets))
    assert (answer.status, answer.json["error"]["field"]) == (422, "octets")
    assert client.post("/telemetry", sent(0, 5, -1)).json["error"]["field"] == "up"
    # NaN has the body read by a parser that takes numbers of any size.
    body = b'[{"device": "a", "timestamp": 1700000000, "octets": 36893488147419103232, "latency": NaN}]'
    assert client.post("/telemetry", body).status == 422


def test_a_device_is_kept_while_a_rate_may_begin_at_its_last_reading() -> None:
    windows, gap, ahead = 300, 600, 60  # A late reading may be as late as the longest window.
    assert longest_reach(WindowDefinition.from_schema(SCHEMA)) == 2 * windows + gap + ahead


def test_the_document_of_the_api_says_what_a_counter_is(package: Path) -> None:
    client = make_client(package, devices=DEVICES)
    fields = client.get("/openapi.json").json["components"]["schemas"]["Telemetry"]
    assert fields["properties"]["octets"]["type"] == ["integer", "string", "null"]
    assert fields["properties"]["octets"]["maximum"] == 2**64 - 1
    assert {"octets", "latency", "up"} <= set(fields["required"])


def test_an_entry_of_the_journal_keeps_every_unit() -> None:
    columns = SCHEMA.reading_columns
    event = TelemetryEvent("a", START, dict(zip(columns, (2**64 - 1, 0.1, 2**53 + 1), strict=True)))
    entry = RawEntry((1, 0), Kind.TELEMETRY.value, ",".join(columns), "", START, encoded([event]))
    (found,) = entry.decoded(columns).events
    assert found == event
    assert [type(value) for value in found.metrics.values()] == [int, float, int]


def test_an_error_names_a_field_as_it_was_sent(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict(
        {**SCHEMA.to_dict(), "rename": {"ifHCInOctets": "octets", "at": "timestamp"}}
    )
    client = make_client(write_package(tmp_path, schema, inputs=INPUTS), devices=DEVICES)
    body = {"device": "a", "timestamp": START, "ifHCInOctets": -1, "latency": 1.0, "up": None}
    assert client.post("/telemetry", body).json["error"]["field"] == "ifHCInOctets"
    assert client.post("/telemetry", {"device": "a", "at": "soon"}).json["error"]["field"] == "at"
    del body["ifHCInOctets"]
    assert client.post("/telemetry", [{**body, "octets": 1.5}]).json["error"]["field"] == "octets"
