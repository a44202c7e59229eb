"""The search: who goes on, with how many rows, and that threads change nothing."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from feature_sets.checks import InputError
from training.decision.threshold_rules import choose_threshold, parse_threshold_rule
from training.evaluation.scores import classification_scores
from training.search import successive_halving
from training.search.candidates import Candidate
from training.search.fold_matrices import FoldRows, fold_rows
from training.search.progress import Progress
from training.search.search_metric import SearchMetric, parse_search_metric
from training.search.successive_halving import SCORES, rung_shares, search
from training.search.time_folds import episode_folds

MOST = SearchMetric("average_precision", 1)
F1 = parse_threshold_rule("max_f1")


def make_fold(seed, fit=3000, validation=600):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(fit + validation, 3)).astype(np.float32)
    labels = (rows[:, 0] + random.normal(size=len(rows)) > 1.5).astype(np.int8)
    return FoldRows(rows[:fit], labels[:fit], rows[fit:], labels[fit:])


FOLDS = (make_fold(0, 1500), make_fold(1, 3000))


def lines():
    said = []
    return said, Progress(said.append)


def regressions(count):
    return [Candidate("logistic_regression", {"C": 10.0 ** -(number / 2)}) for number in range(count)]


def run(candidates, folds=FOLDS, metric=MOST, rule=F1, seed=0):
    return search(candidates, folds, metric, rule, seed, lines()[1])


def test_a_third_of_each_rung_goes_on_with_three_times_the_rows():
    said, progress = lines()
    outcome = search(regressions(12), (make_fold(0, 9000),), MOST, F1, 0, progress)
    assert outcome.rungs == (1000, 3000, 9000)
    assert sorted((trial.rung for trial in outcome.trials), reverse=True) == [3] * 2 + [2] * 2 + [1] * 8
    assert {(trial.rung, trial.rows) for trial in outcome.trials} == {(1, 1000), (2, 3000), (3, 9000)}
    assert said == [
        "rung 1: 12 combinations on 1000 rows",
        "rung 2: 4 combinations on 3000 rows",
        "rung 3: 2 combinations on 9000 rows",
    ]


def test_those_that_go_on_are_the_best_of_their_rung():
    outcome = run(regressions(9))
    value = {number: trial.scores["average_precision"] for number, trial in enumerate(outcome.trials)}
    last = [number for number, trial in enumerate(outcome.trials) if trial.rung == 2]
    # What the first rung saw of each: alone, a combination has one rung only.
    small = tuple(cut(fold) for fold in FOLDS)
    scores = [run([candidate], small).winner.scores["average_precision"] for candidate in regressions(9)]
    assert last == sorted(sorted(range(9), key=lambda number: (-scores[number], number))[:3])
    assert outcome.best == max(last, key=lambda number: (value[number], -number))


def cut(fold):
    """The fold with the rows of the first of two rungs only."""
    rows, labels = fold.sample(max(500, len(fold.labels) // 3), 0)
    return FoldRows(rows, labels, fold.validation_rows, fold.validation_labels)


def test_few_rows_or_few_combinations_need_one_rung():
    assert rung_shares(36, [400, 500]) == [1.0]
    assert rung_shares(3, [20_000]) == [1.0]
    assert rung_shares(36, [5000, 15_000]) == pytest.approx([1 / 27, 1 / 9, 1 / 3, 1.0])
    assert rung_shares(36, [600, 1200]) == pytest.approx([1 / 3, 1.0])


def test_scores_are_means_over_the_folds_at_one_threshold():
    outcome = run(regressions(1))
    assert len(outcome.margins) == len(outcome.labels) == 1200
    shifted = outcome.margins - outcome.margins.min()
    threshold = choose_threshold(F1, outcome.labels, shifted)
    folds = [
        classification_scores(outcome.labels[part], shifted[part], threshold)
        for part in (slice(0, 600), slice(600, None))
    ]
    for name in SCORES:
        assert outcome.winner.scores[name] == pytest.approx(np.mean([scores[name] for scores in folds]))


def test_the_search_metric_decides_and_may_look_for_the_least():
    candidates = regressions(3)
    most, least = run(candidates), run(candidates, metric=SearchMetric("average_precision", -1))
    scores = [trial.scores["average_precision"] for trial in most.trials]
    assert scores[most.best] == max(scores) and scores[least.best] == min(scores) != max(scores)


def test_equal_scores_go_to_the_first():
    twins = [Candidate("ada_boost"), Candidate("ada_boost", {"max_depth": 1})]
    assert run(twins).best == 0


def test_a_precision_that_a_combination_cannot_reach_costs_it_its_recall_only():
    random = np.random.default_rng(0)
    rows = random.normal(size=(1200, 3)).astype(np.float32)
    labels = (random.random(1200) < 0.3).astype(np.int8)
    noise = FoldRows(rows[:600], labels[:600], rows[600:], labels[600:])
    constant = Candidate("lightgbm", {"n_estimators": 1, "min_child_samples": 600})
    (trial,) = run([constant], (noise,), rule=parse_threshold_rule("min_precision:0.9")).trials
    assert trial.scores["recall"] == trial.scores["f1"] == 0.0
    assert trial.scores["roc_auc"] == 0.5


def everything(outcome):
    return (
        outcome.best,
        outcome.rungs,
        outcome.margins.tolist(),
        [(trial.rung, trial.rows, dict(trial.scores)) for trial in outcome.trials],
    )


def test_the_order_in_which_fits_end_changes_nothing(monkeypatch):
    candidates = [*regressions(3), Candidate("random_forest", {"n_estimators": 5}), Candidate("lightgbm")]
    calm = everything(run(candidates))
    original, calls = successive_halving.fit_pipeline, itertools.count()
    ended = [threading.Event() for _ in range(2 * (5 + 2))]  # two folds; five combinations, then two

    def overtaken(*arguments):
        number = next(calls)
        # Of two fits the first ends last. The limit only ends a search that would fit on a single thread.
        if number % 2 == 0:
            assert ended[number + 1].wait(300)
        original(*arguments)
        ended[number].set()

    monkeypatch.setattr(successive_halving, "fit_pipeline", overtaken)
    assert everything(run(candidates)) == calm
    assert all(event.is_set() for event in ended)


def test_a_fit_that_fails_ends_the_search(monkeypatch):
    def fail(*arguments):
        raise RuntimeError("no fit")

    monkeypatch.setattr(successive_halving, "fit_pipeline", fail)
    with pytest.raises(RuntimeError, match="no fit"):
        run(regressions(4))


def test_a_fold_is_imputed_by_its_own_fit_rows_and_lacks_what_they_lack(frame, schema):
    frame["late"] = np.where(frame.index < 700, np.nan, 1.0)
    folds = episode_folds(frame, schema, 3)
    names = ["heat", "flow", "late"]
    first, _, last = fold_rows(frame, names, schema, folds.used)
    assert first.rows.shape[1] == first.validation_rows.shape[1] == 2
    assert last.rows.shape[1] == 3
    missing = frame["flow"].to_numpy()[folds.used[0].validation]
    median = np.float32(np.nanmedian(frame["flow"].to_numpy()[folds.used[0].fit]))
    assert set(first.validation_rows[np.isnan(missing), 1]) == {median}
    later = frame.copy()
    later.loc[folds.used[0].validation, "flow"] *= 100.0
    assert (fold_rows(later, names, schema, folds.used)[0].rows == first.rows).all()


@pytest.mark.parametrize("text", ["average_precision", "most.f1", "max.accuracy", "", 3])
def test_what_is_no_search_metric_is_refused(text):
    with pytest.raises(InputError, match=r"'search_metric': must be max\. or min\. and one of average_p"):
        parse_search_metric(text, SCORES)


def test_a_search_metric_reads_back_as_it_was_given():
    assert str(parse_search_metric("min.recall", SCORES)) == "min.recall"
