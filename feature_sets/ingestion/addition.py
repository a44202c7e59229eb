"""One addition to a history: worked out from the rows around it, written beside it, switched to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from mlrun.datastore.targets import TargetTypes, generate_target_run_id, get_target_driver

from feature_sets.ingestion.history.added_rows import places_in
from feature_sets.ingestion.history.computed import ComputedColumns, WindowFeatures
from feature_sets.ingestion.history.manifest import Manifest
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
from feature_sets.ingestion.history.next_state import Layout, write_next_files
from feature_sets.ingestion.history.parquet_partitions import granularity_of
from feature_sets.ingestion.history.row_sample import sample
from feature_sets.ingestion.history.stored_history import (
    StoredHistory,
    column_of_micros,
    key_codes_of,
)
from feature_sets.ingestion.history.switch import clear_leftovers, point_to
from feature_sets.ingestion.history.target_folder import SAMPLE, TargetFolder
from feature_sets.ingestion.history.typed_table import column_types, typed
from feature_sets.ingestion.newest_rows import write_rows
from feature_sets.ingestion.rate_report import without_rate
from feature_sets.ingestion.statistics import describe_sample
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.keyed_rows import Bools
from feature_sets.rows.whole_numbers import to_frame


@dataclass(frozen=True)
class Written:
    """What an addition left behind.

    :param manifest: of the state that is the current one, now.
    :param rewritten: which of the fresh rows differ from an earlier form.
    :param online: what became of the newest rows; None without an online target, or if nothing changed.
    """

    manifest: Manifest
    rewritten: Bools
    online: OnlineWrite | None = None


class Addition:
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
        self._history, self._part, self._computed = history, part, computed
        self._contents, self._infer_options = contents, infer_options
        self._layout = Layout(
            entity=record.spec.entities[0].name,
            time=record.spec.timestamp_key,
            arrival=computed.arrival,
            types=types,
            computed=computed.names,
            granularity=granularity_of(history.target),
            widened=types != before,
        )
        stored = rows_around(history, part, computed)
        self.merged, self.added = merge(part, stored, self._layout, computed)
        self.found = computed.recompute(self.merged.rows, self.merged.origin != STORED)
        self._changes = changes_of(self.merged, self.found, stored, self.added, self._layout)

    @property
    def changes_nothing(self) -> bool:
        """Whether everything stays as it is, the record of what was read included."""
        rows = self._changes.fresh.num_rows + len(self._changes.gone_file)
        same = dict(self._history.manifest.sources) == dict(self._contents.sources)
        return not rows and same and not self._layout.widened

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

    def write(self) -> Written:
        """Write the next state and switch to it.

        :raises IngestError: if a file cannot be read or written, or another process was faster.
        :raises OnlineStoreError: if Redis does not take the newest rows.
        """
        history, manifest = self._history, self._history.manifest
        if self.changes_nothing:
            return Written(manifest, np.zeros(0, dtype=np.bool_))
        targets = [get_target_driver(target, history.record) for target in history.record.spec.targets]
        for target in targets:
            target.run_id = history.record.status.targets[target.name].run_id
        files_target = next(target for target in targets if target.kind == TargetTypes.parquet)
        files_target.run_id = generate_target_run_id()
        following = TargetFolder(files_target.get_target_path())
        try:
            files = write_next_files(history.folder, manifest, following, self._layout, self._changes)
            chosen, halvings = self._sample()
            following.write(SAMPLE, chosen)
            described = Manifest(
                online=manifest.online,
                halvings=halvings,
                schema=self._contents.schema,
                sources=self._contents.sources,
            ).with_files(files.files)
            following.write_manifest(described)
            online = self._write_online(targets)
            history.check_current()
        except BaseException:
            following.remove()
            raise
        # From here on the folder stays: whether the API has taken the record is not known if it fails.
        self._describe(chosen)
        point_to(history.record, targets, described.last)
        clear_leftovers(history.record, keep=[history.folder.run_id] if files.shared else [])
        return Written(described, files.rewritten, online)

    def _sample(self) -> tuple[pa.Table, int]:
        """The sample of the next state."""
        layout, rows = self._layout, self.merged.rows
        before = typed(self._history.folder.read(SAMPLE), layout.types)
        gone = self.found.changed | self.found.too_late
        codes = key_codes_of(before[layout.entity], {key: number for number, key in enumerate(rows.keys)})
        places = places_in(rows.codes[gone], rows.micros[gone], codes, column_of_micros(before[layout.time]))
        stays = np.ones(before.num_rows, dtype=np.bool_)
        stays[places[places >= 0]] = False
        table = pa.concat_tables([before.filter(pa.array(stays)), self._changes.fresh])
        chosen, halvings = sample(table, layout.entity, layout.time, self._history.manifest.halvings)
        return chosen.sort_by([(layout.time, "ascending"), (layout.entity, "ascending")]), halvings

    def _describe(self, chosen: pa.Table) -> None:
        """Types, statistics and preview of the feature set."""
        record = self._history.record
        for name, kind in self._part.types.items():
            if name in record.spec.features.keys():  # noqa: SIM118 - it has no __contains__ of its own
                record.spec.features[name].value_type = kind
        frame = to_frame(chosen)
        for name, kind in self._layout.types.items():
            if kind == "datetime":
                frame[name] = frame[name].astype("datetime64[ns]").dt.tz_localize("UTC")
        describe_sample(record, frame.set_index(self._layout.entity), self._infer_options)

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
