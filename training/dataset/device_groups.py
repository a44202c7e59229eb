"""The group of each device: its key, a part of its key, or one of its attributes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import mlrun.feature_store as fstore

from feature_sets import devices
from feature_sets.checks import InputError, check_choice
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.group_split import joined_groups
from training.dataset.split import Split


def score_groups(uri: str, schema: TelemetrySchema, column: str, split: Split) -> dict[str, str]:
    """Group of each device, by which scores are told.

    :param column: see ``device_groups``; empty for that of the split, and for none if it has none.
    :returns: none where there are no labels, and so no scores.
    :raises InputError: unless the schema keeps the column.
    """
    if column:
        check_choice("argument 'scores_by'", column, schema.group_columns)
    if split.unlabeled:
        return {}
    column = column or split.rule.group_column
    keys = [*split.train[DEVICE].unique(), *split.test[DEVICE].unique()]
    named = split.rule.test if column == split.rule.group_column else ()
    return device_groups(uri, schema, column, keys, named) if column else {}


def device_groups(
    uri: str, schema: TelemetrySchema, column: str, keys: Iterable[str], named: Collection[str] = ()
) -> dict[str, str]:
    """Group of each device that has one.

    :param uri: feature vector of the project.
    :param column: ``device`` or an entity column, or an attribute that the schema keeps. Groups between which
        a device has moved are one.
    :param keys: the devices.
    :param named: groups that the split names; those that are one with another keep their name.
    :raises InputError: unless the attribute is kept beside the devices.
    """
    keys = sorted(set(keys))
    if column == DEVICE:
        return {key: key for key in keys}
    if column in schema.entity:
        place = schema.entity.index(column)
        parts = {key: key_parts(key, len(schema.entity), schema.separator) for key in keys}
        return {key: found[place] for key, found in parts.items() if len(found) > place}
    project = uri.removeprefix("store://feature-vectors/").partition("/")[0]
    timeline = DeviceTimeline.of(fstore.get_feature_set(f"store://feature-sets/{project}/{devices.NAME}"))
    if timeline is None or column not in timeline.attributes:
        known = (
            [] if timeline is None else [name for name in schema.attributes if name in timeline.attributes]
        )
        rule = f"must be by an entity column or an attribute of the history ({', '.join(known) or 'none'})"
        raise InputError("groups", rule, column)
    attributes = timeline.attributes
    return joined_groups(
        {
            str(key): [value for value in rows[column].dropna() if value]
            for key, rows in attributes[attributes[DEVICE].isin(keys)].groupby(DEVICE, sort=True)
        },
        named,
    )
