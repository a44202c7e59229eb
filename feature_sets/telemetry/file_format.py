"""How files of telemetry are written, where it is not the usual way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from feature_sets.checks import InputError, check_choice, check_column_name, check_mapping
from feature_sets.telemetry.path_pattern import check_pattern
from feature_sets.telemetry.text_files import SEPARATORS

DECIMALS = (".", ",")
JSON_FORMATS = ("gnmic", "telegraf", "prometheus")
CSV_FORMATS = ("grafana", "influx")
TABLES = ("metrics", "labels", "static", "incidents", "maintenance", "topology")
"""Tables whose files may be written in ways of their own."""

_TABLE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 _-]*$")
_LATER = ("format", "path", "tables", "series")
"""Fields that there were not from the beginning; absent if they say nothing, so that histories go on."""


class CsvFormat(NamedTuple):
    """How CSV files are written: what is between cells, and the decimal sign of numbers."""

    separator: str = ","
    decimal: str = "."


@dataclass(frozen=True)
class FileFormat:
    """How files of telemetry are written, where it is not the usual way.

    :param separator: between the cells of a line of a CSV file, one of ``SEPARATORS``; or table -> separator.
        Where it is a comma, that of each file is found by its header, see ``found_separator``.
    :param decimal: what parts whole from decimal places in numbers of a CSV file: a point or a comma; or
        table -> decimal sign.
    :param layout: ``wide``, a column for each metric, or ``long``, a row for each value of a metric.
    :param metric: column with the name of the metric, in long layout.
    :param value: column with its value, in long layout.
    :param format: what wrote the files of the metrics, one of ``JSON_FORMATS`` or ``CSV_FORMATS``, which
        makes them long; by default they hold rows.
    :param path: pattern of the paths of files in the folder of a table, which gives columns, such as
        ``{site}/{device}``.
    :param tables: table -> name of its files or of its folder, where it is another one.
    :param series: pattern of the names of series in exports of Grafana, such as ``{device} {metric}``; by
        default they are as Prometheus writes them, ``metric{label="value"}``.
    """

    separator: str | Mapping[str, str] = ","
    decimal: str | Mapping[str, str] = "."
    layout: str = "wide"
    metric: str = "metric"
    value: str = "value"
    format: str = ""
    path: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    series: str = ""

    def __post_init__(self) -> None:
        _check_each("files.separator", self.separator, SEPARATORS)
        _check_each("files.decimal", self.decimal, DECIMALS)
        check_choice("files.layout", self.layout, ("wide", "long"))
        check_column_name("files.metric", self.metric)
        check_column_name("files.value", self.value)
        if self.metric == self.value:
            raise InputError("files.value", "must not be the column of the metric", self.value)
        for table in TABLES:
            separator, decimal = self.csv_of_table(table)
            if separator == decimal:
                raise InputError("files.decimal", f"must differ from the separator ({table})", decimal)
        if self.format != "":
            check_choice("files.format", self.format, (*JSON_FORMATS, *CSV_FORMATS))
        check_pattern("files.path", self.path)
        check_pattern("files.series", self.series)
        if self.series and self.format != "grafana":
            raise InputError("files.series", "must be beside files.format grafana", self.series)
        names = list(self.tables.values())
        for table, name in self.tables.items():
            if not isinstance(name, str) or not _TABLE_NAME.match(name) or names.count(name) > 1:
                rule = "must be one name for each table, of letters, digits, spaces, dashes and underscores"
                raise InputError(f"files.tables.{table}", rule, name)

    @property
    def is_long(self) -> bool:
        """Whether the metrics have a row for each value."""
        return self.layout == "long" or self.format != ""

    def name_of(self, table: str) -> str:
        """What the files of a table, or its folder, are called."""
        return self.tables.get(table, table)

    def csv_of_table(self, table: str) -> CsvFormat:
        """How the CSV files of a table are written."""
        separator, decimal = self.separator, self.decimal
        return CsvFormat(
            separator if isinstance(separator, str) else separator.get(table, ","),
            decimal if isinstance(decimal, str) else decimal.get(table, "."),
        )

    def csv_of(self, name: str) -> CsvFormat:
        """How a CSV file of this name, in the folder of the telemetry, is written."""
        return self.csv_of_table(self.table_of(name))

    def table_of(self, name: str) -> str:
        """The table that a file of this name is of; else what the file is called."""
        stem = name.partition("/")[0].partition(".")[0]
        return next((table for table in TABLES if self.name_of(table) == stem), stem)

    def decimal_of(self, name: str) -> str:
        """Decimal sign in a file of this name; only CSV files have text of numbers with another one."""
        return self.csv_of(name).decimal if name.endswith((".csv", ".csv.gz")) else "."

    @classmethod
    def from_content(cls, content: object) -> FileFormat:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping("files", content, {field.name for field in fields(cls)})
        for name in ("separator", "decimal"):
            if isinstance(given.get(name), Mapping):
                given[name] = check_mapping(f"files.{name}", given[name], TABLES)
        for name in ("format", "path", "series"):
            given[name] = given.get(name) or ""
        given["tables"] = check_mapping("files.tables", given.get("tables") or {}, TABLES)
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("separator", "decimal", "tables"):
            if isinstance(content[name], Mapping):
                content[name] = dict(content[name])
        return {name: value for name, value in content.items() if value or name not in _LATER}


def _check_each(where: str, given: str | Mapping[str, str], choices: tuple[str, ...]) -> None:
    """Raise InputError unless what is said of all tables, or of each, is one of the choices."""
    if isinstance(given, Mapping):
        for table, value in given.items():
            check_choice(f"{where}.{table}", value, choices)
    else:
        check_choice(where, given, choices)


PLAIN = FileFormat()
"""Commas, points, and a column for each metric."""
