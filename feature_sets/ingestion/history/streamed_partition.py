"""The file of one partition rewritten batch by batch, so that a large one need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from feature_sets.ingestion.history.manifest import HistoryFile
from feature_sets.ingestion.history.parquet_partitions import OpenFile, new_file
from feature_sets.ingestion.history.stored_history import column_of_micros
from feature_sets.ingestion.history.target_folder import TargetFolder
from feature_sets.ingestion.history.typed_table import ColumnTypes, typed
from feature_sets.rows.keyed_rows import Integers

BATCH_ROWS = 1 << 16
"""Rows that are read at a time."""


def batches(folder: TargetFolder, path: str, types: ColumnTypes) -> Iterator[tuple[int, pa.Table]]:
    """Rows of a file, and the place of the first of each batch."""
    start = 0
    for batch in folder.batches(path, list(types), BATCH_ROWS):
        yield start, typed(batch, types)
        start += batch.num_rows


def in_event_order(folder: TargetFolder, path: str, time: str) -> bool:
    """Whether a file's rows are in order of time, as those are that this engine wrote."""
    micros = column_of_micros(folder.read(path, [time])[time])
    return not np.any(micros[1:] < micros[:-1])


class StreamedPartition:
    """Writes a file of rows in event order, out of one in event order and rows that come.

    :param time: column of the event time.
    :param entity: column of the key.
    :param arrival: column of the arrival time, if there is one.
    """

    def __init__(self, following: TargetFolder, time: str, entity: str, arrival: str | None) -> None:
        self._following, self._time, self._entity, self._arrival = following, time, entity, arrival

    def write(
        self,
        folder: str,
        stored: Iterator[tuple[int, pa.Table]],
        dropped: Integers,
        fresh: pa.Table,
        notes: dict[bytes, bytes] | None,
    ) -> HistoryFile | None:
        """Write what is left and what comes; None if that is nothing.

        :param folder: of the partition.
        :param stored: see ``batches``.
        :param dropped: places of rows that are left out.
        :param fresh: rows that come.
        :param notes: of the schema.
        """
        fresh = self._ordered(fresh)
        moments = column_of_micros(fresh[self._time])
        gone = np.sort(dropped)
        path = new_file(folder)
        with self._following.open_file(path) as file:
            # Rows of the last time of a batch wait for those of the next one.
            waiting, done, count = fresh.slice(0, 0), 0, 0
            for start, batch in stored:
                last = int(column_of_micros(batch[self._time])[-1])
                first, end = np.searchsorted(gone, [start, start + batch.num_rows])
                if end > first:
                    keep = np.ones(batch.num_rows, dtype=np.bool_)
                    keep[gone[first:end] - start] = False
                    batch = batch.filter(pa.array(keep))
                until = int(np.searchsorted(moments, last))
                here = pa.concat_tables([waiting, batch])
                if until > done:  # Otherwise it is in order, which need not cost a sort.
                    here = self._ordered(pa.concat_tables([here, fresh.slice(done, until - done)]))
                ready = int(np.searchsorted(column_of_micros(here[self._time]), last))
                count += self._put(file, here.slice(0, ready), notes)
                waiting, done = here.slice(ready), until
            rest = self._ordered(pa.concat_tables([waiting, fresh.slice(done)]))
            count += self._put(file, rest, notes)
        if not count:
            return None
        return file.known

    def _put(self, file: OpenFile, rows: pa.Table, notes: dict[bytes, bytes] | None) -> int:
        if rows.num_rows:
            arrivals = column_of_micros(rows[self._arrival]) if self._arrival else None
            micros = column_of_micros(rows[self._time])
            file.write(rows.combine_chunks().replace_schema_metadata(notes), micros, arrivals)
        return int(rows.num_rows)

    def _ordered(self, rows: pa.Table) -> pa.Table:
        parts = [self._time, self._entity]
        return rows.sort_by([(name, "ascending") for name in parts]) if rows.num_rows > 1 else rows
