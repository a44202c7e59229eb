"""Reading devices from MLRun's feature store, with the store's answers given by the test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd
import pytest
import redis

from feature_sets.checks import InputError
from feature_sets.online_store.errors import OnlineStoreError
from graphs.protocol.errors import ApiError
from graphs.state import device_store
from graphs.state.device_store import DeviceStore, features_by_device


class FeatureSet:
    def __init__(self, frame: pd.DataFrame | Path, features: dict[str, Any]) -> None:
        self.frame = frame
        self.spec = SimpleNamespace(features=features)
        self.metadata = SimpleNamespace(name="devices", project="tests")

    def to_dataframe(self) -> pd.DataFrame:
        return pd.read_parquet(self.frame) if isinstance(self.frame, Path) else self.frame

    def get_target_path(self) -> str:
        return f"{self.frame}/"


class Service:
    """MLRun's online service: one answer a row, None for an unknown key."""

    rows: dict[str, dict[str, Any]]
    error: Exception | None = None
    closed = 0

    def get(self, keys: list[dict[str, str]]) -> list[dict[str, Any] | None]:
        if self.error:
            raise self.error
        return [self.rows.get(key["device"]) for key in keys]

    def close(self) -> None:
        self.closed += 1


def store(
    monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame | Path, features: tuple[str, ...]
) -> DeviceStore:
    found = FeatureSet(frame, dict.fromkeys(features))
    monkeypatch.setattr(fstore, "get_feature_set", lambda uri: found)
    return DeviceStore("store://feature-sets/tests/devices")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    made.rows = {
        "a": {"device": "a", "model_x": 1, "country_y": None, "weight": float("nan"), "note": "text"}
    }

    class Vector:
        def __init__(self, name: str, features: list[str]) -> None:
            assert features == ["tests/devices.*"]

        def get_online_feature_service(self) -> Service:
            return made

    def in_no_redis(vector: Vector) -> None:
        raise InputError("feature vector", "must have an ingested Redis target", "nosql")

    monkeypatch.setattr(fstore, "FeatureVector", Vector)
    monkeypatch.setattr(device_store, "OnlineFeatures", in_no_redis)
    return made


class Reader:
    """What reads Redis; it counts how often one is made and closed."""

    made = closed = 0
    error: Exception | None = None

    def __init__(self, vector: Any) -> None:
        type(self).made += 1

    def get(self, devices: list[str]) -> list[Any]:
        if self.error:
            raise self.error
        found = {"a": {"model_x": 1.0, "weight": None}}
        return [
            SimpleNamespace(status="fresh" if name in found else "missing", features=found.get(name, {}))
            for name in devices
        ]

    def close(self) -> None:
        type(self).closed += 1


def test_many_devices_are_looked_up_with_one_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = type("ReaderOfTest", (Reader,), {})
    monkeypatch.setattr(device_store, "OnlineFeatures", reader)
    monkeypatch.setattr(fstore, "FeatureVector", lambda *_: None)
    devices, now = store(monkeypatch, pd.DataFrame(), ("model_x",)), [0.0]
    devices._clock = lambda: now[0]
    assert [devices.one(name) for name in ("a", *"bcdefgh")] == [{"model_x": 1.0}, *[None] * 7]
    assert (reader.made, reader.closed) == (1, 0)
    now[0] = 10.0
    assert devices.one("a") and (reader.made, reader.closed) == (2, 1)
    devices.refresh()
    assert devices.one("a") and (reader.made, reader.closed) == (3, 2)
    reader.error = OnlineStoreError("the online store must answer")
    with pytest.raises(ApiError, match="must be in the feature store, which does not answer"):
        devices.one("a")
    reader.error = None
    assert devices.one("a") and (reader.made, reader.closed) == (4, 3)


def test_all_devices_come_from_the_offline_target(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"device": ["a", "b"], "model_x": [1, 0], "note": ["text", "text"]})
    expected = {"a": {"model_x": 1.0}, "b": {"model_x": 0.0}}
    assert store(monkeypatch, frame, ("model_x",)).all() == expected
    assert store(monkeypatch, frame.set_index("device"), ("model_x",)).all() == expected


def test_one_device_comes_from_the_online_target_without_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    devices = store(monkeypatch, pd.DataFrame(), ("model_x",))
    assert devices.one("a") == {"model_x": 1.0}
    assert devices.one("nobody") is None
    assert service.closed == 2


def test_a_store_that_is_away_is_a_503(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    service.error = redis.ConnectionError("refused")
    with pytest.raises(
        ApiError, match="device: must be in the feature store, which does not answer"
    ) as raised:
        store(monkeypatch, pd.DataFrame(), ("model_x",)).one("a")
    assert raised.value.status == 503
    assert service.closed == 1


def test_devices_without_features_are_known_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As MLRun writes it: nothing but an index, in folders that pandas reads as columns.
    folder = tmp_path / "year=2026" / "month=11"
    folder.mkdir(parents=True)
    pd.DataFrame(index=pd.Index(["a"], name="device")).to_parquet(folder / "devices.parquet")
    devices = store(monkeypatch, tmp_path, ("device",))
    assert devices.all() == {"a": {}}
    assert devices.one("a") == {} and devices.one("b") is None


def test_devices_that_got_features_since_are_read_with_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    devices = store(monkeypatch, tmp_path / "gone", ("device",))
    frame = pd.DataFrame({"device": ["a"], "model_x": [1]})
    now = FeatureSet(frame, dict.fromkeys(("device", "model_x")))
    monkeypatch.setattr(fstore, "get_feature_set", lambda uri: now)
    assert devices.all() == {"a": {"model_x": 1.0}}


def test_the_last_row_of_a_device_counts() -> None:
    frame = pd.DataFrame({"x": [1.0, 0.0, 0.5]}, index=["a", "b", "a"])
    assert features_by_device(frame) == {"a": {"x": 0.5}, "b": {"x": 0.0}}
