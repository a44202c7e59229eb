"""The histories of the three feature sets of telemetry, as the newest ingestion left them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from feature_sets import device_labels, device_metrics, devices
from feature_sets.ingestion.device_history import stored_attributes
from feature_sets.ingestion.history.stored_history import StoredHistory, column_of_micros
from feature_sets.ingestion.maintenance_history import SCOPES
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


@dataclass(frozen=True)
class TelemetryHistory:
    """What there is of each table; None of one that was never ingested.

    :param metrics: readings with their windows.
    :param labels: labels with what is predicted.
    :param static: devices.
    """

    metrics: StoredHistory | None
    labels: StoredHistory | None
    static: StoredHistory | None

    @classmethod
    def of(cls, schema: TelemetrySchema) -> TelemetryHistory | None:
        """The history in the current project; None if nothing was ever ingested.

        :raises InputError: if a feature set was ingested in a way that rows cannot be added to.
        """
        found = cls(
            metrics=StoredHistory.of(device_metrics.device_metrics(schema)),
            labels=StoredHistory.of(device_labels.device_labels(schema)),
            static=StoredHistory.of(devices.devices(schema, pd.DataFrame(columns=[DEVICE, *schema.static]))),
        )
        return found if any((found.metrics, found.labels, found.static)) else None

    def table(self, name: str) -> StoredHistory | None:
        """History of a table: ``metrics``, ``labels`` or ``static``."""
        found: StoredHistory | None = getattr(self, name)
        return found

    @property
    def sources(self) -> dict[str, Mapping[str, Any]]:
        """What was read, by source; of a source that is in several tables that of the first."""
        merged: dict[str, Mapping[str, Any]] = {}
        for history in (self.metrics, self.labels, self.static):
            if history is not None:
                merged = {**history.manifest.sources, **merged}
        merged.pop(SCOPES, None)
        return merged

    def read(self, table: str, source: str) -> Mapping[str, Any]:
        """What was read of a source into a table; empty if nothing."""
        history = self.table(table)
        found: Mapping[str, Any] = history.manifest.sources.get(source, {}) if history else {}
        return found

    @cached_property
    def attributes(self) -> pd.DataFrame | None:
        """Attributes of the devices, see ``stored_attributes``; None without devices."""
        return stored_attributes(self.static) if self.static else None

    @property
    def device_keys(self) -> frozenset[str]:
        """Keys of the devices that are known."""
        return frozenset() if self.attributes is None else frozenset(self.attributes[DEVICE])

    @property
    def last(self) -> pd.Timestamp | None:
        """Latest event time of the readings."""
        last = self.metrics.manifest.last if self.metrics else None
        return None if last is None else pd.Timestamp(last, unit="us", tz="UTC")

    @cached_property
    def seen(self) -> pd.DataFrame:
        """Time of the first and of the newest reading of each device, by its key: ``first`` and ``last``."""
        frames, metrics = [], self.metrics
        if metrics is not None:
            entity, time = metrics.record.spec.entities[0].name, metrics.record.spec.timestamp_key
            for file in metrics.manifest.files:
                table = metrics.folder.read(file.path, [time, entity])
                micros = pd.Series(column_of_micros(table[time])).groupby(table[entity].to_pandas())
                frames.append(micros.agg(first="min", last="max"))
        if not frames:
            return pd.DataFrame({"first": [], "last": []}, dtype="datetime64[us, UTC]")
        both = pd.concat(frames).groupby(level=0).agg({"first": "min", "last": "max"})
        return pd.DataFrame({name: pd.to_datetime(both[name], unit="us", utc=True) for name in both})

    @property
    def last_seen(self) -> pd.Series:
        """Time of the newest reading of each device, by its key."""
        return self.seen["last"]
