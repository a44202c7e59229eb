"""When labels may be others than before, as something else is told of incidents."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.ingestion.history.whole_rows import Stretches
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.device_part import has_device_part
from feature_sets.telemetry.incident_rows import END, ID, START, at, scope_columns
from feature_sets.telemetry.label_form import FIRST
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

END_OF_TIME = np.iinfo(np.int64).max


def told_again(now: pd.DataFrame, before: pd.DataFrame, schema: TelemetrySchema) -> Stretches:
    """Stretches of all incidents that a changed row may bring in, take away or have count.

    A row stands for its whole incident: the open row of a file counts no longer once the incident was
    closed live. Where the first source counts, it stands for all that overlap it as well, one by one.

    :param now: incidents of all sources, see ``incident_types``.
    :param before: the same of before.
    """
    both = pd.concat([now, before], ignore_index=True)
    found = _of_changed(both, ~both.duplicated(keep=False).to_numpy())
    firsts = column_micros(both[START]) - schema.labels.tolerance_seconds * 1_000_000
    is_open = both[END].isna().to_numpy()
    lasts = np.where(is_open, END_OF_TIME, column_micros(both[END].fillna(both[START])))
    if schema.labels.conflict == FIRST and found.any():
        chains = _chains(both, firsts, lasts, schema)
        found = np.isin(chains, np.unique(chains[found]))
    return Stretches(firsts[found], lasts[found])


def _of_changed(both: pd.DataFrame, changed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Rows of incidents that have a changed row: of one id or, without one, of one start.

    :param changed: rows that one of the two frames has and the other has not.
    """
    has_id = both[ID].notna()
    named = has_id & both[ID].isin(both.loc[changed & has_id, ID])
    others = ~has_id & both[START].isin(both.loc[changed & ~has_id, START])
    found: npt.NDArray[np.bool_] = (named | others).to_numpy()
    return found


def _chains(both: pd.DataFrame, firsts: Integers, lasts: Integers, schema: TelemetrySchema) -> Integers:
    """A number for each row: those that overlap, or are overlapped by the same one, have the same."""
    scope = scope_columns(schema)
    groups = np.zeros(len(both), dtype=np.int64)
    if len(scope) == 1 and not (scope[0] == DEVICE and has_device_part(schema)):
        groups = pd.factorize(both[at(scope[0])])[0].astype(np.int64)
    order = np.lexsort((firsts, groups))
    chains = np.empty(len(both), dtype=np.int64)
    number, group, until = -1, -1, 0
    for place in order.tolist():
        if groups[place] != group or firsts[place] > until:
            number, until = number + 1, lasts[place]
        group, until = groups[place], max(until, lasts[place])
        chains[place] = number
    return chains
