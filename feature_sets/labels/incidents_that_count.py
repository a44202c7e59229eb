"""Which of the rows of incidents count, where several are about the same one."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    ROW,
    SOURCE,
    START,
    at,
    scope_columns,
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
    is_live = (rows[SOURCE] == LIVE).to_numpy()
    known = rows[KNOWN].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((rows[ROW].to_numpy(), rows[SOURCE].astype(str).to_numpy(), is_live, known))
    ordered = rows.iloc[order]
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


def source_ranks(rows: pd.DataFrame, schema: TelemetrySchema) -> Integers:
    """Place of the source of each row among ``schema.labels.sources``; those that are not named come last."""
    named = list(schema.labels.sources)
    codes, sources = pd.factorize(rows[SOURCE])
    stems = [PurePosixPath(str(source).rpartition("|")[2]).name.partition(".")[0] for source in sources]
    ranks = [named.index(stem) if stem in named else len(named) for stem in stems]
    return np.array([*ranks, len(named)], dtype=np.int64)[codes]
