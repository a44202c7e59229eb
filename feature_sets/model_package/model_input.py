"""One input column of a model: its name, what replaces a missing reading, and how it was distributed."""

from __future__ import annotations

from dataclasses import dataclass

from feature_sets.checks import check_number
from feature_sets.model_package.histogram import check_histogram


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
