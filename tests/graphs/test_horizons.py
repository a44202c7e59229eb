"""Several horizons behind one endpoint: one event is answered by the model of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feature_sets.telemetry.each_horizon import by_horizon
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.openapi import openapi_document
from tests.graphs.conftest import (
    INPUTS,
    Client,
    event,
    make_client,
    offline_probability,
    write_package,
)

ANSWER = [
    *("device", "timestamp", "model", "version", "prediction", "probability", "threshold", "inputs"),
    *("missing_inputs", "status", "device_status"),
]


@pytest.fixture(scope="module")
def several(schema: TelemetrySchema) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**schema.to_dict(), "horizon": ["0s", "10m", "1h"]})


@pytest.fixture(scope="module")
def package(several: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of errors now and within 10 minutes; that of an hour was made with another schema."""
    folder = write_package(tmp_path_factory.mktemp("several"), several)
    ahead = by_horizon(several)
    other = replace(ahead["1h"], static=())
    for horizon, schema, seed, inputs in (("10m", ahead["10m"], 4, INPUTS[:3]), ("1h", other, 5, INPUTS)):
        (folder / "horizons" / horizon).mkdir(parents=True)
        write_package(folder / "horizons" / horizon, schema, seed, inputs)
    return folder


@pytest.fixture
def client(package: Path) -> Client:
    return make_client(package)


def test_one_event_is_answered_for_every_horizon(client: Client, package: Path) -> None:
    answered = client.post("/telemetry", event()).json
    assert list(answered) == [*ANSWER, "horizons"]
    now, soon, later = (answered["horizons"][horizon] for horizon in ("0s", "10m", "1h"))
    assert now == {
        **{name: answered[name] for name in ("prediction", "probability", "threshold")},
        "model_version": answered["version"],
    }
    expected = offline_probability(package / "horizons" / "10m", np.array([[40, 40, 20]], np.float32))
    assert soon["probability"] == pytest.approx(float(expected[0]), abs=1e-7)
    assert (soon["prediction"], soon["model_version"]) == (int(soon["probability"] >= 0.5), "v4")
    assert later == dict.fromkeys(("prediction", "probability", "threshold", "model_version"))


def test_a_repeat_gets_what_it_got_and_an_event_that_is_not_counted_nothing(client: Client) -> None:
    sent = [event(), event(cpu=90.0), {**event(), "timestamp": "2100-01-01T00:00:00Z"}]
    first, again, early = client.post("/telemetry", sent).json
    assert again["status"] == "conflicting" and early["status"] == "quarantined"
    assert again["horizons"] == first["horizons"]
    assert {value for said in early["horizons"].values() for value in said.values()} == {None}


def test_a_schema_with_one_horizon_is_answered_as_before(schema: TelemetrySchema, package: Path) -> None:
    alone = make_client(write_package(package / "horizons", schema))
    assert list(alone.post("/telemetry", event()).json) == ANSWER
    assert "horizons" not in alone.get("/").json
    assert not [name for name in alone.get("/labeled").json if "horizon" in name]
    assert alone.get("/v2/models").json == {"models": ["model"]}


def test_each_model_can_be_asked_by_its_own_name(client: Client) -> None:
    assert client.get("/v2/models").json == {"models": ["model", "model-10m"]}
    assert client.get("/").json["horizons"] == {"0s": "v3", "10m": "v4", "1h": None}
    told = client.get("/v2/models/model-10m").json
    assert (told["versions"], told["parameters"]["label"]) == (["v4"], "is_error_within_10m")
    assert client.get("/v2/models/model-1h").status == 404
    assert client.get("/v2/health/ready").json == {"ready": True}
    client.post("/telemetry", event())
    counted = client.get("/metrics").json
    assert 'netops_predictions_total{model="model-10m",prediction=' in counted


def test_the_interface_tells_the_horizons(several: TelemetrySchema) -> None:
    document = openapi_document(several)["components"]["schemas"]["Prediction"]
    assert list(document["properties"]["horizons"]["properties"]) == ["0s", "10m", "1h"]
    alone = openapi_document(by_horizon(several)["10m"])["components"]["schemas"]["Prediction"]
    assert "horizons" not in alone["properties"]


def test_a_restart_goes_on_with_what_every_horizon_said(
    package: Path, redis_url: str, tmp_path: Path
) -> None:
    kept = {"redis_url": redis_url, "journal_key": "horizons", "snapshot_directory": str(tmp_path)}
    before = make_client(package, **kept)
    sent = [event("a/1", 10.0 * tick, cpu=30.0 + tick) for tick in range(6)]
    said = before.post("/telemetry", sent).json
    before.shut_down()
    (snapshot,) = tmp_path.glob("*.npz")
    after = make_client(package, **kept)
    again = after.post("/telemetry", sent).json
    assert [one["status"] for one in again] == ["duplicate"] * 6
    assert [one["horizons"] for one in again] == [one["horizons"] for one in said]
    # Without a snapshot the journal says the same.
    snapshot.unlink()
    replayed = make_client(package, **kept).post("/telemetry", sent).json
    assert [one["horizons"] for one in replayed] == [one["horizons"] for one in said]
