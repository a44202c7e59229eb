"""Which devices the model is made for: those of the schema's population, as the history has them."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import from_beginning
from graphs.state.moving_feature_set import MovingFeatureSet, stored_attributes_of


class AttributeSource(Protocol):
    """What is known of the devices."""

    def read(self) -> pd.DataFrame | None:
        """Their attributes with ``valid_from``; None without any.

        :raises ApiError: 503 if they cannot be read.
        """


class StoredAttributes:
    """Attributes of a project's devices, beside their history.

    :param devices: ``store://feature-sets/...`` of the devices.
    """

    def __init__(self, devices: str) -> None:
        self._devices = MovingFeatureSet(devices)

    def read(self) -> pd.DataFrame | None:
        """What the newest ingestion left."""
        self._devices.refresh()
        return self._devices.read(stored_attributes_of)


class Population:
    """Tells whether a device is in it at a time, by the rule of ``within_population``.

    What decides are columns of the static file, with what held at the time of the event. So a device that is
    not in that file is outside, as its labels are in the history.

    :param schema: with a ``population``.
    :param source: of the attributes of devices.
    """

    def __init__(self, schema: TelemetrySchema, source: AttributeSource) -> None:
        self._schema, self._source = schema, source
        self._since: dict[str, tuple[list[int], list[bool]]] = {}
        self.reload()

    def reload(self) -> None:
        """Read again what is known of the devices.

        :raises ApiError: 503 if it cannot be read; what is known stays.
        """
        known = self._source.read()
        found: dict[str, tuple[list[int], list[bool]]] = {}
        if known is not None:
            ordered = from_beginning(known)
            is_in = np.ones(len(ordered), dtype=np.bool_)
            for column, value in self._schema.population.items():
                is_in &= rows_saying(ordered[column], value)
            since = column_micros(ordered[VALID_FROM]).tolist()
            for device, at, says in zip(ordered[DEVICE].tolist(), since, is_in.tolist(), strict=True):
                times, values = found.setdefault(device, ([], []))
                times.append(at)
                values.append(says)
        self._since = found

    def has(self, device: str, time: float) -> bool:
        """Whether a device is in it.

        :param time: of an event, epoch seconds.
        """
        known = self._since.get(device)
        if known is None:
            return False
        times, values = known
        at = bisect_right(times, event_micros(time)) - 1
        return at >= 0 and values[at]
