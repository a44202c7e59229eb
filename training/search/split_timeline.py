"""Where in time the rows of a training lie: learned from, validated on, left out between, evaluated on.

Lanes are all devices where time is cut for all alike, their errors, and each fold; else groups or devices.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import TIME
from training.dataset.incident_spans import IncidentSpans
from training.dataset.split import Split
from training.exploration.error_episodes import error_episodes
from training.search.time_folds import DEVICES, GROUPS, Folds

TIMELINE_KEY = "split_timeline"
COLUMNS = ["lane", "part", "start", "end", "rows"]
LEARNED, VALIDATION, EMBARGO, TEST = "learned from", "validation", "embargo", "test"
EPISODE = "error episode"
ERRORS = "errors"
"""Lane of the episodes of all devices, which would hide what is below them."""
ALL = "all devices"
MOST_LANES = 30
"""Groups or devices that have a lane, those with the most errors."""
MOST_SPANS = 100
"""Stretches of a lane; where parts take turns more often, each part is one from its first to its last row."""
MOST_EPISODES = 1_000
"""Error episodes, evenly taken from all in order of time."""


def split_timeline(split: Split, schema: TelemetrySchema, folds: Folds | None) -> pd.DataFrame:
    """Stretches of time by lane and part.

    :param split: of the training; of its training part the rows that are used.
    :param schema: names the columns and gives the embargo.
    :param folds: of the search, positions in the training part; None without labels.
    :returns: ``COLUMNS``, lanes from top to bottom. The part of validation rows says the fold. Rows are those
        that are used; those of an episode are error rows of one device.
    """
    rows = pd.concat([split.train, split.test], ignore_index=True)[[DEVICE, schema.time, schema.target]]
    parts = np.full(len(rows), LEARNED, dtype=object)
    parts[len(split.train) :] = TEST
    used = folds.used if folds is not None else ()
    in_turn = folds is not None and folds.kind in (DEVICES, GROUPS)
    by_time = split.rule.by == TIME and not in_turn
    if not by_time:
        for number, fold in enumerate(used, start=1):
            parts[fold.validation] = f"{VALIDATION}, fold {number}"
    lanes = _lanes(rows, split, schema, by_time)
    spans: list[tuple[str, str, pd.Timestamp, pd.Timestamp, int]] = []
    for lane in sorted(lanes.dropna().unique()):
        within = (lanes == lane).to_numpy()
        spans += _spans(lane, rows.loc[within, schema.time], parts[within], split.embargoed_rows > 0)
    of_errors = pd.Series(ERRORS, index=rows.index) if by_time else lanes
    spans += _episodes(rows, of_errors, schema, split.incidents)
    if by_time:
        for number, fold in enumerate(used, start=1):
            of_fold = np.full(len(split.train), "", dtype=object)
            of_fold[fold.fit], of_fold[fold.validation] = LEARNED, f"{VALIDATION}, fold {number}"
            kept = of_fold != ""
            lane = f"fold {number} of {len(used)}"
            spans += _spans(lane, split.train.loc[kept, schema.time], of_fold[kept], embargo=False)
    return pd.DataFrame(spans, columns=COLUMNS)


def _lanes(rows: pd.DataFrame, split: Split, schema: TelemetrySchema, by_time: bool) -> pd.Series:
    """Lane of each row; missing of groups that have none."""
    if by_time:
        return pd.Series(ALL, index=rows.index)
    names = rows[DEVICE].map(split.groups) if split.groups else rows[DEVICE].astype(object)
    errors = rows[schema.target].groupby(names).sum().sort_values(ascending=False, kind="stable")
    return names.where(names.isin(errors.index[:MOST_LANES]))


def _spans(
    lane: str, times: pd.Series, parts: npt.NDArray[np.object_], embargo: bool
) -> Iterator[tuple[str, str, pd.Timestamp, pd.Timestamp, int]]:
    """Stretches of a lane in which row after row is of the same part, and the gap before test rows."""
    order = np.argsort(times.to_numpy(), kind="stable")
    moment, part = times.iloc[order].reset_index(drop=True), parts[order]
    first = np.flatnonzero(np.concatenate([[True], part[1:] != part[:-1]]))
    if len(first) > MOST_SPANS:
        for name in sorted(set(part)):
            of = moment[part == name]
            yield lane, name, of.min(), of.max(), len(of)
        return
    last = np.append(first[1:], len(part)) - 1
    for begin, end in zip(first, last, strict=True):
        if embargo and begin and part[begin] == TEST:
            yield lane, EMBARGO, moment[begin - 1], moment[begin], 0
        yield lane, part[begin], moment[begin], moment[end], int(end - begin + 1)


def _episodes(
    rows: pd.DataFrame, lanes: pd.Series, schema: TelemetrySchema, incidents: IncidentSpans
) -> Iterator[tuple[str, str, pd.Timestamp, pd.Timestamp, int]]:
    """Error episodes of the lanes."""
    errors = rows[(rows[schema.target] == 1).to_numpy() & lanes.notna().to_numpy()]
    within = incidents.numbers(errors, schema.time)
    found = error_episodes(errors, schema.time, schema.target, schema.embargo_seconds, within)
    lane_of = dict(zip(rows[DEVICE], lanes, strict=True))
    found = found.sort_values(["start", DEVICE], kind="stable", ignore_index=True)
    taken = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_EPISODES)).round().astype(np.intp))
    for row in found.iloc[taken].to_dict("records"):
        yield lane_of[row[DEVICE]], EPISODE, row["start"], row["end"], int(row["rows"])
