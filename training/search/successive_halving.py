"""Search by successive halving: many combinations on few rows, the best of them on more.

K. Jamieson and A. Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS; with the rate of three of L. Li et al. 2018, "Hyperband: a novel bandit-based approach to
hyperparameter optimization", JMLR 18. The budget is the number of rows a combination is fitted with; the
validation rows are the same in every rung, so scores of one rung compare.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.decision.threshold_rules import ThresholdRule, find_threshold
from training.evaluation.scores import classification_scores
from training.search.candidates import Candidate
from training.search.fold_matrices import FoldRows
from training.search.pipelines import build_pipeline, error_margin, fit_pipeline
from training.search.progress import Progress
from training.search.search_metric import SearchMetric

RATE = 3
"""The best third of a rung goes on to the next one, with three times the rows."""

FINALISTS = 3
"""So many combinations, or fewer, are fitted with all rows."""

FEWEST_ROWS = 500
"""A rung fits each fold with at least this many rows, or all of them: fewer rank combinations by chance."""

THREADS = 2
SCORES = ("average_precision", "roc_auc", "f1", "precision", "recall")

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Trial:
    """How far one combination got.

    :param candidate: the combination.
    :param rung: last rung it was fitted in, 1 for the first.
    :param rows: rows the largest fold was fitted with there; others have fewer.
    :param scores: means over the folds in that rung. F1, precision and recall are those at the threshold that
        the rule chooses on the validation rows of all folds; 0 where it finds none.
    :param seconds: time its fits and predictions took in all rungs.
    """

    candidate: Candidate
    rung: int
    rows: int
    scores: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class SearchOutcome:
    """What a search found.

    :param trials: one a combination, in the order they were given.
    :param best: position of the winner; it is among those of the last rung.
    :param margins: out-of-fold log-odds of the winner, before calibration, from the last rung; shape (n,).
    :param labels: labels of the same rows, shape (n,).
    :param rungs: rows of the largest fold in each rung.
    """

    trials: tuple[Trial, ...]
    best: int
    margins: Floats
    labels: Labels
    rungs: tuple[int, ...]

    @property
    def winner(self) -> Trial:
        """The best trial."""
        return self.trials[self.best]


def rung_shares(combinations: int, sizes: Sequence[int]) -> list[float]:
    """Share of the fit rows in each rung; the last is 1.

    As many rungs as it takes to come from all combinations to ``FINALISTS``, but none in which every fold
    would have the rows of the next rung.

    :param combinations: in the first rung, at least 1.
    :param sizes: fit rows of each fold.
    """
    shares = [1.0]
    while combinations > FINALISTS:
        smaller = shares[0] / RATE
        if all(_size(size, smaller) == _size(size, shares[0]) for size in sizes):
            break
        shares.insert(0, smaller)
        combinations = -(-combinations // RATE)
    return shares


def _size(rows: int, share: float) -> int:
    return min(rows, max(FEWEST_ROWS, round(rows * share)))


def search(
    candidates: Sequence[Candidate],
    folds: Sequence[FoldRows],
    metric: SearchMetric,
    rule: ThresholdRule,
    seed: int,
    progress: Progress,
) -> SearchOutcome:
    """Fit combinations rung by rung and keep the best third of each.

    Fits run on ``THREADS`` threads, each fit on one; what they find does not depend on which ends first.
    Equal scores keep the order of the combinations.

    :param candidates: at least one.
    :param folds: at least one; the one with the most fit rows sizes the rungs. In each, rows and labels are
        aligned by position, in any order; the outcome keeps the order of folds and validation rows.
    :param metric: the score that decides.
    :param rule: chooses the threshold of F1, precision and recall.
    :param seed: of models and samples.
    :param progress: told of every fit.
    """
    shares = rung_shares(len(candidates), [len(fold.labels) for fold in folds])
    labels = np.concatenate([fold.validation_labels for fold in folds])
    trials: dict[int, Trial] = {}
    seconds = [0.0] * len(candidates)
    alive = list(range(len(candidates)))
    rungs: list[int] = []
    largest = max(len(fold.labels) for fold in folds)
    progress.plan(_fits(len(candidates), len(shares)) * len(folds))
    # The threads of the linear algebra belong to the process, so they are limited here, not in each fit.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
        for share in shares:
            rungs.append(_size(largest, share))
            progress.say(f"rung {len(rungs)}: {len(alive)} combinations on {rungs[-1]} rows")
            samples = [fold.sample(_size(len(fold.labels), share), seed) for fold in folds]
            tasks = [
                _Task(candidates[position], seed, rows, classes, fold.validation_rows)
                for position in alive
                for (rows, classes), fold in zip(samples, folds, strict=True)
            ]
            fits = []
            for fit in pool.map(_Task.run, tasks):  # in the order of the tasks, whichever ends first
                fits.append(fit)
                progress.advance()
            margins = {}
            for place, position in enumerate(alive):
                own = fits[place * len(folds) : (place + 1) * len(folds)]
                margins[position] = np.concatenate([margin for margin, _ in own])
                seconds[position] += sum(took for _, took in own)
                scores = _mean_scores(folds, labels, margins[position], rule)
                trials[position] = Trial(
                    candidates[position], len(rungs), rungs[-1], scores, seconds[position]
                )
            ranked = sorted(alive, key=lambda at: (-metric.value(trials[at].scores), at))
            alive = sorted(ranked[: -(-len(ranked) // RATE)])
    best = ranked[0]
    return SearchOutcome(
        trials=tuple(trials[position] for position in range(len(candidates))),
        best=best,
        margins=margins[best],
        labels=labels,
        rungs=tuple(rungs),
    )


@dataclass(frozen=True)
class _Task:
    """One combination in one fold.

    :param candidate: what to fit.
    :param seed: of the model.
    :param rows: rows to fit on, shape (n, inputs).
    :param labels: their labels.
    :param validation_rows: rows to predict, shape (m, inputs).
    """

    candidate: Candidate
    seed: int
    rows: npt.NDArray[np.float32]
    labels: Labels
    validation_rows: npt.NDArray[np.float32]

    def run(self) -> tuple[Floats, float]:
        """Log-odds of the validation rows, and the seconds it took."""
        started = time.perf_counter()
        pipeline = build_pipeline(self.candidate, self.seed)
        fit_pipeline(pipeline, self.rows, self.labels)
        return error_margin(pipeline, self.validation_rows), time.perf_counter() - started


def _fits(combinations: int, rungs: int) -> int:
    """Fits of one fold in all rungs."""
    total = 0
    for _ in range(rungs):
        total += combinations
        combinations = -(-combinations // RATE)
    return total


def _mean_scores(
    folds: Sequence[FoldRows], labels: Labels, margin: Floats, rule: ThresholdRule
) -> dict[str, float]:
    """Means over the folds of the scores of the validation rows."""
    weights = np.concatenate([fold.weights.of(fold.validation_labels) for fold in folds])
    threshold = find_threshold(rule, labels, margin, weights)
    found, start = [], 0
    for fold in folds:
        end = start + len(fold.validation_labels)
        found.append(
            classification_scores(fold.validation_labels, margin[start:end], threshold, weights[start:end])
        )
        start = end
    return {name: float(np.mean([scores[name] for scores in found])) for name in SCORES}
