"""The next state of a history, beside the current one, and the switch to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from mlrun.datastore.targets import TargetTypes, generate_target_run_id, get_target_driver

from feature_sets.ingestion.history.added_rows import places_in
from feature_sets.ingestion.history.manifest import Manifest
from feature_sets.ingestion.history.next_state import Changes, Layout, write_next_files
from feature_sets.ingestion.history.row_sample import sample
from feature_sets.ingestion.history.stored_history import (
    StoredHistory,
    column_of_micros,
    key_codes_of,
)
from feature_sets.ingestion.history.switch import clear_leftovers, point_to
from feature_sets.ingestion.history.target_folder import SAMPLE, TargetFolder
from feature_sets.ingestion.history.typed_table import ColumnTypes, described_frame, typed
from feature_sets.ingestion.statistics import describe_sample
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.keyed_rows import Bools, KeyedRows


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


class NextHistory:
    """Changes of a history that are worked out. Nothing is written before ``write``.

    :param history: what there is.
    :param layout: of its files.
    :param changes: rows that are written, and those that go.
    :param touched: keys and times of all these rows.
    :param types: of the columns that come, in which the history fits as well.
    :param contents: what the manifest says from then on, and the attachments.
    :param infer_options: what to find out of the data.
    """

    def __init__(
        self,
        history: StoredHistory,
        layout: Layout,
        changes: Changes,
        touched: KeyedRows,
        types: ColumnTypes,
        contents: Contents,
        infer_options: int,
    ) -> None:
        self._history, self._layout, self._changes = history, layout, changes
        self._touched, self._types = touched, types
        self._contents, self._infer_options = contents, infer_options

    @property
    def changes_nothing(self) -> bool:
        """Whether everything stays as it is, the record of what was read included."""
        rows = self._changes.fresh.num_rows + len(self._changes.gone_file)
        same = dict(self._history.manifest.sources) == dict(self._contents.sources)
        for name, table in self._contents.attachments.items():
            folder = self._history.folder
            same = same and folder.has(name) and folder.read(name).equals(table)
        return not rows and same and not self._layout.widened

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
            for name, table in self._contents.attachments.items():
                following.write(name, table)
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
        layout, rows = self._layout, self._touched
        before = typed(self._history.folder.read(SAMPLE), layout.types)
        codes = key_codes_of(before[layout.entity], {key: number for number, key in enumerate(rows.keys)})
        places = places_in(rows.codes, rows.micros, codes, column_of_micros(before[layout.time]))
        stays = np.ones(before.num_rows, dtype=np.bool_)
        stays[places[places >= 0]] = False
        table = pa.concat_tables([before.filter(pa.array(stays)), self._changes.fresh])
        chosen, halvings = sample(table, layout.entity, layout.time, self._history.manifest.halvings)
        return chosen.sort_by([(layout.time, "ascending"), (layout.entity, "ascending")]), halvings

    def _describe(self, chosen: pa.Table) -> None:
        """Types, statistics and preview of the feature set."""
        record = self._history.record
        for name, kind in self._types.items():
            if name in record.spec.features.keys():  # noqa: SIM118 - it has no __contains__ of its own
                record.spec.features[name].value_type = kind
        frame = described_frame(chosen, self._layout.types, self._layout.entity)
        describe_sample(record, frame, self._infer_options)

    def _write_online(self, targets: Sequence[Any]) -> OnlineWrite | None:
        """Write the newest rows, where there is an online target."""
        return None
