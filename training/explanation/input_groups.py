"""Inputs that are looked at together: the values of one static column, and features that move together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage

from feature_sets.model_package.model_input import ModelInput

Matrix = npt.NDArray[np.float32]

TOGETHER = 0.7
"""Features whose rank correlation is this strong, either way, on average, are one group."""


@dataclass(frozen=True)
class InputColumn:
    """A feature as a reader knows it: one input, or all one-hot inputs of a static column.

    :param name: of the feature or the static column.
    :param places: of its inputs in model order.
    :param values: value of the static column that each input is of; empty for a number.
    """

    name: str
    places: tuple[int, ...]
    values: tuple[str, ...] = ()

    def shown(self, row: Matrix, missing: npt.NDArray[np.bool_] | None = None) -> str:
        """What a row has in it, for people.

        :param row: model input, shape (inputs,).
        :param missing: which of these are replaced, as there was no reading; None for none.
        """
        if not self.values:
            place = self.places[0]
            replaced = missing is not None and bool(missing[place])
            return "missing" if replaced else f"{float(row[place]):.4g}"
        held = [value for place, value in zip(self.places, self.values, strict=True) if row[place] > 0.5]
        return ", ".join(held) or "other"


@dataclass(frozen=True)
class InputGroup:
    """Columns that say nearly the same, or one that is like no other."""

    columns: tuple[InputColumn, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """Of its inputs in model order."""
        return tuple(place for column in self.columns for place in column.places)

    @property
    def name(self) -> str:
        """Its columns, for people."""
        return ", ".join(column.name for column in self.columns)


def input_columns(inputs: Sequence[ModelInput]) -> tuple[InputColumn, ...]:
    """The columns of a model, in the order of their first inputs."""
    found: dict[str, list[tuple[int, str]]] = {}
    for place, given in enumerate(inputs):
        column, _, value = given.category.partition(" = ")
        found.setdefault(column or given.name, []).append((place, value))
    return tuple(
        InputColumn(
            name,
            tuple(place for place, _ in of),
            tuple(value for _, value in of) if inputs[of[0][0]].category else (),
        )
        for name, of in found.items()
    )


def input_groups(columns: Sequence[InputColumn], rows: Matrix) -> tuple[InputGroup, ...]:
    """Columns by what they say: those that move together on these rows are one group.

    Clusters of features by Spearman's rank correlation, joined while the mean of their correlations is at
    least ``TOGETHER``. A static column is a group of its own.

    :param rows: model input of healthy rows, shape (n, inputs).
    """
    numbers = [column for column in columns if not column.values]
    alone = [InputGroup((column,)) for column in columns if column.values]
    if len(numbers) < 2 or len(rows) < 2:
        return (*(InputGroup((column,)) for column in numbers), *alone)
    ranks = pd.DataFrame(rows[:, [column.places[0] for column in numbers]].astype(np.float64)).rank()
    strength = ranks.corr().abs().fillna(0.0).to_numpy()  # a constant has none
    apart = 1.0 - np.clip(strength[np.triu_indices(len(numbers), 1)], 0.0, 1.0)
    codes = fcluster(linkage(apart, "average"), 1.0 - TOGETHER, "distance")
    groups: dict[int, list[InputColumn]] = {}
    for column, code in zip(numbers, codes, strict=True):
        groups.setdefault(int(code), []).append(column)
    return (*(InputGroup(tuple(of)) for of in groups.values()), *alone)
