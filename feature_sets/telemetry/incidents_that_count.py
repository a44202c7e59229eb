"""Which of the rows of incidents count, where several are about the same one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.event_micros import event_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.incident_events import Incident, made_id
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    REOPENED,
    ROW,
    SOURCE,
    START,
    at,
    said,
    scope_columns,
    texts_about,
)
from feature_sets.telemetry.schema import TelemetrySchema

LIVE = "live"
"""Source of incidents that were sent to the endpoint."""
_NEVER = np.iinfo(np.int64).min


def incidents_that_count(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Incidents as they are known last, each once; the order of the rows does not matter.

    Rows with an id are about one incident, whatever file they are in. The one that was known last counts: by
    ``known``, without it by the name of the file and the place in it, and what was sent live is last; a file
    may close that, see ``closed_by_files``. Rows without an id are about one incident if they name the same
    devices and start; an end closes it.

    :param rows: of all sources, see ``incident_types``.
    """
    if not len(rows):
        return rows
    rows = closed_by_files(rows)
    found: pd.DataFrame = rows.iloc[places_that_count(rows, schema)]
    return found.reset_index(drop=True)


def places_that_count(rows: pd.DataFrame, schema: TelemetrySchema) -> Integers:
    """Places of the rows that ``incidents_that_count`` gives."""
    order, is_cancelled = order_of(rows), rows[CANCELLED].to_numpy()
    has_id = pd.notna(rows[ID].to_numpy())[order]
    counts = last_of_each(rows, order[has_id])
    counts = counts[~is_cancelled[counts]]
    if not has_id.all():
        alone = order[~has_id]
        counts = np.concatenate([counts, alone[_counts_without_id(rows.iloc[alone], schema)]])
    return counts


def closed_by_files(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows, where those that were sent live without an end have the one that files say.

    What was sent when it was open says nothing of its end, whenever it arrives. So does a note of something
    else. Who opens it again contradicts ends of before that. Of several rows of files the last one says it.

    :param rows: of all sources, see ``incident_types``. Without an id, an end closes a row in any case.
    """
    sources, is_cancelled = rows[SOURCE].to_numpy(), rows[CANCELLED].to_numpy()
    ends = _moments(rows[END])
    is_live = sources == LIVE
    is_open = is_live & np.isnat(ends) & ~is_cancelled
    if not is_open.any():
        return rows
    codes, each = pd.factorize(rows[ID].to_numpy())  # -1 without an id: the place behind all others.
    is_open &= codes >= 0
    is_about = np.zeros(len(each) + 1, dtype=np.bool_)
    is_about[codes[is_open]] = True
    about = _in_order(rows, np.flatnonzero(is_about[codes] & ~is_live))
    said = np.full(len(each) + 1, np.datetime64("NaT"), dtype=ends.dtype)
    said[codes[about]] = np.where(is_cancelled[about], said[:1], ends[about])  # The last of each id stays.
    said = said[codes]
    again = _moments(rows[REOPENED])
    is_closed = is_open & (np.isnat(again) | (said > again)) & (said >= _moments(rows[START]))
    if not is_closed.any():
        return rows
    found = rows.copy(deep=False)  # All other columns stay as they are.
    found[END] = pd.DatetimeIndex(np.where(is_closed, said, ends), tz="UTC")
    return found


def _counts_without_id(others: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    columns = [at(column) for column in scope_columns(schema)]
    groups = others[[*columns, START]].fillna(dict.fromkeys(columns, "")).groupby([*columns, START])
    number = groups.ngroup().to_numpy()
    last_cancelled = others[CANCELLED].groupby(number).transform("last")
    closed = (others[END].notna() & ~others[CANCELLED]).groupby(number).transform("any")
    counts: pd.Series = ~last_cancelled & ~others[CANCELLED] & ~(closed & others[END].isna())
    return counts.to_numpy(dtype=np.bool_)


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order in which they were known: of those with one id, the last one counts."""
    ordered: pd.DataFrame = rows.iloc[order_of(rows)]
    return ordered


def order_of(rows: pd.DataFrame) -> Integers:
    """Places of the rows in the order in which they were known, shape (n,)."""
    return _in_order(rows, np.arange(len(rows)))


def _in_order(rows: pd.DataFrame, places: Integers) -> Integers:
    sources, known = rows[SOURCE].to_numpy()[places], _micros(rows[KNOWN])[places]
    # Their names are few, so these are sorted, and not those of all rows.
    codes, each = pd.factorize(sources, use_na_sentinel=False)
    _, ranks = np.unique(each.astype(str), return_inverse=True)
    order: Integers = places[np.lexsort((rows[ROW].to_numpy()[places], ranks[codes], sources == LIVE, known))]
    return order


def last_of_each(rows: pd.DataFrame, places: Integers) -> Integers:
    """Of some places of rows, all with an id, the last one of each id, in their order."""
    codes, each = pd.factorize(rows[ID].to_numpy()[places])
    last = np.empty(len(each), dtype=np.int64)
    last[codes] = np.arange(len(places))  # Of an id that repeats, the last place stays.
    return places[np.sort(last)]


def source_ranks(rows: pd.DataFrame, schema: TelemetrySchema) -> Integers:
    """Place of the source of each row among ``schema.labels.sources``; those that are not named come last."""
    codes, sources = pd.factorize(rows[SOURCE])
    ranks = [source_rank(str(source), schema) for source in sources]
    return np.array([*ranks, len(schema.labels.sources)], dtype=np.int64)[codes]


def source_rank(source: str, schema: TelemetrySchema) -> int:
    """The same of one source, such as ``folder|incidents/tickets.csv``."""
    named = schema.labels.sources
    stem = PurePosixPath(source.rpartition("|")[2]).name.partition(".")[0]
    return named.index(stem) if stem in named else len(named)


def incident_of(row: Mapping[Any, Any], schema: TelemetrySchema) -> Incident:
    """The incident of a row; without an id, one is made.

    :param row: column -> cell, see ``incident_types``.
    """
    start, end = (_seconds(row[name]) for name in (START, END))
    names = {column: row[at(column)] for column in scope_columns(schema)}
    return _incident(
        row[ID], names, start, end, row[CANCELLED], {name: row[said(name)] for name in texts_about(schema)}
    )


def incidents_of(
    rows: pd.DataFrame, schema: TelemetrySchema, places: Integers | slice = slice(None)
) -> list[Incident]:
    """``incident_of`` each of several rows, in their order.

    :param places: of the rows that are wanted.
    """

    def cells_of(column: str) -> list[Any]:
        found: list[Any] = rows[column].to_numpy()[places].tolist()
        return found

    scope, about = scope_columns(schema), texts_about(schema)
    names = zip(*(cells_of(at(column)) for column in scope), strict=True)
    texts = zip(*(cells_of(said(column)) for column in about), strict=True)
    starts, ends = (_all_seconds(rows[column], places) for column in (START, END))
    cells = zip(cells_of(ID), names, starts, ends, cells_of(CANCELLED), texts, strict=True)
    return [
        _incident(
            name,
            dict(zip(scope, whom, strict=True)),
            start,
            end,
            is_cancelled,
            dict(zip(about, given, strict=True)),
        )
        for name, whom, start, end, is_cancelled, given in cells
    ]


def _incident(
    name: object,
    names: Mapping[str, object],
    start: float | None,
    end: float | None,
    is_cancelled: object,
    texts: Mapping[str, object],
) -> Incident:
    whom = {column: str(cell) for column, cell in names.items() if cell is not None}
    given = {column: None if text is None else str(text) for column, text in texts.items()}
    found = made_id(whom, start or 0.0) if name is None else str(name)
    return Incident(found, whom, start or 0.0, end, bool(is_cancelled), given)


def _seconds(moment: object) -> float | None:
    return None if moment is None or moment is pd.NaT else event_micros(moment) / 1_000_000


def _all_seconds(moments: pd.Series, places: Integers | slice) -> list[float | None]:
    all_micros = _micros(moments)[places].tolist()
    return [None if micros == _NEVER else micros / 1_000_000 for micros in all_micros]


def _micros(moments: pd.Series) -> Integers:
    """Microseconds since the epoch, as of ``event_micros``; ``_NEVER`` where there is none."""
    found: Integers = _moments(moments).astype("datetime64[us]").astype(np.int64)
    return found


def _moments(column: pd.Series) -> npt.NDArray[np.datetime64]:
    """Its times in UTC, without their zone."""
    return column.to_numpy(dtype="datetime64[ns]")
