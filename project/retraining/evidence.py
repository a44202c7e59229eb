"""What was labeled since a change began, from the files that the endpoint writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drift.drift_event import utc_time
from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import BY_TIME, SplitRule
from project.labeled_files import read_pairs
from project.retraining.next_run import Evidence
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.evaluation.clusters import ENOUGH, LEAST_CLUSTERS, Apart, episode_clusters, failing_apart

Known = tuple[str, int]
Wanted = Callable[[pd.Timestamp], list[tuple[str, str, Any]]]
SpansOf = Callable[[TelemetrySchema, Iterable[str]], IncidentSpans]
"""Gives the spans of incidents that the history has of some devices."""

_SURELY_ENOUGH = 3 * ENOUGH // 2
"""Devices that fail apart, which are still enough for the gate when more rows have moved its cut."""


def no_spans(schema: TelemetrySchema, keys: Iterable[str]) -> IncidentSpans:
    """Where there is no history."""
    return NO_INCIDENTS


class _PairsSince:
    """Labeled pairs from a time on; a file is read once.

    :param folder: of the labeled pairs of the endpoint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, pd.DataFrame] = {}
        self._moment = ""

    def rows(self, moment: str, schema: TelemetrySchema, wanted: Wanted) -> tuple[pd.DataFrame, Known]:
        """Device, time and label of the pairs, and what is another one when there are more files.

        :param moment: event time, ISO 8601 with a zone.
        :param wanted: which pairs, by that time, as PyArrow takes them; the same each time.
        """
        if moment != self._moment:
            self._files, self._moment = {}, moment
        filters = wanted(pd.Timestamp(datetime.fromisoformat(moment)))
        columns = [DEVICE, schema.time, schema.target]
        found = sorted(self._folder.glob("*.parquet")) if self._folder.is_dir() else []
        for path in found:
            if path.name not in self._files:
                self._files[path.name] = read_pairs(path, columns, filters).to_pandas()
        kept = [self._files[path.name] for path in found if len(self._files[path.name])]
        rows = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=columns)
        return rows, (moment, len(self._files))


class LabeledRows:
    """Counts labeled rows from a time on.

    :param folder: of the labeled pairs of the endpoint.
    :param spans_of: gives incidents, in the middle of which a device may be silent.
    """

    def __init__(self, folder: Path, spans_of: SpansOf = no_spans) -> None:
        self._pairs, self._spans_of = _PairsSince(folder), spans_of
        self._counted: tuple[Known, Evidence] | None = None

    def since(
        self, onset: str, schema: TelemetrySchema, test_fraction: float, rule: SplitRule = BY_TIME
    ) -> Evidence:
        """What there is since the onset of a change.

        :param onset: event time, ISO 8601 with a zone.
        :param schema: names the columns and gives the embargo.
        :param test_fraction: share of the rows that nothing is learned from.
        :param rule: which rows these are.
        """
        # The earlier part loses the embargo at its end; at least half of it is to be left.
        needed = 2 * schema.embargo_seconds / (1 - test_fraction)
        rows, known = self._pairs.rows(onset, schema, lambda first: [(schema.time, ">=", first)])
        if not len(rows):
            return Evidence(needed_span_seconds=needed)
        # Files only come; what they hold is counted when there is a new one.
        if self._counted is None or self._counted[0] != known:
            self._counted = known, self._count(rows, onset, schema, test_fraction, needed, rule)
        return self._counted[1]

    def _count(
        self,
        rows: pd.DataFrame,
        onset: str,
        schema: TelemetrySchema,
        test_fraction: float,
        needed: float,
        rule: SplitRule,
    ) -> Evidence:
        ordered = rows.drop_duplicates([DEVICE, schema.time]).sort_values(schema.time, ignore_index=True)
        apart = Apart.of(schema, self._spans_of(schema, ordered[DEVICE].unique()))
        episodes = episodes_of(ordered, schema, apart)
        span = (ordered[schema.time].iloc[-1] - pd.Timestamp(datetime.fromisoformat(onset))).total_seconds()
        if rule.holds_devices_out:
            groups = _groups(ordered, schema, test_fraction, rule)
            return Evidence(len(ordered), groups, span, needed, episodes)
        later = ordered.iloc[int(len(ordered) * (1 - test_fraction)) :]
        return Evidence(len(ordered), _units(later, schema, apart), span, needed, episodes)


class LabeledErrors:
    """Counts the error episodes that were labeled from a time on.

    :param folder: of the labeled pairs of the endpoint.
    :param spans_of: see ``LabeledRows``.
    """

    def __init__(self, folder: Path, spans_of: SpansOf = no_spans) -> None:
        self._pairs, self._spans_of = _PairsSince(folder), spans_of
        self._counted: tuple[Known, tuple[int, str]] | None = None

    def since(self, moment: str, schema: TelemetrySchema) -> tuple[int, str]:
        """How many there are, of simultaneous ones of several devices one, and when the newest error was.

        :param moment: event time, ISO 8601 with a zone; errors at it do not count.
        :param schema: names the columns, and says how far apart episodes are.
        :returns: also ISO 8601 UTC; empty without any.
        """
        rows, known = self._pairs.rows(
            moment, schema, lambda first: [(schema.time, ">", first), (schema.target, "==", 1)]
        )
        if self._counted is None or self._counted[0] != known:
            self._counted = known, self._count(rows, schema)
        return self._counted[1]

    def _count(self, rows: pd.DataFrame, schema: TelemetrySchema) -> tuple[int, str]:
        if rows.empty:
            return 0, ""
        rows = rows.drop_duplicates([DEVICE, schema.time])
        rows = rows.sort_values(schema.time, ignore_index=True)
        apart = Apart.of(schema, self._spans_of(schema, rows[DEVICE].unique()))
        return episodes_of(rows, schema, apart), utc_time(rows[schema.time].iloc[-1].isoformat())


def episodes_of(rows: pd.DataFrame, schema: TelemetrySchema, apart: Apart) -> int:
    """Error episodes, of simultaneous ones of several devices one."""
    wrong = (rows[schema.target] == 1).to_numpy()
    if not wrong.any():
        return 0
    clusters = episode_clusters(rows, schema.time, schema.target, apart)
    return len(np.unique(clusters.codes[wrong]))


def _units(rows: pd.DataFrame, schema: TelemetrySchema, apart: Apart) -> int:
    """What the gate will be able to compare on: devices with errors if surely enough, or episodes."""
    wrong = (rows[schema.target] == 1).to_numpy()
    if not wrong.any():
        return 0
    clusters = episode_clusters(rows, schema.time, schema.target, apart)
    failing = failing_apart(rows, schema.target, clusters)
    if failing >= _SURELY_ENOUGH and clusters.count >= LEAST_CLUSTERS:
        return failing
    return len(np.unique(clusters.codes[wrong]))


def _groups(rows: pd.DataFrame, schema: TelemetrySchema, share: float, rule: SplitRule) -> int:
    """The same where whole groups are evaluated on: those with errors that the split would choose.

    Which devices share an attribute these rows do not say; each is taken for a group of its own then.
    """
    failing = rows.loc[(rows[schema.target] == 1).to_numpy(), DEVICE].unique()
    column, size = rule.group_column, len(schema.entity)
    if column in schema.entity:
        place = schema.entity.index(column)
        failing = np.unique([key_parts(key, size, schema.separator)[place] for key in failing])
    if not rule.test:
        return round(share * len(failing))
    return len(set(rule.test) & set(failing) if column in ("", DEVICE, *schema.entity) else rule.test)
