"""CSV of series as tables of text, one row a value: exports of Grafana, and annotated CSV of InfluxDB."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from feature_sets.checks import InputError
from feature_sets.telemetry import influx_files
from feature_sets.telemetry.file_format import CSV_FORMATS, CsvFormat, FileFormat
from feature_sets.telemetry.json_files import TIME, labels_beside, stem_of
from feature_sets.telemetry.series_names import series_parts
from feature_sets.telemetry.text_files import (
    SEPARATORS,
    header_of,
    is_csv,
    open_text,
    readable_cells,
    text_source,
)

_BLOCK_BYTES = 1 << 20
_TIME = "time"
_NAMES = ("metric", "series")
_LABELED = re.compile(r"\{\s*[^={}]+[=:].*\}\s*$")


def is_series(path: Path, name: str, form: FileFormat) -> bool:
    """Whether a file is CSV of the metrics that holds series.

    :param name: of the file in the folder.
    """
    return form.format in CSV_FORMATS and is_csv(path) and form.table_of(name) == "metrics"


def series_columns(path: Path, name: str, form: FileFormat) -> list[str]:
    """Columns of a file: the time, labels, and the name and the value of a metric.

    :raises InputError: if it is not of the format.
    :raises OSError: if it cannot be read.
    """
    found = path.stat()
    stamp = found.st_mtime_ns, found.st_size
    own = (TIME, form.metric, form.value)
    if form.format == "influx":
        tags = influx_files.tags_of(str(path), stamp)
        return list(dict.fromkeys([TIME, *labels_beside(dict.fromkeys(tags), own), *own]))
    return list(_Grafana.of(str(path), stamp, name, form).columns)


def series_chunks(
    path: Path, name: str, form: FileFormat, columns: Sequence[str], rows: int
) -> Iterator[pa.Table]:
    """Columns of a file as text, some rows at a time; there is one part at least.

    :param columns: which; one that a series has no label of is empty there.
    :param rows: of a part, about.
    :raises InputError: see ``series_columns``.
    :raises OSError: see ``series_columns``.
    """
    own = (TIME, form.metric, form.value)
    if form.format == "influx":
        yield from influx_files.value_tables(path, own, stem_of(path), columns, rows)
        return
    found = path.stat()
    yield from _Grafana.of(str(path), (found.st_mtime_ns, found.st_size), name, form).tables(columns)


def writer_of(path: Path) -> str:
    """What wrote a CSV file of series, one of ``CSV_FORMATS``; empty if it is of rows.

    Annotated CSV of InfluxDB with one table is of rows, which are in long layout.

    :raises OSError: if it cannot be read.
    """
    header = header_of(path).text
    if header.startswith(influx_files.BEGINNING):
        return "influx" if influx_files.has_more_tables(path) else ""
    first, *names = next(csv.reader([header], delimiter=_separator(path)), [""])
    is_panel = first.strip().lower() == _TIME and any(_LABELED.search(name) for name in names)
    return "grafana" if is_panel else ""


class _Grafana:
    """An export of a panel: a column for each series, or the rows of one series after those of another.

    :param path: of the file.
    :param form: of all files.
    :param csv_form: of this one.
    """

    def __init__(self, path: Path, form: FileFormat, csv_form: CsvFormat) -> None:
        self._path, self._form, self._csv = path, form, csv_form
        self._own = (TIME, form.metric, form.value)
        self._header = [cell.strip() for cell in _cells(_lines(path, 1)[0], csv_form.separator)]
        twice = sorted({cell for cell in self._header if self._header.count(cell) > 1})
        if twice:
            raise InputError("", "must have columns of different names", twice)
        if len(self._header) < 2:
            raise InputError("", "must have a column of times and one of values", self._header)
        lower = [cell.lower() for cell in self._header]
        named = next((name for name in _NAMES if name in lower), "")
        self._is_rows = len(lower) == 3 and bool(named) and {_TIME, "value"} < set(lower)
        self._places = [lower.index(one) for one in (_TIME, named, "value")] if self._is_rows else []
        names = self._names_in_rows() if self._is_rows else self._header[1:]
        self._series = {text: self._columns_of(text) for text in names}
        labels = [label for one in self._series.values() for label in one]
        self.columns = tuple(dict.fromkeys([TIME, *labels, *self._own]))

    @classmethod
    def of(cls, path: str, stamp: tuple[int, int], name: str, form: FileFormat) -> _Grafana:
        """Of a file with this name in the folder.

        :param stamp: time of the last change and size.
        """
        given = form.csv_of(name)
        return _kept(path, stamp, given.separator, given.decimal, form.metric, form.value, form.series)

    def _columns_of(self, text: str) -> dict[str, str]:
        """Metric and labels of a series, by their columns."""
        metric, labels = series_parts(text, self._form.series, self._form.metric)
        return {**labels_beside(labels, self._own), self._form.metric: metric or stem_of(self._path)}

    def _names_in_rows(self) -> list[str]:
        place = self._places[1]
        names: dict[str, None] = {}
        for batch in self._batches():
            names.update(dict.fromkeys(pc.unique(batch.column(place)).to_pylist()))
        return list(names)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """The file as it is, all cells as text."""
        skip = header_of(self._path).skip
        names = [str(place) for place in range(len(self._header))]
        options = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, skip_rows=skip + 1, column_names=names)
        parse = pyarrow.csv.ParseOptions(delimiter=self._csv.separator, newlines_in_values=True)
        convert = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        )
        try:
            yield from pyarrow.csv.open_csv(
                text_source(self._path), read_options=options, parse_options=parse, convert_options=convert
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV file" not in str(error):
                raise

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of the values of all series; a cell that is empty is none."""
        yield pa.table({column: pa.array([], pa.string()).dictionary_encode() for column in columns})
        for batch in self._batches():
            if self._is_rows:
                times, texts, values = (batch.column(place) for place in self._places)
                coded = texts.dictionary_encode()
                names, codes = coded.dictionary.to_pylist(), np.asarray(coded.indices)
                at = np.arange(batch.num_rows)
            else:
                names, size = list(self._series), batch.num_rows
                # A row of the file after another, each with the series in their order.
                codes, at = np.tile(np.arange(len(names)), size), np.repeat(np.arange(size), len(names))
                every = pa.concat_arrays(list(batch.columns[1:]))
                times, values = batch.column(0), every.take(pa.array(codes * size + at))
            told = np.flatnonzero(np.asarray(pc.not_equal(pc.utf8_trim_whitespace(values), "")))
            codes, at = codes[told], at[told]
            found = {TIME: _coded(times, at), self._form.value: values.take(pa.array(told))}
            for column in columns:
                if column not in found:
                    cells = [self._series[name].get(column) for name in names]
                    found[column] = _coded(pa.array(cells, pa.string()), codes)
            yield pa.table({column: found[column] for column in columns})


@lru_cache(maxsize=8)
def _kept(
    path: str, stamp: tuple[int, int], separator: str, decimal: str, metric: str, value: str, series: str
) -> _Grafana:
    """A file as it was at its last change."""
    form = FileFormat(format="grafana", metric=metric, value=value, series=series)
    given = CsvFormat(separator, decimal)
    return _Grafana(
        Path(path), form, given if separator != "," else CsvFormat(_separator(Path(path)), decimal)
    )


def _coded(values: pa.Array, codes: np.ndarray) -> pa.DictionaryArray:  # type: ignore[type-arg]
    """Values by their numbers, each kept once."""
    coded = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(coded.indices.take(pa.array(codes)), coded.dictionary)


def _separator(path: Path) -> str:
    """By which the header has times, as many cells as the line after it, and the most."""
    lines = _lines(path, 2)
    found: dict[str, tuple[bool, bool, int]] = {}
    for one in SEPARATORS:
        rows = [_cells(line, one) for line in lines if line.strip()]
        sizes = [len(row) for row in rows]
        is_time = bool(rows) and any(cell.strip().lower() == _TIME for cell in rows[0])
        found[one] = (is_time, sizes[:1] > [1] and len(set(sizes)) == 1, max(sizes[:1], default=0))
    return max(SEPARATORS, key=lambda one: found[one])


def _lines(path: Path, count: int) -> list[str]:
    """The header and lines after it, whole: that of a thousand series is longer than ``header_of`` reads."""
    skip = header_of(path).skip
    with open_text(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="") as text:
        return [text.readline() for _ in range(skip + count)][skip:]


def _cells(line: str, separator: str) -> list[str]:
    """Cells of a line.

    :raises InputError: if one is longer than they may be.
    """
    with readable_cells():
        return next(csv.reader([line], delimiter=separator), [])
