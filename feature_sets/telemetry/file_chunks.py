"""Files of telemetry in parts that take little memory, the next one read while one is worked on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.telemetry import json_files, series_files
from feature_sets.telemetry.arrow_files import (
    common,
    csv_types,
    open_csv,
    unreadable,
)
from feature_sets.telemetry.file_format import PLAIN, CsvFormat, FileFormat
from feature_sets.telemetry.text_files import refuse_nul

CHUNK_BYTES = 16 << 20
"""Of a table that is worked on at a time, about."""

_BLOCK_BYTES = 4 << 20
_CELL_BYTES = 8

T = TypeVar("T")


def file_chunks(
    path: Path,
    name: str,
    columns: Sequence[str],
    numbers: Collection[str] = (),
    form: FileFormat = PLAIN,
    wholes: Collection[str] = (),
    words: Collection[str] = (),
) -> Iterator[pa.Table]:
    """What ``read_file`` gives, in parts; at least one.

    A JSON file that is one value is read as a whole. Where a column of numbers has a cell that is none, the
    parts from there on have it as text.

    :raises TelemetryError: if the file cannot be read.
    """
    if json_files.is_json(path):
        try:
            yield from json_files.json_chunks(path, name, form, columns, _rows_of(len(columns)))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(name, error) from error
        return
    try:
        batches = (
            _parquet(path, columns)
            if path.suffix == ".parquet"
            else _series(path, name, form, columns)
            if series_files.is_series(path, name, form)
            else _csv(path, columns, numbers, form.csv_of(name), wholes, words)
        )
        yield from _joined(batches)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(name, error, path, form) from error


def _rows_of(columns: int) -> int:
    return max(1, CHUNK_BYTES // (_CELL_BYTES * max(columns, 1)))


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        none = schema.empty_table().select(list(columns))
        yield common(none)
        for batch in file.iter_batches(_rows_of(len(columns)), columns=list(columns)):
            yield common(pa.Table.from_batches([batch]).select(list(columns)))


def _series(path: Path, name: str, form: FileFormat, columns: Sequence[str]) -> Iterator[pa.Table]:
    refuse_nul(path)
    yield from series_files.series_chunks(path, name, form, columns, _rows_of(len(columns)))


def _csv(
    path: Path,
    columns: Sequence[str],
    numbers: Collection[str],
    form: CsvFormat,
    wholes: Collection[str],
    words: Collection[str],
) -> Iterator[pa.Table]:
    """Batches of a CSV file. If a cell of a column of numbers is none, it goes on with these as text."""
    refuse_nul(path)
    done = 0
    for texts in ((), numbers):
        types = csv_types(columns, numbers, [*wholes, *texts])
        before = 0
        try:
            with open_csv(path, types, form, _BLOCK_BYTES, words) as reader:
                yield reader.schema.empty_table()
                for batch in reader:
                    rows = batch.slice(min(max(done - before, 0), batch.num_rows))
                    before += batch.num_rows
                    if rows.num_rows:
                        yield pa.Table.from_batches([rows])
                        done += rows.num_rows
            return
        except pa.ArrowInvalid:
            if texts or not numbers:
                raise


def _joined(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Batches put together, as long as they are small and of the same types; at least one."""
    waiting: list[pa.Table] = []
    rows, given = 0, False
    for batch in batches:
        full = rows >= _rows_of(batch.num_columns)
        if waiting and (full or not batch.schema.equals(waiting[0].schema)):
            if rows:
                given = True
                yield pa.concat_tables(waiting)
            waiting, rows = [], 0
        waiting.append(batch)
        rows += batch.num_rows
    if rows or not given:
        yield pa.concat_tables(waiting)


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made by another thread while the one before is worked on."""
    end = object()
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        following = pool.submit(next, items, end)
        while (item := following.result()) is not end:
            following = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
