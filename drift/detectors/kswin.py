"""KSWIN of river: drift when the newest values of a window and a random part of the older ones differ.

C. Raab, M. Heusinger, F.-M. Schleif, "Reactive Soft Prototype Computing for Concept Drift Streams",
Neurocomputing 416, 2020, pages 340-351. The comparison is a Kolmogorov-Smirnov test at every value: it costs
about a thousand times as much as the others, and on error flags it sees large changes alone.
"""

from __future__ import annotations

import base64
from collections import deque
from typing import Any, ClassVar

import numpy as np

from drift.detectors.wrapped import Found, WrappedDetector
from feature_sets.checks import InputError, check_integer, check_number

_WORDS = 625
"""Whole numbers of 32 bits in the state of Python's random generator."""


class KSWIN(WrappedDetector):
    """Kolmogorov-Smirnov windowing of river; takes error flags or any number up to 1e100 in size.

    :param min_instances: how many first values are never reported on.
    :param alpha: significance of each test.
    :param window_size: values in the window.
    :param stat_size: newest values that are compared, and size of the random part of the older ones.
    :param seed: of the random parts.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "river.kswin"
    parameter_names = (
        "min_instances",
        "alpha",
        "window_size",
        "stat_size",
        "seed",
        "min_instances_after_drift",
    )
    two_sided = True
    takes_any_number = True
    peer_state: ClassVar = {"peer_drift": "_drift_detected", "tested": "n", "p_value": "p_value"}
    state_types: ClassVar = {
        "peer_drift": bool,
        "tested": int,
        "p_value": float,
        "window": list,
        "random": str,
    }

    def __init__(
        self,
        min_instances: int = 30,
        alpha: float = 0.005,
        window_size: int = 100,
        stat_size: int = 30,
        seed: int = 0,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.alpha = check_number("river.kswin: alpha", alpha, above=0, below=1)
        self.stat_size = check_integer("river.kswin: stat_size", stat_size, at_least=2)
        where = "river.kswin: window_size"
        self.window_size = check_integer(where, window_size, at_least=2 * self.stat_size)
        self.seed = check_integer("river.kswin: seed", seed, at_least=0)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """p-value of the newest test; None before the first tested value."""
        full = self._testing and len(self._peer.window) >= self.window_size
        return float(self._peer.p_value) if full or self._drift else None

    @property
    def drift_limit(self) -> float:
        """The significance; drift lies below it."""
        return self.alpha

    @property
    def warning_limit(self) -> None:
        """None: KSWIN has no warning zone."""
        return

    def _new_peer(self) -> Any:
        from river.drift.kswin import KSWIN as RiverKSWIN  # a second to import: only if it is chosen

        return RiverKSWIN(self.alpha, self.window_size, self.stat_size, self.seed)

    def _feed(self, x: float) -> Found:
        before = [*self._peer.window, x][: -self.stat_size]
        self._peer.update(x)
        if not self._peer.drift_detected:
            return Found(False)
        return Found(True, fell=float(np.mean(self._peer.window)) < float(np.mean(before)))

    def _state_value(self, name: str) -> Any:
        if name == "window":
            return list(self._peer.window)
        if name == "random":
            words = np.array(self._peer._rng.getstate()[1], dtype="<u4")
            return base64.b64encode(words.tobytes()).decode()
        return super()._state_value(name)

    def _restore(self, name: str, value: Any) -> None:
        if name == "window":
            plain = all(type(each) in (int, float) and np.isfinite(each) for each in value)
            drift, full = self._peer._drift_detected, min(self._peer.n, self.window_size)
            length = self.stat_size if drift else full
            if not plain or len(value) != length:
                rule = f"must be a list of {length} numbers, as the other fields say"
                raise InputError(f"{self.name}: state.window", rule, value)
            self._peer.window = deque(value, maxlen=self.window_size)
        elif name == "random":
            self._peer._rng.setstate((3, self._words(value), None))
        else:
            super()._restore(name, value)

    def _words(self, text: str) -> tuple[int, ...]:
        rule = "must be the state of a random generator in base64"
        try:
            words = np.frombuffer(base64.b64decode(text, validate=True), dtype="<u4")
        except ValueError as error:
            raise InputError(f"{self.name}: state.random", rule, text) from error
        if len(words) != _WORDS or words[-1] >= _WORDS:
            raise InputError(f"{self.name}: state.random", rule, text)
        return tuple(words.tolist())
