"""How much the error rate changed: on which labels, against which, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from drift.detectors.dependence import neighbor_inflation
from drift.detectors.two_rates import divergence
from drift.drift_event import Severity, utc_time
from feature_sets.checks import InputError, check_integer

_MARK_EVERY, _ONSET_MARKS, _MARKS = 25, 80, 160
"""Counts are kept of one label in so many, and of so many of these. The onset of a change is among the newest
of them: a GLR window, and what it lasted. The others tell the level that was held before."""

LONGEST_RECENT = _MARK_EVERY * (_MARKS - 1)
"""Newest labels whose counts are known, at most."""

MOST_REMEMBERED = _MARK_EVERY * _MARKS
"""The onset of a change lies so many labels back at most."""

_LEVEL, _LEAST_LEVEL = 2_000, 500
"""Labels right before a change that tell the level held before it: at most, and at least."""

FINEST_RATE = 0.001
"""No base tells a rate more finely: from none at all to one error in a thousand is no infinite rise."""

CERTAIN = 2.5
"""Standard errors from which on a difference of two rates is no chance: the warning level of GLR."""

USUAL_CHANGE = 400
"""How many labels a change is taken to cover where its detector does not tell."""


class Counts(NamedTuple):
    """What there was up to a label, itself included.

    :param n: number of the label.
    :param errors: how many labels were predicted wrong.
    :param pairs: how many of them right after another.
    """

    n: int = 0
    errors: int = 0
    pairs: int = 0

    def since(self, earlier: Counts) -> Counts:
        """What came after an earlier label."""
        return Counts(*(now - then for now, then in zip(self, earlier, strict=True)))

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(one + more for one, more in zip(self, other, strict=True)))

    @property
    def rate(self) -> float | None:
        """Share of errors; None without labels."""
        return self.errors / self.n if self.n else None

    def inflation(self, least: float = 1.0) -> float:
        """By how much the errors vary more than independent ones, by those right after another."""
        if not 0 < self.errors < self.n:
            return max(1.0, least)
        rate = self.errors / self.n
        correlation = (self.pairs / self.n - rate * rate) / (rate * (1 - rate))
        return max(neighbor_inflation(correlation, self.errors), least)

    def bounds(self, inflation: float) -> tuple[float, float]:
        """What the rate of errors certainly is at least, and at most (E. B. Wilson, 1927).

        >>> [round(bound, 3) for bound in Counts(1000, 100, 10).bounds(1.0)]
        [0.079, 0.126]

        :param inflation: of the variance; at least 1.
        """
        if not self.n:
            return 0.0, 1.0
        rate, square = self.errors / self.n, CERTAIN**2 * inflation / self.n
        middle = (rate + square / 2) / (1 + square)
        half = math.sqrt(square * rate * (1 - rate) + square * square / 4) / (1 + square)
        return max(0.0, middle - half), min(1.0, middle + half)


NOTHING = Counts()


def counts_of(errors: list[int]) -> Counts:
    """Counts of error flags in the order in which labels arrived.

    >>> counts_of([0, 1, 1, 0, 1])
    Counts(n=5, errors=3, pairs=1)
    """
    return Counts(len(errors), sum(errors), sum(a & b for a, b in pairwise(errors)))


_SCALE: tuple[tuple[Severity, tuple[tuple[float, float], ...]], ...] = (
    ("severe", ((0.2, 0.0), (0.1, 2.0), (0.005, 5.0))),
    ("moderate", ((0.05, 0.0), (0.02, 1.5), (0.005, 2.5))),
)
"""Least move of an error rate, with the least ratio of the higher rate to the lower one, by severity."""


def severity_of(before: float | None, now: float) -> Severity:
    """How much it matters that an error rate has moved, whichever way, however sure that is.

    ``severe`` is a move by 20 points, by 10 to at least twice the rate, or by half a point to at least five
    times the rate; ``moderate`` one by 5 points, by 2 to at least one and a half times the rate, or by half a
    point to at least two and a half times the rate; anything else is ``minor``. So errors that are rare in
    themselves are severe where there are many times as many: of a network with 0.3 % errors nobody would wait
    for ten points.

    >>> severity_of(0.01, 0.03), severity_of(0.1, 0.21), severity_of(0.30, 0.33)
    ('moderate', 'severe', 'minor')
    >>> severity_of(0.003, 0.02), severity_of(0.003, 0.009), severity_of(0.003, 0.006)
    ('severe', 'moderate', 'minor')

    :param before: share of errors, 0 to 1; None if it is not known.
    :param now: the same now.
    """
    low, high = sorted([before or 0.0, now])
    # as people write them down: 0.03 is 2 points more than 0.01
    moved, times = round(high - low, 9), round(high / max(low, FINEST_RATE), 9)
    for severity, limits in _SCALE:
        if any(moved >= least and times >= ratio for least, ratio in limits):
            return severity
    return "minor"


@dataclass(frozen=True)
class Change:
    """The labels since a change beside those before it.

    :param sample: labels since the change.
    :param reference: those before it, and those of the base, until a drift is told.
    :param inflation: by how much the errors vary more than independent ones, at least, see ``dependence``.
    """

    sample: Counts
    reference: Counts
    inflation: float = 1.0

    @property
    def severity(self) -> Severity | None:
        """See ``severity_of``; None without labels."""
        now = self.sample.rate
        return None if now is None else severity_of(self.reference.rate, now)

    @property
    def rise(self) -> float:
        """Log-likelihood by which two error rates explain the labels better than one; 0 without a rise."""
        now, before = self.sample, self.reference
        if not now.n or not before.n or now.errors * before.n <= before.errors * now.n:
            return 0.0
        pooled = (now.errors + before.errors) / (now.n + before.n)
        if pooled >= 1:
            return 0.0
        return sum(divergence(part.errors, part.n, pooled) for part in (now, before))

    @property
    def confidence(self) -> float | None:
        """How sure it is that both have different error rates, 0.5 to 1; None if either has no labels.

        One minus the chance that labels of one error rate, in runs as long as these, are as far apart in this
        direction: the signed root of the likelihood ratio, as GLR has it, is about standard normal. That a
        detector looked often, or where a change shows most, is not in it; the limits of the detector are
        made for that.
        """
        now, before = self.sample, self.reference
        if not now.n or not before.n:
            return None
        errors, labels = now.errors + before.errors, now.n + before.n
        pooled = errors / labels
        variance = sum(part.errors * (1 - part.errors / part.n) for part in (now, before)) / labels
        if not 0 < pooled < 1:
            return 0.5
        covariance = sum(part.pairs - part.errors**2 / part.n for part in (now, before)) / labels
        factor = max(neighbor_inflation(covariance / variance if variance else 0.0, errors), self.inflation)
        ratio = sum(divergence(part.errors, part.n, pooled) for part in (now, before))
        return 0.5 * math.erfc(-math.sqrt(max(0.0, ratio / factor)))

    def fields(self) -> dict[str, Any]:
        """What an event tells of it."""
        return {
            "severity": self.severity,
            "confidence": self.confidence,
            "sample_labels": self.sample.n,
            "sample_rate": self.sample.rate,
            "reference_labels": self.reference.n,
            "reference_rate": self.reference.rate,
        }


def _certainly_less(one: Counts, other: Counts, inflation: float) -> bool:
    highest = one.bounds(one.inflation(inflation))[1]
    return highest < other.bounds(other.inflation(inflation))[0]


class Mark(NamedTuple):
    """A label that is remembered.

    :param counts: up to it.
    :param time: its event time, ISO 8601 UTC.
    """

    counts: Counts
    time: str


class LabelMarks:
    """Counts of a stream of errors, and what they were at some of its newest labels.

    :param base: counts of the base, which come before the first label.
    """

    def __init__(self, base: Counts = NOTHING) -> None:
        self.base = base
        self.now = Counts()
        self._start = Counts()
        self._last = 0
        self._marks: list[Mark] = []

    def add(self, error: int, time: str) -> None:
        """Take the next label.

        :param error: 1 if it was predicted wrong, else 0.
        :param time: its event time, ISO 8601 UTC.
        """
        n, errors, pairs = self.now
        self.now = Counts(n + 1, errors + error, pairs + (error & self._last))
        self._last = error
        if self.now.n % _MARK_EVERY == 1 or not self._marks:
            self._marks = [*self._marks[1 - _MARKS :], Mark(self.now, time)]

    def onset(self, length: int | None) -> Mark:
        """About the last label before a change.

        :param length: newest labels that the change covers. None if that is not known: then it is taken to
            begin where a rise shows most, or to cover the usual number if nothing rises.
        """
        if length is None:
            rises = [(self._since(mark).rise, mark) for mark in self._marks[-_ONSET_MARKS:]]
            rise, first_mark = max(rises, key=lambda found: found[0])
            if rise > 0:
                return first_mark
        first = self.now.n - (length or USUAL_CHANGE)
        return next((mark for mark in reversed(self._marks) if mark.counts.n <= first), self._marks[0])

    def recent(self, most: int, after: int) -> Counts:
        """The newest labels, at most so many, and those after a label alone."""
        return self.recent_since(most, after)[0]

    def recent_since(self, most: int, after: int) -> tuple[Counts, str]:
        """The same, and the event time of the label before the first of them; empty without any."""
        first = max(self.now.n - most, after)
        mark = next((mark for mark in self._marks if mark.counts.n >= first), None)
        return (NOTHING, "") if mark is None else (self.now.since(mark.counts), mark.time)

    def change(self, onset: Mark, inflation: float = 1.0) -> Change:
        """The labels since the onset of a change beside those before it, see ``Change``.

        Where the error rate had fallen before, the level that was held since then is what they are beside:
        that of the newest 2,000 labels before the onset, if it was certainly lower than that of all before.
        """
        found = self._since(onset, inflation)
        held = self._level(onset)
        earlier = found.reference.since(held)
        if min(held.n, earlier.n) >= _LEAST_LEVEL and _certainly_less(held, earlier, inflation):
            return Change(found.sample, held, inflation)
        return found

    def _level(self, onset: Mark) -> Counts:
        """The newest labels before an onset, none of before the labels that count."""
        first = max(onset.counts.n - _LEVEL, self._start.n)
        marks = (mark.counts for mark in self._marks)
        return onset.counts.since(next((counts for counts in marks if counts.n >= first), onset.counts))

    def _since(self, onset: Mark, inflation: float = 1.0) -> Change:
        before = onset.counts.since(self._start) if onset.counts.n > self._start.n else Counts()
        if not self._start.n:
            before = before.plus(self.base)
        return Change(self.now.since(onset.counts), before, inflation)

    def begin_at(self, counts: Counts) -> None:
        """Compare later changes with labels from here on only: what was before was another error rate."""
        self._start = counts

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "base": list(self.base),
            "start": list(self._start),
            "pairs": self.now.pairs,
            "last": self._last,
            "kept": [[*mark.counts, mark.time] for mark in self._marks],
        }

    @classmethod
    def from_dict(cls, owner: str, saved: Any, n_seen: int, errors: int) -> LabelMarks:
        """Inverse of ``to_dict``.

        :param n_seen: labels so far.
        :param errors: how many of them were predicted wrong.
        :raises InputError: naming the field, the rule and what was given.
        """
        where, names = f"{owner}: marks", ("base", "start", "pairs", "last", "kept")
        if not isinstance(saved, dict) or set(saved) != set(names):
            raise InputError(f"{owner}: marks", f"must be an object with {', '.join(names)}", saved)
        marks = cls(saved_counts(where, saved["base"], None))
        pairs = check_integer(f"{owner}: marks: pairs", saved["pairs"], at_least=0)
        marks.now = saved_counts(where, [n_seen, errors, pairs], None)
        marks._start = saved_counts(where, saved["start"], marks.now)
        marks._last = check_integer(f"{owner}: marks: last", saved["last"], at_least=0, at_most=1)
        rule = "must be a list of [number, errors, errors after errors, time], the numbers rising"
        listed = saved["kept"]
        if not isinstance(listed, list) or not all(isinstance(m, list) and len(m) == 4 for m in listed):
            raise InputError(f"{owner}: marks: kept", rule, listed)
        kept = [Mark(saved_counts(where, mark[:3], marks.now), utc_time(mark[3])) for mark in listed]
        if any(later.counts.n <= earlier.counts.n for earlier, later in pairwise(kept)):
            raise InputError(f"{owner}: marks: kept", rule, listed)
        marks._marks = kept[-_MARKS:]
        return marks


def saved_counts(where: str, saved: Any, within: Counts | None) -> Counts:
    """Counts of a saved form.

    :param within: those that they are a part of; None for any.
    :raises InputError: if they cannot be.
    """
    rule = "must be three counts: labels, errors, errors after errors, each at most the one before"
    if not isinstance(saved, list) or len(saved) != 3:
        raise InputError(where, rule, saved)
    found = Counts(*(check_integer(where, each, at_least=0) for each in saved))
    beyond = within is not None and any(a > b for a, b in zip(found, within, strict=True))
    if beyond or not found.n >= found.errors >= found.pairs:
        raise InputError(where, rule, saved)
    return found
