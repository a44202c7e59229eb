"""The last step of a model: from log-odds to a probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

from feature_sets.model_package.errors import ModelPackageError


@dataclass(frozen=True)
class Calibration:
    """How the graph turns the model's log-odds into the probability: 1 / (1 + exp(-(a * log-odds + b))).

    :param method: ``platt``, or ``none`` with a = 1 and b = 0.
    :param a: slope, at least 0.
    :param b: intercept.
    """

    method: str = "none"
    a: float = 1.0
    b: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in ("platt", "none"):
            raise ModelPackageError(f"calibration: method must be platt or none, got {self.method!r}")
        if not (math.isfinite(self.a) and math.isfinite(self.b) and self.a >= 0.0):
            raise ModelPackageError(
                f"calibration: a must be a number of at least 0 and b a number, got {self.a!r} and {self.b!r}"
            )
        if self.method == "none" and (self.a, self.b) != (1.0, 0.0):
            raise ModelPackageError(
                f"calibration: without a method a must be 1 and b 0, got {self.a!r} and {self.b!r}"
            )
