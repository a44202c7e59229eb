"""Votes for features: six selectors score every feature, and each votes for its k best.

Features that say the same as a better one are left out before the vote. Models split what a group of them is
worth, so that each looks weak, and selectors of single features give the whole group places among their k
best, so that others find none. Which one of a group stands is decided by the three selectors that look at one
feature at a time: their scores are the same with and without its likes, and need not be computed again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.job.arguments import ArgumentError
from training.job.defaults import MAX_CORRELATION
from training.selection.feature_scorers import (
    MODEL_SELECTORS,
    SELECTORS,
    SINGLE_FEATURE_SELECTORS,
    Labels,
    Matrix,
    Scorer,
)
from training.selection.redundant_features import collapse_correlated, rank_features

FEATURE = "feature"
VOTES = "votes"
SELECTED = "selected"
REASON = "reason"
SCALED = "_scaled"
VOTED = "_voted"


@dataclass(frozen=True)
class Election:
    """Result of a vote.

    :param table: one row a feature: ``feature``; of each selector its score, the score scaled to [0, 1]
        (``{selector}_scaled``) and whether it voted for the feature (``{selector}_voted``); ``votes``,
        ``selected`` and ``reason``, why it is not. Best first: by votes, then mean scaled score, then column
        order; features that did not stand come last, and have no score (NaN) of a model.
    :param selected: features with enough votes, in the order they came in.
    :param correlated: features that did not stand because a better one says the same -> the reason.
    :param needed_votes: votes a feature needed.
    """

    table: pd.DataFrame
    selected: tuple[str, ...]
    correlated: Mapping[str, str]
    needed_votes: int


def votes_needed(min_votes: float, selectors: int = len(SELECTORS)) -> int:
    """Votes a feature needs, from a count (1 or more) or a share of the selectors (below 1).

    :raises ArgumentError: if it is not positive, not whole, or more than there are selectors.
    """
    rule = f"must be a share of the selectors in (0, 1) or a whole number from 1 to {selectors}"
    if isinstance(min_votes, bool) or not isinstance(min_votes, int | float) or not min_votes > 0:
        raise ArgumentError("min_votes", rule, min_votes)
    if min_votes < 1:
        return math.ceil(min_votes * selectors)
    if min_votes > selectors or min_votes != int(min_votes):
        raise ArgumentError("min_votes", rule, min_votes)
    return int(min_votes)


def elect_features(
    rows: Matrix,
    labels: Labels,
    names: Sequence[str],
    k: int,
    min_votes: float,
    seed: int,
    max_correlation: float = MAX_CORRELATION,
) -> Election:
    """Let every selector vote for its k best features and keep those with enough votes.

    Of features that are correlated above ``max_correlation`` only the best stands, see
    ``collapse_correlated``; there, scores are those of the selectors of single features among all
    features.

    :param rows: training part only, no NaN, shape (n, features).
    :param labels: 0 or 1, shape (n,), both present.
    :param names: feature names, in column order.
    :param k: votes of each selector, at least 1.
    :param min_votes: see ``votes_needed``.
    :param seed: of the selectors.
    :param max_correlation: largest absolute Pearson correlation of two features that both stand, in (0, 1];
        with 1 all stand.
    :raises ArgumentError: if no feature gets enough votes.
    """
    needed = votes_needed(min_votes)
    scores = _scores(SINGLE_FEATURE_SELECTORS, rows, labels, seed)
    correlated = collapse_correlated(rows, names, _mean_scaled(scores), max_correlation)
    stands = np.array([name not in correlated for name in names])
    for selector, score in _scores(MODEL_SELECTORS, rows[:, stands], labels, seed).items():
        scores[selector] = np.full(len(names), np.nan)
        scores[selector][stands] = score

    voted = {selector: np.zeros(len(names), dtype=bool) for selector in scores}
    for selector, score in scores.items():
        voted[selector][stands] = _best(score[stands], k)
    votes = np.sum(list(voted.values()), axis=0)
    is_selected = votes >= needed
    if not is_selected.any():
        raise ArgumentError(
            "min_votes",
            f"no feature has {needed} votes; the most is {int(votes.max())}; raise k or lower it",
            min_votes,
        )
    table = pd.DataFrame(
        {
            FEATURE: list(names),
            **scores,
            **{f"{selector}{SCALED}": _scaled(score) for selector, score in scores.items()},
            **{f"{selector}{VOTED}": mark for selector, mark in voted.items()},
            VOTES: votes,
            SELECTED: is_selected,
            REASON: [
                correlated.get(name, "" if count >= needed else f"{count} of the {needed} votes needed")
                for name, count in zip(names, votes, strict=True)
            ],
        }
    )
    order = rank_features(votes, _mean_scaled(scores))
    return Election(
        table=table.iloc[np.concatenate([order[stands[order]], order[~stands[order]]])].reset_index(
            drop=True
        ),
        selected=tuple(name for name, chosen in zip(names, is_selected, strict=True) if chosen),
        correlated=correlated,
        needed_votes=needed,
    )


def _scores(selectors: Mapping[str, Scorer], rows: Matrix, labels: Labels, seed: int) -> dict[str, Matrix]:
    # chi2 has no score (NaN) for a feature that is constant once it is imputed: it gets nothing.
    return {name: np.nan_to_num(scorer(rows, labels, seed), nan=0.0) for name, scorer in selectors.items()}


def _best(score: Matrix, k: int) -> npt.NDArray[np.bool_]:
    """The k features with the best scores; equal ones go by column order, not by how the sort works."""
    best = np.zeros(len(score), dtype=bool)
    best[np.argsort(-score, kind="stable")[:k]] = True
    return best


def _mean_scaled(scores: Mapping[str, Matrix]) -> Matrix:
    """Mean scaled score over the selectors that scored a feature; each feature has at least one."""
    return np.asarray(np.nanmean([_scaled(score) for score in scores.values()], axis=0))


def _scaled(score: Matrix) -> Matrix:
    low, high = float(np.nanmin(score)), float(np.nanmax(score))
    return (score - low) / (high - low) if high > low else score * 0.0
