"""One addition to a history: worked out from the rows around it, written beside it, switched to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from mlrun.datastore.targets import TargetTypes

from feature_sets.ingestion.absent_values import without_others, without_rate
from feature_sets.ingestion.history.computed import ComputedColumns, WindowFeatures
from feature_sets.ingestion.history.merged_rows import (
    NEW,
    STORED,
    NewestRows,
    Part,
    changes_of,
    merge,
    newest_rows,
    rows_around,
)
from feature_sets.ingestion.history.next_state import Layout
from feature_sets.ingestion.history.parquet_partitions import granularity_of
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.typed_table import column_types, typed
from feature_sets.ingestion.newest_rows import write_rows
from feature_sets.ingestion.next_history import NextHistory
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.whole_numbers import to_frame


class Addition(NextHistory):
    """A part that is added to a history. Nothing is written before ``write``.

    :param history: what there is.
    :param part: what comes.
    :param computed: columns that depend on other rows.
    :param contents: what the manifest says from then on.
    :param infer_options: what to find out of the data.
    """

    def __init__(
        self,
        history: StoredHistory,
        part: Part,
        computed: ComputedColumns,
        contents: Contents,
        infer_options: int,
    ) -> None:
        record = history.record
        before = column_types(record)
        types = {**before, **part.types}
        layout = Layout(
            entity=record.spec.entities[0].name,
            time=record.spec.timestamp_key,
            arrival=computed.arrival,
            types=types,
            computed=computed.names,
            granularity=granularity_of(history.target),
            widened=types != before,
        )
        for is_whole in (False, True):
            stored = rows_around(history, part, computed, is_whole)
            self.merged, self.added = merge(part, stored, layout, computed, contents.accepted)
            self.found = computed.recompute(self.merged.rows, self.merged.origin != STORED, is_whole)
            if not self.found.lacks:
                break
        self._computed = computed
        super().__init__(
            history,
            layout,
            changes_of(self.merged, self.found, stored, self.added, layout),
            self.merged.rows.take(np.flatnonzero(self.found.changed | self.found.too_late)),
            part.types,
            contents,
            infer_options,
        )

    @property
    def without_rate(self) -> dict[str, int]:
        """Counter -> how many of its new readings have no rate."""
        if not isinstance(self._computed, WindowFeatures):
            return {}
        definition, merged, found = self._computed.definition, self.merged, self.found
        new = merged.origin[found.changed] == NEW
        fresh = merged.table.filter(pa.array(found.changed & (merged.origin == NEW)))
        return without_rate(
            definition,
            {name: found.values[name][new] for name in definition.rate_names},
            {
                name: fresh[name].is_valid().to_numpy(zero_copy_only=False)
                for name in definition.whole_columns
            },
        )

    @property
    def without_others(self) -> dict[str, int]:
        """Neighbors or peers -> how many new rows have none of their values."""
        if not isinstance(self._computed, WindowFeatures):
            return {}
        new = self.merged.origin[self.found.changed] == NEW
        values = {name: column[new] for name, column in self.found.values.items()}
        return without_others(self._computed.derived, values)

    def _write_online(self, targets: Sequence[Any]) -> OnlineWrite | None:
        """Write the newest rows of devices that changed near them."""
        online = [target for target in targets if target.kind == TargetTypes.redisnosql]
        if not online:
            return None
        newest = newest_rows(self.merged, self.found, self._computed.ahead)
        rows = self.merged.rows
        at, table = self._full_rows(newest)
        frame = to_frame(table)
        keys = [rows.keys[code] for code in rows.codes[at]]
        shown: Mapping[str, Sequence[Any]] = {
            self._layout.entity: keys,
            **{
                name: frame[name].tolist()
                for name in frame.columns
                if name not in (self._layout.time, self._layout.entity)
            },
        }
        definition, around = None, newest.around
        if isinstance(self._computed, WindowFeatures):
            definition, around = self._computed.definition, self._computed.with_rates(around)
        micros = rows.micros[at].tolist()
        done = None
        for target in online:
            table_of = OnlineTable.of(target, self._history.record)
            done = write_rows(table_of, keys, micros, shown, definition, around)
        return done

    def _full_rows(self, newest: NewestRows) -> tuple[np.ndarray[Any, np.dtype[np.int64]], pa.Table]:
        """Which merged rows these are, in the order of the table, and the table with all their columns."""
        is_fresh = self.found.changed[newest.at]
        of_fresh = np.cumsum(self.found.changed) - 1
        positions = [newest.at[is_fresh]]
        tables = [self._changes.fresh.take(pa.array(of_fresh[newest.at[is_fresh]]))]
        others = newest.at[~is_fresh]
        for number in np.unique(self.merged.file[others]).tolist():
            here = others[self.merged.file[others] == number]
            whole = self._history.folder.read(self._history.manifest.files[number].path)
            chosen = whole.take(pa.array(self.merged.place[here]))
            positions.append(here)
            tables.append(typed(chosen, self._layout.types))
        return np.concatenate(positions), pa.concat_tables(tables)
