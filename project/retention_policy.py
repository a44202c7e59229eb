"""How long the data of runs is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields

from feature_sets.checks import InputError, check_integer
from project.policy_text import named_values

KEEP_ALL = "off"
"""The policy by which nothing is ever deleted."""


@dataclass(frozen=True)
class RetentionPolicy:
    """What is kept of the data of runs, besides that of models in use.

    :param runs: newest runs of each workflow that keep all of their data.
    :param champions: models that were in production last whose runs do, the present one among them; a
        rollback returns to the one before.
    :param pair_days: days for which files of labeled pairs are kept, while the loop from drift to a new model
        answers no drift. The newest stay, see ``old_pairs``.
    :param is_off: whether nothing is ever deleted.
    :raises InputError: naming the field that breaks its rule.
    """

    runs: int = 10
    champions: int = 3
    pair_days: int = 90
    is_off: bool = False

    def __post_init__(self) -> None:
        check_integer("retention policy: runs", self.runs, at_least=1)
        check_integer("retention policy: champions", self.champions, at_least=2)
        check_integer("retention policy: pair_days", self.pair_days, at_least=8)

    @classmethod
    def parse(cls, text: str) -> RetentionPolicy:
        """The defaults with what a text changes, such as ``runs=30,champions=5``, or ``off``.

        :raises InputError: for a field that is none, or a value that breaks its rule.
        """
        if text.strip() == KEEP_ALL:
            return cls(is_off=True)
        names = [each.name for each in fields(cls) if each.name != "is_off"]
        given: dict[str, int] = {}
        for name, value in named_values(text, names, "retention policy", KEEP_ALL):
            try:
                given[name] = int(value)
            except ValueError as error:
                raise InputError(f"retention policy: {name}", "must be a whole number", value) from error
        return cls(**{**{name: getattr(cls, name) for name in names}, **given})
