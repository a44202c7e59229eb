"""Readings that do not fit into memory are added to a history in steps, in the order in which they arrived.

Each step is an addition of its own, so that readers see its rows when it is done, and a process that is
killed leaves the steps that were. What was read is noted with the last one: whoever repeats the ingestion
adds the rest. In the order of their arrival no row of a step changes one of an earlier step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets.ingestion.append import Appended, begun, computed_columns, prepare_rows
from feature_sets.ingestion.arrival_chunks import PLACE, arrival_order
from feature_sets.ingestion.feature_chunks import chunk_rows
from feature_sets.ingestion.history.added_rows import SAMPLES, utc
from feature_sets.ingestion.history.rewritten_rows import RewrittenRows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.target_folder import scratch_folder
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.readings import Readings

STEP_CHUNKS = 2
"""How many times more rows a step has than a chunk of a first ingestion: each costs a look at the history."""


def prepare_readings(
    feature_set: fstore.FeatureSet,
    readings: Readings,
    infer_options: int,
    arrival: str | None,
    contents: Contents,
) -> Callable[[], Appended]:
    """``prepare_rows`` of any number of readings, in memory that does not grow with it.

    Features relative to the past of a device need all of its rows: with these it is one step. Those of other
    devices need only rows near those of a step, of all devices that depend on each other.

    :param readings: each key and time once.
    :raises InputError: see ``append_rows``.
    """
    entity, time = feature_set.spec.entities[0].name, feature_set.spec.timestamp_key
    rows = STEP_CHUNKS * chunk_rows(feature_set)
    history = StoredHistory.of(feature_set)
    if history is None:  # A first ingestion that was killed left none.
        return lambda: begun(
            feature_set, ingest_vectorized(feature_set, readings, infer_options, arrival, contents)
        )
    whole = computed_columns(feature_set, arrival, contents.groups).whole_devices
    if len(readings) <= rows or whole:
        once = KeyedRows.of(readings.frame(), entity, time)
        return prepare_rows(feature_set, once, infer_options, arrival, contents, history=history)
    until_then = replace(contents, sources=history.manifest.sources)
    steps = _steps(feature_set, readings, rows, arrival)
    rewritten = RewrittenRows()

    def prepared(step: KeyedRows, content: Contents) -> Callable[[], Appended]:
        return prepare_rows(feature_set, step, infer_options, arrival, content, rewritten=rewritten)

    first, second = next(steps), next(steps, None)
    # What is refused is refused now: all steps have the same columns.
    add_first = prepared(first, contents if second is None else until_then)

    def add() -> Appended:
        done = [add_first()]
        for step, following in itertools.pairwise(itertools.chain([second], steps, [None])):
            if step is not None:
                done.append(prepared(step, contents if following is None else until_then)())
        return _together(done, rewritten)

    return add


def _steps(
    feature_set: fstore.FeatureSet, readings: Readings, rows: int, arrival: str | None
) -> Iterator[KeyedRows]:
    if arrival is None:
        yield from readings.chunks(rows)
        return
    entity, time = feature_set.spec.entities[0].name, feature_set.spec.timestamp_key
    for step in arrival_order(readings, entity, time, arrival, rows, scratch_folder(feature_set)):
        yield replace(step, frame=step.frame.drop(columns=PLACE))


def _together(done: list[Appended], rewritten: RewrittenRows) -> Appended:
    """What became of the rows of all steps."""
    first = rewritten.first
    spans = [one.conflicting_span for one in done if one.conflicting_span is not None]
    return replace(
        done[-1],
        new=sum(one.new for one in done),
        known=sum(one.known for one in done),
        duplicates=sum(one.duplicates for one in done),
        left_out=_sums([one.left_out for one in done]),
        conflicting=sum(one.conflicting for one in done),
        conflicting_span=(
            min((begin for begin, _ in spans), key=pd.Timestamp),
            max((end for _, end in spans), key=pd.Timestamp),
        )
        if spans
        else None,
        conflicts=[conflict for one in done for conflict in one.conflicts][:SAMPLES],
        rewritten=len(rewritten),
        rewritten_from=None if first is None else utc(first),
        dropped=sum(one.dropped for one in done),
        online=next((one.online for one in reversed(done) if one.online is not None), None),
        without_rate=_sums([one.without_rate for one in done]),
        without_others=_sums([one.without_others for one in done]),
    )


def _sums(counts: list[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for count in counts for name in count)
    return {name: int(np.sum([count.get(name, 0) for count in counts])) for name in names}
