"""Devices outside of the population are answered, and nothing is learned of the model from them."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import mlrun.feature_store as fstore
import pandas as pd
import pytest

from drift.detectors.ddm import DDM
from drift.monitor import DriftMonitor
from feature_sets.device_labels import within_population
from feature_sets.ingestion.errors import IngestError
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.errors import ApiError
from graphs.state import moving_feature_set, serving_state
from graphs.state.population import Population, StoredAttributes
from tests.graphs.conftest import START, event, label, make_client, write_package


def test_attributes_that_cannot_be_read_are_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    history = SimpleNamespace(
        folder=SimpleNamespace(read=Mock(side_effect=IngestError("the files are gone")))
    )
    monkeypatch.setattr(fstore, "get_feature_set", lambda uri: None)
    monkeypatch.setattr(moving_feature_set, "stored_history", lambda feature_set: history)
    with pytest.raises(ApiError, match=r"must be readable in the feature store \(IngestError\)") as refused:
        StoredAttributes("store://feature-sets/lab/devices").read()
    assert refused.value.status == 503
    history.folder.read.assert_called_once()


class Given:
    """Attributes that a test gives."""

    def __init__(self, *rows: tuple[str, str | None, float | None]) -> None:
        self.rows = list(rows)

    def read(self) -> pd.DataFrame:
        devices, says, since = zip(*self.rows, strict=True)
        moments = [pd.NaT if at is None else pd.Timestamp(at, unit="s", tz="UTC") for at in since]
        times = pd.to_datetime(pd.Series(moments), utc=True)
        return pd.DataFrame({"device": devices, "in_service": says, VALID_FROM: times})


@pytest.fixture
def serving(schema: TelemetrySchema) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**schema.to_dict(), "population": {"in_service": True}})


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Given:
    given = Given(("a/1", "yes", None), ("a/2", "no", None))
    monkeypatch.setattr(serving_state, "_population", lambda settings, schema: Population(schema, given))
    return given


@pytest.mark.parametrize("size", [1, 10], ids=["alone", "lists"])
def test_they_feed_no_detector_no_score_and_no_file(
    serving: TelemetrySchema, source: Given, tmp_path: Path, redis_url: str, size: int
) -> None:
    settings: dict[str, Any] = {"redis_url": redis_url, "journal_key": str(tmp_path)}
    settings |= {"labeled_directory": str(tmp_path / "pairs"), "snapshot_directory": str(tmp_path / "kept")}
    package = write_package(tmp_path, serving)
    client = make_client(package, **settings)
    client.send("PUT", "/drift/detectors", DriftMonitor([DDM()]).to_dict())
    for first in range(0, 20, size):
        for device in ("a/1", "a/2"):
            sent = [event(device, 10 * place) for place in range(first, first + size)]
            answers = client.post("/telemetry", sent).json
            assert all(one["prediction"] is not None for one in answers)
            labels = [label(device, 10 * place) for place in range(first, first + size)]
            assert {one["status"] for one in client.post("/labels", labels).json} == {"joined"}
    labeled = client.get("/labeled").json
    assert (labeled["joined"], labeled["outside_population"]) == (40, 20)
    assert client.get("/drift").json["n"] == 20
    watch = client.step("detect_drift")._watch
    assert len(watch._predictions) == 20
    metrics = client.get("/metrics").json
    assert "netops_outside_population_total 20.0" in metrics
    client.shut_down()
    files = pd.concat([pd.read_parquet(path) for path in (tmp_path / "pairs").glob("*.parquet")])
    assert files["device"].tolist() == 20 * ["a/1"]
    again = make_client(package, **settings)
    assert again.get("/labeled").json["outside_population"] == 20 and again.get("/drift").json["n"] == 20
    source.rows[1] = ("a/2", "yes", None)
    assert again.post("/devices/reload", {}).status == 200
    again.post("/telemetry", event("a/2", 500))
    again.post("/labels", label("a/2", 500))
    assert again.get("/drift").json["n"] == 21
    again.shut_down()


@pytest.mark.parametrize("seed", range(5))
def test_who_is_in_it_is_told_as_the_history_tells_it(serving: TelemetrySchema, seed: int) -> None:
    chance = random.Random(seed)
    rows: list[tuple[str, str | None, float | None]] = []
    for device in ("a/1", "a/2", "a/3", "a/4"):
        rows.append((device, chance.choice(["yes", "no", "1", None]), chance.choice([None, START + 5.0])))
        for number in range(chance.randrange(3)):
            says = chance.choice(["true", "no", None])
            rows.append((device, says, START + 10.0 * (number + 1)))
    given = Given(*rows)
    population = Population(serving, given)
    asked = [
        (f"a/{chance.randrange(1, 6)}", START + chance.choice([0.0, 5.0, 10.0, 19.9, 40.0]))
        for _ in range(60)
    ]
    times = pd.to_datetime([at for _, at in asked], unit="s", utc=True)
    frame = pd.DataFrame({"device": [device for device, _ in asked], "timestamp": times})
    kept = set(within_population(serving, frame, given.read()).index)
    assert [population.has(*one) for one in asked] == [place in kept for place in range(len(asked))]
