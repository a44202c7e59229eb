"""Shares of rows that matter though they are small: a class, errors, missing readings, far readings.

A distance over all bins hides them. Errors of networks are a few rows in a hundred, so ten times as many move
the distribution of labels by less than what is no drift of a column. And bins with equally many rows do not
tell a reading that is high from one that is impossible.

Each share is a column of two values, so its total variation distance is the change of the share, and it is
compared with chance together with all other columns. Which shares are looked at depends on how often they
occur in base and batch together, not on which of both they are in: so they cost no false alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.coded_columns import CodedColumn, Codes
from drift.discretize import CategoryBins, Floats
from feature_sets.checks import check_number

Bools = npt.NDArray[np.bool_]

_MOST_NAMED = 3
"""Unseen categories that are named."""
_FENCE = 3.0
"""Interquartile ranges beyond the quartiles from which on a reading is far (J. W. Tukey, "Exploratory Data
Analysis", 1977: the outer fences)."""


@dataclass(frozen=True)
class LeastChange:
    """From when on a share that chance does not explain has moved.

    :param ratio: least ratio of both shares, whichever is larger.
    :param of_classes: least change of the share of a class, among labels or predictions.
    :param of_features: least change of a share of a feature.
    :raises InputError: naming the parameter, the rule and what was given.
    """

    ratio: float = 1.5
    of_classes: float = 0.005
    of_features: float = 0.05

    def __post_init__(self) -> None:
        owner = "drift magnitude: least change"
        check_number(f"{owner}: ratio", self.ratio, at_least=1)
        for name in ("of_classes", "of_features"):
            check_number(f"{owner}: {name}", getattr(self, name), above=0, below=1)

    def of(self, column: CodedColumn) -> float:
        """Least change of a share of this column."""
        classes = column.kind in ("label", "prediction") and column.numbers is None
        return self.of_classes if classes else self.of_features

    def is_beyond(self, least: float, base: float, batch: float) -> bool:
        """Whether two shares differ by a least change and ratio, but for rounding."""
        low, high = sorted((base, batch))
        return high - low >= least - 1e-12 and high >= low * self.ratio

    def limit(self, least: float, base: float, batch: float) -> float:
        """The share from which on, in the direction of the batch, it may be called moved."""
        if batch >= base:
            return min(1.0, max(base + least, base * self.ratio))
        return max(0.0, min(base - least, base / self.ratio))


USUAL_CHANGE = LeastChange()


class Share(NamedTuple):
    """Rows of a column that have something in common.

    :param column: number of the column.
    :param what: that they have in common, for people.
    :param base: which rows of the base, shape (n,).
    :param batch: which rows of the batch, shape (m,).
    :param least: change from which on it has moved.
    :param of_errors: whether they are wrong predictions; fewer of those are no drift.
    """

    column: int
    what: str
    base: Bools
    batch: Bools
    least: float
    of_errors: bool = False


def shares_of(columns: Sequence[CodedColumn], batch: pd.DataFrame, change: LeastChange) -> list[Share]:
    """Every share of single columns that can change by its least, in the order of the columns.

    :param columns: coded; joint ones have no shares.
    :param batch: names the categories that the base does not have.
    """
    found: list[Share] = []
    for number, column in enumerate(columns):
        least = change.of(column)
        shares = (Share(number, what, was, now, least) for what, was, now in _candidates(column, batch))
        found.extend(filter(_can_change, shares))
    return found


def errors_of(
    columns: Sequence[CodedColumn], base: pd.DataFrame, batch: pd.DataFrame, change: LeastChange
) -> list[Share]:
    """The share of wrong predictions, where predictions and labels are classes and it can change enough."""
    classes = {column.kind: number for number, column in enumerate(columns) if column.numbers is None}
    if not {"prediction", "label"} <= set(classes):
        return []
    number, label = classes["prediction"], columns[classes["label"]].name
    was, now = (frame[columns[number].name].ne(frame[label]).to_numpy() for frame in (base, batch))
    share = Share(number, f"differs from {label}", was, now, change.of_classes, of_errors=True)
    return [share] if _can_change(share) else []


def _can_change(share: Share) -> bool:
    """Whether there are enough rows with it, and without, for a change by its least."""
    smaller, rows = min(len(share.base), len(share.batch)), len(share.base) + len(share.batch)
    count = int(share.base.sum()) + int(share.batch.sum())
    return min(count, rows - count) >= share.least * smaller


def _candidates(column: CodedColumn, batch: pd.DataFrame) -> Iterator[tuple[str, Bools, Bools]]:
    if column.kind == "joint":
        return
    if column.numbers is not None:
        yield from _far(*column.numbers)
    for code, what in _named(column, batch):
        yield what, column.base == code, column.batch == code


def _named(column: CodedColumn, batch: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Bins whose share is looked at, and what is in them."""
    if isinstance(column.bins, CategoryBins):
        for code, category in enumerate(column.bins.categories):
            yield code, f"= {_plain(category)}"
        others = column.bins.others(batch[column.name])
        more = f" and {len(others) - _MOST_NAMED:,} more" if len(others) > _MOST_NAMED else ""
        named = f" ({', '.join(others[:_MOST_NAMED])}{more})" if others else ""
        yield column.size - 2, f"is a category that the base does not have{named}"
    yield column.size - 1, "is missing"


def _plain(category: object) -> object:
    """A class as it is written: 1 where the column holds 1.0."""
    return int(category) if isinstance(category, float) and category.is_integer() else category


def _far(base: Floats, batch: Floats) -> Iterator[tuple[str, Bools, Bools]]:
    """Readings below and above the outer fences of the base; without spread, below and above its value."""
    finite = base[np.isfinite(base)]
    if not len(finite):
        return
    low, high = np.quantile(finite, [0.25, 0.75])
    with np.errstate(invalid="ignore", over="ignore"):
        below, above = (1 + _FENCE) * low - _FENCE * high, (1 + _FENCE) * high - _FENCE * low
        if np.isfinite(below) and np.isfinite(above):
            yield f"is below {below:.4g}", base < below, batch < below
            yield f"is above {above:.4g}", base > above, batch > above


def rows_of_share(what: str, column: CodedColumn, batch: pd.DataFrame) -> tuple[Bools, Bools]:
    """The rows of base and batch that are of the kind of a share, shapes (n,) and (m,).

    :param what: of the share. Its limit, or categories, are those of these rows: it may have been found in a
        selection of them.
    """
    kind = what.split()[:2]
    for named, was, now in _candidates(column, batch):
        if named.split()[:2] == kind:
            return was, now
    return np.zeros(len(column.base), dtype=np.bool_), np.zeros(len(column.batch), dtype=np.bool_)


def rows_with(share: Share) -> tuple[Codes, Codes]:
    """The share as a column of two bins: 1 for its rows, 0 for all others."""
    return share.base.view(np.uint8), share.batch.view(np.uint8)
