"""Labels in words, such as ``ok`` and ``critical``: which of them most likely mean an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from feature_sets.listed import listed
from feature_sets.telemetry.cell_text import texts_of, truth_of
from feature_sets.telemetry.inspection.column_profile import ColumnProfile
from feature_sets.telemetry.inspection.table_profile import TableProfile

_MOST = 20
"""Different words of a label, at most."""
_SHOWN = 10
_HEALTHY = re.compile(
    r"^(ok|okay|up|normal|healthy|health|good|fine|clear|cleared|none|nominal|online|alive|active|running|run"
    r"|operational|available|reachable|connected|success|successful|pass|passed|green|info|information"
    r"|informational|notice|enabled|no_?(error|fault|alarm|problem)|resolved|recovered|recovery)$"
)
_ERROR = re.compile(
    r"^(critical|crit|down|error|err|fail|failed|failing|failure|fault|faulty|alarm|alert|major|emergency|emerg"
    r"|fatal|disaster|severe|high|bad|broken|problem|abnormal|anomaly|anomalous|unhealthy|outage|offline|dead"
    r"|unreachable|unavailable|disconnected|red|nok|not_?ok|lost|timeout|incident|crashed)$"
)
_SLIGHT = re.compile(r"^(warning|warn|minor|degraded|low|yellow|amber|medium|average)$")
"""No error yet, as the owner may see it otherwise."""
_GRAVE = re.compile(r"^(critical|crit|emergency|emerg|fatal|disaster|severe)$")
"""Errors that are worse than others."""
_UNKNOWN = re.compile(r"^(unknown|undefined|pending|n/?a|null|nan|[?]|unchecked|)$")
"""Words that say nothing, a dash among them."""
_HEALTHY_NAME = re.compile(
    r"^(is_)?(up|ok|healthy|alive|online|available|reachable|normal|good|success|ready|operational)$"
)


class WordLabels(NamedTuple):
    """What the words of a label are taken for.

    :param values: word -> 1 for an error, else 0; each once, in capitals or not.
    :param slight: those of 0 that may be errors, as the owner sees it.
    :param left_out: words that say nothing.
    :param guessed: whether it follows from how often each is there, and not from the words.
    """

    values: Mapping[str, int]
    slight: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    guessed: bool = False

    def field(self) -> dict[str, int]:
        """Content of ``labels.values``: without truth values, which mean what they always do."""
        return {word: meaning for word, meaning in self.values.items() if truth_of(word) is None}

    def sentence(self, label: str) -> str:
        """What the owner has to look at."""
        errors, healthy = (
            listed([repr(word) for word, meaning in self.values.items() if meaning == wanted], _SHOWN)
            for wanted in (1, 0)
        )
        why = " Nobody knows these words, so the rarer one is taken for the error." if self.guessed else ""
        slight = listed([repr(word) for word in self.slight], _SHOWN)
        why += f" If {slight} is an error to you, give it 1." if slight else ""
        left_out = listed([repr(word) for word in self.left_out], _SHOWN)
        why += f" Rows that say {left_out} are left out." if left_out else ""
        return f"Of '{label}', {errors} means an error, and {healthy} none (labels.values).{why}"


def words_of(table: TableProfile, name: str) -> dict[str, int]:
    """The words of a column with their rows, the most frequent first; empty if they are many, or one only.

    Of words that differ by capitals only the first stands for all.
    """
    texts = texts_of(table.head[name])
    if len(texts.values) > 2 * _MOST:
        return {}
    rows = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.values))
    first: dict[str, str] = {}
    found: dict[str, int] = {}
    for word, count in zip(texts.values, rows.tolist(), strict=True):
        one = first.setdefault(word.lower(), word)
        found[one] = found.get(one, 0) + count
    if not 1 < len(found) <= _MOST:
        return {}
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def says_nothing(word: str) -> bool:
    """Whether a word says that there is no value."""
    return _UNKNOWN.search(_plain(word)) is not None


def grade_of(word: str) -> int | None:
    """How bad it is what a word says: 0 is well, then slight, an error, a grave one; None if nobody knows.

    >>> [grade_of(word) for word in ("OK", "degraded", "down", "critical", "blue")]
    [0, 1, 2, 3, None]
    """
    plain = _plain(word)
    if _SLIGHT.search(plain):
        return 1
    if _HEALTHY.search(plain):
        return 0
    return (3 if _GRAVE.search(plain) else 2) if _ERROR.search(plain) else None


def means_healthy(name: str) -> bool:
    """Whether a column of 0 and 1 is called as if 1 were no error."""
    return _HEALTHY_NAME.search(_plain(name)) is not None


def knows_health(words: Mapping[str, int]) -> bool:
    """Whether some of the words say that all is well: then not every row is an error."""
    return any(_HEALTHY.search(_plain(word)) for word in words)


def meaning_of(words: Mapping[str, int], column: ColumnProfile) -> WordLabels | None:
    """What the words of a label are taken for; None if nobody can say.

    Known words have their meaning, and of two the other one is the opposite. Where some are known to be
    healthy, those that nobody knows are errors. Of two that nobody knows the rarer is the error. Of two
    numbers 0 is none, and the other one is; of more nobody knows.

    :param words: with their rows, see ``words_of``.
    """
    if column.kind == "number":
        others = [word for word in words if word != "0"]
        return WordLabels({"0": 0, others[0]: 1}) if len(others) == 1 and "0" in words else None
    left_out = tuple(word for word in words if _UNKNOWN.search(_plain(word)))
    told = {word: _known(word) for word in words if word not in left_out}
    slight = tuple(word for word in told if _SLIGHT.search(_plain(word)))
    known = {word: meaning for word, meaning in told.items() if meaning is not None}
    rest = [word for word in told if word not in known]
    if rest and any(meaning == 0 and word not in slight for word, meaning in known.items()):
        known |= dict.fromkeys(rest, 1)
    elif len(told) == 2 and len(rest) == 1:
        known[rest[0]] = 0
    elif len(told) == 2 and len(rest) == 2:
        common, rare = sorted(rest, key=lambda word: -words[word])
        return WordLabels({common: 0, rare: 1}, (), left_out, guessed=True)
    elif rest:
        return None
    if set(known.values()) != {0, 1}:
        if 1 in known.values() or not slight:
            return None
        known |= dict.fromkeys(slight, 1)  # Else there would be no errors.
        slight = ()
    return WordLabels({word: known[word] for word in told}, slight, left_out)


def _known(word: str) -> int | None:
    truth = truth_of(word)
    plain = _plain(word)
    if truth is not None:
        return int(truth)
    if _HEALTHY.search(plain) or _SLIGHT.search(plain):
        return 0
    return 1 if _ERROR.search(plain) else None


def _plain(word: str) -> str:
    return "_".join(word.lower().replace("-", " ").split()).strip(".!")
