"""Label rows of a history that are made at the times of its readings: made anew where they change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
from mlrun.data_types import InferOptions

from feature_sets.device_labels import device_labels, plain_integers, within_population
from feature_sets.ingestion.append import Appended
from feature_sets.ingestion.history.added_rows import differing, places_in, utc
from feature_sets.ingestion.history.next_state import Changes, Layout
from feature_sets.ingestion.history.parquet_partitions import granularity_of
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.typed_table import column_types, typed, typed_table, widened_types
from feature_sets.ingestion.history.whole_rows import Stretches, WholeRows, whole_rows
from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.maintenance_history import CalendarChange
from feature_sets.ingestion.next_history import NextHistory
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.horizon import with_target
from feature_sets.labels.maintenance import with_maintenance
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers, KeyedRows
from feature_sets.telemetry.each_horizon import ahead_targets, longest_horizon_seconds
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_ALWAYS = Stretches.of([(0, np.iinfo(np.int64).max)])


def made_labels(
    state: LabelState,
    metrics: StoredHistory,
    attributes: pd.DataFrame,
    schema: TelemetrySchema,
    stretches: Stretches = _ALWAYS,
) -> pd.DataFrame:
    """Label rows of devices in the population made of stored readings, in stretches of time.

    :param attributes: of the devices, with ``valid_from``.
    """
    tolerance = schema.labels.tolerance_seconds
    # An error without a reading is told by one within the horizon before.
    before = max(tolerance, longest_horizon_seconds(schema))
    near = stretches.widened(before * 1_000_000, tolerance * 1_000_000)
    found = whole_rows(metrics, [DEVICE, schema.time], near)
    readings = KeyedRows.of(
        pd.DataFrame(
            {
                DEVICE: found.table[DEVICE].to_pandas().astype("object"),
                schema.time: pd.to_datetime(found.micros, unit="us", utc=True).as_unit("ns"),
            }
        ),
        DEVICE,
        schema.time,
    )
    told = Told(state.statements, state.incidents, attributes)
    made = derived_labels(readings, told, schema, state.newest)
    inside = stretches.have(column_micros(made[schema.time])) if len(made) else np.zeros(0, dtype=np.bool_)
    return within_population(schema, made[inside], attributes).reset_index(drop=True)


def append_labels(
    before: StoredHistory | None,
    known: LabelState,
    state: LabelState,
    metrics: StoredHistory | None,
    attributes: pd.DataFrame,
    schema: TelemetrySchema,
    contents: Contents,
    calendar: CalendarChange,
) -> Appended:
    """Have a history show the labels that were told by now, at the readings that there are by now.

    :param before: the history of the labels; None begins it.
    :param known: of the history.
    :param state: all that was told, what a part says among it.
    :param calendar: of maintenance.
    :raises IngestError: if a file cannot be read or written, or another process was faster.
    """
    state = state.at_readings(metrics, attributes, schema)
    contents = replace(contents, attachments=state.attachments())
    if before is None or metrics is None:
        rows = made_labels(state, metrics, attributes, schema) if metrics else state.statements.head(0)
        rows = with_maintenance(rows, schema, calendar.intervals)
        return _begin(with_target(rows, schema), schema, contents)
    others = [(first, end - 1) for first, end in calendar.again]
    stretches = Stretches.of([*state.changed_since(known, schema).pairs, *others])
    made = made_labels(state, metrics, attributes, schema, stretches)
    made = with_maintenance(made, schema, calendar.intervals)
    change = _Change(before, made, stretches, schema)
    written = change.step(contents).write()
    manifest = written.manifest
    return Appended(
        rows=manifest.rows,
        new=change.new,
        rewritten=change.rewritten,
        rewritten_from=change.rewritten_from,
        changed_from=change.changed_from,
        dropped=change.gone,
        changed=change.changed,
        first=None if manifest.first is None else utc(manifest.first),
        last=None if manifest.last is None else utc(manifest.last),
    )


def _begin(rows: pd.DataFrame, schema: TelemetrySchema, contents: Contents) -> Appended:
    done = ingest_vectorized(device_labels(schema), plain_integers(rows), contents=contents)
    times = column_micros(rows[schema.time]) if len(rows) else np.empty(0, dtype=np.int64)
    return Appended(
        rows=done.rows,
        new=done.rows,
        first=utc(times.min()) if len(times) else None,
        last=utc(times.max()) if len(times) else None,
    )


class _Change:
    """What becomes of label rows when those of some stretches of time are others.

    :param history: of the labels.
    :param made: label rows in these stretches, all that there are.
    """

    def __init__(
        self, history: StoredHistory, made: pd.DataFrame, stretches: Stretches, schema: TelemetrySchema
    ) -> None:
        record = history.record
        self._history = history
        types = column_types(record)
        reach = 2 * longest_horizon_seconds(schema) * 1_000_000
        stored = whole_rows(history, list(types), stretches.widened(reach, reach))
        around = ~stretches.have(stored.micros)
        rows = with_target(_joined(stored, around, made, schema), schema)
        micros = column_micros(rows[schema.time]) if len(rows) else np.empty(0, dtype=np.int64)
        near = stretches.widened(reach, 0).have(micros)
        rows, micros = plain_integers(rows[near]), micros[near]
        columns = {str(name): rows[name] for name in rows.columns}
        target = ahead_targets(schema)
        computed = target if schema.maintenance is None else (*target, IN_MAINTENANCE)
        given = {name: kind for name, kind in types.items() if name not in computed}
        self._types = widened_types(given, {name: columns[name] for name in given}) if len(rows) else given
        types = {**types, **self._types}
        self._layout = Layout(
            entity=record.spec.entities[0].name,
            time=record.spec.timestamp_key,
            arrival=None,
            types=types,
            computed=(),
            granularity=granularity_of(history.target),
            widened=types != column_types(record),
        )
        table = typed_table(types, columns, len(rows))
        codes = pd.factorize(pd.concat([rows[DEVICE], stored.table[DEVICE].to_pandas()]))[0]
        mine, theirs = codes[: len(rows)].astype(np.int64), codes[len(rows) :].astype(np.int64)
        places = places_in(mine, micros, theirs, stored.micros)
        known = typed(stored.table, types)
        self._compare(table, known, places, computed, micros)
        gone = np.ones(len(stored.micros), dtype=np.bool_)
        gone[places[places >= 0]] = False
        gone &= ~around
        self.gone = int(np.count_nonzero(gone))
        gone[places[self._fresh & (places >= 0)]] = True
        nowhere = np.full(int(self._fresh.sum()), -1, dtype=np.int64)
        self._changes = Changes(
            table.take(pa.array(np.flatnonzero(self._fresh))),
            nowhere,
            nowhere,
            stored.files[gone],
            stored.places[gone],
        )
        self._touched = _keys_of(
            [
                table.take(pa.array(np.flatnonzero(self._fresh))),
                known.take(pa.array(np.flatnonzero(gone))),
            ],
            schema,
        )

    def _compare(
        self, table: pa.Table, known: pa.Table, places: Integers, computed: Sequence[str], micros: Integers
    ) -> None:
        """Which rows are others than those that are stored, and how many are new or say something else."""
        met = np.flatnonzero(places >= 0)
        theirs = known.take(pa.array(places[met]))
        mine = table.take(pa.array(met))
        label, target = (np.zeros(len(places), dtype=np.bool_) for _ in range(2))
        for name in table.column_names:
            of = target if name in computed else label
            of[met] |= differing(mine[name], theirs[name])
        is_new = places < 0
        self._fresh = is_new | label | target
        self.new = int(np.count_nonzero(is_new))
        self.changed = int(np.count_nonzero(label))
        self.rewritten = int(np.count_nonzero(target & ~label))
        self.changed_from, self.rewritten_from = (
            utc(micros[rows].min()) if rows.any() else None for rows in (label, target & ~label)
        )

    def step(self, contents: Contents) -> NextHistory:
        """The next state of the history."""
        return NextHistory(
            self._history,
            self._layout,
            self._changes,
            self._touched,
            self._types,
            contents,
            InferOptions.default(),
        )


def _joined(stored: WholeRows, around: Bools, made: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Rows of the history around those that are made, and these."""
    columns = list(made.columns)
    kept = stored.table.select(columns).take(pa.array(np.flatnonzero(around)))
    if not kept.num_rows:
        return made
    frame = kept.to_pandas()
    frame[schema.time] = pd.to_datetime(frame[schema.time], utc=True).dt.as_unit("ns")
    both: pd.DataFrame = pd.concat([frame, made], ignore_index=True) if len(made) else frame
    return both


def _keys_of(tables: Sequence[pa.Table], schema: TelemetrySchema) -> KeyedRows:
    """Keys and times of rows."""
    both = pa.concat_tables([table.select([DEVICE, schema.time]) for table in tables])
    frame = both.to_pandas()
    frame[schema.time] = pd.to_datetime(frame[schema.time], utc=True)
    return KeyedRows.of(frame, DEVICE, schema.time)
