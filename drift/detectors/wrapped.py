"""Detectors of other packages behind our contract: the package decides, we save, resume and name.

A wrapped detector sees every value, also those of the warm-up. What it finds during the first
``min_instances`` values is not reported; it then starts anew by its own rule. After a reported drift it is
made anew.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from functools import reduce
from types import NoneType
from typing import Any, ClassVar, NamedTuple

from drift.detectors.detector import Detector
from drift.detectors.saved_form import Types
from drift.detectors.values import finite_value
from feature_sets.checks import InputError

LARGEST = 1e100
"""Largest value taken, in size, by a detector of any number; sums of them are still finite floats."""

OPTIONAL_FLOAT: Types = (float, NoneType)
"""A number of the package that may be infinite: JSON has no infinity, None stands for it."""


class Found(NamedTuple):
    """What the package's detector said about one value."""

    drift: bool
    warning: bool = False
    fell: bool = False


class WrappedDetector(Detector):
    """A detector of another package; a subclass names the package's attributes that are its state.

    :param min_instances: how many first values are never reported on.
    :param min_instances_after_drift: see ``Detector``.
    """

    peer_state: ClassVar[Mapping[str, str]]
    """Field of the saved state -> attribute of the package's detector, dots included."""

    infinities: ClassVar[Mapping[str, float]] = {}
    """Fields that may be infinite, with the value that None stands for."""

    takes_any_number: ClassVar[bool] = False
    """Whether it takes any finite number, not error flags alone."""

    @abstractmethod
    def _new_peer(self) -> Any:
        """Make the package's detector with our parameters."""

    @abstractmethod
    def _feed(self, x: float) -> Found:
        """Give the package's detector one value."""

    def _forget(self) -> None:
        self._peer = self._new_peer()

    def _learn_and_test(self, x: float) -> None:
        found = self._feed(x)
        self._drift = self._testing and found.drift
        self._fell = self._drift and found.fell
        self._warning = self._testing and found.warning and not found.drift

    def _checked(self, x: Any) -> float:
        if not self.takes_any_number:
            return super()._checked(x)
        value = finite_value(x)
        if abs(value) > LARGEST:
            raise InputError("x", f"must be at most {LARGEST:g} in size", x)
        return value

    def _is_possible(self) -> bool:
        return True

    def _state_value(self, name: str) -> Any:
        if name not in self.peer_state:
            return super()._state_value(name)
        value = reduce(getattr, self.peer_state[name].split("."), self._peer)
        if name in self.infinities and math.isinf(value):
            return None
        return float(value) if _is_float(self.state_types[name]) else value

    def _restore(self, name: str, value: Any) -> None:
        if name not in self.peer_state:
            super()._restore(name, value)
            if name == "restarted":  # the package's own minimum depends on it
                self._peer = self._new_peer()
            return
        *owners, last = self.peer_state[name].split(".")
        setattr(reduce(getattr, owners, self._peer), last, self.infinities[name] if value is None else value)


def _is_float(allowed: Types) -> bool:
    return allowed is float or (isinstance(allowed, tuple) and float in allowed)
