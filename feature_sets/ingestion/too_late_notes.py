"""How many readings of a folder an ingestion would leave out because of their arrival."""

from __future__ import annotations

import numpy as np

from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.readings import Readings
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.reach import reach

_ROWS = 1 << 18
"""Readings that are looked at in one piece."""


def too_late_note(readings: Readings, schema: TelemetrySchema) -> str:
    """A sentence about readings that came too late for any window; empty without one, or an arrival.

    :param readings: of a whole folder.
    """
    if schema.arrival is None or not len(readings):
        return ""
    definition = WindowDefinition.from_schema(schema)
    numbers: dict[str | int, int] = {}
    parts = []
    for chunk in readings.chunks(_ROWS):
        codes = np.array([numbers.setdefault(key, len(numbers)) for key in chunk.keys], dtype=np.int64)
        arrivals = column_micros(chunk.frame[schema.arrival])
        # What arrived before its own time is left out for another reason.
        kept = chunk.micros - arrivals <= definition.tolerance_micros
        parts.append(np.stack([codes[chunk.codes], chunk.micros, arrivals])[:, kept])
    devices, micros, arrivals = np.concatenate(parts, axis=1)
    order = np.lexsort((micros, arrivals, devices))
    buckets = micros[order] // definition.period_micros
    nothing = np.zeros(len(order), dtype=np.bool_)
    lateness = definition.lateness_buckets
    found = reach(devices[order], buckets, nothing, definition.longest_buckets, lateness)
    count = int(np.count_nonzero(found.too_late))
    if not count:
        return ""
    return (
        f"{count:,} of {len(readings):,} readings would be left out: by {schema.arrival} they arrived "
        "too late, when their device was the allowed lateness ahead already."
    )
