"""Error streams whose changes are known: of river's learners that are never reset, and made from rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from river import linear_model, naive_bayes, preprocessing, tree
from river.datasets import synth

from tests.drift.error_streams import in_runs, taking_turns

LEARNERS: dict[str, Callable[[], Any]] = {
    "naive Bayes": naive_bayes.GaussianNB,
    "Hoeffding tree": tree.HoeffdingTreeClassifier,
    "logistic regression": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
}

# generator -> number of its concepts, and the one of a number
GENERATORS: dict[str, tuple[int, Callable[[int, int], Any]]] = {
    "SEA": (4, lambda concept, seed: synth.SEA(variant=concept, seed=seed, noise=0.1)),
    "Agrawal": (10, lambda concept, seed: synth.Agrawal(concept, seed=seed, perturbation=0.05)),
    "Sine": (4, lambda concept, seed: synth.Sine(concept, seed=seed, balance_classes=True)),
    "Mixed": (2, lambda concept, seed: synth.Mixed(concept, seed=seed, balance_classes=True)),
    "STAGGER": (3, lambda concept, seed: synth.STAGGER(concept, seed=seed, balance_classes=True)),
}

GROUPS = ("abrupt", "gradual", "recurring")


class ErrorStream(NamedTuple):
    """Error flags, and where they change to the worse or to another concept.

    :param group: row of the results it belongs to.
    :param errors: flags, shape (n,).
    :param changes: first label of each change.
    """

    group: str
    errors: list[int]
    changes: tuple[int, ...]


class Recipe(NamedTuple):
    """How the error stream of a learner is made.

    :param generator: one of ``GENERATORS``.
    :param learner: one of ``LEARNERS``.
    :param group: abrupt, gradual over a fortieth of the labels, or recurring.
    :param seed: of everything.
    """

    generator: str
    learner: str
    group: str
    seed: int


def recipes(seed: int) -> list[Recipe]:
    """26 streams: every generator with every learner that takes its features, twice, the groups in turn."""
    pairs = [
        (generator, learner)
        for generator in GENERATORS
        for learner in LEARNERS
        # the features of these two are words
        if not (generator in ("Agrawal", "STAGGER") and learner == "logistic regression")
    ]
    return [Recipe(*pair, GROUPS[i % 3], seed + i) for i, pair in enumerate(pairs * 2)]


def learned(recipe: Recipe, labels: int) -> ErrorStream:
    """Errors of a model that is asked, then taught, label by label; the concept changes at every quarter."""
    random = np.random.default_rng(recipe.seed)
    count, concept_of = GENERATORS[recipe.generator]
    order = random.permutation(count)
    concepts = [int(order[i % (2 if recipe.group == "recurring" else count)]) for i in range(4)]
    sources = [iter(concept_of(concept, int(random.integers(2**31)))) for concept in concepts]
    quarter, width = labels // 4, labels // 40 if recipe.group == "gradual" else 1
    model, errors = LEARNERS[recipe.learner](), []
    for t in range(labels):
        at = min(t // quarter, 3)
        since = t - at * quarter
        if at and since < width and random.random() > since / width:
            at -= 1
        features, truth = next(sources[at])
        guess = model.predict_one(features)
        errors.append(int(guess is None or guess != truth))
        model.learn_one(features, truth)
    return ErrorStream(f"learner, {recipe.group}", errors, (quarter, 2 * quarter, 3 * quarter))


def rate_streams(labels: int, seeds: int) -> Iterator[ErrorStream]:
    """Error flags of given rates: stationary, one rise, a gradual rise, a cycle of a day."""
    half = labels // 2
    for seed in range(seeds):
        random = np.random.default_rng([seed, 11])
        for rate in (0.01, 0.1, 0.3):
            name = f"{rate:g} of labels"
            for correlation in (0.0, 0.5, 0.95):
                still = in_runs(labels, rate, correlation, random)
                yield ErrorStream(f"stationary, correlation {correlation:g}, {name}", still.tolist(), ())
            turns = taking_turns(labels, rate, 20, random)
            yield ErrorStream(f"stationary, 20 devices in turn, {name}", turns.tolist(), ())
            worse = min(0.9, 2 * rate + 0.02)
            rises = {
                "abrupt": np.where(np.arange(labels) < half, rate, worse),
                "gradual": np.interp(np.arange(labels), [half, half + labels // 20], [rate, worse]),
            }
            for kind, rates in rises.items():
                flags = (random.random(labels) < rates).astype(int).tolist()
                yield ErrorStream(f"{kind} rise, {name}", flags, (half,))
            day = rate * (1 + 0.5 * np.sin(2 * np.pi * np.arange(labels) / (labels / 5)))
            yield ErrorStream(f"seasonal, {name}", (random.random(labels) < day).astype(int).tolist(), ())
