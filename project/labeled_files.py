"""The files in which an endpoint keeps its labeled pairs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.damaged_file import reading

_ADVICE = "put it back from a backup, or move it out of the folder: its pairs are then not looked at"


def newest_files(directory: Path, columns: Collection[str], most: int) -> list[Path]:
    """The newest files of a folder, newest first, until they have so many pairs; none without the folder.

    :param columns: that a file must have; those of another schema are left out.
    :param most: no more files are chosen when there are so many pairs.
    :raises OSError: if a file cannot be read.
    """
    found, pairs = [], 0
    for path in sorted(directory.glob("*.parquet"), reverse=True) if directory.is_dir() else ():
        if pairs >= most:
            break
        with reading(path, _ADVICE):
            file = pq.read_metadata(path)
        if set(columns) <= set(file.schema.to_arrow_schema().names):
            found.append(path)
            pairs += file.num_rows
    return found


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a file.

    :raises OSError: if it cannot be read; ``DamagedFileError`` names it.
    """
    with reading(path, _ADVICE):
        return list(pq.read_schema(path).names)


def read_pairs(path: Path, columns: list[str] | None = None, filters: Any = None) -> pa.Table:
    """Pairs of one file.

    :param columns: to read; None is all.
    :param filters: which pairs, as PyArrow takes them.
    :raises OSError: if it cannot be read; ``DamagedFileError`` names it.
    """
    with reading(path, _ADVICE):
        return pq.read_table(path, columns=columns, filters=filters)
