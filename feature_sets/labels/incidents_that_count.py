"""Which of the rows of incidents count, where several are about the same one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import event_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.incident_events import Incident, made_id
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
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


def incidents_that_count(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Incidents as they are known last, each once; the order of the rows does not matter.

    Rows with an id are about one incident, whatever file they are in. The one that was known last counts: by
    ``known``, without it by the name of the file and the place in it, and what was sent live is last. Rows
    without an id are about one incident if they name the same devices and start; an end closes it.

    :param rows: of all sources, see ``incident_types``.
    """
    if not len(rows):
        return rows
    columns = [at(column) for column in scope_columns(schema)]
    ordered = in_order(rows)
    has_id = ordered[ID].notna()
    by_id = ordered[has_id].drop_duplicates(ID, keep="last")
    by_id = by_id[~by_id[CANCELLED].to_numpy()]
    others = ordered[~has_id]
    if not len(others):
        alone: pd.DataFrame = by_id.reset_index(drop=True)
        return alone
    groups = others[[*columns, START]].fillna(dict.fromkeys(columns, "")).groupby([*columns, START])
    number = groups.ngroup().to_numpy()
    last_cancelled = others[CANCELLED].groupby(number).transform("last")
    closed = (others[END].notna() & ~others[CANCELLED]).groupby(number).transform("any")
    counts = ~last_cancelled & ~others[CANCELLED] & ~(closed & others[END].isna())
    both: pd.DataFrame = pd.concat([by_id, others[counts]]).reset_index(drop=True)
    return both


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order in which they were known: of those with one id, the last one counts."""
    is_live = (rows[SOURCE] == LIVE).to_numpy()
    known = rows[KNOWN].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((rows[ROW].to_numpy(), rows[SOURCE].astype(str).to_numpy(), is_live, known))
    ordered: pd.DataFrame = rows.iloc[order]
    return ordered


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
    names = {column: str(row[at(column)]) for column in scope_columns(schema) if row[at(column)] is not None}
    start, end = (_seconds(row[name]) for name in (START, END))
    texts = {column: row[said(column)] for column in texts_about(schema)}
    given = {column: None if text is None else str(text) for column, text in texts.items()}
    name = made_id(names, start or 0.0) if row[ID] is None else str(row[ID])
    return Incident(name, names, start or 0.0, end, bool(row[CANCELLED]), given)


def _seconds(moment: object) -> float | None:
    return None if moment is None or moment is pd.NaT else event_micros(moment) / 1_000_000
