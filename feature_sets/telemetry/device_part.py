"""Names of a device in a column ``device``: its key or, if an entity column is called so, that part."""

from __future__ import annotations

from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def has_device_part(schema: TelemetrySchema) -> bool:
    """Whether an entity column is called ``device``, and is not the whole key."""
    return len(schema.entity) > 1 and DEVICE in schema.entity and bool(schema.separator)


def may_be_part(name: str, schema: TelemetrySchema) -> bool:
    """Whether a name in a column ``device`` is that part of keys: it has too few separators to be one."""
    levels = len(schema.entity)
    return has_device_part(schema) and len(key_parts(name, levels, schema.separator)) < levels


def device_part(key: str, schema: TelemetrySchema) -> str | None:
    """The part of a key whose entity column is called ``device``, unless it could be a key; else None.

    Only the last part may have the separator in it, so one that has enough of them is taken for a key. That
    depends on no other device: a name means the same in the history and live.

    >>> lab = TelemetrySchema.from_dict(
    ...     {"name": "lab", "entity": ["site", "device"], "time": "at", "metrics": {"load": {}}}
    ... )
    >>> device_part("oslo/r1", lab), device_part("oslo/r1/a", lab)
    ('r1', None)
    """
    if not has_device_part(schema):
        return None
    parts = key_parts(key, len(schema.entity), schema.separator)
    if len(parts) < len(schema.entity):
        return None
    part = parts[schema.entity.index(DEVICE)]
    return part if may_be_part(part, schema) else None


def device_names(key: str, schema: TelemetrySchema) -> tuple[str, ...]:
    """What a device is called in a column ``device``: its key, then the part of that name if there is one."""
    part = device_part(key, schema)
    return (key,) if part is None else (key, part)
