"""Where a feature moved on some devices only: which these are, and how many of their errors are caught.

Among all devices the errors of a third of them may go under. The devices are chosen by the feature alone,
whatever the model said of them, so that a comparison of its errors before and after is an honest test.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.discretize import fit_column
from drift.distances.distribution import distribution
from drift.distances.total_variation import total_variation
from drift.magnitude import USUAL_BINS, USUAL_HOW

LEAST_ROWS = 30
"""Rows of a device on each side, with fewer of which it says nothing of how far it has moved."""
LEAST_APART = 0.2
"""Total variation by which those that moved are further from their past than the others, on average."""
_SHOWN = 3


class Caught(NamedTuple):
    """Error episodes of some devices; those at one time are one, as they may have one cause.

    :param caught: how many of them had a prediction of an error, on half of their devices at least.
    :param all: how many there are.
    """

    caught: int
    all: int


class ErrorRows(NamedTuple):
    """Rows whose error episodes are counted; they may be more than are compared, as errors are few.

    :param base: rows that the model was evaluated on, sorted by device and time.
    :param live: newest rows, sorted the same way.
    :param label: column of labels, 0 and 1.
    :param prediction: column of predictions, 0 and 1.
    """

    base: pd.DataFrame
    live: pd.DataFrame
    label: str
    prediction: str


class MovedDevices(NamedTuple):
    """Devices on which a feature moved, and what the model caught there.

    :param feature: its name.
    :param devices: those that moved, the furthest first.
    :param others: how many did not.
    :param before: error episodes of the devices in the base.
    :param now: the same in live rows.
    """

    feature: str
    devices: tuple[str, ...]
    others: int
    before: Caught
    now: Caught

    def __str__(self) -> str:
        named = ", ".join(self.devices[:_SHOWN]) + ", …" * (len(self.devices) > _SHOWN)
        every = len(self.devices) + self.others
        return (
            f"the {len(self.devices)} of {every} devices where {self.feature} moved ({named}): "
            f"{self.now.caught} of {self.now.all} error episodes caught, "
            f"{self.before.caught} of {self.before.all} before"
        )


def moved_devices(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    feature: str,
    errors: ErrorRows,
    entity: str,
    time: str,
    apart: int = 1,
) -> MovedDevices | None:
    """Find the devices on which a feature moved; None if it moved on all alike, or nobody can tell.

    Devices are divided in two by how far each is from its own past, so that the two differ most (N. Otsu
    1979, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man, and
    Cybernetics 9 (1), 62-66).

    :param base: rows that are compared.
    :param batch: the same of now.
    :param entity: column of the device key.
    :param time: column of event times.
    :param apart: error rows of a device more rows apart than that are of two episodes.
    """
    distances = distances_of(base, batch, feature, entity)
    if len(distances) < 2:
        return None
    far, near = divided(distances.to_numpy())
    if far.mean() - near.mean() < LEAST_APART:
        return None
    moved = distances[distances >= far.min()].sort_values(ascending=False, kind="stable")
    before, now = (
        _caught(frame[frame[entity].isin(moved.index)], errors, entity, time, apart)
        for frame in (errors.base, errors.live)
    )
    return MovedDevices(feature, tuple(map(str, moved.index)), len(near), before, now)


def chance_of_fewer(before: Caught, now: Caught) -> float:
    """Chance that so few are caught now, or fewer, if nothing has changed: Fisher's exact test, one-sided.

    >>> round(chance_of_fewer(Caught(8, 10), Caught(1, 6)), 6)
    0.024476

    :returns: 1 if there is nothing to compare.
    """
    every, caught = before.all + now.all, before.caught + now.caught
    ways = [
        math.comb(now.all, hits) * math.comb(before.all, caught - hits)
        for hits in range(max(0, caught - before.all), now.caught + 1)
    ]
    return sum(ways) / math.comb(every, caught)


def distances_of(base: pd.DataFrame, batch: pd.DataFrame, feature: str, entity: str) -> pd.Series:
    """Total variation distance of each device between its rows of both sides, by its key."""
    bins = fit_column(base[feature], USUAL_BINS, USUAL_HOW)
    sides = []
    for frame in (base, batch):
        codes = pd.Series(bins.index(frame[feature]), frame.index)
        counts = pd.crosstab(frame[entity], codes).reindex(columns=range(bins.size), fill_value=0)
        sides.append(counts[counts.sum(axis=1) >= LEAST_ROWS])
    both = sides[0].index.intersection(sides[1].index)
    found = [
        total_variation(distribution(before), distribution(after))
        for before, after in zip(sides[0].loc[both].to_numpy(), sides[1].loc[both].to_numpy(), strict=True)
    ]
    return pd.Series(found, both, dtype=np.float64)


def divided(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The upper and the lower ones, divided where the means of both are furthest apart for their sizes."""
    ordered = np.sort(values)
    counts = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)[:-1]
    means = sums / counts, (ordered.sum() - sums) / (len(ordered) - counts)
    between = counts * (len(ordered) - counts) * (means[1] - means[0]) ** 2
    place = int(between.argmax()) + 1
    return ordered[place:], ordered[:place]


def _caught(rows: pd.DataFrame, of: ErrorRows, entity: str, time: str, apart: int) -> Caught:
    """Error episodes of devices, and how many had a prediction of an error while they lasted."""
    places = np.flatnonzero(rows[of.label].to_numpy() == 1)
    errors = rows.iloc[places]
    is_first = np.diff(places, prepend=-apart - 1) > apart
    is_first |= (errors[entity] != errors[entity].shift()).to_numpy()
    episodes = errors.assign(said=errors[of.prediction] == 1).groupby(np.cumsum(is_first))
    found = episodes.agg(begin=(time, "min"), end=(time, "max"), said=("said", "any")).sort_values("begin")
    at_one_time = (found["begin"] > found["end"].cummax().shift()).cumsum()
    said = found["said"].groupby(at_one_time).mean()
    return Caught(int((said >= 0.5).sum()), len(said))
