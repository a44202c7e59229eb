"""The search metric: the score that decides a search, in MLRun's form: ``max.average_precision``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feature_sets.checks import InputError


@dataclass(frozen=True)
class SearchMetric:
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
        """The metric as it was given."""
        return f"{'max' if self.sign > 0 else 'min'}.{self.score}"


def parse_search_metric(text: object, scores: Sequence[str]) -> SearchMetric:
    """Search metric of its text, such as ``max.average_precision``.

    :param scores: names there are.
    :raises InputError: unless the text names one of them and a direction.
    """
    direction, _, score = str(text).partition(".")
    if direction not in ("max", "min") or score not in scores:
        raise InputError(
            "argument 'search_metric'", f"must be max. or min. and one of {', '.join(scores)}", text
        )
    return SearchMetric(score, 1 if direction == "max" else -1)
