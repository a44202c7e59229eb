"""When a run of missed incidents is no chance: the limit of a CUSUM, by what the test data say of the model.

Outcomes of incidents are Bernoulli, so a rise of the share that is missed is looked for by a one-sided CUSUM
of their log-likelihood ratio (M. R. Reynolds and Z. G. Stoumbos, "A CUSUM Chart for Monitoring a Proportion
When Inspecting Continuously", Journal of Quality Technology 31 (1), 1999). It compares the share that the
model catches at least with half of that.

A test period has few incidents, so that share is hardly known. It is drawn from its posterior, with the prior
of Jeffreys, and the limit is what one of twenty streams of 400 incidents exceeds, if nothing changes. What
the model catches at least is the lower decile of the same posterior: with the mean, a base that was lucky
would need a limit that a blind model reaches after hundreds of incidents.

Incidents of one device may be missed again and again. If the test data show such runs, the streams have
them, too, and the test data count as so many fewer incidents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drift.change_size import counts_of
from drift.detectors.two_rates import divergence

LEAST_INCIDENTS = 10
"""Of fewer incidents nothing is concluded."""

PROMISED_INCIDENTS = 400
FALSE_ALARMS = 0.05
"""The promise: so many of the streams of so many incidents have a false alarm."""

MOST_MISSED = 100
"""If so many in a row would be no drift yet, the model catches too few to lose any."""

NEWEST = 20
"""Newest incidents that tell whether the model catches as many as before."""

_STREAMS = 2000
_DRAWS = 20_000
_PRIOR = 20
"""A correlation of neighbors is taken as if so many incidents without any were known besides."""

Streams = npt.NDArray[np.bool_]


class Base(NamedTuple):
    """What is known of a model.

    :param incidents: how many there were.
    :param caught: how many of them it caught.
    :param missed_again: how many missed ones followed another missed one.
    """

    incidents: int = 0
    caught: int = 0
    missed_again: int = 0

    @classmethod
    def of(cls, missed: list[int]) -> Base:
        """Of outcomes in their order, 1 where an incident was missed.

        >>> Base.of([0, 1, 1, 0])
        Base(incidents=4, caught=2, missed_again=1)
        """
        counts = counts_of(missed)
        return cls(counts.n, counts.n - counts.errors, counts.pairs)

    @property
    def share(self) -> float | None:
        """Share that was caught; None without incidents."""
        return self.caught / self.incidents if self.incidents else None

    @property
    def correlation(self) -> float:
        """Of the outcomes of neighbors, at least 0, drawn to 0 where there are few."""
        n, missed = self.incidents, self.incidents - self.caught
        if n < 2 or not 0 < missed < n:
            return 0.0
        rate = missed / n
        found = (self.missed_again / (n - 1) - rate * rate) / (rate * (1 - rate))
        return min(1.0, max(0.0, found)) * n / (n + _PRIOR)


@dataclass(frozen=True)
class MissedLimit:
    """How the outcomes are weighed.

    :param missed: what a missed incident adds to the statistic, above 0.
    :param caught: what one that is caught adds, below 0.
    :param limit: above which it is drift.
    :param calm: so many of the newest ``NEWEST`` are caught by a model as before, three times of four.
    """

    missed: float
    caught: float
    limit: float
    calm: int

    @property
    def in_a_row(self) -> int:
        """Missed incidents in a row that are drift."""
        return math.floor(self.limit / self.missed) + 1


def missed_limit(base: Base, seed: int = 0) -> MissedLimit | None:
    """The limit after a base; None if the model catches too few to lose any.

    It takes about a tenth of a second.

    :param base: of at least ``LEAST_INCIDENTS``.
    :param seed: of the streams.
    """
    if not base.caught:
        return None
    random = np.random.default_rng(seed)
    correlation = base.correlation
    worth = (1 - correlation) / (1 + correlation)
    caught, missed = worth * base.caught + 0.5, worth * (base.incidents - base.caught) + 0.5
    drawn = random.beta(caught, missed, _DRAWS)
    least = min(1 - 1e-9, float(np.quantile(drawn, 0.1)))
    weights = math.log((1 - least / 2) / (1 - least)), math.log(0.5)
    streams = missed_streams(drawn[:_STREAMS], correlation, PROMISED_INCIDENTS, random)
    reached = np.sort(highest(streams, *weights))
    limit = float(reached[math.ceil((1 - FALSE_ALARMS) * _STREAMS) - 1]) * (1 + 1e-9)
    calm = max(1, int(np.quantile(random.binomial(NEWEST, drawn), 0.25, method="lower")))
    found = MissedLimit(*weights, max(limit, weights[0]), calm)
    return found if found.in_a_row <= MOST_MISSED else None


def confidence(incidents: int, caught: int, base: Base) -> float | None:
    """How sure it is that both are not of one share, 0.5 to 1, see ``Change``; None if either has none.

    :param incidents: the newest.
    :param caught: how many of them were.
    """
    if not incidents or not base.incidents:
        return None
    pooled = (caught + base.caught) / (incidents + base.incidents)
    if not 0 < pooled < 1:
        return 0.5
    ratio = divergence(caught, incidents, pooled) + divergence(base.caught, base.incidents, pooled)
    return 0.5 * math.erfc(-math.sqrt(max(0.0, ratio)))


def missed_streams(
    caught: npt.NDArray[np.float64], correlation: float, length: int, random: np.random.Generator
) -> Streams:
    """Streams of outcomes, true where an incident is missed.

    :param caught: share that is caught in each stream, shape (k,).
    :param correlation: of neighbors, 0 to 1.
    :param length: of each stream.
    :returns: shape (k, length).
    """
    count = len(caught)
    drawn: Streams = random.random((count, length)) >= caught[:, None]
    if correlation:
        again = random.random((count, length)) < correlation
        for place in range(1, length):
            drawn[:, place] = np.where(again[:, place], drawn[:, place - 1], drawn[:, place])
    return drawn


def highest(streams: Streams, missed: float, caught: float) -> npt.NDArray[np.float64]:
    """How high the statistic goes in each stream, shape (k,).

    :param streams: true where an incident is missed, shape (k, n).
    :param missed: see ``MissedLimit``.
    :param caught: see ``MissedLimit``.
    """
    now = np.zeros(len(streams))
    reached = now.copy()
    for place in range(streams.shape[1]):
        now = np.maximum(0.0, now + np.where(streams[:, place], missed, caught))
        reached = np.maximum(reached, now)
    return reached
