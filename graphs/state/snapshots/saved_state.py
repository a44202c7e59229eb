"""The state of a part of the graph in plain form: small content as JSON, the rest as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_BETWEEN = "/"


@dataclass(frozen=True)
class SavedState:
    """What one part keeps, without anything that only its own classes can read.

    :param plain: content for JSON; floats come back to the last bit, NaN too.
    :param arrays: of numbers.
    """

    plain: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    _by_part: dict[str, dict[str, Array]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of_parts(cls, parts: Mapping[str, SavedState]) -> SavedState:
        """One state of several, each under its name."""
        arrays = {
            f"{name}{_BETWEEN}{key}": array
            for name, part in parts.items()
            for key, array in part.arrays.items()
        }
        return cls({name: part.plain for name, part in parts.items()}, arrays)

    def with_part(self, name: str, part: SavedState) -> SavedState:
        """The same with one part more."""
        both = SavedState.of_parts({name: part})
        return SavedState({**self.plain, **both.plain}, {**self.arrays, **both.arrays})

    def part(self, name: str) -> SavedState:
        """The state under a name; empty if there is none. Arrays that come later are in no part."""
        if not self._by_part and self.arrays:
            for key, array in self.arrays.items():
                of, between, rest = key.partition(_BETWEEN)
                if between:
                    self._by_part.setdefault(of, {})[rest] = array
        return SavedState(self.plain.get(name, {}), self._by_part.get(name, {}))


def numbered(names: list[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names that repeat: each once, in the order of appearance, and the number of each."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(name, len(numbers)) for name in names]
    return list(numbers), np.array(codes, dtype=np.int64)


def named(names: list[str], codes: Array) -> list[str]:
    """Inverse of ``numbered``."""
    return [names[code] for code in codes.tolist()]
