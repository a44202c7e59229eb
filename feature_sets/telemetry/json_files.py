"""JSON files as tables of text: rows, one object a line, and what gNMIc, Telegraf and Prometheus write.

Whole numbers stay as they are, however large. Objects in objects become columns with a point in their names.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.telemetry.cell_text import cell_text
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.text_files import open_text

SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")

TIME = "timestamp"
"""Column of the times that gNMIc, Telegraf and Prometheus write."""

STREAM_BYTES = 16 << 20
"""Size from which on a file of lines is read some of them at a time."""

_PACKED = 8
"""How many times larger a packed file may be unpacked."""

_EXACT = 2**53
_DOWNLOADED = re.compile(r"-data(-as-\w+)?-\d{4}-\d\d-\d\d[ _T]\d\d_\d\d_\d\d$")

T = TypeVar("T")


def is_json(path: Path) -> bool:
    """Whether the name is that of a JSON file."""
    return path.name.endswith(SUFFIXES)


def json_table(path: Path, name: str, form: FileFormat) -> pa.Table:
    """All columns of a file, as text.

    :param name: of the file in the folder.
    :param form: what wrote the metrics; in another format than that of rows there is a row for each value.
    :raises InputError: if it is no JSON, or not of the format.
    :raises OSError: if it cannot be read.
    """
    return _table(_File.of(path, name, form))


def json_columns(path: Path, name: str, form: FileFormat, *, keep: bool = True) -> list[str]:
    """Names of all columns of a file; of a large one of lines without keeping what is in them.

    :param keep: whether its rows will be asked for next, so that what is in them is kept.
    :raises InputError: see ``json_table``.
    :raises OSError: see ``json_table``.
    """
    file = _File.of(path, name, form)
    return list(_table(file).column_names if keep and not file.is_streamed else _names(file))


def json_chunks(
    path: Path, name: str, form: FileFormat, columns: Sequence[str], rows: int
) -> Iterator[pa.Table]:
    """Columns of a file as of ``json_table``, some rows at a time; a file that is one value is held whole.

    :param columns: which; one that a part has no value of is empty there.
    :param rows: of a part; there is one at least.
    :raises InputError: see ``json_table``.
    :raises OSError: see ``json_table``.
    """
    file = _File.of(path, name, form)
    if not file.is_streamed:
        table = _table(file).select(list(columns))
        yield from (table.slice(start, rows) for start in range(0, max(table.num_rows, 1), rows))
        return
    found = file.rows(_lines(path))
    part = list(itertools.islice(found, rows))
    while True:
        following = list(itertools.islice(found, rows))
        yield _of_rows(part, dict.fromkeys(columns))
        if not following:
            return
        part = following


class _File(NamedTuple):
    """A file, and what is to be made of it.

    :param stamp: time of the last change and size, so that it is another one if it changes.
    :param kind: one of ``JSON_FORMATS``, or empty for rows.
    :param metric: column with the name of a metric.
    :param value: column with its value.
    """

    path: str
    stamp: tuple[int, int]
    kind: str
    metric: str
    value: str

    @classmethod
    def of(cls, path: Path, name: str, form: FileFormat) -> _File:
        """Of a file with this name in the folder."""
        found = path.stat()
        is_metrics = Path(name).parts[0].partition(".")[0] == form.name_of("metrics")
        kind = form.format if is_metrics else ""
        return cls(str(path), (found.st_mtime_ns, found.st_size), kind, form.metric, form.value)

    @property
    def is_streamed(self) -> bool:
        """Whether it is large, and has a value a line."""
        size = self.stamp[1] * (_PACKED if self.path.endswith(".gz") else 1)
        return size > STREAM_BYTES and _has_values_in_lines(self.path, self.stamp)

    def rows(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Rows of the values in lines."""
        of_format = _Rows(self.kind, self.metric, self.value, stem_of(self.path))
        is_promtool = self.kind == "prometheus"
        return of_format.of(
            _values_of(lines, "; promtool writes it with --format=json" if is_promtool else "")
        )


def _lines(path: str | Path) -> Iterator[str]:
    with open_text(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="\n") as text:
        yield from text


@lru_cache(maxsize=8)
def _has_values_in_lines(path: str, stamp: tuple[int, int]) -> bool:
    """Whether the first line is a value, and there are others.

    :param stamp: see ``_File``.
    """
    with open_text(path) as stream:
        begin = stream.read(STREAM_BYTES).decode("utf-8-sig", "replace")
    first, newline, _ = begin.lstrip().partition("\n")
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return bool(newline)


def _content(file: _File) -> str:
    with open_text(file.path) as stream:
        return str(stream.read(), "utf-8-sig")


@lru_cache(maxsize=8)
def _names(file: _File) -> tuple[str, ...]:
    """Names of the columns, of a streamed file read line by line."""
    found: dict[str, None] = {}
    for row in file.rows(_lines(file.path) if file.is_streamed else _parts(_content(file))):
        found.update(dict.fromkeys(row))
    return tuple(found) if found or not file.kind else (TIME, file.metric, file.value)


@lru_cache(maxsize=1)
def _table(file: _File) -> pa.Table:
    """The table; the last one is kept, as its columns are asked for first."""
    table = _of_rows(file.rows(_parts(_content(file))), {})
    if file.kind and not table.num_columns:  # Nothing was measured, which is no fault.
        return _of_rows([], dict.fromkeys((TIME, file.metric, file.value)))
    return table


def _of_rows(rows: Iterable[Mapping[str, Any]], only: Mapping[str, None]) -> pa.Table:
    """A table of rows, all columns as text.

    :param only: the columns of the table; all that there are, if empty.
    """
    cells: dict[str, list[str | None]] = {name: [] for name in only}
    size = 0
    for row in rows:
        for name, cell in row.items():
            if only and name not in only:
                continue
            column = cells.setdefault(name, [])
            column += [None] * (size - len(column))
            column.append(_text(cell))
        size += 1
    return pa.table({name: _column(column + [None] * (size - len(column))) for name, column in cells.items()})


def _column(cells: list[str | None]) -> pa.Array:
    try:
        return pa.array(cells, pa.string()).dictionary_encode()
    except UnicodeEncodeError:  # A half character, which no text can hold; who reads it can say where.
        return pa.array([None if cell is None else cell.encode("utf-8", "surrogatepass") for cell in cells])


def _parts(text: str) -> list[str]:
    """The parts of a text that are a value each: its lines, or all of it."""
    lines = text.split("\n") if "\n" in text.strip() else [text]
    try:
        first = next((line for line in lines if line.strip()), "")
        json.loads(first or "[]")
    except (ValueError, RecursionError):
        return [text]
    return lines


def _values_of(lines: Iterable[str], way: str = "") -> Iterator[Any]:
    """Values of a file: one a line, or one in all.

    :param way: how its writer makes JSON.
    """
    is_one = isinstance(lines, list) and len(lines) == 1
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError("" if is_one else f"line {number}", f"must be JSON{way}", str(error)) from None


class _Rows:
    """Rows of what a format calls an entry.

    :param kind: one of ``JSON_FORMATS``, or empty for rows.
    :param metric: column with the name of a metric.
    :param value: column with its value.
    :param stem: name of the file, for values without a name.
    """

    def __init__(self, kind: str, metric: str, value: str, stem: str) -> None:
        self._metric, self._value, self._stem = metric, value, stem
        ways: dict[str, Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]] = {
            "gnmic": self._of_gnmic,
            "telegraf": self._of_telegraf,
            "prometheus": self._of_prometheus,
        }
        self._entry = ways.get(kind, self._of_row)

    def of(self, documents: Iterator[Any]) -> Iterator[dict[str, Any]]:
        """Rows of the values of a file, which are entries or lists of them."""
        for document in documents:
            for entry in document if isinstance(document, list) else [document]:
                if not isinstance(entry, Mapping):
                    raise InputError("", "must hold JSON objects", type(entry).__name__)
                yield from self._entry(entry)

    def _of_row(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        yield dict(_flat(entry, "."))

    def _of_gnmic(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The values of an event; one that deletes has none."""
        yield from self._values(entry, "tags", "values", "/", "")

    def _of_telegraf(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The fields of a metric, named ``measurement_field``; or of a batch of them."""
        if "metrics" in entry:
            for one in _objects(entry, "metrics"):
                yield from self._of_telegraf(one)
            return
        name = entry.get("name")
        if not isinstance(name, str):
            raise InputError("'name'", "must be text, the measurement", _brief(name))
        yield from self._values(entry, "tags", "fields", "_", f"{name}_")

    def _values(
        self, entry: Mapping[str, Any], tags: str, values: str, joint: str, prefix: str
    ) -> Iterator[dict[str, Any]]:
        keys = self._labels(_mapping(entry, tags))
        for name, value in _flat(_mapping(entry, values), joint):
            yield {TIME: entry.get("timestamp"), **keys, self._metric: f"{prefix}{name}", self._value: value}

    def _of_prometheus(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The samples of an answer to a query, or of a series by itself, as promtool writes it.

        Values without a name have that of the file.
        """
        if entry.get("status") == "error" and "error" in entry:
            said = f"{entry.get('errorType')}: {entry.get('error')}"
            raise InputError("'status'", "must be that of an answer without an error", said)
        data = _mapping(entry, "data") if "data" in entry else entry
        kind = data.get("resultType", "matrix")
        if kind not in ("matrix", "vector"):
            raise InputError("'resultType'", "must be matrix or vector, which have series", kind)
        is_series = "metric" in entry and "result" not in data
        for series in [entry] if is_series else _objects(data, "result"):
            labels = dict(_mapping(series, "metric"))
            if "values" not in series and "value" not in series:
                rule = "is required: a series must have samples (native histograms are not read)"
                raise InputError("'values'", rule, sorted(series))
            name = labels.pop("__name__", self._stem)
            keys = self._labels(labels)
            samples = series["values"] if "values" in series else [series["value"]]
            if not isinstance(samples, list):
                raise InputError("'values'", "must be a list", _brief(samples))
            for sample in samples:
                if not isinstance(sample, list) or len(sample) != 2:
                    raise InputError("'values'", "must be pairs of a time and a value", _brief(sample))
                yield {TIME: sample[0], **keys, self._metric: name, self._value: sample[1]}

    def _labels(self, labels: Mapping[str, Any]) -> dict[str, Any]:
        return labels_beside(labels, (TIME, self._metric, self._value))


def labels_beside(labels: Mapping[str, T], own: Collection[str]) -> dict[str, T]:
    """Columns of labels; those with the name of another column are ``label.NAME``."""
    return {f"label.{name}" if name in own else name: value for name, value in labels.items()}


def stem_of(path: Path | str) -> str:
    """Name of a file for values without one, without its end and what Grafana puts behind a title.

    >>> stem_of("metrics/CPU busy-data-2024-05-01 12_00_00.csv"), stem_of("metrics/up.json.gz")
    ('CPU busy', 'up')
    """
    return _DOWNLOADED.sub("", Path(path).name.partition(".")[0])


def _objects(entry: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = entry.get(name)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise InputError(f"'{name}'", "must be a list of JSON objects", _brief(found))
    yield from found


def _mapping(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object of an entry; none is an empty one."""
    found = entry.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(f"'{name}'", "must be a JSON object", _brief(found))
    return found


def _flat(entry: Mapping[str, Any], joint: str) -> Iterator[tuple[str, Any]]:
    """Names and values, those of objects within it as well."""
    waiting = [("", entry)]
    while waiting:
        prefix, part = waiting.pop()
        for name, value in part.items():
            if isinstance(value, dict):  # As JSON has them; an abstract class takes longer to ask.
                waiting.append((f"{prefix}{name}{joint}", value))
            else:
                yield f"{prefix}{name}", value


def _text(cell: Any) -> str | None:
    """Text of a value; lists are no values."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, list):
        return f"a list of {len(cell)}"
    if isinstance(cell, float) and (not math.isfinite(cell) or abs(cell) >= _EXACT):
        return repr(cell)  # It stands for several whole numbers.
    return cell_text(cell)


def _brief(value: object) -> str:
    return type(value).__name__
