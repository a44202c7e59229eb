"""Cross-validation that respects time and is placed where the errors are.

With enough error episodes a search is evaluated forward in time. With few of them each is left out in turn,
for of what lies before the first there is nothing to learn. Where the evaluation asks for other groups of
devices, groups are left out in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import Moments, moments_of
from training.dataset.split import MINIMUM_ROWS, Split
from training.dataset.too_little import TooLittleDataError
from training.exploration.error_episodes import error_episodes

Positions = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

FEW_EPISODES = 10
"""With fewer error episodes each is left out in turn, instead of evaluating forward in time."""
MOST_LEFT_OUT = 8
"""Folds of episodes that are left out in turn; more episodes than that share them."""
DECISION_BLOCKS = 5
"""Blocks that calibration and threshold come from, where a search is evaluated forward in time."""
FEWEST_VALIDATION_ROWS = 10
SECOND = 10**9

FORWARD = "forward in time"
LEFT_OUT = "episodes left out in turn"
DEVICES = "devices left out in turn"
GROUPS = "groups left out in turn"


@dataclass(frozen=True)
class Fold:
    """One fold.

    :param fit: positions of the rows to fit on, ascending; those of the devices of the validation rows lie
        an embargo or more from them, before or after.
    :param validation: positions of the rows to evaluate on, ascending.
    """

    fit: Positions
    validation: Positions


@dataclass(frozen=True)
class Folds:
    """The folds of a training part.

    :param used: those of the search, with both classes on both sides; at least one.
    :param skipped: why each other one is left out.
    :param decision: those that calibration and threshold come from: fitted on what lies before and after,
        because a threshold is one of the served model, which has seen all, and not one of half the rows.
    :param kind: ``FORWARD``, ``LEFT_OUT``, ``DEVICES`` or ``GROUPS``.
    :param episodes: error episodes among all rows.
    """

    used: tuple[Fold, ...]
    skipped: tuple[str, ...]
    decision: tuple[Fold, ...]
    kind: str
    episodes: int


def always_fitted(frame: pd.DataFrame, schema: TelemetrySchema, spans: Positions | None = None) -> Positions:
    """Positions of the rows that every fold of ``episode_folds`` is fitted on, and none is evaluated on.

    Those at least an embargo before the later half of the episodes, ascending; none where folds are not
    forward in time.

    :param frame: rows with the schema's device, time and target columns, any order; at least one.
    :param schema: names the columns and gives the embargo.
    :param spans: see ``episode_folds``.
    """
    rows = _Rows(frame, schema, spans)
    if len(rows.starts) < FEW_EPISODES or not _forward(rows, 1, []):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(rows.moment <= rows.cut(_half(rows)) - rows.embargo)


def check_folds(schema: TelemetrySchema, split: Split) -> None:
    """Raise InputError unless a search, which needs labels, has folds on the training part of a split."""
    if split.unlabeled:
        return
    spans = split.incidents.numbers(split.train, schema.time)
    in_order = split.shape.in_order(split.train, schema.time)
    episode_folds(in_order, schema, groups=split.groups, spans=spans)


def episode_folds(
    frame: pd.DataFrame,
    schema: TelemetrySchema,
    count: int = 3,
    groups: Mapping[str, str] = MappingProxyType({}),
    spans: Positions | None = None,
) -> Folds:
    """Folds that each have error episodes to evaluate on, and others to learn from.

    With ``FEW_EPISODES`` or more, fold k is evaluated on block k of the later half of the episodes and fitted
    on all before; the blocks have the same number of episodes. Calibration and threshold come from blocks of
    the same time, each fitted on all before and after::

        time ──────────────────────────────────►      f fit   · embargo   v validation
        fold 1   ffffffffffffff·vvvv
        fold 2   ffffffffffffffffff·vvvv
        fold 3   ffffffffffffffffffffff·vvvv
        block 2  ffffffffffffffffff·vvvv·fff

    Where whole groups are evaluated on, each group with errors is left out in turn.

    With fewer, the whole time is cut between the episodes. Each, or each of ``MOST_LEFT_OUT`` groups, is
    evaluated on once, with the healthy time around it. Episodes of several devices that are not an embargo
    apart are one. If all are, each device with errors is left out in turn: devices share no reading.

    :param frame: rows with the schema's device, time and target columns, any order; not changed.
    :param schema: names the columns and gives the embargo.
    :param count: folds of the search forward in time, at least 1; as few as it takes for each to be usable.
    :param groups: group of each device, see ``FoldShape``.
    :param spans: incident of each row, see ``error_episodes``: no fold begins in the middle of one.
    :raises InputError: unless a fold can be used; says of each why it cannot.
    """
    rows = _Rows(frame, schema, spans)
    skipped: list[str] = []
    if len(rows.starts) >= FEW_EPISODES and not groups:
        found = _forward(rows, count, skipped)
        if found:
            return found
    in_turn = [(LEFT_OUT, _left_out(rows)), (DEVICES, _failing(rows, frame[DEVICE]))]
    if groups:
        kind = GROUPS if any(group != device for device, group in groups.items()) else DEVICES
        in_turn = [(kind, _failing(rows, frame[DEVICE].map(groups))), in_turn[0]]
    for kind, folds in in_turn:
        reasons: list[str] = []
        used = _usable(rows, folds, reasons)
        skipped += [reason for reason in reasons if reason not in skipped]
        if used:
            return Folds(used, tuple(reasons), used, kind, len(rows.starts))
    classes = {str(label): int((rows.labels == label).sum()) for label in (0, 1)}
    where = (
        f"cross-validation of {len(frame)} rows (rows of each class: {classes}) with an embargo of "
        f"{schema.embargo_seconds} s"
    )
    rule = "must have two error episodes an embargo apart, or on two devices, each with healthy rows"
    found_episodes = f"{len(rows.starts)} error episode{'s' * (len(rows.starts) != 1)}"
    raise TooLittleDataError(where, rule, [found_episodes, *skipped])


class _Rows:
    """Times, labels and error episodes of a frame.

    :param frame: see ``episode_folds``.
    :param schema: the same.
    :param spans: the same.
    """

    def __init__(self, frame: pd.DataFrame, schema: TelemetrySchema, spans: Positions | None = None) -> None:
        self.embargo = schema.embargo_seconds * SECOND
        self.target = schema.target
        self.labels = frame[schema.target].to_numpy()
        self.moment: Moments = moments_of(frame[schema.time])
        wrong = self.labels == 1
        errors = frame.loc[wrong, [DEVICE, schema.time, schema.target]]
        within = None if spans is None else spans[wrong]
        found = error_episodes(errors, schema.time, schema.target, schema.embargo_seconds, within)
        found = found.sort_values(["start", "end"], kind="stable")
        self.starts: Moments = moments_of(found["start"])
        self.ended: Moments = np.maximum.accumulate(moments_of(found["end"]))

    def cut(self, episode: int) -> int:
        """Time that parts an episode from those that began before: midway, if all of them are over."""
        start, ended = int(self.starts[episode]), int(self.ended[episode - 1])
        return start if ended >= start else ended + (start - ended + 1) // 2

    def forward(self, begin: int, end: int | None) -> Fold:
        """Fold that is evaluated on [begin, end), or all from begin, and fitted on what is before."""
        later = self.moment >= begin
        validation = later if end is None else later & (self.moment < end)
        return Fold(np.flatnonzero(self.moment <= begin - self.embargo), np.flatnonzero(validation))

    def block(self, begin: int | None, end: int | None) -> Fold:
        """Fold that is evaluated on [begin, end) and fitted on what is an embargo before or after."""
        before = np.zeros(len(self.moment), bool) if begin is None else self.moment <= begin - self.embargo
        after = np.zeros(len(self.moment), bool) if end is None else self.moment >= end + self.embargo
        within = np.ones(len(self.moment), bool)
        if begin is not None:
            within &= self.moment >= begin
        if end is not None:
            within &= self.moment < end
        return Fold(np.flatnonzero(before | after), np.flatnonzero(within))


def _half(rows: _Rows) -> int:
    """First episode of the later half."""
    return (len(rows.starts) + 1) // 2


def _forward(rows: _Rows, count: int, skipped: list[str]) -> Folds | None:
    half, episodes = _half(rows), len(rows.starts)
    best: tuple[tuple[Fold, ...], list[str]] | None = None
    for blocks in range(count, 0, -1):
        cuts = _cuts(rows, half, blocks)
        reasons: list[str] = []
        used = _usable(rows, [rows.forward(*pair) for pair in _pairs(cuts)], reasons)
        if used and (best is None or (len(used), not reasons) > (len(best[0]), not best[1])):
            best = used, reasons
        if used and not reasons:
            break
        skipped += [reason for reason in reasons if reason not in skipped]
    if best is None:
        return None
    cuts = _cuts(rows, half, min(DECISION_BLOCKS, episodes - half))
    decision = _usable(rows, [rows.block(*pair) for pair in _pairs(cuts)], [])
    return Folds(best[0], tuple(best[1]), decision or best[0], FORWARD, episodes)


def _cuts(rows: _Rows, first: int, blocks: int) -> list[int]:
    """Where blocks of as many episodes each begin, from an episode on."""
    left = len(rows.starts) - first
    return [rows.cut(first + left * block // blocks) for block in range(blocks)]


def _pairs(cuts: Sequence[int]) -> list[tuple[int, int | None]]:
    """Begin and end of each block; the last is open."""
    return list(zip(cuts, [*cuts[1:], None], strict=True))


def _left_out(rows: _Rows) -> list[Fold]:
    """Blocks of the whole time, cut where all episodes are over and the next begins an embargo later."""
    apart = np.flatnonzero(rows.starts[1:] - rows.ended[:-1] > rows.embargo) + 1
    groups = np.array_split(np.arange(len(apart) + 1), min(len(apart) + 1, MOST_LEFT_OUT))
    cuts = [rows.cut(int(apart[group[0] - 1])) for group in groups[1:]]
    if not cuts:
        return []
    return [rows.block(begin, end) for begin, end in zip([None, *cuts], [*cuts, None], strict=True)]


def _failing(rows: _Rows, names: pd.Series) -> list[Fold]:
    """A fold for each device or group with errors, or for one of ``MOST_LEFT_OUT`` sets of them.

    :param names: device or group of each row.
    """
    codes, _ = pd.factorize(names, sort=True)
    failing = np.unique(codes[rows.labels == 1])
    if len(failing) < 2:
        return []
    folds = []
    for group in np.array_split(failing, min(len(failing), MOST_LEFT_OUT)):
        within = np.isin(codes, group)
        folds.append(Fold(np.flatnonzero(~within), np.flatnonzero(within)))
    return folds


def _usable(rows: _Rows, folds: Sequence[Fold], skipped: list[str]) -> tuple[Fold, ...]:
    """The folds with enough rows and both classes on both sides; why not is added for each other one."""
    used = []
    for number, fold in enumerate(folds, start=1):
        try:
            _check_side("rows to fit on", rows, fold.fit, MINIMUM_ROWS)
            _check_side("validation rows", rows, fold.validation, FEWEST_VALIDATION_ROWS)
        except InputError as error:
            skipped.append(f"fold {number} of {len(folds)}: {error}")
        else:
            used.append(fold)
    return tuple(used)


def _check_side(name: str, rows: _Rows, positions: Positions, fewest: int) -> None:
    if len(positions) < fewest:
        raise InputError(name, f"must be at least {fewest}", len(positions))
    classes = sorted(int(value) for value in np.unique(rows.labels[positions]))
    if classes != [0, 1]:
        raise InputError(name, f"must hold both classes of '{rows.target}'", classes)
