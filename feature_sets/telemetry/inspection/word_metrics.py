"""Readings in words, such as ``up`` and ``down``, and the numbers that these may stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from feature_sets.listed import listed
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_numbers import number_of_text
from feature_sets.telemetry.cell_text import texts_of, truth_of
from feature_sets.telemetry.inspection.word_labels import grade_of, says_nothing
from feature_sets.telemetry.metric_words import WORDS
from feature_sets.telemetry.no_value import FIELD as NO_VALUE

_MOST = 20
"""Different words, at most; more are names or remarks."""
_SHOWN = 5
_CHANCE = 0.01
_POINTS = re.compile(r"(?:(?P<before>[0-9]+)[ _-]?)?(?P<name>qam|psk)(?:[ _-]?(?P<behind>[0-9]+))?")
"""A modulation, by the points of its constellation."""
_NAMED_POINTS = {"bpsk": 2, "qpsk": 4}


class WordMetric(NamedTuple):
    """A metric in words.

    :param words: that are no numbers, as the files have them, most frequent first; without ``none``.
    :param none: words that say nothing, which the schema has to name.
    :param numbers: word -> what it may stand for; empty if nobody can say.
    :param why: of these numbers.
    :param among: whether they come among numbers.
    """

    words: tuple[str, ...]
    none: tuple[str, ...]
    numbers: Mapping[str, float]
    why: str = ""
    among: bool = False

    @property
    def reason(self) -> str:
        """Why it is a metric."""
        return f"words that change; {self.why}" if self.numbers else "numbers, and words for none"

    @property
    def instead(self) -> str:
        """What it could be instead."""
        return "other numbers for its words (values)" if self.numbers else ""

    def fields(self) -> dict[str, Any]:
        """Content of the metric in a schema."""
        said = {WORDS: dict(self.numbers)} if self.numbers else {}
        return said | ({NO_VALUE: list(self.none)} if self.none else {})

    def question(self, name: str) -> str:
        """What the owner of the telemetry is asked if nobody can say what the words stand for.

        :param name: in the schema.
        """
        such = {name: self._replace(numbers={word: place for place, word in enumerate(self.words)}).fields()}
        example = yaml.safe_dump(
            such, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
        )
        shown = listed([repr(word) for word in self.words], _SHOWN)
        if self.among:
            return (
                f"'{name}' has words among its numbers: {shown}. Those that mean no value belong into its "
                f"no_value, others into its values with a number for each, such as {example.strip()[1:-1]}."
            )
        return (
            f"'{name}' has words that change from reading to reading: {shown}. It is a metric once metrics "
            f"says a number for each, by an order that only you know, such as {example.strip()[1:-1]}."
        )

    def told(self, name: str) -> str:
        """The words of a metric with their numbers, for people."""
        return f"'{name}' ({', '.join(f'{word} is {number:g}' for word, number in self.numbers.items())})"


def word_metric(column: pa.ChunkedArray, readings: pd.DataFrame | None) -> WordMetric | None:
    """What a column has of words that change; None if these are many, or say something of a device or row.

    :param column: its cells.
    :param readings: ``device`` and ``time`` of each of them; None if nobody knows.
    """
    codes, texts = texts_of(column)
    present = {texts[code] for code in np.unique(codes[codes >= 0]).tolist()}
    words: dict[str, str] = {}
    for text in texts:
        if text in present and number_of_text(text) is None:
            words.setdefault(text.lower(), text)
    if not 1 <= len(words) <= _MOST or len(present) < 2:
        return None
    states = np.array([*(_state(text) for text in texts), ""], dtype=object)[codes]
    rows = pd.DataFrame({"word": states}) if readings is None else readings.assign(word=states)
    rows = rows[rows["word"] != ""].dropna()
    if not _changes(rows):
        return None
    count = rows["word"].value_counts()
    found = [words[word] for word in sorted(words, key=lambda word: -int(count.get(word, 0)))]
    none = tuple(word for word in found if says_nothing(word))
    told = [word for word in found if word not in none]
    numbers = {text for text in present if text.lower() not in words and _state(text)}
    if numbers and not all(truth_of(text) is not None for text in (*numbers, *told)):
        # Where the words are among them nobody can say.
        return WordMetric(tuple(told), none, {}, among=True)
    return WordMetric(tuple(told), none, *_numbers(told))


def has_words(column: pa.ChunkedArray) -> bool:
    """Whether some cells are no numbers; a truth value such as ``true`` is one, and ``yes`` is none."""
    return any(number_of_text(text) is None for text in texts_of(column).values)


def _state(text: str) -> str:
    """A text as far as it is another one than that of other capitals; empty where it says nothing."""
    word = text.lower()
    return "" if word in NULL_WORDS else word


def _changes(rows: pd.DataFrame) -> bool:
    """Whether some device has several words, and each reading one: else they name devices, or their parts."""
    if "device" not in rows:
        return rows["word"].nunique() > 1
    pairs = rows.drop_duplicates()
    if len(pairs) > (1 + _CHANCE) * len(rows[["device", "time"]].drop_duplicates()):
        return False
    return bool((rows.groupby("device")["word"].nunique() > 1).any())


def _numbers(words: Sequence[str]) -> tuple[dict[str, float], str]:
    """What words stand for, and why; nothing if nobody can say."""
    truths = {word: truth_of(word) for word in words}
    if words and all(truth is not None for truth in truths.values()):
        return _ascending({word: int(bool(truth)) for word, truth in truths.items()}), "1 is yes"
    points = {word: found for word in words if (found := _points(word.lower()))}
    if words and len(points) == len(words):
        return _ascending(points), "points of the modulation"
    grades = {word: grade_of(word) for word in words}
    unknown = [word for word, grade in grades.items() if grade is None]
    known = {word: grade for word, grade in grades.items() if grade is not None}
    if len(words) == 2 and len(unknown) == 1:  # The other one is the opposite.
        known[unknown[0]] = 0 if min(known.values()) > 0 else 1
    elif unknown or not words:
        return {}, ""
    ranks = sorted(set(known.values()))
    return _ascending({word: ranks.index(grade) for word, grade in known.items()}), "0 is well, more is worse"


def _ascending(numbers: Mapping[str, int]) -> dict[str, float]:
    return dict(sorted(numbers.items(), key=lambda entry: entry[1]))


def _points(word: str) -> int | None:
    """Points of the constellation of a modulation; None of other words."""
    if word in _NAMED_POINTS:
        return _NAMED_POINTS[word]
    found = _POINTS.fullmatch(word)
    if found is None or (found["before"] is None) == (found["behind"] is None):
        return None
    return int(found["before"] or found["behind"])
