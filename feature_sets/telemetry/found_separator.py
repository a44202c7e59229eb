"""The separator of each CSV file, found by its header where the schema names none but the usual comma."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from feature_sets.telemetry.file_format import PLAIN, TABLES, FileFormat
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.series_files import is_series
from feature_sets.telemetry.text_files import SEPARATORS, header_of, is_csv


def form_of_file(path: Path, name: str, schema: TelemetrySchema) -> FileFormat:
    """The form of the files with the separator that one of them has.

    It is the separator by which the header has the most columns of the schema; a comma where several have.
    So nothing is guessed: a header without a column of the schema is refused when its columns are asked for.

    :param name: of the file in the folder.
    """
    form = schema.files
    if not is_csv(path) or is_series(path, name, form) or form.csv_of(name).separator != PLAIN.separator:
        return form
    try:
        header = header_of(path).text
        known = _known(schema)
        found = {one: len(known & _columns(header, one, schema)) for one in SEPARATORS}
    except (pa.ArrowException, OSError, ValueError, csv.Error):
        return form  # The reader of its rows tells why it cannot be read.
    most = max(found.values())
    best = [one for one, count in found.items() if count == most]
    return form if len(best) > 1 or best[0] == PLAIN.separator else with_separator(form, name, best[0])


def with_separator(form: FileFormat, name: str, separator: str) -> FileFormat:
    """The form with another separator of the table that a file is of.

    :param name: of the file in the folder.
    """
    each = {table: form.csv_of_table(table).separator for table in TABLES}
    return replace(form, separator={**each, form.table_of(name): separator})


def _columns(header: str, separator: str, schema: TelemetrySchema) -> set[str]:
    cells = next(csv.reader([header], delimiter=separator), [])
    return {schema.rename.get(cell, cell) for cell in cells}


def _known(schema: TelemetrySchema) -> set[str]:
    """Columns that files may have, by their names in the schema."""
    names = {DEVICE, *schema.entity, schema.time, schema.label, *schema.sent_fields, *schema.attributes}
    names |= {*schema.exclude_labels, *schema.rename.values(), schema.labels.start, schema.labels.end}
    if schema.files.is_long:
        names |= {schema.files.metric, schema.files.value}
    if schema.maintenance is not None:
        names |= {schema.maintenance.start, schema.maintenance.end}
    if schema.topology is not None:
        names |= {*schema.topology.ends}
    return names
