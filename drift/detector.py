"""What every drift detector promises: one number in, two flags out.

A detector watches a stream of errors: 1 means the model was wrong, 0 means it was right. It is plain
arithmetic with a few numbers of state, so it is saved as JSON, never as a pickle, and it resumes in the
middle of a stream exactly where it stopped.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

FORMAT = 1
"""Version of the saved form; a saved detector with another version is refused."""

_Types = type | tuple[type, ...]


def error_value(x: Any, name: str = "x") -> int:
    """Read a value as an error flag: 1 for a wrong prediction, 0 for a right one.

    :param x: 0, 1, a boolean, or a number equal to 0 or 1.
    :param name: field named in the error.
    :raises ValueError: for anything else, NaN and text included.
    """
    try:
        known = not isinstance(x, str) and bool(x == 0 or x == 1)
    except (TypeError, ValueError):  # pandas' NA and arrays do not say whether they equal 0
        known = False
    if known:
        return int(x)
    raise ValueError(f"{name} must be 1 (the model was wrong) or 0 (it was right), got {x!r}")


def finite_value(x: Any, name: str = "x") -> float:
    """Read a value as a finite number.

    :param name: field named in the error.
    :raises ValueError: for NaN, infinity, None or text.
    """
    try:
        value = math.nan if isinstance(x, str) else float(x)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {x!r}")
    return value


def check_parameter(owner: str, name: str, value: Any, rule: str, holds: bool) -> None:
    """Refuse a parameter that breaks its rule.

    :raises ValueError: naming owner, parameter, rule and what came, unless ``holds``.
    """
    if not holds:
        raise ValueError(f"{owner}: {name} must be {rule}, got {value!r}")


def check_count(owner: str, name: str, value: Any, least: int = 0) -> None:
    """Refuse a parameter that is not a whole number of at least ``least``.

    :raises ValueError: naming owner, parameter, rule and what came.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    check_parameter(owner, name, value, f"a whole number of at least {least}", bool(whole and value >= least))


class Detector(ABC):
    """Watches a stream for a change to the worse.

    Life of a detector: the first ``min_instances`` values are only learned from, never tested. Every later
    value is tested and sets the flags. The update after a drift starts from nothing, as the model is
    expected to have been replaced: it learns from that value on, and the first
    ``min_instances_after_drift`` values are not tested.

    The flags tell where the stream stands after the last update. ``drift_detected`` is true for exactly one
    update; ``warning_detected`` is never true together with it.

    :param min_instances: how many first values are never tested.
    :param min_instances_after_drift: the same for a restart after a drift; ``None`` means ``min_instances``.
        Give it when ``min_instances`` is the length of a long warm-up, or the detector is blind for as long
        again after each drift.
    """

    name: ClassVar[str]
    """Short name: key in settings, saved forms and events."""

    parameter_names: ClassVar[tuple[str, ...]]
    """Constructor parameters, each also an attribute."""

    state_types: ClassVar[Mapping[str, _Types]]
    """State of the current episode: attribute without its underscore -> type; whole numbers are counts."""

    def __init__(self, min_instances: int, min_instances_after_drift: int | None) -> None:
        check_count(self.name, "min_instances", min_instances)
        if min_instances_after_drift is not None:
            check_count(self.name, "min_instances_after_drift", min_instances_after_drift)
        self.min_instances = min_instances
        self.min_instances_after_drift = min_instances_after_drift
        self.reset()

    @property
    def drift_detected(self) -> bool:
        """Whether the last update found a drift."""
        return self._drift

    @property
    def warning_detected(self) -> bool:
        """Whether the stream is in the warning zone after the last update."""
        return self._warning

    @property
    def n_seen(self) -> int:
        """Values taken since creation or ``reset``; a restart after a drift does not set it back."""
        return self._n_seen

    @property
    @abstractmethod
    def statistic(self) -> float | None:
        """What is compared with the limits, after the last update; None as long as nothing is tested."""

    @property
    @abstractmethod
    def drift_limit(self) -> float:
        """Value of the statistic beyond which there is drift."""

    @property
    @abstractmethod
    def warning_limit(self) -> float | None:
        """Value of the statistic beyond which there is a warning; None if the detector has no warning."""

    def update(self, x: float) -> None:
        """Take the next value of the stream and set the flags.

        :raises ValueError: if the value is not one the detector takes; the state is then unchanged.
        """
        value = self._checked(x)
        if self._drift:
            self._start_episode(after_drift=True)
        self._n_seen += 1
        self._n += 1
        self._learn_and_test(value)

    def reset(self) -> None:
        """Forget everything; the detector is then as new."""
        self._n_seen = 0
        self._start_episode(after_drift=False)

    def to_dict(self) -> dict[str, Any]:
        """Full state as plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "detector": self.name,
            "format": FORMAT,
            "parameters": {name: getattr(self, name) for name in self.parameter_names},
            "state": {name: getattr(self, f"_{name}") for name in self._all_state_types()},
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``.

        :raises ValueError: naming the field, the rule and what came, if the form is not one of ours.
        """
        check_parameter(
            "saved detector",
            "detector",
            saved.get("detector"),
            repr(cls.name),
            saved.get("detector") == cls.name,
        )
        check_parameter(cls.name, "format", saved.get("format"), str(FORMAT), saved.get("format") == FORMAT)
        parameters = saved_mapping(cls.name, "parameters", saved.get("parameters"), cls.parameter_names)
        types = cls._all_state_types()
        state = saved_mapping(cls.name, "state", saved.get("state"), tuple(types))
        detector = cls(**parameters)
        for name, allowed in types.items():
            setattr(detector, f"_{name}", _state_value(cls.name, name, state[name], allowed))
        possible = detector._n <= detector._n_seen and not (detector._drift and detector._warning)
        check_parameter(
            cls.name, "state", dict(state), "one the detector can reach", possible and detector._is_possible()
        )
        return detector

    @classmethod
    def _all_state_types(cls) -> dict[str, _Types]:
        return {"n_seen": int, "n": int, "restarted": bool, "drift": bool, "warning": bool, **cls.state_types}

    def _start_episode(self, *, after_drift: bool) -> None:
        self._n = 0
        self._restarted = after_drift
        self._drift = False
        self._warning = False
        self._forget()

    @property
    def _testing(self) -> bool:
        """Whether the current value is past the values that are only learned from."""
        least = self.min_instances
        if self._restarted and self.min_instances_after_drift is not None:
            least = self.min_instances_after_drift
        return self._n > least

    def _checked(self, x: Any) -> float:
        """Check a value; the default takes error flags only."""
        return error_value(x)

    @abstractmethod
    def _is_possible(self) -> bool:
        """Whether the state of the episode, as read from a saved form, is one that updates can lead to."""

    @abstractmethod
    def _forget(self) -> None:
        """Set the state of an episode to its start."""

    @abstractmethod
    def _learn_and_test(self, x: float) -> None:
        """Add the value as number ``self._n`` of the episode and set ``_warning`` and ``_drift``."""


def saved_mapping(owner: str, name: str, got: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
    """Check that a value is a mapping with exactly these keys.

    :raises ValueError: naming owner, field, rule and what came.
    """
    check_parameter(
        owner,
        name,
        got,
        f"a mapping with the keys {sorted(keys)}",
        isinstance(got, Mapping) and set(got) == set(keys),
    )
    mapping: Mapping[str, Any] = got
    return mapping


def _state_value(owner: str, name: str, value: Any, allowed: _Types) -> Any:
    """Check a saved value: of an allowed type, numbers finite, counts not negative."""
    types = allowed if isinstance(allowed, tuple) else (allowed,)
    if float in types and type(value) is int:
        value = float(value)  # some JSON writers turn 1.0 into 1
    holds = type(value) in types
    if holds and isinstance(value, float):
        holds = math.isfinite(value)
    elif holds and isinstance(value, int):
        holds = value >= 0
    names = " or ".join(each.__name__ for each in types)
    check_parameter(owner, f"state.{name}", value, f"{names}, finite, a count not negative", holds)
    return value
