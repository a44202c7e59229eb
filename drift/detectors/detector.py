"""What every drift detector promises: one number in, two flags out.

A detector watches a stream of errors: 1 means the model was wrong, 0 means it was right. It is plain
arithmetic with a small state, so it is saved as JSON, never as a pickle, and it resumes in the middle of a
stream exactly where it stopped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from drift.detectors.saved_form import FORMAT, Types, saved_mapping, state_value
from drift.detectors.values import error_value
from feature_sets.checks import InputError, check_integer

Direction = Literal["rise", "fall"]
"""Which way the error rate went: a rise is a model that became worse, a fall one that became better."""


class Detector(ABC):
    """Watches a stream for a change: to the worse, and some detectors also to the better.

    >>> from drift.detectors.ddm import DDM
    >>> detector = DDM(min_instances=30)
    >>> errors = 100 * [0, 0, 0, 0, 1] + 40 * [1]  # one in five, then all of them
    >>> [at for at, x in enumerate(errors) if detector.update(x) or detector.drift_detected]
    [521]

    Life of a detector: the first ``min_instances`` values are only learned from, never tested. Every later
    value is tested and sets the flags. The update after a drift starts from nothing, as the model is
    expected to have been replaced: it learns from that value on, and the first
    ``min_instances_after_drift`` values are not tested.

    The flags describe the stream after the last update. ``drift_detected`` is true for exactly one
    update; ``warning_detected`` is never true together with it. ``direction`` says which way the values went.

    :param min_instances: how many first values are never tested.
    :param min_instances_after_drift: the same for a restart after a drift; ``None`` means ``min_instances``.
        Give it when ``min_instances`` is the length of a long warm-up, or the detector is blind for as long
        again after each drift.
    """

    name: ClassVar[str]
    """Short name: key in settings, saved forms and events."""

    parameter_names: ClassVar[tuple[str, ...]]
    """Constructor parameters, each also an attribute."""

    two_sided: ClassVar[bool] = False
    """Whether it also finds that the values fell."""

    state_types: ClassVar[Mapping[str, Types]]
    """State of the current episode: attribute without its underscore -> type; whole numbers are counts."""

    def __init__(self, min_instances: int, min_instances_after_drift: int | None) -> None:
        self.min_instances = check_integer(f"{self.name}: min_instances", min_instances, at_least=0)
        if min_instances_after_drift is not None:
            where = f"{self.name}: min_instances_after_drift"
            min_instances_after_drift = check_integer(where, min_instances_after_drift, at_least=0)
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
    def direction(self) -> Direction | None:
        """Which way the values went at the drift that the last update found; None without one."""
        if not self._drift:
            return None
        return "fall" if self.two_sided and self._fell else "rise"

    @property
    def change_length(self) -> int | None:
        """How many of the newest values the drift of the last update covers; None if it does not tell."""
        return None

    @property
    def variance_inflation(self) -> float:
        """By how much the errors vary more than independent ones, at least, as far as the detector knows."""
        return 1.0

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
    def drift_limit(self) -> float | None:
        """Value of the statistic beyond which there is drift; None if it is not one number."""

    @property
    @abstractmethod
    def warning_limit(self) -> float | None:
        """Value of the statistic beyond which there is a warning; None if the detector has no warning."""

    def update(self, x: float) -> None:
        """Take the next value of the stream and set the flags.

        :raises InputError: if the value is not one the detector takes; the state is then unchanged.
        """
        value = self._checked(x)
        if self._drift:
            self._start_episode(after_drift=True)
        self._n_seen += 1
        self._n += 1
        self._learn_and_test(value)

    def withdraw(self) -> bool:
        """Take back the drift of the last update, so that the detector goes on instead of starting anew.

        :returns: whether it can; the default cannot.
        """
        return False

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
            "state": {name: self._state_value(name) for name in self._all_state_types()},
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given, if the form is not one of ours.
        """
        if saved.get("detector") != cls.name:
            raise InputError("saved detector: detector", f"must be {cls.name!r}", saved.get("detector"))
        if saved.get("format") != FORMAT:
            raise InputError(f"{cls.name}: format", f"must be {FORMAT}", saved.get("format"))
        parameters = saved_mapping(cls.name, "parameters", saved.get("parameters"), cls.parameter_names)
        types = cls._all_state_types()
        state = saved_mapping(cls.name, "state", saved.get("state"), tuple(types))
        values = {name: state_value(cls.name, name, state[name], types[name]) for name in types}
        possible = values["n"] <= values["n_seen"] and not (values["drift"] and values["warning"])
        detector = cls(**parameters)
        if possible:
            for name, value in values.items():
                detector._restore(name, value)
        if not (possible and detector._is_possible()):
            raise InputError(f"{cls.name}: state", "must be one the detector can reach", dict(state))
        return detector

    @classmethod
    def _all_state_types(cls) -> dict[str, Types]:
        fell: dict[str, Types] = {"fell": bool} if cls.two_sided else {}
        common = {"n_seen": int, "n": int, "restarted": bool, "drift": bool, "warning": bool}
        return {**common, **fell, **cls.state_types}

    def _state_value(self, name: str) -> Any:
        """One field of the saved state, as a plain JSON value."""
        return getattr(self, f"_{name}")

    def _restore(self, name: str, value: Any) -> None:
        """Set one field of the state, of a known type; fields are restored in the order of their types.

        :raises InputError: if the value is not one the detector can have.
        """
        setattr(self, f"_{name}", value)

    def _start_episode(self, *, after_drift: bool) -> None:
        self._n = 0
        self._restarted = after_drift
        self._drift = False
        self._warning = False
        self._fell = False
        self._forget()

    @property
    def _least(self) -> int:
        """How many first values of this episode are only learned from."""
        if self._restarted and self.min_instances_after_drift is not None:
            return self.min_instances_after_drift
        return self.min_instances

    @property
    def _testing(self) -> bool:
        """Whether the current value is past the values that are only learned from."""
        return self._n > self._least

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
