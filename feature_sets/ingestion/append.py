"""Adding rows to the history of a feature set, as if everything had been ingested at once.

What is left behind equals one ingestion of all rows to the last bit, whatever the parts, their order and how
late a row comes. Rows that are in the history already change nothing. The next state is written beside the
current one, and saving the feature set switches to it: readers see one or the other, and what a killed
process left is passed over and cleared away by the next ingestion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
from mlrun.data_types import InferOptions

from feature_sets.checks import InputError
from feature_sets.groups import Groups
from feature_sets.ingestion import vectorized_support
from feature_sets.ingestion.addition import Addition
from feature_sets.ingestion.history.added_rows import utc
from feature_sets.ingestion.history.computed import ComputedColumns, NothingComputed, WindowFeatures
from feature_sets.ingestion.history.merged_rows import EARLIER, NEW, Part, touches
from feature_sets.ingestion.history.rewritten_rows import RewrittenRows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.typed_table import column_types, typed_table, widened_types
from feature_sets.ingestion.next_history import Written
from feature_sets.ingestion.vectorized_ingest import Contents, Ingested, ingest_vectorized
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema_content import rows_depend_on
from feature_sets.windows import event_status


@dataclass(frozen=True)
class Appended:
    """What became of the rows that were to be added to a history.

    ``new``, ``known``, ``duplicates`` and the rows left out together are the rows given.

    :param rows: in the history, now.
    :param new: rows that became part of it.
    :param known: rows that were in it already.
    :param duplicates: rows given again with the same key and time; the first of them counts.
    :param left_out: ``too_late`` and ``quarantined`` -> rows left out because of their arrival time, if any.
    :param conflicting: of the known ones those that say something else; the first to come, or to arrive
        where that is known, stays.
    :param conflicting_span: event times of the first and the last of these, ISO 8601; None without one.
    :param conflicts: some of these: key, time, column, what is kept and what was given.
    :param rewritten: rows of the history whose computed columns changed, or that are another's now.
    :param rewritten_from: event time of the earliest of these, ISO 8601; None without one.
    :param changed_from: the same of the labels that are others now.
    :param dropped: rows of the history that are left out from now on, because with the new rows they were too
        late when they arrived.
    :param changed: rows of the history that say something else now; labels that are made of incidents.
    :param first: earliest event time in the history, ISO 8601; None without rows.
    :param last: latest event time.
    :param online: what became of the newest rows; None without an online target.
    :param without_rate: counter -> how many of its new readings have no rate.
    :param without_others: neighbors or peers -> how many new rows have none of their values.
    """

    rows: int
    new: int
    known: int = 0
    duplicates: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    conflicting: int = 0
    conflicting_span: tuple[str, str] | None = None
    conflicts: Sequence[Mapping[str, Any]] = ()
    rewritten: int = 0
    rewritten_from: str | None = None
    changed_from: str | None = None
    dropped: int = 0
    changed: int = 0
    first: str | None = None
    last: str | None = None
    online: OnlineWrite | None = None
    without_rate: Mapping[str, int] = field(default_factory=dict)
    without_others: Mapping[str, int] = field(default_factory=dict)


def append_rows(
    feature_set: fstore.FeatureSet,
    frame: pd.DataFrame | KeyedRows,
    infer_options: int = InferOptions.default(),
    arrival: str | None = None,
    contents: Contents | None = None,
    computed: ComputedColumns | None = None,
) -> Appended:
    """Add rows to the history of a feature set by key and event time; the first ones begin it.

    Of two rows with the same key and time the first stays. Computed columns of earlier rows that a new one
    changes are recomputed and rewritten. Types of the columns stay those of the history, but whole numbers
    become floats where one of both is. Statistics and preview are those of a sample of the whole history, of
    10,000 rows at most; of a shorter history they are exact.

    :param feature_set: as for ``ingest_vectorized``, with a time, and with one Parquet target.
    :param frame: as for ``ingest_vectorized``.
    :param infer_options: as for ``ingest_vectorized``; the types stay.
    :param arrival: as for ``ingest_vectorized``; the order in which rows are added does not matter then.
    :param contents: the schema must be that of the history; sources take the place of earlier ones. Both
        stay as they are by default.
    :param computed: columns of the frame that are computed from other rows, if they are not those of the
        feature set's graph. The frame does not have them.
    :raises InputError: if the history cannot be added to, was made by something else, or has columns of other
        types; nothing is written then.
    :raises IngestError: if a file cannot be read or written; the history is as it was then.
    :raises OnlineStoreError: if Redis does not take the newest rows; the history is as it was then.
    """
    return prepare_rows(feature_set, frame, infer_options, arrival, contents, computed)()


def prepare_rows(
    feature_set: fstore.FeatureSet,
    frame: pd.DataFrame | KeyedRows,
    infer_options: int = InferOptions.default(),
    arrival: str | None = None,
    contents: Contents | None = None,
    computed: ComputedColumns | None = None,
    rewritten: RewrittenRows | None = None,
    history: StoredHistory | None = None,
) -> Callable[[], Appended]:
    """``append_rows`` in two steps: what it refuses is refused now, the rows are added when this is called.

    :param rewritten: takes the rows of the history that are rewritten.
    :param history: of the feature set, where it was read just now; None reads it.
    :raises InputError: see ``append_rows``.
    """
    vectorized_support.check_growing(feature_set)
    if isinstance(frame, pd.DataFrame) and frame.index.names != [None]:
        frame = frame.reset_index()
    history = history or StoredHistory.of(feature_set)
    if history is None:
        return partial(_begin, feature_set, frame, infer_options, arrival, contents or Contents(), computed)
    contents = contents or Contents(history.manifest.schema, history.manifest.sources)
    computed = computed or computed_columns(feature_set, arrival, contents.groups)
    _check_same(feature_set, history, contents)
    vectorized_support.check_frame(feature_set, _plain(frame), arrival)
    part = _part(history, frame, computed)
    addition = Addition(history, part, computed, contents, infer_options)

    def add() -> Appended:
        return _appended(len(frame), part, addition, addition.write(), rewritten)

    return add


def _plain(frame: pd.DataFrame | KeyedRows) -> pd.DataFrame:
    return frame if isinstance(frame, pd.DataFrame) else frame.frame


def _keyed(feature_set: fstore.FeatureSet, frame: pd.DataFrame | KeyedRows) -> KeyedRows:
    """The rows in event order, each key and time once."""
    if isinstance(frame, pd.DataFrame):
        frame = KeyedRows.of(frame, feature_set.spec.entities[0].name, feature_set.spec.timestamp_key)
    return frame.in_event_order()


def computed_columns(
    feature_set: fstore.FeatureSet, arrival: str | None, groups: Groups | None
) -> ComputedColumns:
    """Columns of a feature set's rows that are computed by its graph.

    :param groups: see ``WindowFeatures``.
    """
    if not vectorized_support.has_windows(feature_set):
        return NothingComputed()
    return WindowFeatures(*vectorized_support.declared(feature_set), arrival, groups)


def _begin(
    feature_set: fstore.FeatureSet,
    frame: pd.DataFrame | KeyedRows,
    infer_options: int,
    arrival: str | None,
    contents: Contents,
    computed: ComputedColumns | None,
) -> Appended:
    """Begin a history."""
    rows = _keyed(feature_set, frame)
    given = rows
    if computed is not None:
        values = computed.recompute(rows, np.ones(len(rows), dtype=np.bool_)).values
        given = replace(rows, frame=rows.frame.assign(**values))
    done = ingest_vectorized(feature_set, given, infer_options, arrival, contents)
    return begun(feature_set, done, duplicates=len(frame) - len(rows))


def begun(feature_set: fstore.FeatureSet, done: Ingested, duplicates: int = 0) -> Appended:
    """What is told of the rows that began a history."""
    history = StoredHistory.of(feature_set)
    first, last = (history.manifest.first, history.manifest.last) if history else (None, None)
    return Appended(
        rows=done.rows,
        new=done.rows,
        duplicates=duplicates,
        left_out=done.left_out,
        first=None if first is None else utc(first),
        last=None if last is None else utc(last),
        online=done.online,
        without_rate=done.without_rate,
        without_others=done.without_others,
    )


def _check_same(feature_set: fstore.FeatureSet, history: StoredHistory, contents: Contents) -> None:
    """Raise InputError unless the rows of the history were made as those to be added will be."""
    record, name = history.record, feature_set.metadata.name
    where = f"feature set '{name}'"
    for what, given, known in (
        ("entity", feature_set.spec.entities[0].name, record.spec.entities[0].name),
        ("timestamp_key", feature_set.spec.timestamp_key, record.spec.timestamp_key),
        ("features", _made_of(feature_set), _made_of(record)),
    ):
        if given != known:
            raise InputError(f"{where}, {what}", f"must be as in its history: {known}", given)
    before, now = rows_depend_on(history.manifest.schema), rows_depend_on(contents.schema)
    for part in sorted({*before, *now}):
        if before.get(part) != now.get(part) and not (part in contents.later and part not in before):
            rule = (
                f"must be that of the history: {before.get(part)!r}. Use another project, "
                "or replace the history (netops ingest --replace)"
            )
            raise InputError(f"{where}, schema field '{part}'", rule, now.get(part))


def _made_of(feature_set: fstore.FeatureSet) -> tuple[Any, ...]:
    """What the computed features of a feature set are."""
    if not vectorized_support.has_windows(feature_set):
        return ()
    definition, derived = vectorized_support.declared(feature_set)
    return definition, (derived.all_names, derived.all_inputs) if derived else ()


def _part(history: StoredHistory, frame: pd.DataFrame | KeyedRows, computed: ComputedColumns) -> Part:
    """The rows to be added, with the types that they and the history fit into."""
    rows = _keyed(history.record, frame)
    types = {name: kind for name, kind in column_types(history.record).items() if name not in computed.names}
    columns = {str(name): rows.frame[name] for name in rows.frame.columns}
    types = widened_types(types, columns)
    arrivals = column_micros(rows.frame[computed.arrival]) if computed.arrival else rows.micros
    early = computed.early(rows.micros, arrivals)
    if computed.again:
        rows = replace(rows, keys=[*rows.keys, *_other_keys(history, computed, rows.keys)])
    if isinstance(computed, WindowFeatures):
        rows = replace(rows, keys=[*rows.keys, *computed.together(rows.keys)])
    return Part(typed_table(types, columns, len(rows)), types, rows, early)


def _other_keys(
    history: StoredHistory, computed: ComputedColumns, keys: Sequence[str | int]
) -> list[str | int]:
    """Keys that only the history has, of rows that are computed anew."""
    entity = history.record.spec.entities[0].name
    found: dict[str | int, None] = {}
    for file in history.manifest.files:
        if touches(file, computed.again):
            column = history.folder.read(file.path, [entity])[entity]
            found.update(dict.fromkeys(column.unique().to_pylist()))
    known = set(keys)
    return [key for key in found if key not in known]


def _appended(
    given: int, part: Part, addition: Addition, written: Written, rows_rewritten: RewrittenRows | None
) -> Appended:
    """What is told of an addition."""
    merged, found, added = addition.merged, addition.found, addition.added
    manifest = written.manifest
    new = (merged.origin == NEW) & found.changed
    left_out = {
        event_status.TOO_LATE: int(np.count_nonzero((merged.origin == NEW) & found.too_late)),
        event_status.QUARANTINED: int(np.count_nonzero(part.early)),
    }
    known = int(np.count_nonzero(~added.new & ~part.early))
    moments = merged.rows.micros[found.changed]
    others = part.rows.micros[added.conflicting]
    rewritten = written.rewritten | (merged.origin[found.changed] == EARLIER)
    if rows_rewritten is not None:
        rows_rewritten.add(merged.rows.take(np.flatnonzero(found.changed)[rewritten]))
    return Appended(
        rows=manifest.rows,
        new=int(np.count_nonzero(new)),
        known=known,
        duplicates=given - len(part.rows),
        left_out={name: count for name, count in left_out.items() if count},
        conflicting=len(others),
        conflicting_span=(utc(others.min()), utc(others.max())) if len(others) else None,
        conflicts=[_shown(part, conflict) for conflict in added.samples],
        rewritten=int(np.count_nonzero(rewritten)),
        rewritten_from=utc(moments[rewritten].min()) if rewritten.any() else None,
        dropped=int(np.count_nonzero(found.too_late & (merged.origin != NEW))),
        first=None if manifest.first is None else utc(manifest.first),
        last=None if manifest.last is None else utc(manifest.last),
        online=written.online,
        without_rate=addition.without_rate,
        without_others=addition.without_others,
    )


def _shown(part: Part, conflict: Mapping[str, Any]) -> dict[str, Any]:
    """A conflict with the key and the time of its row."""
    row = conflict["row"]
    shown = {"key": part.rows.keys[part.rows.codes[row]], "time": utc(part.rows.micros[row])}
    return {**shown, **{name: value for name, value in conflict.items() if name != "row"}}
