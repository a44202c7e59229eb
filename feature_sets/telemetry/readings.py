"""Checked readings in event order, in chunks: of any number, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.rows.keyed_rows import Integers, KeyedRows
from feature_sets.rows.spilled_rows import RowSpool, rechunked
from feature_sets.telemetry.reading_table import ARRIVAL, DEVICE_CODE, TIME, plain_values, times_of
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

NEVER = np.iinfo(np.int64).max


class Readings(Protocol):
    """Readings sorted by time and device; each pair occurs once."""

    def __len__(self) -> int:
        """How many there are."""

    @property
    def first_seen(self) -> pd.Series:
        """Time of the first reading of each device, by its key."""

    @property
    def last(self) -> pd.Timestamp | None:
        """Time of the last one; None without one."""

    def chunks(self, rows: int) -> Iterator[KeyedRows]:
        """All of them in chunks of so many; none without a reading."""

    def frame(self) -> pd.DataFrame:
        """All of them, in memory; see ``Telemetry.metrics``."""


@dataclass(frozen=True)
class FrameReadings:
    """Readings that are in memory.

    :param rows: ``Telemetry.metrics``.
    """

    rows: pd.DataFrame
    time: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def first_seen(self) -> pd.Series:
        """See ``Readings``."""
        first: pd.Series = self.rows.groupby(DEVICE)[self.time].min()
        return first

    @property
    def last(self) -> pd.Timestamp | None:
        """See ``Readings``."""
        return self.rows[self.time].max() if len(self.rows) else None

    def chunks(self, rows: int) -> Iterator[KeyedRows]:
        """See ``Readings``."""
        whole = KeyedRows.of(self.rows, DEVICE, self.time).in_event_order()
        for start in range(0, len(whole), rows):
            chunk = whole.take(np.arange(start, min(start + rows, len(whole))))
            chunk.frame.index = pd.RangeIndex(len(chunk))
            yield chunk

    def frame(self) -> pd.DataFrame:
        """See ``Readings``."""
        return self.rows


@dataclass(frozen=True)
class SortedReadings:
    """Readings that were read from files.

    :param keys: of the devices, by number.
    :param spool: their rows in order, see ``reading_table``.
    :param firsts: time of the first reading of each device, microseconds; ``NEVER`` without one.
    :param newest: time of the last one.
    """

    schema: TelemetrySchema
    keys: list[str]
    spool: RowSpool
    firsts: Integers
    newest: int | None

    @classmethod
    def none(cls, schema: TelemetrySchema) -> SortedReadings:
        """No reading."""
        return cls(schema, [], RowSpool(None, 0), np.empty(0, dtype=np.int64), None)

    def __len__(self) -> int:
        return self.spool.rows

    @property
    def first_seen(self) -> pd.Series:
        """See ``Readings``."""
        seen = np.flatnonzero(self.firsts < NEVER)
        index = pd.Index([self.keys[code] for code in seen.tolist()], dtype="object", name=DEVICE)
        return pd.Series(times_of(self.firsts[seen]), index=index, name=self.schema.time).sort_index()

    @property
    def last(self) -> pd.Timestamp | None:
        """See ``Readings``."""
        return None if self.newest is None else times_of(np.array([self.newest]))[0]

    def chunks(self, rows: int) -> Iterator[KeyedRows]:
        """See ``Readings``."""
        return (self._keyed(table) for table in rechunked(iter(self.spool), rows))

    def frame(self) -> pd.DataFrame:
        """All of them, in memory."""
        chunks = [chunk.frame for chunk in self.chunks(max(len(self), 1))]
        return chunks[0] if chunks else self._keyed(empty_table(self.schema)).frame

    def _keyed(self, table: pa.Table) -> KeyedRows:
        codes, micros = table[DEVICE_CODE].to_numpy().astype(np.int64), table[TIME].to_numpy()
        occurs = np.bincount(codes, minlength=len(self.keys)) > 0
        codes = (np.cumsum(occurs) - 1)[codes] if len(codes) else codes
        keys = [self.keys[code] for code in np.flatnonzero(occurs).tolist()]
        times = {self.schema.time: times_of(micros)}
        if self.schema.arrival is not None:
            times[self.schema.arrival] = times_of(table[ARRIVAL].to_numpy())
        columns = {name: plain_values(table[name]) for name in self.schema.reading_columns}
        devices = np.array([*keys, None], dtype=object)[codes]
        frame = pd.DataFrame({DEVICE: devices, **times, **columns}, copy=False)
        return KeyedRows(frame, DEVICE, self.schema.time, codes, list(keys), micros)


def empty_table(schema: TelemetrySchema) -> pa.Table:
    """No reading, with the columns that ``SortedReadings`` has."""
    times = [TIME] if schema.arrival is None else [TIME, ARRIVAL]
    whole = schema.whole_columns
    fields: list[tuple[str, pa.DataType]] = [
        (DEVICE_CODE, pa.int32()),
        *((name, pa.int64()) for name in times),
    ]
    fields += [(name, pa.uint64() if name in whole else pa.float64()) for name in schema.reading_columns]
    return pa.schema(fields).empty_table()
