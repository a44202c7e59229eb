"""What kind of drift it is: the readings moved, the share of errors did, or what readings mean did.

With x the features and y the label (J. G. Moreno-Torres et al. 2012, "A unifying view on dataset shift in
classification", Pattern Recognition 45 (1), 521-530):

- data drift: p(x) moved, and the model is as often right as before (covariate shift);
- label shift: p(y) moved, and within each class p(x | y) did not (prior probability shift);
- concept drift: the model is more often wrong although p(x) did not move, so p(y | x) did.

Whether p(x | y) moved is looked at within each class. Of a rare one there are too few blocks of rows that
share readings; then one row of each of its episodes is compared, as these do not depend on each other. Where
even episodes are too few, a shift of the labels may be either.

Where the features moved and the model is more often wrong, rows alone do not say whether p(y | x) moved too.
Where they moved on some devices only, it is these of which it is asked whether the model misses more errors:
among all of them that may go under.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from drift.coded_columns import Index
from drift.magnitude import drift_magnitude
from drift.moved_devices import ErrorRows, MovedDevices, chance_of_fewer, moved_devices
from drift.reference_rows import LEAST_BLOCKS
from drift.shift import ColumnShift, DriftMagnitude

NONE, DATA, LABEL, CONCEPT = "no drift", "data drift", "label shift", "concept drift"
BOTH = "data drift with more errors"
EITHER = "label shift or concept drift"
UNKNOWN = "not enough data"
WRONG = "the model is more often wrong"
_MOST_LOCATED = 3
"""Moved features of which it is looked for where, the heaviest."""
_RISK = 0.01
"""Chance of calling an unchanged model worse on the devices of one of them."""


@dataclass(frozen=True)
class KindOfDrift:
    """What kind, and why.

    :param kind: ``no drift``, ``data drift``, ``label shift``, ``concept drift``, ``data drift with more
        errors``, ``label shift or concept drift``, or ``not enough data``.
    :param reason: in words.
    """

    kind: str
    reason: str


def kind_of_drift(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    label: str,
    found: DriftMagnitude,
    errors_rose: bool,
    error_rows: ErrorRows | None = None,
    **how: Any,
) -> KindOfDrift:
    """Name the drift of a batch.

    :param base: see ``drift_magnitude``.
    :param batch: the same.
    :param features: feature columns.
    :param label: column of labels.
    :param found: what was found of these frames.
    :param errors_rose: whether detectors found that the model is more often wrong; the rows themselves may
        show it as well.
    :param error_rows: in which errors of some devices alone are counted; None does not look at devices apart.
    :param how: arguments of the comparison within each class, see ``drift_magnitude``.
    """
    if found.drifted is None:
        if errors_rose:
            return KindOfDrift(UNKNOWN, f"{WRONG}; {found.reason}")
        return KindOfDrift(UNKNOWN, found.reason)
    errors_rose = errors_rose or found.errors_rose
    moved = [shift for shift in found.shifts if shift.kind in ("feature", "joint") and shift.drifted]
    labels = found.class_shift
    if labels is not None and labels.drifted:
        within = _moved_within(base, batch, features, label, how)
        if not within.moved and not within.too_few and within.looked_at:
            return KindOfDrift(LABEL, f"{labels} moved, and no feature among rows of one {label}")
        if not within.moved and not moved and within.too_few:
            few = f"rows of {label} {', '.join(within.too_few)} are too few to be compared by themselves"
            return KindOfDrift(EITHER, f"{labels} moved, and no feature; {few}")
    worse = _worse_where_moved(base, batch, moved, error_rows, how) if moved else None
    if moved and (errors_rose or worse is not None):
        where = "" if worse is None else f" on {worse}"
        return KindOfDrift(BOTH, f"{_named(moved)} moved, and {WRONG}{where}")
    if moved:
        return KindOfDrift(DATA, f"{_named(moved)} moved, and the model is as often right as before")
    predictions = found.prediction_shift
    if predictions is not None and predictions.moved_by_itself:
        # What the model says follows from the features, however they moved.
        alone = f"{predictions} moved, though no feature did by itself"
        return KindOfDrift(BOTH, f"{alone}, and {WRONG}") if errors_rose else KindOfDrift(DATA, alone)
    if errors_rose or (labels is not None and labels.drifted):
        return KindOfDrift(CONCEPT, f"{WRONG if errors_rose else f'{labels} moved'}, and no feature moved")
    far = [shift for shift in found.shifts if shift.verdict == "no_verdict" and shift.is_far]
    if not far:
        return KindOfDrift(NONE, found.reason)
    # Short batches of what all devices have at once are as far as this by chance, too.
    beyond = f"{len(far)} without a verdict {'is' if len(far) == 1 else 'are'} beyond the limit"
    furthest = max(far, key=lambda shift: shift.excess)
    return KindOfDrift(NONE, f"of those with a verdict {found.reason}; {beyond}, as {furthest}")


def _worse_where_moved(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    moved: Sequence[ColumnShift],
    error_rows: ErrorRows | None,
    how: dict[str, Any],
) -> MovedDevices | None:
    """The devices on which a feature moved and the model misses more errors; None without such ones."""
    entity, time = how.get("entity"), how.get("time")
    if error_rows is None or entity is None or time is None:
        return None
    features = sorted((shift for shift in moved if shift.kind == "feature"), key=lambda shift: shift.weight)
    looked_at = features[-_MOST_LOCATED:]
    for shift in reversed(looked_at):
        apart = how.get("block_rows", 1)
        found = moved_devices(base, batch, shift.name, error_rows, entity, time, apart)
        if found is not None and chance_of_fewer(found.before, found.now) <= _RISK / len(looked_at):
            return found
    return None


class _Within(NamedTuple):
    """What there is among rows of one label.

    :param moved: features that moved.
    :param looked_at: labels whose rows were compared.
    :param too_few: labels of which there were too few.
    """

    moved: list[str]
    looked_at: list[str]
    too_few: list[str]


def _moved_within(
    base: pd.DataFrame, batch: pd.DataFrame, features: Sequence[str], label: str, how: dict[str, Any]
) -> _Within:
    """Features that moved among rows of one label, of those that both sides have."""
    within = _Within([], [], [])
    for value in sorted(set(base[label].dropna()) & set(batch[label].dropna())):
        of_base, of_batch = (np.flatnonzero(frame[label] == value) for frame in (base, batch))
        found = drift_magnitude(base.iloc[of_base], batch.iloc[of_batch], features, **how)
        if found.drifted is None:
            alone = {**how, "block_rows": 1, "min_rows": LEAST_BLOCKS}
            once_base, once_batch = _once(base, of_base, how), _once(batch, of_batch, how)
            found = drift_magnitude(once_base, once_batch, features, **alone)
        (within.too_few if found.drifted is None else within.looked_at).append(str(value))
        within.moved.extend(shift.name for shift in found.features if shift.drifted)
    return within


def _once(frame: pd.DataFrame, places: Index, how: dict[str, Any]) -> pd.DataFrame:
    """The middle row of each episode of a label.

    :param frame: sorted by device and time.
    :param places: of the rows with the label. Those of a device no further apart than ``block_rows``, which
        share readings, are one episode.
    """
    apart = np.diff(places) > how.get("block_rows", 1)
    entity = how.get("entity")
    if entity is not None:
        keys = frame[entity].to_numpy()[places]
        apart |= keys[1:] != keys[:-1]
    episodes = np.split(places, np.flatnonzero(apart) + 1)
    return frame.iloc[[episode[len(episode) // 2] for episode in episodes if len(episode)]]


def _named(moved: Sequence[ColumnShift]) -> str:
    """The first columns, each with the share that moved if its distance did not: missing readings, say."""
    more = f" and {len(moved) - 2} more" if len(moved) > 2 else ""
    names = [shift.name if shift.by_distance else f"{shift.name} {shift.moved_share}" for shift in moved[:2]]
    return f"{', '.join(names)}{more}"
