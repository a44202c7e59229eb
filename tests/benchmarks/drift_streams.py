"""Error streams whose changes are known: of river's learners that are never reset, and made from rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
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

# generator -> the concept of one number
GENERATORS: dict[str, Callable[[int, int], Any]] = {
    "SEA": lambda concept, seed: synth.SEA(variant=concept % 4, seed=seed, noise=0.1),
    "Agrawal": lambda concept, seed: synth.Agrawal(concept % 10, seed=seed, perturbation=0.05),
    "Sine": lambda concept, seed: synth.Sine(concept % 4, seed=seed, balance_classes=True),
    "Mixed": lambda concept, seed: synth.Mixed(concept % 2, seed=seed, balance_classes=True),
    "STAGGER": lambda concept, seed: synth.STAGGER(concept % 3, seed=seed, balance_classes=True),
}


class ErrorStream(NamedTuple):
    """Error flags, and where they change to the worse or to another concept.

    :param group: row of the results it belongs to.
    :param errors: flags, shape (n,).
    :param changes: first label of each change.
    """

    group: str
    errors: list[int]
    changes: tuple[int, ...]


def learner_streams(labels: int, seed: int) -> Iterator[ErrorStream]:
    """Four concepts each, abrupt, gradual over 1,000 labels or recurring, for every generator and learner."""
    random = np.random.default_rng(seed)
    for generator, concept_of in GENERATORS.items():
        for learner, make in LEARNERS.items():
            if generator in ("Agrawal", "STAGGER") and learner == "logistic regression":
                continue  # their features are words
            for group, width in (("abrupt", 1), ("gradual", labels // 40)):
                order = random.permutation(10)[:4]
                if generator in ("Mixed", "STAGGER"):
                    order = np.arange(4)
                yield _learned(concept_of, order.tolist(), make(), width, labels, random, f"learner, {group}")
        first, second = random.permutation(4)[:2]
        concepts = [first, second, first, second]
        yield _learned(concept_of, concepts, make_first(), 1, labels, random, "learner, recurring")


def make_first() -> Any:
    """The learner of the recurring streams."""
    return LEARNERS["naive Bayes"]()


def _learned(
    concept_of: Callable[[int, int], Any],
    concepts: list[int],
    model: Any,
    width: int,
    labels: int,
    random: np.random.Generator,
    group: str,
) -> ErrorStream:
    """Errors of a model that is asked, then taught, label by label; ``width`` labels mix two concepts."""
    quarter = labels // 4
    seeds = random.integers(0, 2**31, 4).tolist()
    sources = [iter(concept_of(int(c), s)) for c, s in zip(concepts, seeds, strict=True)]
    errors = []
    for t in range(labels):
        at = min(t // quarter, 3)
        if at and t - at * quarter < width and random.random() > (t - at * quarter) / width:
            at -= 1
        features, truth = next(islice(sources[at], 1))
        guess = model.predict_one(features)
        errors.append(int(guess is None or guess != truth))
        model.learn_one(features, truth)
    return ErrorStream(group, errors, (quarter, 2 * quarter, 3 * quarter))


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
