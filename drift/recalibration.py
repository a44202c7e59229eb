"""The curve from the probabilities of a model to the share of errors among such rows of the base data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError, check_number

Floats = npt.NDArray[np.float64]


class Recalibration(NamedTuple):
    """A rising curve through points, straight between them and level beyond the outer two.

    :param given: probabilities that a model gave, rising.
    :param found: share of errors there, never falling.
    """

    given: tuple[float, ...] = (0.0, 1.0)
    found: tuple[float, ...] = (0.0, 1.0)

    def apply(self, probability: Floats) -> Floats:
        """Recalibrated probabilities, shape (n,); NaN stays NaN."""
        return np.interp(probability, self.given, self.found)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {"given": list(self.given), "found": list(self.found)}

    @classmethod
    def from_dict(cls, field: str, saved: Any) -> Recalibration:
        """Read what ``to_dict`` gave.

        :raises InputError: unless both are lists of as many numbers from 0 to 1, rising.
        """
        rule = "must be an object with two lists, 'given' and 'found', equally long, from 0 to 1 and rising"
        if not isinstance(saved, Mapping) or set(saved) != {"given", "found"}:
            raise InputError(field, rule, saved)
        if not all(isinstance(saved[name], list) and saved[name] for name in saved):
            raise InputError(field, rule, saved)
        given, found = (
            tuple(check_number(f"{field}.{name}", value, at_least=0, at_most=1) for value in saved[name])
            for name in ("given", "found")
        )
        if (
            len(given) != len(found)
            or min(np.diff(given), default=1.0) <= 0
            or min(np.diff(found), default=0) < 0
        ):
            raise InputError(field, rule, saved)
        return cls(given, found)
