"""A challenger beside the champion: the same live events with the same labels, in a mature period."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.listed import listed
from feature_sets.model_package.columns import PREDICTION, PROBABILITY, SHADOWS, VERSION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.labeled_files import columns_of, read_pairs
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.evaluation.champion import Units, compared, with_caught
from training.evaluation.clusters import Apart
from training.evaluation.comparison import Comparison
from training.evaluation.scores import Scored

_BOTH = ("champion", "challenger")
_ANSWERS = [f"{who}_{what}" for who in _BOTH for what in (PREDICTION, PROBABILITY)]
_NAMED = 3

GroupsOf = Callable[[list[str]], Mapping[str, Mapping[str, str]]]
"""Devices -> column -> device -> group."""


@dataclass(frozen=True)
class Decisions:
    """What the decisions of a version came to.

    :param caught: errors that it predicted.
    :param missed: errors that it did not.
    :param false_alarms: healthy rows that it took for errors.
    """

    caught: int
    missed: int
    false_alarms: int


@dataclass(frozen=True)
class ShadowComparison:
    """Two versions on the rows that both have scored.

    :param comparison: with intervals, as the gate has it.
    :param champion: what its decisions came to.
    :param challenger: the same of the other.
    :param devices: how many the rows are of.
    :param first: event time of the first row, ISO 8601 UTC; empty without rows.
    :param last: that of the last.
    :param worse_on: large groups on which the challenger is clearly worse, in words; empty for none.
    """

    comparison: Comparison
    champion: Decisions
    challenger: Decisions
    devices: int
    first: str = ""
    last: str = ""
    worse_on: str = ""


def compare_rows(
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    champion: str,
    seed: int = 1,
    groups: GroupsOf | None = None,
    group_rows: int = 0,
    incidents: IncidentSpans = NO_INCIDENTS,
) -> ShadowComparison:
    """Compare two versions on rows that both have scored.

    :param rows: see ``RowsOfBoth``.
    :param schema: names the columns and gives the embargo.
    :param champion: version.
    :param seed: of the resamples.
    :param groups: gives, of devices, ways to group them: column -> device -> group.
    :param group_rows: rows from which on a group is large.
    :param incidents: of the devices.
    """
    units = Units(schema.time, schema.target, Apart.of(schema, incidents))
    scored = {who: _scored(rows, who) for who in _BOTH}
    comparison = compared(champion, rows, units, scored[_BOTH[1]], scored[_BOTH[0]], seed)
    times = rows[schema.time]
    if len(rows) and not schema.horizon_seconds:  # With a horizon nobody knows here when an episode began.
        labels = rows[[DEVICE, schema.time, schema.label]]
        of_both = scored[_BOTH[1]].predicted, scored[_BOTH[0]].predicted
        comparison = with_caught(comparison, rows, of_both, labels, schema, times.min(), incidents)
    return ShadowComparison(
        comparison,
        _decisions(rows, schema, _BOTH[0]),
        _decisions(rows, schema, _BOTH[1]),
        devices=int(rows[DEVICE].nunique()),
        first=times.min().isoformat() if len(rows) else "",
        last=times.max().isoformat() if len(rows) else "",
        worse_on=_worse_on(rows, units, champion, seed, groups, group_rows) if groups else "",
    )


def _worse_on(
    rows: pd.DataFrame, units: Units, champion: str, seed: int, groups: GroupsOf, group_rows: int
) -> str:
    """Large groups on which the challenger ranks or decides clearly worse; without an interval none tells."""
    worse = []
    for column, group_of in groups(rows[DEVICE].unique().tolist()).items():
        for name, within in rows.groupby(rows[DEVICE].map(group_of), sort=True):
            if len(within) < group_rows or len(within) == len(rows):
                continue
            part = within.reset_index(drop=True)
            found = compared(champion, part, units, _scored(part, _BOTH[1]), _scored(part, _BOTH[0]), seed)
            if found.difference is None or not found.is_enough:
                continue
            if found.difference.high < 0:
                scores = f"{found.candidate:.3f} against {found.champion:.3f}"
            elif found.f1_difference is not None and found.f1_difference.high < 0:
                scores = f"F1 {found.candidate_f1:.3f} against {found.champion_f1:.3f}"
            else:
                continue
            worse.append(f"{column} {name} ({scores}, {found.rows:,} rows)")
    return listed(worse, _NAMED)


def rows_of_file(
    path: Path, schema: TelemetrySchema, champion: str, challenger: str, since: datetime
) -> pd.DataFrame:
    """Rows of a file of the labeled stream, with the answers of both versions, in its order.

    Rows that only one of them has scored are left out: a version that was tried later, or on a canary's
    devices only, is compared on what it has seen. Each decides as it did then.

    :param schema: names the columns.
    :param champion: version.
    :param challenger: version.
    :param since: rows later than this count.
    """
    wanted = {champion: _BOTH[0], challenger: _BOTH[1]}
    columns = [DEVICE, schema.time, schema.target, VERSION, PREDICTION, PROBABILITY]
    if SHADOWS not in columns_of(path):
        return joined_rows([], schema)
    period = [(schema.time, ">", pd.Timestamp(since))]
    rows = read_pairs(path, [*columns, SHADOWS], period).to_pandas()
    told = zip(*(rows[name] for name in (VERSION, PREDICTION, PROBABILITY, SHADOWS)), strict=True)
    said = pd.DataFrame(
        [_said(row, wanted) for row in told], columns=_ANSWERS, index=rows.index, dtype="float64"
    )
    both: pd.DataFrame = pd.concat([rows[columns[:3]], said], axis=1).dropna(subset=_ANSWERS)
    return both


def joined_rows(parts: Sequence[pd.DataFrame], schema: TelemetrySchema) -> pd.DataFrame:
    """Rows of several files, each event once, in order of time."""
    none = pd.DataFrame(columns=[DEVICE, schema.time, schema.target, *_ANSWERS])
    found = pd.concat(parts or [none], ignore_index=True)
    return found.drop_duplicates([DEVICE, schema.time]).sort_values(schema.time, ignore_index=True)


def _said(row: tuple[Any, ...], wanted: dict[str, str]) -> tuple[float, ...]:
    """Prediction and probability of the champion, then of the challenger; NaN where there is none.

    :param row: version, prediction and probability of the answer, then what others said.
    """
    version, prediction, probability, shadows = row
    told = {version: (prediction, probability)}
    for answer in shadows if shadows is not None else ():
        told[answer[VERSION]] = (answer[PREDICTION], answer[PROBABILITY])
    none = (np.nan, np.nan)
    return tuple(value for name in wanted for value in told.get(name, none))


def _scored(rows: pd.DataFrame, who: str) -> Scored:
    """What a version said, with the decisions that it made.

    A threshold lies between the largest probability of a 0 and the smallest of a 1; both are of one version.
    """
    probability = rows[f"{who}_{PROBABILITY}"].to_numpy(dtype=np.float64)
    alarms = probability[rows[f"{who}_{PREDICTION}"].to_numpy() == 1]
    return Scored(probability, float(alarms.min()) if len(alarms) else np.inf, probability)


def _decisions(rows: pd.DataFrame, schema: TelemetrySchema, who: str) -> Decisions:
    predicted = rows[f"{who}_{PREDICTION}"].to_numpy() == 1
    wrong = rows[schema.target].to_numpy() == 1
    return Decisions(
        caught=int((predicted & wrong).sum()),
        missed=int((~predicted & wrong).sum()),
        false_alarms=int((predicted & ~wrong).sum()),
    )
