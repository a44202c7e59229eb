"""The score that decides a search, in MLRun's form: ``max.average_precision``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.job.arguments import ArgumentError


@dataclass(frozen=True)
class Selector:
    """A score and whether more or less of it is better.

    :param score: name of the score.
    :param sign: 1 if the highest is best, -1 if the lowest is.
    """

    score: str
    sign: int

    def value(self, scores: Mapping[str, float]) -> float:
        """The score, turned so that higher is better."""
        return self.sign * scores[self.score]

    def __str__(self) -> str:
        """The selector as it was given."""
        return f"{'max' if self.sign > 0 else 'min'}.{self.score}"


def parse_selector(text: object, scores: Sequence[str]) -> Selector:
    """Selector of its text.

    :param scores: names there are.
    :raises ArgumentError: if the text is no selector of one of them.
    """
    direction, _, score = str(text).partition(".")
    if direction not in ("max", "min") or score not in scores:
        raise ArgumentError("selector", f"must be max. or min. and one of {', '.join(scores)}", text)
    return Selector(score, 1 if direction == "max" else -1)
