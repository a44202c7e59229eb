"""Notes on scopes, of incidents or of maintenance, that name something which no device has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from feature_sets.listed import listed
from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.device_part import device_names
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.intervals import key_levels
from feature_sets.telemetry.listed_devices import lists_of, warn_of_lists
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_SHOWN = 5


def note_absent_scopes(
    wanted: Mapping[str, Iterable[str]],
    schema: TelemetrySchema,
    devices: Collection[str],
    attributes: pd.DataFrame,
    report: FileReport,
) -> set[tuple[str, str]]:
    """Note values of scopes that no device has, and give them with their columns.

    :param wanted: column -> values that are named.
    :param devices: keys of all that are known.
    :param attributes: of all that are known, at any time.
    """
    nowhere: set[tuple[str, str]] = set()
    levels: dict[str, set[str]] = {column: set() for column in schema.entity}
    for device in devices:
        for column, value in key_levels(device, schema.entity, schema.separator).items():
            levels[column].add(value)
    for column, values in wanted.items():
        if column == DEVICE:
            named = {name for device in devices for name in device_names(device, schema)}
            there = pd.Series([*sorted(devices), *sorted(named.difference(devices))], dtype=object)
        elif column in levels:
            there = pd.Series(sorted(levels[column]), dtype=object)
        elif column in attributes and len(attributes):
            there = attributes[column].dropna().drop_duplicates()
        else:
            continue
        known = set(there.tolist())
        exact = column == DEVICE or column in levels
        absent = [
            value
            for value in dict.fromkeys(values)
            if value not in known and (exact or not rows_saying(there, value).any())
        ]
        if absent:
            shown = ", ".join(repr(value) for value in there.tolist()[:_SHOWN]) or "none"
            what = listed([repr(value) for value in absent], _SHOWN)
            own = _columns_with(absent, levels, attributes)
            report.notes.append(f"{column}: no device has {what}; there are {shown}{own}")
            nowhere |= {(column, value) for value in absent}
            warn_of_lists(report, column, lists_of(absent, known, schema.separator))
    return nowhere


def _columns_with(values: Collection[str], levels: Mapping[str, set[str]], attributes: pd.DataFrame) -> str:
    """Say which columns of the devices have values that another column has none of; empty without any."""
    known = {**levels, **{str(name): set(attributes[name].dropna()) for name in attributes}}
    found = {name: [value for value in values if value in there] for name, there in known.items()}
    told = [
        f"{listed([repr(value) for value in here], _SHOWN)} of {name}" for name, here in found.items() if here
    ]
    return f"; {' and '.join(told)} must be in a column of that name" if told else ""


def warn_of_nobody(report: FileReport, what: str, count: int) -> None:
    """Warn that no row of a table names a device that is known.

    :param what: the rows are, such as ``incidents``.
    :param count: of the rows.
    """
    report.warnings.append(
        f"none of the {count:,} {what} names a device that is known, so they change no label; "
        "'netops check' with --schema says what was named"
    )
