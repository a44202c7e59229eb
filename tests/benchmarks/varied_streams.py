"""Error streams of many learners on many generators, kept aside while detectors were tuned on others.

A detector that was scored here several times before it was chosen has seen them: GLR was, four times.
"""

from __future__ import annotations

import random as plain_random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from river import linear_model, naive_bayes, preprocessing, tree
from river.datasets import synth
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from tests.benchmarks.drift_streams import ErrorStream


def _scaled(model: Any) -> Any:
    return preprocessing.StandardScaler() | model


def _small_tree() -> Any:
    return tree.HoeffdingTreeClassifier(grace_period=100, leaf_prediction="mc", max_depth=6)


LEARNERS: dict[str, Callable[[], Any]] = {
    "naive Bayes": naive_bayes.GaussianNB,
    "Hoeffding tree": tree.HoeffdingTreeClassifier,
    "small Hoeffding tree": _small_tree,
    "logistic regression": lambda: _scaled(linear_model.LogisticRegression()),
    "perceptron": lambda: _scaled(linear_model.Perceptron()),
    "passive-aggressive": lambda: _scaled(linear_model.PAClassifier(C=0.01)),
}
"""They learn on, label by label, and are never reset."""

FITTED: dict[str, Callable[[], Any]] = {
    "fitted tree": lambda: DecisionTreeClassifier(max_depth=6, random_state=1),
    "fitted logistic regression": lambda: LogisticRegression(max_iter=500),
}
"""They learn from 2,000 labels before the stream, and nothing after it."""

_FITTED_ON = 2_000
_WORDS = ("naive Bayes", "Hoeffding tree", "small Hoeffding tree")
"""Learners that take features which are words."""


def _led(concept: int, seed: int) -> Any:
    changed = (0, 2, 4, 6)[concept]
    return synth.LEDDrift(seed=seed, noise_percentage=0.1, irrelevant_features=True, n_drift_features=changed)


def _basis(concept: int, seed: int) -> Any:
    return synth.RandomRBF(
        seed_model=concept + 7, seed_sample=seed, n_classes=2, n_features=6, n_centroids=15
    )


def _tree(concept: int, seed: int) -> Any:
    how = {"n_classes": 2, "n_num_features": 5, "n_cat_features": 0}
    return synth.RandomTree(seed_tree=concept + 3, seed_sample=seed, **how)


# generator -> number of its concepts, the one of a number, and whether its features are numbers
GENERATORS: dict[str, tuple[int, Callable[[int, int], Any], bool]] = {
    "SEA": (4, lambda c, seed: synth.SEA(variant=c, seed=seed, noise=0.1), True),
    "SEA without noise": (4, lambda c, seed: synth.SEA(variant=c, seed=seed, noise=0.0), True),
    "Agrawal": (10, lambda c, seed: synth.Agrawal(c, seed=seed, perturbation=0.05), False),
    "Sine": (4, lambda c, seed: synth.Sine(c, seed=seed, balance_classes=True), True),
    "Sine with noise": (4, lambda c, seed: synth.Sine(c, seed=seed, has_noise=True), True),
    "Mixed": (2, lambda c, seed: synth.Mixed(c, seed=seed, balance_classes=True), True),
    "STAGGER": (3, lambda c, seed: synth.STAGGER(c, seed=seed, balance_classes=True), False),
    "LED": (4, _led, True),
    "hyperplane": (
        4,
        lambda c, seed: synth.Hyperplane(seed=100 + c, n_features=8, noise_percentage=0.05),
        True,
    ),
    "random RBF": (4, _basis, True),
    "random tree": (3, _tree, True),
}

WIDTHS = {"abrupt": 1, "gradual, 500 labels": 500, "gradual, 2,000 labels": 2_000, "recurring": 1}
"""Kind of change -> labels over which a concept comes."""


class Varied(NamedTuple):
    """How an error stream is made.

    :param generator: one of ``GENERATORS``.
    :param learner: one of ``LEARNERS`` or ``FITTED``.
    :param kind: one of ``WIDTHS``.
    :param seed: of everything.
    :param jitter: whether the changes are moved, by up to a sixteenth of the labels.
    """

    generator: str
    learner: str
    kind: str
    seed: int
    jitter: bool


def kept_aside(draws: Sequence[tuple[int, int]] = ((2, 48), (4, 60))) -> list[Varied]:
    """108 streams, or others: pairs of generator and learner in a drawn order, the kinds in turn.

    :param draws: seed and number of streams of each draw.
    """
    found = []
    for seed, count in draws:
        pairs = [
            (generator, learner)
            for generator, (_, _, numbers) in GENERATORS.items()
            for learner in (*LEARNERS, *FITTED)
            if numbers or learner in _WORDS
        ]
        plain_random.Random(seed).shuffle(pairs)
        kinds = list(WIDTHS)
        found += [Varied(*pairs[i], kinds[i % 4], seed * 1000 + i, i % 3 == 2) for i in range(count)]
    return found


def varied(recipe: Varied, labels: int) -> ErrorStream:
    """Errors of a learner; the concept changes at about every quarter of the labels."""
    random = np.random.default_rng(recipe.seed)
    count, concept_of, _ = GENERATORS[recipe.generator]
    order = random.permutation(count)
    concepts = [int(order[i % (2 if recipe.kind == "recurring" else count)]) for i in range(4)]
    sources = [iter(concept_of(concept, int(random.integers(2**31)))) for concept in concepts]
    if recipe.generator == "hyperplane":  # Its seed is the concept.
        for source in sources:
            for _ in range(int(random.integers(1000))):
                next(source)
    quarter, most = labels // 4, labels // 16
    changes = tuple(
        quarter * (i + 1) + (int(random.integers(-most, most)) if recipe.jitter else 0) for i in range(3)
    )
    before = _FITTED_ON if recipe.learner in FITTED else 0
    rows = _rows(sources, changes, WIDTHS[recipe.kind], before, labels, random)
    errors = _fitted_errors(recipe, rows) if before else _learned_errors(recipe, rows)
    return ErrorStream(f"varied learner, {recipe.kind}", errors, changes)


def _rows(
    sources: list[Any],
    changes: tuple[int, ...],
    width: int,
    before: int,
    labels: int,
    random: np.random.Generator,
) -> Iterator[tuple[dict[Any, Any], Any]]:
    for t in range(-before, labels):
        at = sum(t >= change for change in changes)
        if at and t - changes[at - 1] < width and random.random() > (t - changes[at - 1]) / width:
            at -= 1
        yield next(sources[at])


def _learned_errors(recipe: Varied, rows: Iterator[tuple[dict[Any, Any], Any]]) -> list[int]:
    model, errors = LEARNERS[recipe.learner](), []
    for features, truth in rows:
        guess = model.predict_one(features)
        errors.append(int(guess is None or guess != truth))
        model.learn_one(features, truth)
    return errors


def _fitted_errors(recipe: Varied, rows: Iterator[tuple[dict[Any, Any], Any]]) -> list[int]:
    found = [([features[name] for name in sorted(features, key=str)], int(truth)) for features, truth in rows]
    given, truth = np.array([x for x, _ in found], dtype=float), np.array([y for _, y in found])
    model = FITTED[recipe.learner]().fit(given[:_FITTED_ON], truth[:_FITTED_ON])
    wrong = model.predict(given[_FITTED_ON:]) != truth[_FITTED_ON:]
    return [int(x) for x in wrong]
