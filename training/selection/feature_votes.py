"""Votes for features: six scorers score every feature, and each votes for its k best.

Redundant features are left out before the vote. Models split what a group of them is worth, so each looks
weak. Scorers of single features give the whole group places among their k best, and others find none. Which
one of a group is kept is decided by the three scorers that look at one feature at a time: their scores are
the same with and without its likes, and need not be computed again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from training.job.defaults import MAX_CORRELATION
from training.job.parameter_rules import check_votes
from training.selection.feature_scorers import (
    MODEL_SCORERS,
    SCORERS,
    SINGLE_FEATURE_SCORERS,
    Labels,
    Matrix,
    Scorer,
)
from training.selection.redundant_features import rank_features, redundant_features

FEATURE = "feature"
VOTES = "votes"
SELECTED = "selected"
REASON = "reason"
SCALED = "_scaled"
VOTED = "_voted"


@dataclass(frozen=True)
class Election:
    """Result of a vote.

    :param table: one row a feature: ``feature``; of each scorer its score, the score scaled to [0, 1]
        (``{scorer}_scaled``) and whether it voted for the feature (``{scorer}_voted``); ``votes``,
        ``selected`` and ``reason``, why it is not. Best first: by votes, then mean scaled score, then column
        order; redundant features come last, and have no score (NaN) of a model.
    :param selected: features with enough votes, in column order.
    :param redundant: features that were not voted on because a better one says the same -> the reason.
    :param needed_votes: votes a feature needed.
    """

    table: pd.DataFrame
    selected: tuple[str, ...]
    redundant: Mapping[str, str]
    needed_votes: int


def votes_needed(min_votes: float, scorers: int = len(SCORERS)) -> int:
    """Votes a feature needs, from a count (1 or more) or a share of the scorers (below 1).

    :raises InputError: unless it is a share, or a count of at most the scorers there are.
    """
    votes = check_votes("argument 'min_votes'", min_votes, scorers)
    return math.ceil(votes * scorers) if votes < 1 else int(votes)


def elect_features(
    rows: Matrix,
    labels: Labels,
    names: Sequence[str],
    k: int,
    min_votes: float,
    seed: int,
    max_correlation: float = MAX_CORRELATION,
) -> Election:
    """Let every scorer vote for its k best features and keep those with enough votes.

    Of features that are correlated above ``max_correlation`` only the best is voted on, see
    ``redundant_features``; there, scores are those of the scorers of single features among all features.

    :param rows: training part only, no NaN, shape (n, features).
    :param labels: 0 or 1, shape (n,), both present.
    :param names: feature names, in column order.
    :param k: votes of each scorer, at least 1.
    :param min_votes: see ``votes_needed``.
    :param seed: of the scorers.
    :param max_correlation: largest absolute Pearson correlation of two features that are both voted on, in
        (0, 1]; with 1 all are.
    :raises InputError: unless a feature gets enough votes.
    """
    needed = votes_needed(min_votes)
    scores = _scores(SINGLE_FEATURE_SCORERS, rows, labels, seed)
    redundant = redundant_features(rows, names, _mean_scaled(scores), max_correlation)
    candidate = np.array([name not in redundant for name in names])
    for scorer, score in _scores(MODEL_SCORERS, rows[:, candidate], labels, seed).items():
        scores[scorer] = np.full(len(names), np.nan)
        scores[scorer][candidate] = score

    voted = {scorer: np.zeros(len(names), dtype=bool) for scorer in scores}
    for scorer, score in scores.items():
        voted[scorer][candidate] = _best(score[candidate], k)
    votes = np.sum(list(voted.values()), axis=0)
    is_selected = votes >= needed
    if not is_selected.any():
        most = int(votes.max())
        rule = f"must be reached by a feature: {needed} votes, and the most is {most} (raise k or lower it)"
        raise InputError("argument 'min_votes'", rule, min_votes)
    table = pd.DataFrame(
        {
            FEATURE: list(names),
            **scores,
            **{f"{scorer}{SCALED}": _scaled(score) for scorer, score in scores.items()},
            **{f"{scorer}{VOTED}": mark for scorer, mark in voted.items()},
            VOTES: votes,
            SELECTED: is_selected,
            REASON: [
                redundant.get(name, "" if count >= needed else f"{count} of the {needed} votes needed")
                for name, count in zip(names, votes, strict=True)
            ],
        }
    )
    order = rank_features(votes, _mean_scaled(scores))
    return Election(
        table=table.iloc[np.concatenate([order[candidate[order]], order[~candidate[order]]])].reset_index(
            drop=True
        ),
        selected=tuple(name for name, chosen in zip(names, is_selected, strict=True) if chosen),
        redundant=redundant,
        needed_votes=needed,
    )


def _scores(scorers: Mapping[str, Scorer], rows: Matrix, labels: Labels, seed: int) -> dict[str, Matrix]:
    # chi2 has no score (NaN) for a feature that is constant once it is imputed: it gets nothing.
    return {name: np.nan_to_num(scorer(rows, labels, seed), nan=0.0) for name, scorer in scorers.items()}


def _best(score: Matrix, k: int) -> npt.NDArray[np.bool_]:
    """The k features with the best scores; equal ones go by column order, not by how the sort works."""
    best = np.zeros(len(score), dtype=bool)
    best[np.argsort(-score, kind="stable")[:k]] = True
    return best


def _mean_scaled(scores: Mapping[str, Matrix]) -> Matrix:
    """Mean scaled score over the scorers that scored a feature; each feature has at least one."""
    return np.asarray(np.nanmean([_scaled(score) for score in scores.values()], axis=0))


def _scaled(score: Matrix) -> Matrix:
    low, high = float(np.nanmin(score)), float(np.nanmax(score))
    return (score - low) / (high - low) if high > low else score * 0.0
