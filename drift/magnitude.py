"""How far a batch of live rows has moved from the base data set: features, predictions and labels.

Features, predictions and labels are looked at apart: what moves says which kind of shift it is. Each column
is put into bins fitted on the base; the distributions over the bins are compared by total variation,
Hellinger, symmetric Kullback-Leibler and Jensen-Shannon distance and population stability index, columns of
numbers also by Wasserstein distance. The verdict is computed once, from total variation: drift is a column
that is further away than chance explains at these sample sizes (``chance.py``), and by more than a stated
amount, since with enough rows chance explains nothing. So is a column of which a share has moved that is
small, but matters (``shares.py``): a class, missing readings, a new category, readings far off.

Bins hold equally many base rows, and the outer two have no end. So one far reading in the base changes
nothing; with equally wide bins it puts all other rows into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from drift.blocks import (
    MOST_PROBED,
    block_devices,
    block_starts,
    chosen_block,
    has_same_devices,
    hours_of,
    needed_blocks,
    rows_of_a_device,
    selected,
    stretches_of,
    usual_gap,
)
from drift.chance import Chance, compare_with_chance
from drift.coded_columns import CodedColumn, coded_columns
from drift.compared_columns import OWNER, Columns, compared_columns, joint_columns, known_columns
from drift.dependent_rows import Dependence
from drift.devices_together import TOO_FEW_TIMES, Bools, devices_together
from drift.discretize import How
from drift.distances.distribution import distribution
from drift.distances.hellinger import hellinger
from drift.distances.jensen_shannon import jensen_shannon
from drift.distances.kullback_leibler import kullback_leibler
from drift.distances.population_stability import population_stability
from drift.distances.total_variation import total_variation
from drift.distances.wasserstein import wasserstein
from drift.reference_rows import LEAST_BLOCKS
from drift.shares import USUAL_CHANGE, LeastChange, Share, errors_of, rows_with, shares_of
from drift.shift import ColumnShift, DriftMagnitude, ShareShift, reason_of
from feature_sets.checks import InputError, check_integer, check_number

USUAL_BINS = 5
USUAL_HOW: How = "quantile"


def drift_magnitude(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    prediction: str | None = None,
    label: str | None = None,
    bins: int = USUAL_BINS,
    min_rows: int = 100,
    *,
    how: How = USUAL_HOW,
    joint: Sequence[str] | None = None,
    alpha: float = 0.01,
    min_distance: float = 0.1,
    permutations: int = 199,
    block_rows: int = 1,
    max_rows: int = 20_000,
    seed: int = 0,
    least_change: LeastChange = USUAL_CHANGE,
    entity: str | None = None,
    time: str | None = None,
) -> DriftMagnitude:
    """Measure how far a batch is from the base data set and say whether that is drift.

    Neither frame is changed; the same frames and seed give the same answer.

    :param base: rows the model was evaluated on, shape (n, any); sorted by device and time, or at least as
        they came.
    :param batch: live rows, shape (m, any), sorted the same way.
    :param features: feature columns; numbers are binned, anything else counted by value.
    :param prediction: column of predictions; whole numbers and text are classes, fractions are binned. If no
        row of a side has one, it is left out, and ``warnings`` tells so.
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
    :param block_rows: consecutive rows that certainly depend on each other, as rolling windows over the same
        readings do: about the longest window divided by the time between rows. They are dealt out together,
        and more where the base shows that rows depend on each other for longer (``dependent_rows.py``). If
        they do for too long for a side, there is no verdict, and ``rows_needed`` says how many rows it takes.
    :param max_rows: with more rows on a side, a random selection (of blocks) of this size is compared.
    :param seed: for the random divisions and the selection.
    :param least_change: from when on a share has moved.
    :param entity: column of the device key, if rows are sorted by device: without it, different levels of
        devices look like dependence.
    :param time: column of event times, with a zone. With ``entity`` too, what is dealt out together is the
        rows of one device in a span of time, however often it sends.
    :raises InputError: naming the parameter or column, the rule and what was given.
    """
    min_rows = check_integer(f"{OWNER}: min_rows", min_rows, at_least=2)
    block_rows = check_integer(f"{OWNER}: block_rows", block_rows, at_least=1)
    least = rows_needed(min_rows, block_rows)
    max_rows = check_integer(f"{OWNER}: max_rows", max_rows, at_least=least)
    permutations = check_integer(f"{OWNER}: permutations", permutations, at_least=1)
    limits = _Limits.checked(alpha, min_distance, least_change, permutations)
    joint = joint_columns(features, joint)
    columns = compared_columns(base, batch, features, prediction, label)
    _check_order_columns(base, batch, entity, time)

    def undecided(reason: str, needed: int = least) -> DriftMagnitude:
        return DriftMagnitude(len(base), len(batch), (), None, f"not enough data: {reason}", needed)

    if reason := _too_few_rows(base, batch, least, min_rows, block_rows):
        return undecided(reason)
    columns, warnings = known_columns(base, batch, columns)
    if not columns:
        return undecided(warnings[0])
    needed = _needed_blocks(base.head(MOST_PROBED), columns, bins, how, least_change, entity, time)
    depends = max(needed)
    longest = " ".join(columns[needed.index(depends)])
    smaller = min(len(base), len(batch), max_rows)
    block_rows, too_few = chosen_block(block_rows, depends, smaller, entity, longest)
    if too_few:
        return undecided(too_few, depends.least * LEAST_BLOCKS)
    gap = usual_gap(base, entity, time)
    missing = depends.lasting / block_rows
    if 0 < (most := rows_of_a_device(batch, entity, time, gap)) < block_rows:
        # Each device of the batch is one block then, and nothing goes on across its ends.
        block_rows, missing = most, 0.0
    base_starts, batch_starts = (block_starts(each, block_rows, entity, time, gap) for each in (base, batch))
    if block_rows > 1 and (fewest := min(len(base_starts), len(batch_starts))) < LEAST_BLOCKS:
        return undecided(f"a side has {fewest} blocks of {block_rows * gap:,.0f} s, needs {LEAST_BLOCKS}")
    same_devices = has_same_devices(base, batch, entity)
    rng = np.random.default_rng(seed)
    base, base_starts = selected(base, base_starts, max_rows, rng)
    batch, batch_starts = selected(batch, batch_starts, max_rows, rng)
    coded = coded_columns(base, batch, columns, joint, bins, how)
    shares = [*shares_of(coded, batch, least_change), *errors_of(coded, base, batch, least_change)]
    starts = (base_starts, batch_starts)
    of_column = [min(block_rows, each.least) * gap for each in [*needed, *[depends] * bool(joint)]]
    spans = of_column + [of_column[share.column] for share in shares]
    sides = [(column.base, column.batch) for column in coded] + [rows_with(share) for share in shares]
    sizes = [column.size for column in coded] + [2] * len(shares)
    hours = hours_of(base, entity, time)
    together = devices_together(sides, sizes, (base, batch), entity, time, spans, hours)
    devices = block_devices((base, batch), starts, entity) if entity and same_devices else None
    chance = compare_with_chance(sides, sizes, permutations, starts, rng, missing, together.variance, devices)
    shifts = _shifts(coded, shares, limits, chance, together.is_enough)
    # A share, as of missing readings, may be of each device by itself where the rest is of all at once.
    decided = together.is_enough[: len(shifts)] | np.array([bool(shift.drifted) for shift in shifts])
    judged = [shift for shift, is_decided in zip(shifts, decided, strict=True) if is_decided]
    if too_few := together._replace(is_enough=decided).too_few([shift.name for shift in shifts]):
        warnings.append(too_few)
    if not judged:
        return undecided(too_few)
    return DriftMagnitude(
        n_base=len(base),
        n_batch=len(batch),
        shifts=shifts,
        drifted=any(bool(shift.drifted) for shift in shifts),
        reason=reason_of(judged),
        rows_needed=least,
        block_rows=block_rows,
        warnings=tuple(warnings),
    )


class _Limits(NamedTuple):
    """From when on a column has drifted, see ``drift_magnitude``."""

    alpha: float
    min_distance: float
    least_change: LeastChange

    @classmethod
    def checked(
        cls, alpha: float, min_distance: float, least_change: LeastChange, permutations: int
    ) -> _Limits:
        if not (0 < alpha < 1 and alpha * (permutations + 1) >= 1):
            rule = "must be above 0, below 1 and at least 1 / (permutations + 1)"
            raise InputError(f"{OWNER}: alpha", rule, alpha)
        check_number(f"{OWNER}: min_distance", min_distance, at_least=0, below=1)
        return cls(alpha, min_distance, least_change)


def _check_order_columns(
    base: pd.DataFrame, batch: pd.DataFrame, entity: str | None, time: str | None
) -> None:
    """Raise InputError unless the columns are there that say the device and the time of a row."""
    if entity is not None and entity not in base:
        raise InputError(f"{OWNER}: entity", "must be a column of the base", entity)
    if time is not None and not {time} <= {*base} & {*batch}:
        raise InputError(f"{OWNER}: time", "must be a column of base and batch", time)


def rows_needed(min_rows: int, block_rows: int) -> int:
    """Rows that each side needs for a verdict: ``min_rows``, or ``LEAST_BLOCKS`` blocks if those are more.

    >>> rows_needed(1000, 120)
    1200
    """
    return max(min_rows, LEAST_BLOCKS * block_rows)


def rows_of_ten_blocks(
    base: pd.DataFrame,
    features: Sequence[str],
    prediction: str | None,
    label: str | None,
    entity: str | None,
    time: str | None = None,
) -> int:
    """Rows that hold ``LEAST_BLOCKS`` blocks as long as rows of the base depend on each other.

    With fewer on a side, the comparison has not enough data.

    :param base: see ``drift_magnitude``, as are the others.
    """
    columns, _ = known_columns(base, base, compared_columns(base, base, features, prediction, label))
    if base.empty or not columns:
        return LEAST_BLOCKS
    probed = base.head(MOST_PROBED)
    return (
        LEAST_BLOCKS
        * max(_needed_blocks(probed, columns, USUAL_BINS, USUAL_HOW, USUAL_CHANGE, entity, time)).least
    )


def _too_few_rows(base: pd.DataFrame, batch: pd.DataFrame, least: int, min_rows: int, block_rows: int) -> str:
    """Which side has too few rows for a verdict; empty for none."""
    blocks = f" ({LEAST_BLOCKS} blocks of {block_rows})" if least > min_rows else ""
    for side, frame in (("base", base), ("batch", batch)):
        if len(frame) < least:
            return f"{side} has {len(frame)} rows, needs at least {least}{blocks}"
    return ""


def _needed_blocks(
    base: pd.DataFrame,
    columns: Columns,
    bins: int,
    how: How,
    change: LeastChange,
    entity: str | None,
    time: str | None,
) -> list[Dependence]:
    """For how many rows in a row each column of the base depends on itself.

    The longest counts for all: what is rare does not show in a base how long it lasts, so it is taken to last
    as long as anything else does.
    """
    coded = coded_columns(base, base, columns, (), bins, how)
    shares = [*shares_of(coded, base, change), *errors_of(coded, base, base, change)]
    return needed_blocks(coded, shares, stretches_of(base, entity), hours_of(base, entity, time))


def _shifts(
    coded: list[CodedColumn], shares: list[Share], limits: _Limits, chance: Chance, is_enough: Bools
) -> tuple[ColumnShift, ...]:
    """What is found of each column, beside what chance gives of it and of its shares.

    :param is_enough: of each column, then each share: whether there is enough of it to say that it moved.
    """
    pairs = zip(chance.p_values.tolist(), is_enough.tolist(), strict=True)
    p_values = [p_value if is_known else None for p_value, is_known in pairs]
    moved: list[list[ShareShift]] = [[] for _ in coded]
    for share, p_value in zip(shares, p_values[len(coded) :], strict=True):
        moved[share.column].append(_share_shift(share, p_value, limits))
    return tuple(
        _shift(column, float(expected), p_value, limits, found)
        for column, expected, p_value, found in zip(coded, chance.expected, p_values, moved, strict=False)
    )


def _share_shift(share: Share, p_value: float | None, limits: _Limits) -> ShareShift:
    change = limits.least_change
    base, batch = float(share.base.mean()), float(share.batch.mean())
    fewer_errors = share.of_errors and batch < base
    beyond = change.is_beyond(share.least, base, batch) and not fewer_errors
    return ShareShift(
        what=share.what,
        base=base,
        batch=batch,
        limit=change.limit(share.least, base, batch),
        p_value=p_value,
        moved=None if p_value is None else p_value <= limits.alpha and beyond,
        of_errors=share.of_errors,
    )


def _shift(
    column: CodedColumn,
    expected: float,
    p_value: float | None,
    limits: _Limits,
    shares: Sequence[ShareShift],
) -> ColumnShift:
    """Distances of one column, and whether it is further away than by chance and by enough."""
    p = distribution(np.bincount(column.base, minlength=column.size))
    q = distribution(np.bincount(column.batch, minlength=column.size))
    distance = total_variation(p, q)
    is_known = p_value is not None
    far = p_value is not None and p_value <= limits.alpha and distance - expected >= limits.min_distance
    moved = far or any(bool(share.moved) for share in shares)
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
        limit=min(1.0, expected + limits.min_distance),
        drifted=moved if moved or is_known else None,
        by_distance=far,
        shares=tuple(shares),
        reason="" if moved or is_known else TOO_FEW_TIMES,
    )
