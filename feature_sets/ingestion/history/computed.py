"""The columns of a feature set that depend on other rows of the same device, and on which of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.derived_features import DerivedFeatures
from feature_sets.groups import Groups
from feature_sets.ingestion.errors import IngestError
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers, KeyedRows
from feature_sets.windows import event_status
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.group_reach import GroupReach, group_reach
from feature_sets.windows.reach import Reach, reach

Ranges = tuple[tuple[int, int], ...]
"""Times from the first microsecond up to one that is no longer meant, in order."""


@dataclass(frozen=True)
class Recomputed:
    """What rows that were added do to the rows around them.

    :param changed: rows whose computed columns may be others now, the added ones among them; shape (n,).
    :param values: the computed columns of the changed rows, in their order.
    :param too_late: rows that are no part of the history, because they arrived too late.
    :param lacks: whether they depend on rows further back than those that were given: then all rows of the
        devices are needed, and the rest says nothing.
    """

    changed: Bools
    values: Mapping[str, npt.NDArray[np.float64]]
    too_late: Bools
    lacks: bool = False


class ComputedColumns(Protocol):
    """Columns that are computed from rows of the same device.

    With ``whole_devices`` a row may depend on every earlier one of its device, however long ago.

    Times are in microseconds. ``recompute`` is given every row of the devices within ``behind`` before and
    ``ahead`` after the added ones, and with an ``arrival`` all rows that arrived later than one of them.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The computed columns."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that they are computed from."""

    @property
    def arrival(self) -> str | None:
        """Column of the arrival time, if that is the order in which rows count."""

    @property
    def whole_devices(self) -> bool:
        """Whether ``recompute`` needs all rows of the devices that have an added one."""

    @property
    def behind(self) -> int:
        """How far before an added row there are rows that matter."""

    @property
    def ahead(self) -> int:
        """How far after an added row there are rows that matter."""

    @property
    def again(self) -> Ranges:
        """Times whose rows are computed anew, whatever is added; none with an ``arrival``."""

    def early(self, micros: npt.NDArray[np.int64], arrivals: npt.NDArray[np.int64]) -> Bools:
        """Rows that are no part of the history, because they arrived before their own time."""

    def recompute(self, rows: KeyedRows, added: Bools, is_whole: bool = False) -> Recomputed:
        """What the added rows change.

        :param rows: in event order, with the inputs.
        :param added: which of them are new.
        :param is_whole: whether these are all rows of the devices.
        """


class AnyArrival:
    """Rows that count whenever they come, so that none is early."""

    arrival: str | None = None
    whole_devices = False

    def early(self, micros: npt.NDArray[np.int64], arrivals: npt.NDArray[np.int64]) -> Bools:
        """None."""
        return np.zeros(len(micros), dtype=np.bool_)


class NothingComputed(AnyArrival):
    """Rows that do not depend on each other."""

    names: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    behind = 0
    ahead = 0
    again: Ranges = ()

    def recompute(self, rows: KeyedRows, added: Bools, is_whole: bool = False) -> Recomputed:
        """The added rows alone."""
        return Recomputed(added, {}, np.zeros(len(rows), dtype=np.bool_))


@dataclass(frozen=True)
class WindowFeatures:
    """Rolling windows, the rates of counters, and what is derived of the windows.

    :param definition: of the windows.
    :param derived: see ``DerivedFeatures``; None if nothing is.
    :param arrival: column with the time at which each row arrived; None where nobody knows.
    :param groups: which devices the features of neighbors and peers are about; None is no others.
    """

    definition: WindowDefinition
    derived: DerivedFeatures | None = None
    arrival: str | None = None
    groups: Groups | None = None
    again: Ranges = ()
    names: tuple[str, ...] = field(init=False)
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        derived = self.derived.all_names if self.derived else ()
        arrival = (self.arrival,) if self.arrival else ()
        object.__setattr__(self, "names", (*self.definition.computed_names, *derived))
        object.__setattr__(self, "inputs", (*self.definition.input_columns, *arrival))

    @property
    def whole_devices(self) -> bool:
        """Whether there are features relative to the device's own past."""
        return self.derived is not None and bool(self.derived.relative.names)

    @property
    def _has_groups(self) -> bool:
        return self.groups is not None and self.derived is not None and bool(self.derived.groups.names)

    @property
    def _age(self) -> int:
        """How old values of other devices are at most."""
        return self.derived.groups.max_age_micros if self.derived is not None else 0

    @property
    def _reach(self) -> int:
        return (self.definition.kept_buckets + 1) * self.definition.period_micros

    def together(self, keys: Collection[str | int]) -> list[str | int]:
        """Keys of other devices whose rows change with those of some devices."""
        if not self._has_groups or self.groups is None:
            return []
        return sorted(self.groups.together(keys) - set(keys), key=lambda key: (isinstance(key, str), key))

    @property
    def behind(self) -> int:
        """The longest window and what rates reach back, and a step because time is cut into steps.

        With other devices also how old their values are, twice: a device may be behind the others.
        """
        return self._reach + 2 * self._age

    @property
    def ahead(self) -> int:
        """As far as behind: a row is in the windows of those rows, and seen by others for as long."""
        return self.behind

    def early(self, micros: npt.NDArray[np.int64], arrivals: npt.NDArray[np.int64]) -> Bools:
        """Rows further ahead of their arrival than the tolerance."""
        early: Bools = micros > arrivals + self.definition.tolerance_micros
        return early

    def recompute(self, rows: KeyedRows, added: Bools, is_whole: bool = False) -> Recomputed:
        """Windows of the rows that see an added one, see ``reach``.

        A feature relative to the device's past changes with every row from an added one on, and one of other
        devices with theirs, see ``group_reach``.
        """
        definition = self.definition
        arrivals = column_micros(rows.frame[self.arrival]) if self.arrival else rows.micros
        order = np.lexsort((rows.micros, arrivals, rows.codes))
        found = reach(
            rows.codes[order],
            rows.micros[order] // definition.period_micros,
            added[order],
            definition.longest_buckets,
            definition.lateness_buckets,
            definition.rate_buckets,
        )
        shown, needed = found.changed, found.needed
        if self.whole_devices or self._has_groups:
            beyond = self._beyond(rows, arrivals, order, found)
            earliest = rows.micros[added].min(initial=np.iinfo(np.int64).max) - self.behind
            if not is_whole and beyond.earliest is not None and beyond.earliest < earliest:
                return Recomputed(added, {}, added, lacks=True)
            shown, needed = beyond.changed, beyond.needed
        changed, needed, too_late = (_put_back(mask, order) for mask in (shown, needed, found.too_late))
        if not changed.any():
            return Recomputed(changed, {name: np.empty(0) for name in self.names}, too_late)
        positions = np.flatnonzero(needed)
        used = rows.take(positions)
        windows = windows_as_known(used, definition, self.arrival)
        kept = changed[positions]
        lost = ~windows.loc[kept, event_status.COLUMN].isin(event_status.COUNTED)
        if lost.any():  # The reach and the kernel would disagree about which rows count.
            raise IngestError(f"every row that changed must have windows, got {int(lost.sum())} without")
        values = {name: windows[name].to_numpy()[kept] for name in definition.computed_names}
        if self.derived and self.derived.names:
            inputs = np.column_stack([values[name] for name in self.derived.inputs])
            values |= dict(zip(self.derived.names, self.derived.of(inputs).T, strict=True))
        if self.derived:
            columns = {name: windows[name].to_numpy() for name in self.derived.relative.inputs}
            relative = self.derived.relative.of_history(used, self.arrival, columns)
            values |= {name: column[kept] for name, column in relative.items()}
            groups = self.derived.groups
            given = {name: _column(windows, used, name) for name in groups.inputs}
            seen = groups.of_history(used, self.arrival, given, groups.state(self.groups))
            values |= {name: column[kept] for name, column in seen.items()}
        return Recomputed(changed, values, too_late)

    def _beyond(
        self,
        rows: KeyedRows,
        arrivals: npt.NDArray[np.int64],
        order: npt.NDArray[np.intp],
        found: Reach,
    ) -> GroupReach:
        """What changed rows do beyond their windows, in the order of the devices.

        :param order: of the devices, and of each in the order of arrival.
        :param found: what they do to windows, in this order.
        """
        units = self._units(rows)[rows.codes]
        by_unit = np.lexsort((rows.micros, arrivals, units))
        ranks = np.empty(len(order), dtype=np.intp)
        ranks[order] = np.arange(len(order))
        of_device = ranks[by_unit]  # From the order of units to that of devices.
        units, codes, micros = units[by_unit], rows.codes[by_unit], rows.micros[by_unit]
        changed, too_late = found.changed[of_device], found.too_late[of_device]
        if self.whole_devices:
            beyond = GroupReach(*_from_the_first(changed, units, too_late), None)
        else:
            beyond = group_reach(units, codes, micros, changed, too_late, self._age, self._reach)
        changed, needed = (_put_back(mask, of_device) for mask in (beyond.changed, beyond.needed))
        return GroupReach(changed, needed, beyond.earliest)

    def _units(self, rows: KeyedRows) -> Integers:
        """Number of what each device's rows depend on: its own, or all of those it must be together with."""
        if self.groups is None or not self._has_groups:
            return np.arange(len(rows.keys))
        numbers: dict[str | int, int] = {}
        roots = [self.groups.shard_key(key) for key in rows.keys]
        return np.array([numbers.setdefault(root, len(numbers)) for root in roots], dtype=np.int64)

    def with_rates(self, rows: KeyedRows) -> KeyedRows:
        """Rows with the rates of their counters, where these are made from rows that are among them.

        :param rows: in event order, with the inputs.
        """
        names = list(self.definition.rate_names)
        if not names or not len(rows):
            return rows
        rates = windows_as_known(rows, self.definition, self.arrival)[names]
        return replace(rows, frame=rows.frame.assign(**{name: rates[name].to_numpy() for name in names}))


def _column(windows: pd.DataFrame, rows: KeyedRows, name: str) -> npt.NDArray[np.float64]:
    """A column that is computed, or one that was read."""
    column = windows[name] if name in windows else rows.frame[name]
    found: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64)
    return found


def _from_the_first(changed: Bools, codes: npt.NDArray[np.int64], too_late: Bools) -> tuple[Bools, Bools]:
    """Rows from the first changed one of their unit on, and all rows of such units, but those too late.

    :param codes: number of each row's unit, ascending; those of a unit in the order of arrival.
    """
    before = np.cumsum(changed)
    starts = np.searchsorted(codes, codes, side="left")
    ends = np.searchsorted(codes, codes, side="right") - 1
    earlier = before[starts] - changed[starts]
    return (before > earlier) & ~too_late, (before[ends] > earlier) & ~too_late


def _put_back(mask: Bools, order: npt.NDArray[Any]) -> Bools:
    back = np.empty(len(mask), dtype=np.bool_)
    back[order] = mask
    return back
