"""Chunks of rows as the files of a Parquet data set, one a chunk."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.checks import InputError

_PART = re.compile(r"part-(\d{5,})\.(?:parquet|unfinished)")


class ParquetChunks:
    """Writer for ``backfill_chunks``: ``part-00000.parquet`` and so on, each complete or not there.

    A part is on the disk, name and content, before the next call: a progress file that is written after it
    never names one that a crash of the machine took.

    :param folder: made if it is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._chunk = 0

    def seek(self, chunk: int) -> None:
        """Go to before a chunk; it and those after it are deleted.

        :raises InputError: if a chunk before it is not there; nothing is deleted then.
        """
        for number in range(chunk):
            if not self._part(number).is_file():
                rule = f"must follow {chunk} parts that are in {self._folder}"
                raise InputError(f"seek({chunk})", rule, f"none named {self._part(number).name}")
        for path in self._folder.iterdir():
            named = _PART.fullmatch(path.name)
            if named and int(named[1]) >= chunk:
                path.unlink()
        self._chunk = chunk

    def __call__(self, rows: pd.DataFrame) -> None:
        """Write the rows of the next chunk."""
        path = self._part(self._chunk)
        unfinished = path.with_suffix(".unfinished")
        pq.write_table(_table(rows), unfinished)
        _sync(unfinished)
        unfinished.replace(path)
        _sync(self._folder)
        self._chunk += 1

    def _part(self, number: int) -> Path:
        return self._folder / f"part-{number:05}.parquet"


def _table(rows: pd.DataFrame) -> pa.Table:
    """The rows for Arrow. A column without any value is text.

    Else it would have Arrow's null type, as the status in a chunk without rows, and readers, which take the
    types of the first part, could not read the others.
    """
    table = pa.Table.from_pandas(rows, preserve_index=False)
    nulls = [at for at, field in enumerate(table.schema) if pa.types.is_null(field.type)]
    if not nulls:
        return table
    schema = table.schema.remove_metadata()
    for at in nulls:
        schema = schema.set(at, schema.field(at).with_type(pa.string()))
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False)


def _sync(path: Path) -> None:
    """Have the disk hold a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
