"""Golden rows: inputs of a model and its answers at packaging, which whoever loads it asks for again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.checks import check_mapping, check_number
from feature_sets.model_package.errors import ModelPackageError

GOLDEN_FILE = "golden.json"
ROWS = 32
"""Rows in a package, at most, with one in which everything is missing."""
TOLERANCE = 1e-5
"""Largest difference between a probability of now and that of the packaging; processors round differently."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GoldenRows:
    """Rows and answers.

    :param rows: model inputs before imputation, NaN where missing, shape (n, inputs).
    :param probability: calibrated probability of an error for each row, shape (n,).
    """

    rows: Floats
    probability: Floats

    @classmethod
    def of(cls, rows: npt.NDArray[np.float32], answer: Callable[[Floats], Floats]) -> GoldenRows:
        """Some of these rows, spread evenly, and one without any reading, with what a model answers.

        :param rows: shape (n, inputs).
        :param answer: gives the probability of rows before imputation.
        """
        places = np.unique(np.linspace(0, max(len(rows) - 1, 0), min(ROWS - 1, len(rows))).astype(int))
        chosen = np.vstack([np.full((1, rows.shape[1]), np.nan), rows[places].astype(np.float64)])
        return cls(chosen, answer(chosen))

    def check(self, name: str, answer: Callable[[Floats], Floats]) -> None:
        """Raise ModelPackageError unless a model answers these rows as at packaging.

        :param name: of the model, for the error.
        """
        got = answer(self.rows)
        difference = np.abs(got - self.probability)
        if not bool(np.all(difference <= TOLERANCE)):
            worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
            raise ModelPackageError(
                f"{name}, golden row {worst}",
                f"must be answered with {self.probability[worst]:.6f} as at packaging",
                float(got[worst]),
            )

    def to_bytes(self) -> bytes:
        """Content of the file; the same rows give the same bytes."""
        rows = [[None if math.isnan(value) else value for value in row] for row in self.rows.tolist()]
        return (json.dumps({"rows": rows, "probability": self.probability.tolist()}) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, inputs: int) -> GoldenRows:
        """Inverse of ``to_bytes``.

        :param inputs: of the model.
        :raises ModelPackageError: naming what breaks a rule.
        """
        try:
            given = check_mapping(GOLDEN_FILE, json.loads(content), ("rows", "probability"))
            rows = [[_value(value) for value in row] for row in given["rows"]]
            probability = [check_number("probability", value) for value in given["probability"]]
        except KeyError as error:
            raise ModelPackageError(f"{GOLDEN_FILE}: {error}", "is required", None) from error
        except (ValueError, TypeError) as error:
            raise ModelPackageError(
                GOLDEN_FILE, "must hold rows and their probabilities", str(error)
            ) from error
        if not rows or len(rows) != len(probability) or any(len(row) != inputs for row in rows):
            rule = f"must hold rows of {inputs} inputs, each with a probability"
            raise ModelPackageError(GOLDEN_FILE, rule, f"{len(rows)} rows, {len(probability)} answers")
        return cls(np.array(rows, dtype=np.float64).reshape(-1, inputs), np.array(probability))


def _value(value: Any) -> float:
    """One input; null is missing.

    :raises InputError: if it is neither.
    """
    return math.nan if value is None else check_number("rows", value)
