"""What is known of each device and does not change: its one-hot features, from MLRun's feature store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.telemetry.schema import DEVICE

Source = Callable[[], Mapping[str, Mapping[str, float]]]

RELOAD_SECONDS = 10.0


class StaticDevices:
    """Known devices and their features, in memory; asks the source again when an unknown device shows up.

    :param source: gives the features of all devices by device key.
    :param clock: wall clock, epoch seconds.
    :param reload_seconds: time between two questions to the source at least, so that unknown devices
        cannot keep the process busy.
    """

    def __init__(
        self, source: Source, clock: Callable[[], float], reload_seconds: float = RELOAD_SECONDS
    ) -> None:
        self._source = source
        self._clock = clock
        self._reload_seconds = reload_seconds
        self._known: dict[str, dict[str, float]] = {}
        self._load()

    def __contains__(self, device: object) -> bool:
        """Whether the device is known."""
        return device in self._known or (self._reload() and device in self._known)

    def __len__(self) -> int:
        """Number of known devices."""
        return len(self._known)

    def features(self, device: str) -> Mapping[str, float]:
        """One-hot features of a known device."""
        return self._known[device]

    @property
    def names(self) -> frozenset[str]:
        """Names of all one-hot features."""
        return frozenset(name for features in self._known.values() for name in features)

    def _reload(self) -> bool:
        if self._clock() - self._loaded_at < self._reload_seconds:
            return False
        self._load()
        return True

    def _load(self) -> None:
        self._loaded_at = self._clock()
        self._known = {device: dict(features) for device, features in self._source().items()}


def static_devices(
    devices: str | Mapping[str, Mapping[str, float]] | None, clock: Callable[[], float]
) -> StaticDevices | None:
    """Known devices from what a step argument holds.

    :param devices: ``store://`` address of the feature set, or the features themselves, or None.
    """
    if devices is None:
        return None
    if isinstance(devices, str):
        address = devices
        return StaticDevices(lambda: read_feature_set(address), clock)
    given = devices
    return StaticDevices(lambda: given, clock)


def read_feature_set(uri: str) -> dict[str, dict[str, float]]:
    """Features of all devices from the offline target of an MLRun feature set.

    :param uri: ``store://feature-sets/...``.
    """
    frame = fstore.get_feature_set(uri).to_dataframe()
    if DEVICE in frame.columns:
        frame = frame.set_index(DEVICE)
    numbers = frame.select_dtypes(include=["number", "bool"]).astype("float64")
    return features_by_device(numbers)


def features_by_device(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Rows of a numeric frame, indexed by device, as dictionaries; the last row of a device counts."""
    columns = [str(name) for name in frame.columns]
    return {
        str(device): dict(zip(columns, row, strict=True))
        for device, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    }
