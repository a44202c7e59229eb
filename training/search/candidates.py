"""A candidate: one kind of model with its hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feature_sets.checks import InputError, check_choice
from training.search.families import FAMILIES


@dataclass(frozen=True)
class Candidate:
    """One configuration of one kind of model.

    :param family: one of ``FAMILIES``.
    :param parameters: hyper-parameters; unnamed ones keep the family's defaults.
    :raises InputError: unless there is such a family with such parameters. Values are not looked at here, see
        ``parameter_check``.
    """

    family: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("argument 'family'", self.family, FAMILIES)
        known = FAMILIES[self.family].defaults
        unknown = sorted(map(str, set(self.parameters) - set(known)))
        if unknown:
            rule = f"must be among {', '.join(sorted(known))}"
            raise InputError(f"parameters of {self.family}", rule, unknown)

    @property
    def settings(self) -> dict[str, Any]:
        """All hyper-parameters with their values, defaults included, in the family's order."""
        return {**FAMILIES[self.family].defaults, **self.parameters}

    @property
    def text(self) -> str:
        """The hyper-parameters for people, for instance ``num_leaves=15 learning_rate=0.05``."""
        return " ".join(f"{name}={value}" for name, value in self.settings.items())

    def __str__(self) -> str:
        """Family and hyper-parameters."""
        return f"{self.family} {self.text}"
