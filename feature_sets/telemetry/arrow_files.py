"""Files as Arrow tables, in which nothing was guessed: what a CSV or JSON file holds stays text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from feature_sets.checks import InputError
from feature_sets.telemetry import json_files, series_files
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.file_format import PLAIN, CsvFormat, FileFormat
from feature_sets.telemetry.path_pattern import path_parts, path_values
from feature_sets.telemetry.text_files import (
    SEPARATORS,
    header_of,
    is_csv,
    refuse_nul,
    refuse_other_lengths,
    text_source,
)

SUFFIXES = (".parquet", ".csv", ".csv.gz", *json_files.SUFFIXES)
"""Ends of the names of files that are read."""

NULL_WORDS = (
    *("", "nan", "-nan", "null", "none", "nil", "na", "n/a", "n.a.", "-", "--", "---"),
    *("#n/a", "#na", "<na>", "<null>", "(null)", "\\n"),
)
"""Words, in lower case, that mean a missing value where a number or a time that may be absent is read."""

_TEXT = pa.dictionary(pa.int32(), pa.string())
_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
_BLOCK_BYTES = 1 << 20
_SHOWN = 100
_ALL = 1 << 62


def is_table_file(path: Path) -> bool:
    """Whether the name is that of a file that can be read; hidden files are not."""
    return path.name.endswith(SUFFIXES) and path.name[0] not in "._"


def partition_values(path: Path, folder: Path, form: FileFormat = PLAIN) -> dict[str, str]:
    """Columns that the path of a file gives it: as Hive writes them, ``day=2/0.parquet``, or by a pattern."""
    parts = path.relative_to(folder).parts
    given = [part.partition("=") for part in parts[:-1]]
    values = {name: value for name, equals, value in given if equals and name}
    if form.path and len(parts) > 1:
        values |= path_values(path_parts(parts), form.path)
    return values


def file_columns(path: Path, name: str, form: FileFormat = PLAIN, *, keep: bool = True) -> list[str]:
    """Names of the columns of a file.

    :param name: what an error calls the file.
    :param form: of a CSV or JSON file.
    :param keep: whether its rows will be asked for next, see ``json_columns``.
    :raises TelemetryError: if it cannot be read, or a name occurs twice.
    """
    try:
        if path.suffix == ".parquet":
            columns = list(pq.read_schema(path).names)
        elif json_files.is_json(path):
            columns = json_files.json_columns(path, name, form, keep=keep)
        elif series_files.is_series(path, name, form):
            columns = series_files.series_columns(path, name, form)
        else:
            columns = _csv_columns(path, form.csv_of(name))
    except (pa.ArrowException, OSError, ValueError) as error:
        check_separator(path, name, form)
        raise unreadable(name, error, path, form) from error
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise TelemetryError(name, "must have columns of different names", twice)
    return columns


def read_file(
    path: Path,
    name: str,
    columns: Sequence[str],
    numbers: Collection[str] = (),
    form: FileFormat = PLAIN,
    wholes: Collection[str] = (),
    words: Collection[str] = (),
) -> pa.Table:
    """These columns of a file. Those of CSV and JSON are text, but for numbers in CSV if all cells are.

    :param name: what an error calls the file.
    :param columns: which; all must be there.
    :param numbers: those of them that should be numbers.
    :param form: of a CSV file.
    :param wholes: those that should be whole numbers, which stay text: few of them occur twice.
    :param words: further ones than ``NULL_WORDS`` that mean no number.
    :raises TelemetryError: if it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return common(pq.ParquetFile(path).read(columns=list(columns)).select(list(columns)))
        if json_files.is_json(path):
            return json_files.json_table(path, name, form).select(list(columns))
        refuse_nul(path)
        if series_files.is_series(path, name, form):
            return joined_parts(series_files.series_chunks(path, name, form, columns, _ALL))
        csv = form.csv_of(name)
        try:
            return _read_csv(path, csv_types(columns, numbers, wholes), csv, words)
        except pa.ArrowInvalid:
            if not numbers:
                raise
            # Some cell is no number; as text it can be said which.
            return _read_csv(path, csv_types(columns, numbers, [*wholes, *numbers]), csv, words)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(name, error, path, form) from error


def first_rows(
    path: Path, name: str, rows: int, form: FileFormat = PLAIN, all_bytes: bool = True
) -> tuple[pa.Table, int | None]:
    """The first rows of a file, all columns, and how many rows it has; None if nobody counted them.

    :param all_bytes: whether a CSV file is refused for a NUL that is anywhere in it.
    :raises TelemetryError: if it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            file = pq.ParquetFile(path)
            head = _head(file.schema_arrow, file.iter_batches(min(rows, 1 << 16)), rows)
            return common(head), file.metadata.num_rows
        if json_files.is_json(path):
            names = json_files.json_columns(path, name, form)
            parts = json_files.json_chunks(path, name, form, names, rows)
            head = next(parts)
            return head, None if next(parts, None) is not None else head.num_rows
        if all_bytes:
            refuse_nul(path)
        if series_files.is_series(path, name, form):
            names = series_files.series_columns(path, name, form)
            found, count = [], 0
            for part in series_files.series_chunks(path, name, form, names, rows + 1):
                found.append(part)
                count += part.num_rows
                if count > rows:
                    break
            head = joined_parts(iter(found))
            return head.slice(0, rows), None if count > rows else count
        csv = form.csv_of(name)
        types = {column: pa.string() for column in _csv_columns(path, csv)}
        with open_csv(path, types, csv) as reader:
            head = _head(reader.schema, reader, rows + 1)
            return head.slice(0, rows), None if head.num_rows > rows else head.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(name, error, path, form) from error


def separator_of(path: Path, name: str) -> str:
    """The separator that the header of a CSV file has most of; a comma if it has none.

    :raises TelemetryError: if it cannot be read.
    """
    return max(SEPARATORS, key=_first_line(path, name).count)


def check_separator(path: Path, name: str, form: FileFormat) -> None:
    """Raise TelemetryError if the header of a CSV file has less of its separator than of another one.

    :param name: of the file in the folder.
    """
    if not is_csv(path) or series_files.is_series(path, name, form):
        return
    given, line = form.csv_of(name).separator, _first_line(path, name)
    found = max(SEPARATORS, key=line.count)
    if line.count(found) > line.count(given):
        rule = (
            f"must have {given!r} between its cells, as files.separator in the schema says; it seems to have "
            f"{found!r}, which files.separator can say of one table or of all"
        )
        raise TelemetryError(name, rule, line[:_SHOWN])


def _first_line(path: Path, name: str) -> str:
    """The header of a file.

    :raises TelemetryError: if it cannot be read.
    """
    try:
        return header_of(path).text
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(name, error) from error


def joined_parts(parts: Iterator[pa.Table]) -> pa.Table:
    """Parts of a file as one table, plain text."""
    return pa.concat_tables(
        [pa.table({name: _plain_text(part[name]) for name in part.column_names}) for part in parts]
    )


def _plain_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def common(table: pa.Table) -> pa.Table:
    """The table in types that all functions of Arrow take: text as views is not one of them."""
    fields = [
        field.with_type(_VIEWS[field.type]) if field.type in _VIEWS else field for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _head(schema: pa.Schema, batches: Iterator[pa.RecordBatch], rows: int) -> pa.Table:
    taken: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        taken.append(batch)
        count += batch.num_rows
        if count >= rows:
            break
    return pa.Table.from_batches(taken, schema).slice(0, rows)


def _csv_columns(path: Path, form: CsvFormat) -> list[str]:
    options = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, skip_rows=header_of(path).skip)
    parse = pyarrow.csv.ParseOptions(delimiter=form.separator, newlines_in_values=True)
    with pyarrow.csv.open_csv(text_source(path), read_options=options, parse_options=parse) as reader:
        return list(reader.schema.names)


def csv_types(
    columns: Sequence[str], numbers: Collection[str], texts: Collection[str]
) -> dict[str, pa.DataType]:
    """Types in which columns of a CSV file are read.

    :param numbers: those that hold nothing but numbers.
    :param texts: those with few cells that occur twice; the others are kept as different texts and numbers of
        these.
    """
    types = {column: pa.float64() if column in numbers else _TEXT for column in columns}
    return types | {column: pa.string() for column in texts}


def open_csv(
    path: Path,
    types: dict[str, pa.DataType],
    form: CsvFormat,
    block: int = _BLOCK_BYTES,
    words: Collection[str] = (),
) -> pyarrow.csv.CSVStreamingReader:
    """A CSV file as a reader of batches.

    :param types: of the columns that are read.
    :param block: bytes that are read at a time.
    :param words: see ``read_file``.
    """
    options = pyarrow.csv.ReadOptions(block_size=block, skip_rows=header_of(path).skip)
    return pyarrow.csv.open_csv(text_source(path), read_options=options, **_csv_options(types, form, words))


def _csv_options(
    types: dict[str, pa.DataType], form: CsvFormat, words: Collection[str] = ()
) -> dict[str, Any]:
    return {
        "parse_options": pyarrow.csv.ParseOptions(delimiter=form.separator, newlines_in_values=True),
        "convert_options": pyarrow.csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            null_values=[form for word in (*NULL_WORDS, *words) for form in dict.fromkeys(_cases(word))],
            strings_can_be_null=False,
            decimal_point=form.decimal,
        ),
    }


def _cases(word: str) -> tuple[str, ...]:
    return word, word.upper(), word.capitalize(), word.replace("nan", "NaN")


def _read_csv(path: Path, types: dict[str, pa.DataType], form: CsvFormat, words: Collection[str]) -> pa.Table:
    options = pyarrow.csv.ReadOptions(skip_rows=header_of(path).skip)
    return pyarrow.csv.read_csv(text_source(path), read_options=options, **_csv_options(types, form, words))


def unreadable(
    name: str, error: Exception, path: Path | None = None, form: FileFormat = PLAIN
) -> TelemetryError:
    """What is told of a file that cannot be read; of one of CSV the line that is to blame.

    :param path: of the file.
    :param form: of a CSV file.
    """
    if isinstance(error, pa.ArrowInvalid) and path is not None and is_csv(path):
        try:
            refuse_nul(path)
            refuse_other_lengths(path, form.csv_of(name).separator)
        except InputError as found:
            error = found
    if isinstance(error, InputError):
        return TelemetryError(", ".join(filter(None, (name, error.where))), error.rule, error.got)
    rule = "must be a readable file of its kind"
    is_no_utf8 = isinstance(error, UnicodeDecodeError) and error.encoding == "utf-8"
    if is_no_utf8 or "invalid UTF8" in str(error):
        rule = "must be UTF-8, or UTF-16 with a byte order mark; a file of Excel may be in Windows-1252"
    return TelemetryError(name, rule, str(error))
