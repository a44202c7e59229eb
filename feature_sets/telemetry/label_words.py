"""Words of a label other than those of truth values, such as ``critical`` and ``ok``, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from feature_sets.checks import InputError
from feature_sets.telemetry.cell_text import cell_text, check_value, truth_of

_WHERE = "labels.values"


def label_words(content: object) -> dict[str, int]:
    """What words of a label mean, as the content of a YAML file says it: 1 an error, 0 none.

    >>> label_words({"critical": 1, "ok": 0, 3: True})
    {'critical': 1, 'ok': 0, '3': 1}

    :raises InputError: unless it maps different words to 0 or 1, those of truth values to what they mean.
    """
    if not isinstance(content, Mapping):
        raise InputError(_WHERE, "must be a mapping of words to 0 or 1", content)
    words: dict[str, int] = {}
    for given, meaning in content.items():
        check_value(_WHERE, given)
        word = str(cell_text(given))
        if not isinstance(meaning, int) or meaning not in (0, 1):
            raise InputError(f"{_WHERE}.{word}", "must be 0 or 1", meaning)
        if truth_of(word) not in (None, bool(meaning)):
            # Labels are 0 and 1 wherever the product sends them.
            rule = f"must be {int(not meaning)}, which this word always means"
            raise InputError(f"{_WHERE}.{word}", rule, meaning)
        if word.lower() in map(str.lower, words):
            raise InputError(f"{_WHERE}.{word}", "must be there once, in capitals or not", list(words))
        words[word] = int(meaning)
    return words
