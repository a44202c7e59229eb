"""The rows of an ingestion with their windows, in chunks that take little memory."""

from __future__ import annotations

from collections.abc import Iterator

import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.groups import Groups
from feature_sets.ingestion import vectorized_support
from feature_sets.ingestion.arrival_chunks import arrival_chunks
from feature_sets.ingestion.history.target_folder import scratch_folder
from feature_sets.ingestion.window_columns import FeatureColumns, FeatureWindows
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.readings import Readings

CHUNK_BYTES = 64 << 20
"""Of the columns of a chunk."""

_LEAST_ROWS = 4096
_CELL_BYTES = 8
_PLAIN_COLUMNS = 16
"""Columns of rows without windows, about; text takes more than a cell."""

Given = pd.DataFrame | KeyedRows | Readings


def chunk_rows(feature_set: fstore.FeatureSet) -> int:
    """Rows that are a chunk."""
    if not vectorized_support.has_windows(feature_set):
        return max(_LEAST_ROWS, CHUNK_BYTES // (_CELL_BYTES * _PLAIN_COLUMNS))
    definition, derived = vectorized_support.declared(feature_set)
    columns = 2 + len(definition.input_columns) + len(definition.computed_names)
    columns += len(derived.all_names) if derived else 0
    return max(_LEAST_ROWS, CHUNK_BYTES // (_CELL_BYTES * columns))


def is_one_chunk(feature_set: fstore.FeatureSet, given: Given) -> bool:
    """Whether all rows are in memory at once."""
    return isinstance(given, pd.DataFrame | KeyedRows) or len(given) <= chunk_rows(feature_set)


def feature_chunks(
    feature_set: fstore.FeatureSet, given: Given, arrival: str | None, groups: Groups | None = None
) -> Iterator[FeatureColumns]:
    """Columns of rows with the windows that a feature set declares, at least one chunk.

    A frame is one chunk. Readings, or rows like them, are several, in event order; each sees the readings of
    those before it, or of those that arrived before.

    :param groups: see ``FeatureWindows``.
    :raises InputError: if the rows do not fit the feature set, or are not in their windows.
    """
    if isinstance(given, pd.DataFrame) and given.index.names != [None]:
        given = given.reset_index()
    if isinstance(given, pd.DataFrame | KeyedRows):
        plain = given if isinstance(given, pd.DataFrame) else given.frame
        vectorized_support.check_frame(feature_set, plain, arrival)
        yield FeatureColumns.of(feature_set, given, arrival, groups)
        return
    if not len(given):
        yield from feature_chunks(feature_set, given.frame(), arrival, groups)
        return
    if not vectorized_support.has_windows(feature_set):
        for rows in given.chunks(chunk_rows(feature_set)):
            vectorized_support.check_frame(feature_set, rows.frame, arrival)
            yield FeatureColumns.of(feature_set, rows, arrival, groups)
        return
    windows = FeatureWindows.of(feature_set, arrival, groups)
    if arrival is not None:
        yield from arrival_chunks(given, windows, chunk_rows(feature_set), scratch_folder(feature_set))
        return
    for rows in given.chunks(chunk_rows(feature_set)):
        vectorized_support.check_frame(feature_set, rows.frame, arrival)
        columns = windows.columns(rows)
        windows.check(columns.left_out, len(rows))
        yield columns
