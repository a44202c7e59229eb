"""The group of a device, by which drift is told apart: its key, a part of it, or a static column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feature_sets.checks import check_choice
from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def check_group_column(column: str, schema: TelemetrySchema, where: str) -> str:
    """Raise InputError unless an endpoint knows this column of each device."""
    return check_choice(where, column, (DEVICE, *schema.entity, *schema.static))


def device_group(column: str, schema: TelemetrySchema, device: str, features: Mapping[str, Any]) -> str:
    """Group that a device is in; empty if that is not known.

    :param column: see ``check_group_column``; a static one gives the name of the value, as features have it.
    :param device: its key.
    :param features: its one-hot features; none if it is not registered.
    """
    if column == DEVICE:
        return device
    if column in schema.entity:
        parts = key_parts(device, len(schema.entity), schema.separator)
        place = schema.entity.index(column)
        return parts[place] if len(parts) > place else ""
    prefix = f"{column}_"
    # such as site and site_type, where a feature of the second begins as one of the first does
    longer = tuple(f"{other}_" for other in schema.static if other.startswith(prefix))
    for name, value in features.items():
        if value and name.startswith(prefix) and not name.startswith(longer):
            return name.removeprefix(prefix)
    return ""
