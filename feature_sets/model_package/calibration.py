"""The last step of a model: from log-odds to a probability."""

from __future__ import annotations

from dataclasses import dataclass

from feature_sets.checks import InputError, check_choice, check_number


@dataclass(frozen=True)
class Calibration:
    """How the graph turns the model's log-odds into the probability: 1 / (1 + exp(-(a * log-odds + b))).

    :param method: ``platt``; ``none`` with a = 1 and b = 0; or, of a model without labels, ``limit``: its
        log-odds are the logarithm of a distance, and the limit of that is what becomes a half.
    :param a: slope, at least 0.
    :param b: intercept.
    """

    method: str = "none"
    a: float = 1.0
    b: float = 0.0

    def __post_init__(self) -> None:
        check_choice("calibration: method", self.method, ("platt", "limit", "none"))
        check_number("calibration: a", self.a, at_least=0)
        check_number("calibration: b", self.b)
        if self.method == "none" and (self.a, self.b) != (1.0, 0.0):
            raise InputError("calibration: a and b", "must be 1 and 0 without a method", (self.a, self.b))
