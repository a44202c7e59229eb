"""How far a batch of live rows has moved from the base data set: features, predictions and labels.

Prior shift is a change of the features, prediction shift one of what the model says, class shift one of the
labels. Each column is put into bins fitted on the base; the distributions over the bins are compared by
total variation, Hellinger and symmetric Kullback-Leibler distance. The verdict is computed once, from total
variation: drift is a column that is further away than chance explains at these sample sizes (``chance.py``),
and by more than a stated amount, since with enough rows chance explains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.chance import compare_with_chance
from drift.detector import check_count, check_parameter
from drift.discretise import Bins, How, fit_bins, fit_categories, fit_column
from drift.distribution import distribution
from drift.hellinger import hellinger
from drift.kullback_leibler import kullback_leibler
from drift.shift import ColumnShift, DriftMagnitude, Kind
from drift.total_variation import total_variation

Index = npt.NDArray[np.int64]

_OWNER = "drift magnitude"

MOST_JOINT = 3
"""With more features than this there is no joint histogram unless its columns are named."""

LEAST_BLOCKS = 10
"""Fewest independent blocks of rows on each side."""


def drift_magnitude(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    prediction: str | None = None,
    label: str | None = None,
    bins: int = 5,
    min_rows: int = 100,
    *,
    how: How = "uniform",
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

    :param base: rows the model was tested on, shape (n, any); sorted by device and time if
        ``block_rows`` > 1.
    :param batch: live rows, shape (m, any), sorted the same way.
    :param features: feature columns; numbers are binned, anything else counted by value.
    :param prediction: column of predictions; whole numbers and text are classes, fractions are binned.
    :param label: column of labels, as predictions.
    :param bins: number of bins of a numeric column.
    :param min_rows: fewest rows on either side for a verdict; with fewer, or fewer than ``LEAST_BLOCKS``
        blocks, nothing is computed.
    :param how: ``uniform`` or ``quantile`` bins, see ``fit_bins``. Uniform bins see little of a column with
        rare, far values, as nearly all rows share a bin.
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
    :raises ValueError: naming the parameter or column, the rule and what came.
    """
    check_count(_OWNER, "min_rows", min_rows, least=2)
    check_count(_OWNER, "block_rows", block_rows, least=1)
    least = max(min_rows, LEAST_BLOCKS * block_rows)
    check_count(_OWNER, "max_rows", max_rows, least=least)
    check_count(_OWNER, "permutations", permutations, least=1)
    check_parameter(
        _OWNER,
        "alpha",
        alpha,
        "above 0, below 1 and at least 1 / (permutations + 1)",
        0 < alpha < 1 and alpha * (permutations + 1) >= 1,
    )
    check_parameter(_OWNER, "min_distance", min_distance, "at least 0 and below 1", 0 <= min_distance < 1)
    joint = _joint_columns(features, joint)
    columns = _columns(base, batch, features, prediction, label)
    for side, frame in (("base", base), ("batch", batch)):
        if len(frame) < least:
            reason = f"not enough rows: {side} has {len(frame)}, needs at least {least}"
            return DriftMagnitude(len(base), len(batch), (), None, reason)
    rng = np.random.default_rng(seed)
    base = _selected(base, max_rows, block_rows, rng)
    batch = _selected(batch, max_rows, block_rows, rng)

    fitted = {name: _fit(base[name], kind, bins, how) for kind, name in columns}
    base_bins = {name: each.index(base[name]) for name, each in fitted.items()}
    batch_bins = {name: each.index(batch[name]) for name, each in fitted.items()}
    coded = [(kind, name, base_bins[name], batch_bins[name], fitted[name].size) for kind, name in columns]
    if joint:
        cells, size = _joint_cells(
            [np.concatenate([base_bins[name], batch_bins[name]]) for name in joint],
            [fitted[name].size for name in joint],
        )
        coded.append(("joint", " x ".join(joint), cells[: len(base)], cells[len(base) :], size))

    chance = compare_with_chance(
        np.column_stack([each[2] for each in coded]),
        np.column_stack([each[3] for each in coded]),
        np.array([each[4] for each in coded]),
        permutations,
        block_rows,
        rng,
    )
    shifts = []
    for i, (kind, name, base_index, batch_index, size) in enumerate(coded):
        p = distribution(np.bincount(base_index, minlength=size))
        q = distribution(np.bincount(batch_index, minlength=size))
        distance, expected = total_variation(p, q), float(chance.expected[i])
        beyond_chance = bool(chance.p_values[i] <= alpha)
        shifts.append(
            ColumnShift(
                kind=kind,
                name=name,
                total_variation=distance,
                hellinger=hellinger(p, q),
                kullback_leibler=kullback_leibler(p, q),
                expected_by_chance=expected,
                p_value=float(chance.p_values[i]),
                limit=min(1.0, expected + min_distance),
                drifted=beyond_chance and distance - expected >= min_distance,
            )
        )
    drifted, reason = _verdict(shifts, min_distance)
    return DriftMagnitude(len(base), len(batch), tuple(shifts), drifted, reason)


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
    check_parameter(
        _OWNER,
        "joint",
        list(joint),
        "two or more different features, or empty",
        not unknown and len(set(joint)) == len(joint) and len(joint) != 1,
    )
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
    check_parameter(
        _OWNER, "columns", names, "at least one, each once", bool(names) and len(set(names)) == len(names)
    )
    for side, frame in (("base", base), ("batch", batch)):
        for kind, name in columns:
            check_parameter(
                _OWNER,
                f"{side} column '{name}'",
                sorted(map(str, frame.columns)),
                "present once",
                list(frame.columns).count(name) == 1,
            )
            missing = 0 if kind == "feature" else int(frame[name].isna().sum())
            check_parameter(
                _OWNER,
                f"{side} column '{name}'",
                f"{missing} of {len(frame)} missing",
                f"without missing values, as it is the {kind}",
                not missing,
            )
    return columns


def _fit(base: pd.Series, kind: Kind, bins: int, how: How) -> Bins:
    if kind == "feature":
        return fit_column(base, bins, how)
    fractions = pd.api.types.is_float_dtype(base) and bool((base != np.floor(base)).any())
    return fit_bins(base, bins, how) if fractions else fit_categories(base)


def _joint_cells(columns: Sequence[Index], sizes: Sequence[int]) -> tuple[Index, int]:
    """Number each combination of bins that occurs; never more numbers than rows, so nothing overflows."""
    cells = np.zeros(len(columns[0]), dtype=np.int64)
    for column, size in zip(columns, sizes, strict=True):
        cells = np.unique(cells * size + column, return_inverse=True)[1].astype(np.int64)
    return cells, int(cells.max()) + 1


def _selected(frame: pd.DataFrame, max_rows: int, block_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= max_rows:
        return frame
    blocks = -(-len(frame) // block_rows)
    chosen = np.sort(rng.choice(blocks, max_rows // block_rows, replace=False))
    rows = (chosen[:, None] * block_rows + np.arange(block_rows)).ravel()
    return frame.iloc[rows[rows < len(frame)]]
