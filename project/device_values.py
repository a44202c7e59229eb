"""What devices have in common with others: the levels of their entity, and their attributes."""

from __future__ import annotations

from collections.abc import Iterable

from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def device_values(devices: Iterable[str], schema: TelemetrySchema) -> dict[str, dict[str, str]]:
    """Column -> device -> its newest value, outer levels first. The innermost level is the device itself.

    An inner level is named with those around it, as its names may repeat.

    :raises InputError: see ``TelemetryHistory.of``.
    """
    levels = len(schema.entity)
    parts = {device: key_parts(device, levels, schema.separator) for device in map(str, devices)}
    found = {
        column: {device: schema.separator.join(each[: place + 1]) for device, each in parts.items()}
        for place, column in enumerate(schema.entity[:-1])
    }
    history = TelemetryHistory.of(schema) if schema.attributes else None
    attributes = history.attributes if history is not None else None
    if attributes is None:
        return found
    newest = attributes.sort_values(VALID_FROM, kind="stable").drop_duplicates(DEVICE, keep="last")
    newest = newest[newest[DEVICE].isin(parts)]
    for column in schema.attributes:
        cells = newest[column]
        known = cells.notna().to_numpy()
        found.setdefault(
            column, dict(zip(newest[DEVICE][known].tolist(), map(str, cells[known].tolist()), strict=True))
        )
    return found
