"""Cross-validation that respects time: each fold is fitted on earlier rows and evaluated on later ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.time_split import split_by_time

Positions = npt.NDArray[np.intp]
_POSITION = "_position"


@dataclass(frozen=True)
class Fold:
    """One fold.

    :param fit: positions of the rows to fit on, all before the validation rows by the embargo or more.
    :param validation: positions of the rows to evaluate on.
    """

    fit: Positions
    validation: Positions


@dataclass(frozen=True)
class Folds:
    """The folds of a training part.

    :param used: those with enough rows of both classes on both sides, earliest first; at least one.
    :param skipped: why each other one is left out.
    """

    used: tuple[Fold, ...]
    skipped: tuple[str, ...]


def always_fitted(frame: pd.DataFrame, schema: TelemetrySchema) -> Positions:
    """Positions of the rows that every fold of ``expanding_folds`` is fitted on, and none is evaluated on.

    Those at least an embargo before the later half, ascending.

    :param frame: rows with the schema's time column, any order; at least one.
    :param schema: names the column and gives the embargo.
    """
    times = frame[schema.time]
    half = times.sort_values().iloc[len(times) // 2]
    return np.flatnonzero(times <= half - pd.Timedelta(seconds=schema.embargo_seconds))


def expanding_folds(frame: pd.DataFrame, schema: TelemetrySchema, count: int = 3) -> Folds:
    """Folds whose fit rows expand: fold k is evaluated on block k of the later half and fitted on all before.

    ::

        time ──────────────────────────────────►      f fit   · embargo   v validation
        fold 1   ffffffffffffff·vvvv
        fold 2   ffffffffffffffffff·vvvv
        fold 3   ffffffffffffffffffffff·vvvv

    Half of the rows is fitted on in every fold: a fold of few early rows tells of models that nobody will
    serve. Blocks have the same number of rows; rows of one instant are never in two of them. The
    rules of a split (embargo, rows and classes of each side) are those of ``split_by_time``.

    :param frame: rows with the schema's time and target columns, any order; not changed.
    :param schema: names the columns and gives the embargo.
    :param count: folds, at least 1.
    :raises InputError: unless a fold can be used; says of each why it cannot.
    """
    rows = pd.DataFrame(
        {
            schema.time: frame[schema.time].to_numpy(),
            schema.target: frame[schema.target].to_numpy(),
            _POSITION: np.arange(len(frame)),
        }
    ).sort_values(schema.time, kind="stable", ignore_index=True)
    times = rows[schema.time]
    half = len(rows) // 2
    starts = [half + (len(rows) - half) * block // count for block in range(count)]
    used, skipped = [], []
    for number, start in enumerate(starts, start=1):
        end = starts[number] if number < count else len(rows)
        known = rows[times < times.iloc[end]] if end < len(rows) else rows
        try:
            # Half a row more than the share, so that rounding cannot move the cut to another row.
            share = 1.0 - (start + 0.5) / len(known) if start < len(known) else 0.0
            if not 0.0 < share < 1.0:
                raise InputError("validation rows", "must have a time of their own", len(known))
            split = split_by_time(known, schema, share)
        except InputError as error:
            skipped.append(f"fold {number} of {count}: {error}")
            continue
        used.append(Fold(split.train[_POSITION].to_numpy(), split.test[_POSITION].to_numpy()))
    if not used:
        classes = {str(label): int((rows[schema.target] == label).sum()) for label in (0, 1)}
        where = (
            f"cross-validation of {len(rows)} rows (rows of each class: {classes}) with an embargo of "
            f"{schema.embargo_seconds} s"
        )
        raise InputError(
            where, f"must have at least one of {count} folds with both classes on both sides", skipped
        )
    return Folds(tuple(used), tuple(skipped))
