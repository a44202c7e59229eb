"""The files in which an endpoint keeps its labeled pairs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq


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
        file = pq.read_metadata(path)
        if set(columns) <= set(file.schema.to_arrow_schema().names):
            found.append(path)
            pairs += file.num_rows
    return found
