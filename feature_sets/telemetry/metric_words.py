"""Words of a metric other than numbers, such as ``up`` and ``down``, and the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Mapping

from feature_sets.checks import InputError, is_finite
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_numbers import number_of_text
from feature_sets.telemetry.cell_text import cell_text

WORDS = "values"
_LONGEST = 80
"""Longest word in characters; a longer text of a live event is not looked at."""


def metric_words(where: str, content: object) -> dict[str, float]:
    """What words of a metric stand for, as the content of a YAML file says it; words are in lower case.

    >>> metric_words("metrics.state.values", {"Down": 0, "up": 1})
    {'down': 0, 'up': 1}

    :raises InputError: unless it maps different words to finite numbers. No word may be a number already, as
        ``true`` is 1, or mean no value, as ``n/a`` does.
    """
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise InputError(where, "must be a mapping of words to numbers", content)
    words: dict[str, float] = {}
    for given, number in content.items():
        text = cell_text(given) if isinstance(given, str) else None
        if text is None:
            rule = "must have words (such as on and off in quotes), as numbers and truth values are numbers"
            raise InputError(where, rule, given)
        word = text.lower()
        if len(word) > _LONGEST:
            raise InputError(where, f"must have words of at most {_LONGEST} characters", text)
        if word in NULL_WORDS:
            raise InputError(f"{where}.{text}", "must be absent, as this word means no value", number)
        if (always := number_of_text(word)) is not None:
            rule = f"must be absent, as this text is always the number {always:g}"
            raise InputError(f"{where}.{text}", rule, number)
        if isinstance(number, bool) or not isinstance(number, int | float) or not is_finite(number):
            raise InputError(f"{where}.{text}", "must be a finite number", number)
        if word in words:
            raise InputError(f"{where}.{text}", "must be there once, in capitals or not", list(content))
        words[word] = number
    return words


def words_hint(words: Mapping[str, float]) -> str:
    """What a text of a metric may be beside a number; empty where it has no words.

    >>> words_hint({"down": 0, "up": 1})
    'must be a number or among down, up (values of the metric)'
    """
    return f"must be a number or among {', '.join(words)} (values of the metric)" if words else ""
