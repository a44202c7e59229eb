"""Notes on scopes, of incidents or of maintenance, that name something which no device has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from feature_sets.listed import listed
from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.intervals import key_levels
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_SHOWN = 5


def note_absent_scopes(
    wanted: Mapping[str, Iterable[str]],
    schema: TelemetrySchema,
    devices: Collection[str],
    attributes: pd.DataFrame,
    report: FileReport,
) -> None:
    """Note values of scopes that no device has.

    :param wanted: column -> values that are named.
    :param devices: keys of all that are known.
    :param attributes: of all that are known, at any time.
    """
    levels: dict[str, set[str]] = {column: set() for column in schema.entity}
    for device in devices:
        for column, value in key_levels(device, schema.entity, schema.separator).items():
            levels[column].add(value)
    for column, values in wanted.items():
        if column == DEVICE:
            there = pd.Series(sorted(devices), dtype=object)
        elif column in levels:
            there = pd.Series(sorted(levels[column]), dtype=object)
        elif column in attributes and len(attributes):
            there = attributes[column].dropna().drop_duplicates()
        else:
            continue
        known = set(there.tolist())
        exact = column == DEVICE or column in levels
        absent = [
            repr(value)
            for value in dict.fromkeys(values)
            if value not in known and (exact or not rows_saying(there, value).any())
        ]
        if absent:
            shown = ", ".join(repr(value) for value in there.tolist()[:_SHOWN]) or "none"
            report.notes.append(f"{column}: no device has {listed(absent, _SHOWN)}; there are {shown}")
