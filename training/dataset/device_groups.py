"""The group of each device: its key, a part of its key, or one of its attributes."""

from __future__ import annotations

from collections.abc import Iterable

import mlrun.feature_store as fstore

from feature_sets import devices
from feature_sets.checks import InputError
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.group_split import joined_groups


def device_groups(uri: str, schema: TelemetrySchema, column: str, keys: Iterable[str]) -> dict[str, str]:
    """Group of each device that has one.

    :param uri: feature vector of the project.
    :param column: ``device`` or an entity column, or an attribute that the schema keeps. Groups between which
        a device has moved are one.
    :param keys: the devices.
    :raises InputError: if the attribute is not kept beside the devices.
    """
    keys = sorted(set(keys))
    if column == DEVICE:
        return {key: key for key in keys}
    if column in schema.entity:
        place = schema.entity.index(column)
        return {key: key_parts(key, len(schema.entity), schema.separator)[place] for key in keys}
    project = uri.removeprefix("store://feature-vectors/").partition("/")[0]
    timeline = DeviceTimeline.of(fstore.get_feature_set(f"store://feature-sets/{project}/{devices.NAME}"))
    if timeline is None or column not in timeline.attributes:
        known = (
            [] if timeline is None else [name for name in timeline.attributes if name in schema.attributes]
        )
        rule = (
            f"must be an entity column, or an attribute of the history ({', '.join(known) or 'it has none'})"
        )
        raise InputError("split.column", rule, column)
    attributes = timeline.attributes
    return joined_groups(
        {
            str(key): [value for value in rows[column].dropna() if value]
            for key, rows in attributes[attributes[DEVICE].isin(keys)].groupby(DEVICE, sort=True)
        }
    )
