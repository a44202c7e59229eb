"""Reads the static feature set of devices from MLRun's feature store: all offline, one online.

Beside the newest features of each device it has those that held before, and when devices were retired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple

import mlrun
import mlrun.errors
import mlrun.feature_store as fstore
import pandas as pd
import redis

from feature_sets.checks import InputError
from feature_sets.ingestion.device_states import RETIRED
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.online_store.errors import OnlineStoreError
from feature_sets.online_store.features import OnlineFeatures
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.errors import ApiError
from graphs.state.moving_feature_set import MovingFeatureSet

Features = Mapping[str, float]
_READ_SECONDS = 10.0
"""So long it is taken for granted where the online target is: to ask costs far more than to read."""


class DevicePast(NamedTuple):
    """What of a device is not the same at all times.

    :param features: from when each holds, epoch seconds, ascending; the first holds from the beginning.
    :param retired: from when it is retired, or no longer is, ascending.
    """

    features: tuple[tuple[float, Features], ...] = ()
    retired: tuple[tuple[float, bool], ...] = ()


class DeviceStore:
    """A feature set whose entity is the device and whose features are numbers.

    :param uri: ``store://feature-sets/...``.
    """

    def __init__(self, uri: str, clock: Callable[[], float] = monotonic) -> None:
        self._feature_set = MovingFeatureSet(uri)
        self._clock = clock
        self._online: tuple[float, OnlineFeatures] | None = None

    def refresh(self) -> None:
        """Look again where the devices are."""
        self._feature_set.refresh()
        self._forget_online()

    def past(self) -> dict[str, DevicePast]:
        """Devices that had other features before, or were retired; none if the ingestion kept no times.

        :raises ApiError: 503 if they cannot be read.
        """
        timeline = self._feature_set.read(DeviceTimeline.of)
        if timeline is None:
            return {}
        rows = timeline.features
        changed = rows[rows[DEVICE].duplicated(keep=False)]
        names = [name for name in rows.columns if name not in (DEVICE, VALID_FROM)]
        features: dict[str, list[tuple[float, Features]]] = {}
        for device, time, values in zip(
            changed[DEVICE], changed[VALID_FROM], changed[names].to_numpy("float64").tolist(), strict=True
        ):
            features.setdefault(device, []).append((time.timestamp(), dict(zip(names, values, strict=True))))
        retired: dict[str, list[tuple[float, bool]]] = {}
        for device, time, is_retired in timeline.states[[DEVICE, VALID_FROM, RETIRED]].itertuples(
            index=False
        ):
            retired.setdefault(device, []).append((time.timestamp(), bool(is_retired)))
        return {
            device: DevicePast(tuple(features.get(device, ())), tuple(retired.get(device, ())))
            for device in {**features, **retired}
        }

    def all(self) -> dict[str, Features]:
        """Features of all devices, from the offline target.

        :raises ApiError: 503 if they cannot be read.
        """
        frame = self._feature_set.read(
            lambda known: known.to_dataframe() if _has_features(known) else _names(known)
        )
        if DEVICE in frame.columns:
            frame = frame.set_index(DEVICE)
        return features_by_device(frame.select_dtypes(include=["number", "bool"]).astype("float64"))

    def one(self, device: str) -> Features | None:
        """Features of one device, from the online target; None if it is not there.

        :raises ApiError: 503 if the store is away.
        """
        if not _has_features(self._feature_set.known):
            return self.all().get(device)
        try:
            row = self._read(device)
        except (redis.RedisError, OnlineStoreError, mlrun.errors.MLRunBaseError, OSError) as error:
            self._forget_online()
            rule = f"must be in the feature store, which does not answer ({type(error).__name__})"
            raise ApiError(503, DEVICE, rule, device) from error
        return None if row is None else numbers(row)

    def _read(self, device: str) -> Mapping[str, Any] | None:
        """Newest row of a device: from Redis with a command, else by MLRun's own service.

        That takes 100 ms: it is made for one question, so that its threads do not outlive it.
        """
        now = self._clock()
        if self._online is None or not 0 <= now - self._online[0] < _READ_SECONDS:
            self._forget_online()
            of = self._feature_set.known.metadata
            vector = fstore.FeatureVector(f"{of.name}-online", [f"{of.project}/{of.name}.*"])
            try:
                self._online = now, OnlineFeatures(vector)
            except InputError:  # It is in no Redis.
                service = vector.get_online_feature_service()
                try:
                    (row,) = service.get([{DEVICE: device}])
                finally:
                    service.close()
                found: Mapping[str, Any] | None = row
                return found
        (newest,) = self._online[1].get([device])
        return None if newest.status == "missing" else newest.features

    def _forget_online(self) -> None:
        if self._online is not None:
            self._online[1].close()
            self._online = None


def _has_features(feature_set: Any) -> bool:
    return any(name != DEVICE for name in feature_set.spec.features.keys())  # noqa: SIM118


def _names(feature_set: Any) -> pd.DataFrame:
    """Devices of a schema without static columns, as the index.

    pandas fails on a file of nothing but an index in folders that are columns, unless told what to read.
    """
    stored = mlrun.get_dataitem(feature_set.get_target_path())
    frame: pd.DataFrame = stored.as_df(columns=[DEVICE], format="parquet")
    return frame


def features_by_device(frame: pd.DataFrame) -> dict[str, Features]:
    """Rows of a numeric frame, indexed by device, as dictionaries; the last row of a device counts."""
    columns = [str(name) for name in frame.columns]
    return {
        str(device): dict(zip(columns, row, strict=True))
        for device, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    }


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numeric features of a row; what is missing is left out, and imputed by the model."""
    return {
        name: float(value)
        for name, value in row.items()
        if name != DEVICE and isinstance(value, int | float) and value == value
    }
