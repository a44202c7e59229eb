"""The columns of an ingestion's result: the rows in event order, with their windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.derived_features import DerivedFeatures
from feature_sets.groups import Groups
from feature_sets.ingestion import one_hot, vectorized_support
from feature_sets.ingestion.absent_values import without_others, without_rate
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import event_status
from feature_sets.windows.baselines import Baselines
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.known_columns import known_columns, known_engine
from feature_sets.windows.newest_values import NewestValues
from feature_sets.windows.online import OnlineWindows

_TURNED_ROWS = 4096
"""Rows that are put into columns at a time: as many as the processor's cache holds."""


@dataclass(frozen=True)
class FeatureColumns:
    """The columns of the result, each of the same length and in the same order of rows.

    :param keys: the entity of each row.
    :param rows: what the windows were computed from, in the same order; None without windows.
    :param left_out: status -> rows that are in no window, and not among these: they arrived too late, or are
        further in the future than is tolerated.
    :param values: the windows, then the columns of the frame without the entity, then what is derived of the
        windows, by name.
    :param without_others: see ``group_report``.
    """

    entity: str
    time: str | None
    definition: WindowDefinition | None
    keys: pd.Series
    values: dict[str, pd.Series]
    rows: KeyedRows | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    without_others: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        feature_set: fstore.FeatureSet,
        given: pd.DataFrame | KeyedRows,
        arrival: str | None = None,
        groups: Groups | None = None,
    ) -> FeatureColumns:
        """Compute the windows that a feature set declares, if any, and what it derives from them.

        :param given: rows that ``vectorized_support.check_frame`` took; not changed, and shared. Where their
            keys are numbered already, they are not numbered again.
        :param arrival: see ``windows_as_known``.
        :param groups: see ``FeatureWindows``.
        :raises InputError: if a row has no key, or is not in its windows.
        """
        entity, time = feature_set.spec.entities[0].name, feature_set.spec.timestamp_key
        if not vectorized_support.has_windows(feature_set):
            frame = (given.frame if isinstance(given, KeyedRows) else given).copy(deep=False)
            frame.index = pd.RangeIndex(len(frame))
            values = one_hot.encoded(feature_set, _without(frame, entity))
            return cls(entity, time, None, frame[entity], values)
        windows = FeatureWindows.of(feature_set, arrival, groups)
        keyed = given if isinstance(given, KeyedRows) else KeyedRows.of(given, entity, time)
        rows = keyed.in_event_order()
        columns = windows.columns(rows)
        windows.check(columns.left_out, len(rows))
        return columns

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.keys)

    @property
    def without_rate(self) -> dict[str, int]:
        """Counter -> how many of its readings have no rate."""
        names, columns = (
            (self.definition.rate_names, self.definition.whole_columns) if self.definition else ((), ())
        )
        return without_rate(
            self.definition,
            {name: self.values[name].to_numpy() for name in names},
            {name: self.values[name].notna().to_numpy() for name in columns},
        )

    def frame(self, rows: slice | npt.NDArray[Any]) -> pd.DataFrame:
        """Some rows as MLRun sees them: indexed by the entity."""
        chosen = {name: column.iloc[rows].array for name, column in self.values.items()}
        return pd.DataFrame(chosen, index=pd.Index(self.keys.iloc[rows], name=self.entity))

    @cached_property
    def micros(self) -> npt.NDArray[np.int64]:
        """Event times in microseconds since the epoch; the time of ingestion where there are none."""
        if self.rows is not None:
            return self.rows.micros
        if self.time is None:
            return np.full(self.count, event_micros(datetime.now(UTC)))
        return column_micros(self.values[self.time])


@dataclass(frozen=True)
class FeatureWindows:
    """Computes the columns of one chunk of rows after the other.

    These are the windows that a feature set declares, and what it derives from them.

    :param arrival: column of the arrival time, if there is one.
    :param engine: that has taken the chunks before.
    :param baselines: that have taken them too; None without derived features.
    :param others: the newest values of each device, which have taken them too; the same.
    """

    definition: WindowDefinition
    derived: DerivedFeatures | None
    arrival: str | None
    engine: OnlineWindows
    baselines: Baselines | None
    others: NewestValues | None

    @classmethod
    def of(
        cls, feature_set: fstore.FeatureSet, arrival: str | None, groups: Groups | None = None
    ) -> FeatureWindows:
        """Raise InputError if the feature set declares windows that our engine does not compute.

        :param groups: which devices the features of neighbors and peers are about; None is no others.
        """
        definition, derived = vectorized_support.declared(feature_set)
        baselines = derived.relative.baselines() if derived else None
        others = derived.groups.state(groups) if derived else None
        return cls(definition, derived, arrival, known_engine(definition, arrival), baselines, others)

    def columns(self, rows: KeyedRows) -> FeatureColumns:
        """The columns of rows that follow those before.

        :param rows: in event order, or with an arrival in any; their data is shared.
        """
        definition = self.definition
        names = (*definition.feature_names, *definition.rate_names)
        windows, statuses = known_columns(rows, definition, self.arrival, names, engine=self.engine)
        told = pd.Series(statuses)
        lost = ~told.isin(event_status.COUNTED)
        left_out = {str(name): int(n) for name, n in told[lost].value_counts().items()}
        if left_out:
            kept = np.flatnonzero(~lost)
            rows, windows = rows.take(kept), windows[:, kept]
            rows.frame.index = pd.RangeIndex(len(rows))
        columns = {name: pd.Series(column, copy=False) for name, column in zip(names, windows, strict=True)}
        features = {name: columns[name] for name in definition.feature_names}
        rates = {name: columns[name] for name in definition.rate_names}
        if rates:  # In the frame too: what the windows were computed from are the rates.
            rows = replace(rows, frame=rows.frame.assign(**rates))
        derived = self._derived(features, rows)
        return FeatureColumns(
            rows.entity,
            rows.time,
            definition,
            rows.frame[rows.entity],
            {**features, **_without(rows.frame, rows.entity), **derived},
            rows,
            left_out,
            without_others(self.derived, {name: column.to_numpy() for name, column in derived.items()}),
        )

    def check(self, left_out: Mapping[str, int], rows: int) -> None:
        """Raise InputError if rows were left out that must not be.

        :param left_out: see ``FeatureColumns``.
        :param rows: of which these are.
        """
        if left_out and (self.arrival is None or sum(left_out.values()) == rows):
            rule = (
                "must arrive neither later than the allowed lateness nor before their own time by more than "
                "the tolerance"
            )
            column = self.arrival or self.definition.timestamp
            raise InputError(f"rows by '{column}'", rule, f"{dict(left_out)} of {rows}")

    def _derived(self, windows: dict[str, pd.Series], kept: KeyedRows) -> dict[str, pd.Series]:
        """The derived features as columns, each with its values side by side in memory.

        :param kept: the rows, all of which count.
        """
        if self.derived is None or self.baselines is None or self.others is None:
            return {}
        relative = self.derived.relative
        columns = {name: windows[name].to_numpy() for name in relative.inputs}
        found = _of_row(windows, self.derived) | relative.of_history(
            kept, self.arrival, columns, self.baselines
        )
        groups = self.derived.groups
        inputs = {
            name: (windows[name] if name in windows else kept.frame[name]).to_numpy(np.float64)
            for name in groups.inputs
        }
        found |= groups.of_history(kept, self.arrival, inputs, self.others)
        return {name: pd.Series(column, copy=False) for name, column in found.items()}


def _of_row(windows: dict[str, pd.Series], derived: DerivedFeatures) -> dict[str, npt.NDArray[np.float64]]:
    """Those that are computed from the windows of the same row."""
    if not derived.names:
        return {}
    inputs = [windows[name].to_numpy() for name in derived.inputs]
    rows = len(inputs[0])
    values = np.empty((len(derived.names), rows))
    for start in range(0, rows, _TURNED_ROWS):
        part = slice(start, start + _TURNED_ROWS)
        values[:, part] = derived.of(np.column_stack([column[part] for column in inputs])).T
    return dict(zip(derived.names, values, strict=True))


def _without(frame: pd.DataFrame, left_out: str) -> dict[str, pd.Series]:
    return {str(name): frame[name] for name in frame.columns if name != left_out}
