"""The table ``topology`` of a folder of telemetry: the links between devices, row by row.

A row is left out for the first reason that fits: ``missing_end``, ``unparsable_valid_from``,
``naive_valid_from``, ``unparsable_valid_until``, ``naive_valid_until``, ``unknown_device`` (an end that is no
known device), ``self_link``, ``end_before_start``, ``duplicate``, ``overlapping_link`` (of one link two rows
hold at a time) and, where links have a direction, ``opposite_link`` (each end is upstream of the other).

An end is a device key or, where an entity column is called ``device``, that part: it stands for every known
device with it, such as all interfaces of a router.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.device_part import device_names
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.folder_files import find_files
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.links import BEGINNING, OPEN, GivenLinks, Span, merged
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.table_files import Columns, has_column
from feature_sets.telemetry.table_rows import TableRows
from feature_sets.telemetry.topology import Topology

TABLE = "topology"
MOST_PAIRS = 1_000_000
"""Pairs of devices that are linked. Two parts of a thousand devices each make as many, in a single row."""
_Pair = tuple[str, str]


def find_link_files(folder: Path, schema: TelemetrySchema, is_known: bool) -> list[Path]:
    """Files of the table; none if the schema has no links.

    :param is_known: whether a history has links already, so that there need not be any.
    :raises TelemetryError: if features need it and there is none, or it is there in more than one form.
    """
    if schema.topology is None:
        return []
    needed = schema.derived.neighbors is not None and not is_known
    return find_files(folder, TABLE, optional=not needed, form=schema.files)


def read_links(
    folder: Path,
    files: Sequence[Path],
    schema: TelemetrySchema,
    report: FileReport,
    devices: Collection[str],
) -> GivenLinks:
    """Links of all files.

    :param schema: with ``topology``.
    :param devices: keys of the known ones.
    :raises TelemetryError: if a file cannot be read or lacks a column, no row is left, or the rows link more
        than ``MOST_PAIRS`` pairs of devices.
    """
    topology = schema.topology or Topology()
    times = [
        column
        for column in (topology.valid_from, topology.valid_until)
        if has_column(folder, files, schema, column)
    ]
    rows = TableRows(
        folder, files, schema, report, Columns(times=tuple(times), texts=topology.ends, keyed=False)
    )
    ends = [rows.frame[column].to_numpy(dtype=object) for column in topology.ends]
    for column in topology.ends:
        rows.reject("missing_end", rows.frame[column].isna().to_numpy(), column)
    for column, kind in ((topology.valid_from, "valid_from"), (topology.valid_until, "valid_until")):
        if column in times:
            rows.reject_times(column, kind, optional=True)
    keys = _keys_by_name(devices, schema)
    for column in topology.ends:
        rows.reject("unknown_device", ~rows.frame[column].isin(list(keys)).to_numpy(), column)
    rows.reject("self_link", ends[0] == ends[1], topology.ends[1])
    since = _micros(rows, topology.valid_from, BEGINNING)
    until = _micros(rows, topology.valid_until, OPEN)
    rows.reject("end_before_start", until <= since, topology.valid_until)
    found = _Found(keys, topology.directed)
    contradicted: dict[str, Bools] = {}
    for row in np.flatnonzero(rows.keep).tolist():
        reason = found.add(str(ends[0][row]), str(ends[1][row]), (int(since[row]), int(until[row])))
        if reason:
            contradicted.setdefault(reason, np.zeros(len(since), dtype=np.bool_))[row] = True
    for reason, at in contradicted.items():
        rows.reject(reason, at, topology.ends[1])
    rows.accepted(list(topology.ends))
    links = {pair: tuple(sorted(found.links[pair])) for pair in sorted(found.links)}
    return GivenLinks(links, bool(times))


def _keys_by_name(devices: Collection[str], schema: TelemetrySchema) -> dict[str, list[str]]:
    """What an end may say -> the keys of the devices that it means, in their order."""
    found: dict[str, list[str]] = {}
    for key in sorted(devices):
        for name in device_names(key, schema):
            found.setdefault(name, []).append(key)
    return found


def _micros(rows: TableRows, column: str, missing: int) -> Integers:
    """Times of a column, microseconds since the epoch."""
    found: Integers = np.full(len(rows.frame), missing, dtype=np.int64)
    if column in rows.frame:
        told = rows.frame[column].notna().to_numpy()
        times = rows.frame[column][told].dt.tz_convert("UTC").dt.tz_localize(None)
        found[told] = times.to_numpy("datetime64[us]").astype(np.int64)
    return found


class _Found:
    """Links as row after row tells them.

    :param keys: see ``_keys_by_name``.
    :param directed: whether the first end is upstream.
    """

    def __init__(self, keys: Mapping[str, Sequence[str]], directed: bool) -> None:
        self._keys, self._directed = keys, directed
        self._told: dict[_Pair, list[Span]] = {}
        self.links: dict[_Pair, list[Span]] = {}
        """Of each pair of keys, when it is linked."""

    def add(self, first: str, second: str, span: Span) -> str:
        """Take a row; why it cannot hold beside those before it, empty if it can."""
        told = self._told.get(self._pair(first, second), [])
        if span in told:
            return "duplicate"
        if _overlaps(told, span):
            return "overlapping_link"
        if max(len(self.links), len(self._keys[first]) * len(self._keys[second])) > MOST_PAIRS:
            rule = (
                f"must link at most {MOST_PAIRS:,} pairs of devices (name devices, not parts that many share)"
            )
            raise TelemetryError(f"table {TABLE!r}", rule, f"more with the link of {first!r} and {second!r}")
        pairs = [
            self._pair(one, other)
            for one in self._keys[first]
            for other in self._keys[second]
            if one != other
        ]
        if not pairs:  # A device, and a part that no other has.
            return "self_link"
        if self._directed and any(_overlaps(self.links.get(pair[::-1], ()), span) for pair in pairs):
            return "opposite_link"
        self._told.setdefault(self._pair(first, second), []).append(span)
        for pair in pairs:
            spans = self.links.setdefault(pair, [])
            if _overlaps(spans, span):  # Told by a part, and by a key.
                spans[:] = merged([*spans, span])
            else:
                spans.append(span)
        return ""

    def _pair(self, first: str, second: str) -> _Pair:
        return (first, second) if self._directed else (min(first, second), max(first, second))


def _overlaps(spans: Iterable[Span], span: Span) -> bool:
    return any(span[0] < until and since < span[1] for since, until in spans)
