"""MLRun or the files of the history are away: 503, and no event is lost or kept twice."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlrun.errors
import mlrun.feature_store as fstore
import pandas as pd
import pytest
import requests

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.errors import ApiError
from tests.graphs.conftest import START, Client, event, label, make_client

AWAY = [
    mlrun.errors.MLRunRuntimeError("no answer"),
    requests.ConnectionError("refused"),
    FileNotFoundError("moved again"),
]
_keys = itertools.count()


class Store:
    """Readings that were ingested, and what reading them fails with."""

    def __init__(self, schema: TelemetrySchema) -> None:
        self.error: Exception | None = None
        self.finding: Exception | None = None
        self.spec = SimpleNamespace(features=dict.fromkeys(schema.metric_names))
        times = pd.to_datetime([START - 20, START - 10], unit="s", utc=True)
        metrics = {"cpu": [10.0, 20.0], "latency": [1.0, 2.0]}
        self.frame = pd.DataFrame({DEVICE: "a/1", schema.time: times, **metrics})

    def find(self, uri: str) -> Store:
        if self.finding is not None:
            raise self.finding
        return self

    def to_dataframe(self, **options: Any) -> pd.DataFrame:
        if self.error is not None:
            raise self.error
        return self.frame


@pytest.fixture
def store(schema: TelemetrySchema, monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(schema)
    monkeypatch.setattr(fstore, "get_feature_set", made.find)
    return made


def opened(package: Path, redis_url: str, key: str) -> Client:
    uri = "store://feature-sets/tests/device_metrics"
    return make_client(package, history=uri, redis_url=redis_url, journal_key=key)


def journaled(client: Client) -> int:
    return sum(len(entry.events) for entry in client.step("journal")._journal.entries())


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_an_event_whose_history_cannot_be_read_is_not_journaled(
    package: Path, redis_url: str, store: Store, error: Exception
) -> None:
    key = f"tests:away:{next(_keys)}"
    client = opened(package, redis_url, key)
    store.error = error
    answer = client.post("/telemetry", event())
    assert (answer.status, answer.json["error"]["field"]) == (503, "feature set")
    assert journaled(client) == 0
    assert client.post("/labels", label()).status == 200
    store.error = None
    again = client.post("/telemetry", event()).json
    assert again["status"] == "accepted"
    assert journaled(client) == 1
    assert client.post("/telemetry", event()).json["status"] == "duplicate"
    client.shut_down()
    assert (
        again["probability"]
        == opened(package, redis_url, f"{key}:other").post("/telemetry", event()).json["probability"]
    )


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_reload_without_the_feature_store_is_a_503(
    package: Path, redis_url: str, store: Store, error: Exception
) -> None:
    client = opened(package, redis_url, f"tests:away:{next(_keys)}")
    assert client.post("/telemetry", event()).status == 200
    store.finding = error
    assert client.post("/devices/reload", None).status == 503
    assert client.post("/telemetry", event(seconds=10)).status == 200
    store.finding = None
    assert client.post("/devices/reload", None).status == 200
    store.error = error
    assert client.post("/telemetry", event(seconds=20)).status == 503
    store.error = None
    assert client.post("/telemetry", event(seconds=20)).json["status"] == "accepted"


def test_a_replay_without_the_history_fails_and_loses_nothing(
    package: Path, redis_url: str, store: Store
) -> None:
    key = f"tests:away:{next(_keys)}"
    client = opened(package, redis_url, key)
    assert client.post("/telemetry", event()).status == 200
    client.shut_down()
    store.error = AWAY[0]
    with pytest.raises(ApiError, match="must be readable in the feature store"):
        opened(package, redis_url, key)
    store.error = None
    assert opened(package, redis_url, key).post("/telemetry", event()).json["status"] == "duplicate"
