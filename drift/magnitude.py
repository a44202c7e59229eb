"""How far a batch of live rows has moved from the base data set: features, predictions and labels.

Features, predictions and labels are looked at apart: what moves says which kind of shift it is. Each column
is put into bins fitted on the base; the distributions over the bins are compared by total variation,
Hellinger, symmetric Kullback-Leibler and Jensen-Shannon distance and population stability index, columns of
numbers also by Wasserstein distance. The verdict is computed once, from total variation: drift is a column
that is further away than chance explains at these sample sizes (``chance.py``), and by more than a stated
amount, since with enough rows chance explains nothing.

Bins hold equally many base rows, and the outer two have no end. So one far reading in the base changes
nothing; with equally wide bins it puts all other rows into one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from drift.chance import compare_with_chance
from drift.coded_columns import CodedColumn, coded_columns
from drift.discretize import How
from drift.distances.distribution import distribution
from drift.distances.hellinger import hellinger
from drift.distances.jensen_shannon import jensen_shannon
from drift.distances.kullback_leibler import kullback_leibler
from drift.distances.population_stability import population_stability
from drift.distances.total_variation import total_variation
from drift.distances.wasserstein import wasserstein
from drift.reference_rows import LEAST_BLOCKS
from drift.shift import ColumnShift, DriftMagnitude, Kind
from feature_sets.checks import InputError, check_integer, check_number

_OWNER = "drift magnitude"

MOST_JOINT = 3
"""With more features than this there is no joint histogram unless its columns are named."""


def drift_magnitude(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    prediction: str | None = None,
    label: str | None = None,
    bins: int = 5,
    min_rows: int = 100,
    *,
    how: How = "quantile",
    joint: Sequence[str] | None = None,
    alpha: float = 0.01,
    min_distance: float = 0.1,
    permutations: int = 199,
    block_rows: int = 1,
    max_rows: int = 20_000,
    seed: int = 0,
) -> DriftMagnitude:
    """Measure how far a batch is from the base data set and say whether that is drift.

    Neither frame is changed; the same frames and seed give the same answer.

    :param base: rows the model was evaluated on, shape (n, any); sorted by device and time if
        ``block_rows`` > 1.
    :param batch: live rows, shape (m, any), sorted the same way.
    :param features: feature columns; numbers are binned, anything else counted by value.
    :param prediction: column of predictions; whole numbers and text are classes, fractions are binned.
    :param label: column of labels, as predictions.
    :param bins: number of bins of a numeric column.
    :param min_rows: fewest rows on either side for a verdict; with fewer than ``rows_needed``, nothing is
        computed.
    :param how: ``quantile`` or ``uniform`` bins, see ``fit_bins``, of features, predictions and joint alike.
        Uniform bins see little of a column with rare, far values, as nearly all rows share a bin.
    :param joint: features whose joint histogram is compared too. It sees changes of how features go together,
        but most of its bins are empty and its distance is large by chance alone: name two or three. None
        takes all features if there are at most ``MOST_JOINT``, else there is no joint histogram.
    :param alpha: largest share of comparisons without drift that are called drift, all columns together.
    :param min_distance: least total variation distance above the one expected by chance that is called drift.
    :param permutations: random divisions for the comparison with chance, at least 1 / alpha - 1.
    :param block_rows: consecutive rows that depend on each other, as rolling windows over the same
        readings do: about the longest window divided by the time between rows. They are dealt out together.
        With 1 all rows count as independent, and slow random changes of a few devices may be called drift.
    :param max_rows: with more rows on a side, a random selection (of blocks) of this size is compared.
    :param seed: for the random divisions and the selection.
    :raises InputError: naming the parameter or column, the rule and what was given.
    """
    min_rows = check_integer(f"{_OWNER}: min_rows", min_rows, at_least=2)
    block_rows = check_integer(f"{_OWNER}: block_rows", block_rows, at_least=1)
    least = rows_needed(min_rows, block_rows)
    max_rows = check_integer(f"{_OWNER}: max_rows", max_rows, at_least=least)
    permutations = check_integer(f"{_OWNER}: permutations", permutations, at_least=1)
    if not (0 < alpha < 1 and alpha * (permutations + 1) >= 1):
        rule = "must be above 0, below 1 and at least 1 / (permutations + 1)"
        raise InputError(f"{_OWNER}: alpha", rule, alpha)
    check_number(f"{_OWNER}: min_distance", min_distance, at_least=0, below=1)
    joint = _joint_columns(features, joint)
    columns = _columns(base, batch, features, prediction, label)
    if reason := _too_little(base, batch, columns, least, min_rows, block_rows):
        return DriftMagnitude(len(base), len(batch), (), None, reason, least)
    _check_known(base, batch, columns)
    rng = np.random.default_rng(seed)
    base = _selected(base, max_rows, block_rows, rng)
    batch = _selected(batch, max_rows, block_rows, rng)
    coded = coded_columns(base, batch, columns, joint, bins, how)
    chance = compare_with_chance(
        np.column_stack([column.base for column in coded]),
        np.column_stack([column.batch for column in coded]),
        np.array([column.size for column in coded]),
        permutations,
        block_rows,
        rng,
    )
    shifts = [
        _shift(column, float(expected), float(p_value), alpha, min_distance)
        for column, expected, p_value in zip(coded, chance.expected, chance.p_values, strict=True)
    ]
    drifted, reason = _verdict(shifts, min_distance)
    return DriftMagnitude(len(base), len(batch), tuple(shifts), drifted, reason, least)


def rows_needed(min_rows: int, block_rows: int) -> int:
    """Rows that each side needs for a verdict: ``min_rows``, or ``LEAST_BLOCKS`` blocks if those are more.

    >>> rows_needed(1000, 120)
    1200
    """
    return max(min_rows, LEAST_BLOCKS * block_rows)


def _too_little(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    columns: Sequence[tuple[Kind, str]],
    least: int,
    min_rows: int,
    block_rows: int,
) -> str:
    """Why there can be no verdict: too few rows on a side, or none with a label; empty if there can."""
    blocks = f" ({LEAST_BLOCKS} blocks of {block_rows})" if least > min_rows else ""
    for side, frame in (("base", base), ("batch", batch)):
        if len(frame) < least:
            return f"not enough data: {side} has {len(frame)} rows, needs at least {least}{blocks}"
        unknown = next((k for k, name in columns if k != "feature" and frame[name].isna().all()), None)
        if unknown is not None:
            return f"not enough data: {side} has no row with a {unknown}, needs at least {least}{blocks}"
    return ""


def _shift(
    column: CodedColumn, expected: float, p_value: float, alpha: float, min_distance: float
) -> ColumnShift:
    """Distances of one column, and whether it is further away than by chance and by enough."""
    p = distribution(np.bincount(column.base, minlength=column.size))
    q = distribution(np.bincount(column.batch, minlength=column.size))
    distance = total_variation(p, q)
    return ColumnShift(
        kind=column.kind,
        name=column.name,
        total_variation=distance,
        hellinger=hellinger(p, q),
        kullback_leibler=kullback_leibler(p, q),
        jensen_shannon=jensen_shannon(p, q),
        population_stability=population_stability(p, q),
        wasserstein=None if column.numbers is None else wasserstein(*column.numbers),
        missing_base=column.missing[0],
        missing_batch=column.missing[1],
        expected_by_chance=expected,
        p_value=p_value,
        limit=min(1.0, expected + min_distance),
        drifted=p_value <= alpha and distance - expected >= min_distance,
    )


def _verdict(shifts: Sequence[ColumnShift], min_distance: float) -> tuple[bool, str]:
    moved = sorted((s for s in shifts if s.drifted), key=lambda s: s.excess, reverse=True)
    if moved:
        worst = ", ".join(f"{s.kind} {s.name} {s.total_variation:.2f}" for s in moved[:3])
        return True, (
            f"{len(moved)} of {len(shifts)} distributions moved by at least {min_distance:g} more than by "
            f"chance, furthest: {worst}"
        )
    furthest = max(shifts, key=lambda s: s.excess)
    return False, (
        f"none of {len(shifts)} distributions moved by at least {min_distance:g} more than by chance, "
        f"furthest: {furthest.kind} {furthest.name} {furthest.total_variation:.2f} "
        f"({furthest.expected_by_chance:.2f} by chance)"
    )


def _joint_columns(features: Sequence[str], joint: Sequence[str] | None) -> tuple[str, ...]:
    if joint is None:
        return tuple(features) if 2 <= len(features) <= MOST_JOINT else ()
    unknown = [name for name in joint if name not in features]
    if unknown or len(set(joint)) != len(joint) or len(joint) == 1:
        rule = "must be two or more different features, or empty"
        raise InputError(f"{_OWNER}: joint", rule, list(joint))
    return tuple(joint)


def _columns(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    prediction: str | None,
    label: str | None,
) -> list[tuple[Kind, str]]:
    columns: list[tuple[Kind, str]] = [("feature", name) for name in features]
    if prediction is not None:
        columns.append(("prediction", prediction))
    if label is not None:
        columns.append(("label", label))
    names = [name for _, name in columns]
    if not names or len(set(names)) != len(names):
        raise InputError(f"{_OWNER}: columns", "must be at least one, each once", names)
    for side, frame in (("base", base), ("batch", batch)):
        for _, name in columns:
            where = f"{_OWNER}: {side} column '{name}'"
            if list(frame.columns).count(name) != 1:
                raise InputError(where, "must be present once", sorted(map(str, frame.columns)))
    return columns


def _check_known(base: pd.DataFrame, batch: pd.DataFrame, columns: Sequence[tuple[Kind, str]]) -> None:
    """Raise InputError unless every row has its prediction and its label; features may be missing."""
    for side, frame in (("base", base), ("batch", batch)):
        for kind, name in columns:
            missing = 0 if kind == "feature" else int(frame[name].isna().sum())
            if missing:
                rule = f"must be without missing values, as it is the {kind}"
                where = f"{_OWNER}: {side} column '{name}'"
                raise InputError(where, rule, f"{missing} of {len(frame)} missing")


def _selected(frame: pd.DataFrame, max_rows: int, block_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= max_rows:
        return frame
    blocks = -(-len(frame) // block_rows)
    chosen = np.sort(rng.choice(blocks, max_rows // block_rows, replace=False))
    rows = (chosen[:, None] * block_rows + np.arange(block_rows)).ravel()
    return frame.iloc[rows[rows < len(frame)]]
