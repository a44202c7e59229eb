"""How the CSV files of a folder seem to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from feature_sets.telemetry.arrow_files import first_rows, separator_of
from feature_sets.telemetry.cell_numbers import numbers_of
from feature_sets.telemetry.file_format import PLAIN, FileFormat

_ROWS = 1000


def likely_format(folder: Path, files: Mapping[str, Sequence[Path]]) -> FileFormat:
    """Separator and decimal sign of the CSV files, from the first lines of the first file of each table.

    :raises TelemetryError: if a file cannot be read.
    """
    found = PLAIN
    for paths in files.values():
        if not paths or paths[0].suffix == ".parquet":
            continue
        name = str(paths[0].relative_to(folder))
        separator = separator_of(paths[0], name)
        if separator == ",":
            continue
        found = FileFormat(separator, found.decimal)
        head, _ = first_rows(paths[0], name, _ROWS, found)
        for column in head.column_names:
            with_point, with_comma = (numbers_of(head[column], decimal) for decimal in (".", ","))
            fits = not with_comma.refused.any() and not np.isnan(with_comma.values).all()
            if with_point.refused.any() and fits:
                return FileFormat(separator, ",")
    return found
