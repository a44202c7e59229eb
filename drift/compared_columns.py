"""Which columns of a base and a batch can be compared: each there once, with cells that can be compared."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pandas as pd

from drift.shift import Kind
from feature_sets.checks import InputError

OWNER = "drift magnitude"

MOST_JOINT = 3
"""With more features than this there is no joint histogram unless its columns are named."""

Columns = list[tuple[Kind, str]]


def compared_columns(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    prediction: str | None,
    label: str | None,
) -> Columns:
    """Kind and name of each column.

    :raises InputError: naming the side and the column, the rule and what was given: a column is absent or
        twice, or a cell is a list, a mapping or the like.
    """
    columns: Columns = [("feature", name) for name in features]
    if prediction is not None:
        columns.append(("prediction", prediction))
    if label is not None:
        columns.append(("label", label))
    names = [name for _, name in columns]
    if not names or len(set(names)) != len(names):
        raise InputError(f"{OWNER}: columns", "must be at least one, each once", names)
    for side, frame in (("base", base), ("batch", batch)):
        for _, name in columns:
            where = f"{OWNER}: {side} column '{name}'"
            if list(frame.columns).count(name) != 1:
                raise InputError(where, "must be present once", sorted(map(str, frame.columns)))
            _check_cells(where, frame[name])
    return columns


def _check_cells(where: str, values: pd.Series) -> None:
    if values.dtype != object:
        return
    for row, cell in enumerate(values):
        # A tuple is one itself, and may hold a list.
        if not isinstance(cell, Hashable) or isinstance(cell, tuple):
            rule = f"must hold numbers or text, one in a cell, row {row} does not"
            raise InputError(where, rule, cell)


def known_columns(base: pd.DataFrame, batch: pd.DataFrame, columns: Columns) -> tuple[Columns, list[str]]:
    """The columns that say something: without predictions, or labels, of which a side has none at all.

    :returns: the columns, and for each that is left out a sentence.
    :raises InputError: unless every row has its prediction and its label, or none has; features may be
        missing.
    """
    kept, left_out = [], []
    for kind, name in columns:
        sides = (("base", base), ("batch", batch))
        none = next((side for side, frame in sides if frame[name].isna().all()), None)
        if kind != "feature" and none is not None:
            left_out.append(f"{kind} {name} is not compared, as no row of the {none} has one")
            continue
        kept.append((kind, name))
        for side, frame in sides:
            missing = 0 if kind == "feature" else int(frame[name].isna().sum())
            if missing:
                rule = f"must be without missing values, as it is the {kind}"
                where = f"{OWNER}: {side} column '{name}'"
                raise InputError(where, rule, f"{missing} of {len(frame)} missing")
    return kept, left_out


def joint_columns(features: Sequence[str], joint: Sequence[str] | None) -> tuple[str, ...]:
    """Features whose joint histogram is compared.

    :param joint: None takes all if there are at most ``MOST_JOINT``, else none.
    :raises InputError: unless they are two or more different features, or none.
    """
    if joint is None:
        return tuple(features) if 2 <= len(features) <= MOST_JOINT else ()
    unknown = [name for name in joint if name not in features]
    if unknown or len(set(joint)) != len(joint) or len(joint) == 1:
        rule = "must be two or more different features, or empty"
        raise InputError(f"{OWNER}: joint", rule, list(joint))
    return tuple(joint)
