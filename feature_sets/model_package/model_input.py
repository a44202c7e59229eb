"""One input column of a model: its name, what replaces a missing reading, and how it was distributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feature_sets.checks import InputError, check_number


@dataclass(frozen=True)
class ModelInput:
    """One input column of the model.

    :param name: feature name.
    :param unit: unit of the feature, for people.
    :param imputation: value that replaces a missing reading (NaN, None or absent), here and in training.
    :param edges: histogram bin edges over the training rows, ascending, length k + 1.
    :param counts: training rows in each bin, length k.
    :param category: of a one-hot input the static column and its value, which its name is made from.
    """

    name: str
    unit: str
    imputation: float
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    category: str = ""

    def __post_init__(self) -> None:
        check_number(f"input '{self.name}': imputation", self.imputation)
        check_histogram(f"input '{self.name}'", self.edges, self.counts)


@dataclass(frozen=True)
class Histogram:
    """How many rows lie in each of some bins; empty if it is not known.

    :param edges: bin edges, finite and ascending, length k + 1.
    :param counts: rows in each bin, length k.
    """

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_histogram("histogram", self.edges, self.counts)


def check_histogram(where: str, edges: Sequence[float], counts: Sequence[int]) -> None:
    """Raise InputError unless a histogram is empty, or has edges in order and whole counts between them."""
    if not edges and not counts:
        return
    if len(edges) != len(counts) + 1:
        raise InputError(where, f"must have one edge more than its {len(counts)} bins", len(edges))
    if not np.isfinite(edges).all() or (np.diff(edges) < 0).any():
        raise InputError(where, "edges must be numbers in ascending order", list(edges))
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise InputError(where, "counts must be whole numbers of at least 0", list(counts))
