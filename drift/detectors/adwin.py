"""ADWIN of river: drift when two parts of a window that grows while nothing changes differ in their mean.

A. Bifet, R. Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SIAM International
Conference on Data Mining, 2007, pages 443-448. It looks both ways: a rise and a fall of the mean are found.

The window is river's compiled class. Its state is read and set through the methods that the class has for
pickling, as plain numbers; nothing is ever pickled.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

import numpy as np

from drift.detectors.wrapped import Found, WrappedDetector
from feature_sets.checks import InputError, check_integer, check_number

_FIELDS = {
    "most_buckets": 6,
    "buckets": 8,
    "detections": 9,
    "tick": 10,
    "total": 11,
    "total_width": 12,
    "variance": 13,
    "width": 14,
}
"""Field of the saved state -> its place in the state of river's class, whose members are sorted by name."""


class ADWIN(WrappedDetector):
    """Adaptive windowing of river; takes error flags or any number up to 1e100 in size.

    :param min_instances: how many first values are never reported on.
    :param delta: significance of the test of each cut.
    :param clock: values between two tests.
    :param max_buckets: buckets of each size before two are merged.
    :param min_window_length: least length of a part of the window that is tested.
    :param grace_period: values before the first test.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "river.adwin"
    parameter_names = (
        "min_instances",
        "delta",
        "clock",
        "max_buckets",
        "min_window_length",
        "grace_period",
        "min_instances_after_drift",
    )
    two_sided = True
    takes_any_number = True
    peer_state: ClassVar = {"peer_drift": "_drift_detected"}
    state_types: ClassVar = {
        "peer_drift": bool,
        **dict.fromkeys(("most_buckets", "buckets", "detections", "tick"), int),
        **dict.fromkeys(("total", "total_width", "variance", "width"), float),
        "rows": list,
    }

    def __init__(
        self,
        min_instances: int = 30,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.delta = check_number("river.adwin: delta", delta, above=0, below=1)
        self.clock = check_integer("river.adwin: clock", clock, at_least=1)
        self.max_buckets = check_integer("river.adwin: max_buckets", max_buckets, at_least=1)
        least = check_integer("river.adwin: min_window_length", min_window_length, at_least=1)
        self.min_window_length = least
        self.grace_period = check_integer("river.adwin: grace_period", grace_period, at_least=0)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """Mean of the window; None before the first tested value."""
        return float(self._peer.estimation) if self._testing else None

    @property
    def drift_limit(self) -> None:
        """None: every cut of the window has a limit of its own."""
        return

    @property
    def warning_limit(self) -> None:
        """None: ADWIN has no warning zone."""
        return

    def _new_peer(self) -> Any:
        from river.drift.adwin import ADWIN as RiverADWIN  # a second to import: only if it is chosen

        return RiverADWIN(self.delta, self.clock, self.max_buckets, self.min_window_length, self.grace_period)

    def _feed(self, x: float) -> Found:
        before = self._peer.estimation
        self._peer.update(x)
        return Found(self._peer.drift_detected, fell=self._peer.estimation < before)

    def _state_value(self, name: str) -> Any:
        if name == "rows":
            return [_row(bucket) for bucket in self._peer._helper.bucket_deque]
        if name in _FIELDS:
            value = _members(self._peer._helper)[_FIELDS[name]]
            return float(value) if self.state_types[name] is float else value
        return super()._state_value(name)

    def _restore(self, name: str, value: Any) -> None:
        if name not in _FIELDS and name != "rows":
            super()._restore(name, value)
            return
        helper = self._peer._helper
        members = _members(helper)
        if name == "rows":
            kind = type(helper.bucket_deque[0])
            members[-1] = {
                "bucket_deque": deque(self._bucket(kind, row) for row in self._checked_rows(value))
            }
        else:
            members[_FIELDS[name]] = value
        helper.__setstate_cython__(tuple(members))

    def _checked_rows(self, rows: list[Any]) -> list[list[list[float]]]:
        rule = (
            f"must be 1 to 64 pairs of lists of the same length, at most {self.max_buckets + 1} numbers each"
        )
        if not 1 <= len(rows) <= 64 or not all(self._is_row(row) for row in rows):
            raise InputError(f"{self.name}: state.rows", rule, rows)
        return rows

    def _is_row(self, row: Any) -> bool:
        if not isinstance(row, list) or len(row) != 2 or not all(isinstance(part, list) for part in row):
            return False
        numbers = [number for part in row for number in part]
        plain = all(type(number) in (int, float) and np.isfinite(number) for number in numbers)
        return plain and len(row[0]) == len(row[1]) <= self.max_buckets + 1

    def _bucket(self, kind: type, row: list[list[float]]) -> Any:
        bucket = kind(self.max_buckets)
        padding = [0.0] * (self.max_buckets + 1 - len(row[0]))
        arrays = (np.array(part + padding, dtype=float) for part in row)
        bucket.__setstate_cython__((len(row[0]), self.max_buckets, *arrays))
        return bucket


def _members(helper: Any) -> list[Any]:
    """Members of river's compiled window in the order of their names, then its dictionary."""
    return list(helper.__reduce_cython__()[2])


def _row(bucket: Any) -> list[list[float]]:
    """Totals and variances of the buckets of one size."""
    used, _, totals, variances = _bucket_members(bucket)
    return [totals[:used].tolist(), variances[:used].tolist()]


def _bucket_members(bucket: Any) -> Any:
    reduced = bucket.__reduce_cython__()
    return reduced[2] if len(reduced) > 2 else reduced[1][2]
