"""On how many devices the rows are by which a feature moved, and what only these devices have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from drift.coded_columns import coded_columns
from drift.magnitude import USUAL_BINS, USUAL_HOW
from drift.moved_devices import LEAST_APART, LEAST_ROWS, distances_of, divided
from drift.shares import rows_of_share
from drift.shift import ColumnShift, DriftMagnitude

_MOST_LOCATED = 3
"""Moved features of which it is looked for where, the heaviest."""
_NAMED = 3
_LEAST_HELD = 0.9
"""Share of the moved rows that the named devices hold, at least."""
_LEAST_OF_VALUE = 0.8
"""Share of the devices with a value that moved, from which on it is the value that moved."""

Values = Mapping[str, Mapping[str, str]]
"""Column -> device -> what it has there. Outer levels come first."""


@dataclass(frozen=True)
class Shared:
    """A value that all devices that moved have.

    :param column: its column.
    :param value: the value.
    :param devices: how many of those that were compared have it.
    """

    column: str
    value: str
    devices: int


@dataclass(frozen=True)
class WhereMoved:
    """The devices on which a feature moved, where it did not on all of them.

    :param feature: its name.
    :param devices: the furthest, ``_NAMED`` at most.
    :param moved: how many moved.
    :param compared: how many have rows enough on both sides.
    :param shared: what they have in common, and the others have not, or few of them.
    """

    feature: str
    devices: tuple[str, ...]
    moved: int
    compared: int
    shared: tuple[Shared, ...] = ()

    def __str__(self) -> str:
        more = ", …" * (self.moved > len(self.devices))
        some = f"{self.moved:,} of {self.compared:,} devices"
        common = [
            f"{each.column} {each.value}{'' if each.devices == self.moved else f' ({each.devices:,})'}"
            for each in self.shared
        ]
        are = f", all of {' and '.join(common)}" if common else ""
        return f"{self.feature} moved on {some}{are} ({', '.join(self.devices)}{more})"


def where_moved(
    base: pd.DataFrame, batch: pd.DataFrame, found: DriftMagnitude, entity: str, values: Callable[[], Values]
) -> WhereMoved | None:
    """Find the devices on which the heaviest feature moved that moved on some only; None if nobody can tell.

    Devices are divided as by ``moved_devices``: by the distance over the bins of the column, or, where only a
    share has moved, by how much that has changed.

    :param base: rows that are compared.
    :param batch: the same of now.
    :param found: what was found of them.
    :param entity: column of the device key.
    :param values: gives what devices have in common with others; only asked where some moved.
    """
    moved = [shift for shift in found.features if shift.drifted]
    for shift in sorted(moved, key=lambda shift: shift.weight, reverse=True)[:_MOST_LOCATED]:
        apart = _apart(base, batch, shift, entity)
        if apart is not None:
            devices, others = apart
            shared = _shared(set(devices), set(others), values())
            every = len(devices) + len(others)
            return WhereMoved(shift.name, tuple(devices[:_NAMED]), len(devices), every, shared)
    return None


def _apart(
    base: pd.DataFrame, batch: pd.DataFrame, shift: ColumnShift, entity: str
) -> tuple[Sequence[str], Sequence[str]] | None:
    """Devices that moved, the furthest first, and the others; None if all are alike."""
    by_share = not shift.by_distance
    far_by = (
        _changes(base, batch, shift, entity) if by_share else distances_of(base, batch, shift.name, entity)
    )
    if len(far_by) < 2:
        return None
    far, near = divided(far_by.to_numpy())
    is_apart = far.mean() - near.mean() >= LEAST_APART
    if by_share:  # All devices together moved by it: here it is enough that the others hold little of it.
        held = np.maximum(far, 0.0).sum()
        is_apart = held > 0 and held >= _LEAST_HELD * (held + np.maximum(near, 0.0).sum())
    if not is_apart:
        return None
    ordered = far_by.sort_values(ascending=False, kind="stable")
    names = [str(device) for device in ordered.index]
    return names[: len(far)], names[len(far) :]


def _changes(base: pd.DataFrame, batch: pd.DataFrame, shift: ColumnShift, entity: str) -> pd.Series:
    """By how much the share that moved has changed on each device, in the direction in which it moved."""
    share = shift.moved_share
    if share is None:
        return pd.Series(dtype=np.float64)
    (column,) = coded_columns(base, batch, [(shift.kind, shift.name)], (), USUAL_BINS, USUAL_HOW)
    sides: list[Any] = []
    for frame, rows in zip((base, batch), rows_of_share(share.what, column, batch), strict=True):
        counts = pd.Series(rows, frame.index).groupby(frame[entity].to_numpy()).agg(["mean", "size"])
        sides.append(counts["mean"][counts["size"] >= LEAST_ROWS])
    both = sides[0].index.intersection(sides[1].index)
    change: pd.Series = sides[1].loc[both] - sides[0].loc[both]
    return change if share.batch > share.base else -change


def _shared(moved: set[str], others: set[str], values: Values) -> tuple[Shared, ...]:
    """Values that all that moved have and few of the others, or none of them if there are such."""
    found = []
    for column, of_device in values.items():
        theirs = {of_device.get(device) for device in moved}
        (value,) = theirs if len(theirs) == 1 else (None,)
        if value is None:
            continue
        every = len(moved) + sum(of_device.get(device) == value for device in others)
        if len(moved) >= _LEAST_OF_VALUE * every and every < len(moved) + len(others):
            found.append(Shared(column, value, every))
    exact = [each for each in found if each.devices == len(moved)]
    return tuple(exact or found)
