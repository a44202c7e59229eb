"""Resampling units of the intervals: groups, devices, their days, or error episodes with their time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import check_choice, duration_seconds
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import Moments, moments_of
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.exploration.error_episodes import error_episodes

AUTO, BY_DEVICE, BY_DAY = "auto", "device", "day"
ENOUGH = 10
"""Devices that fail apart from each other, with fewer of which ``auto`` takes episodes."""
LEAST_CLUSTERS = 5
"""With fewer clusters with errors there is no interval: their few combinations say little about others."""
EPISODE = "episode"
SECOND = 10**9


class Apart(NamedTuple):
    """From when on error rows are of two episodes, in seconds.

    :param own: between error rows of one device.
    :param others: from the first episode on, until those of other devices are not of the same cause any more.
    :param incidents: of which error rows of one device are never of two.
    """

    own: int
    others: int
    incidents: IncidentSpans = NO_INCIDENTS

    @classmethod
    def of(cls, schema: TelemetrySchema, incidents: IncidentSpans = NO_INCIDENTS) -> Apart:
        """Of one device the embargo: no feature is of both. Of others the shortest window.

        Where many devices fail, some do within any longer time by chance; these would all be one.
        """
        shortest = min(duration_seconds(length) for length in schema.windows.lengths)
        return cls(schema.embargo_seconds, shortest, incidents)


@dataclass(frozen=True)
class Clusters:
    """A partition of rows.

    :param unit: ``group``, ``device``, ``device-day`` (a device in a UTC day) or ``episode``.
    :param codes: number of each row's cluster, shape (n,), from 0.
    :param count: how many there are.
    :param of_devices: of episodes, how many the devices have, of which simultaneous ones are one here.
    """

    unit: str
    codes: npt.NDArray[np.intp]
    count: int
    of_devices: int = 0


def parse_bootstrap_by(value: object) -> str:
    """Raise InputError unless the argument ``bootstrap_by`` is ``auto``, ``device`` or ``day``."""
    return check_choice("argument 'bootstrap_by'", value, (AUTO, BY_DEVICE, BY_DAY))


def row_clusters(
    rows: pd.DataFrame,
    time: str,
    label: str,
    by: str,
    apart: Apart,
    groups: Mapping[str, str] = MappingProxyType({}),
) -> Clusters:
    """Clusters of rows.

    The hours of an incident, or its days, are one thing that happened: to draw them apart would make an
    interval as short as if there had been many. So what is drawn are devices, if enough of them have errors,
    or else episodes, and days only where those are fewer than the episodes. Devices that only ever fail
    together are one thing as well.

    :param rows: device, time (UTC) and label (0 or 1).
    :param time: name of the time column.
    :param label: name of the label column.
    :param by: ``device``, ``day`` (a device in a day) or ``auto``: devices, or episodes where fewer than
        ``ENOUGH`` devices fail apart from the others, or all episodes are fewer than ``LEAST_CLUSTERS``.
    :param apart: see there.
    :param groups: group of each device, where whole groups are evaluated on: then ``auto`` is groups, for
        scores must hold for others. Where each device is a group of its own, it is devices.
    """
    if by == AUTO and groups:
        codes, found = pd.factorize(rows[DEVICE].map(groups), sort=True)
        alone = all(group == device for device, group in groups.items())
        return Clusters("device" if alone else "group", codes.astype(np.intp), len(found))
    devices = _clusters(rows, time, None, "device")
    if by == BY_DEVICE:
        return devices
    episodes = episode_clusters(rows, time, label, apart)
    if by == AUTO and episodes.count >= LEAST_CLUSTERS and failing_apart(rows, label, episodes) >= ENOUGH:
        return devices
    days = _clusters(rows, time, "D", "device-day")
    if by == BY_DAY and _failing(days, rows[label]) <= episodes.count:
        return days
    return episodes


def failing_apart(rows: pd.DataFrame, label: str, episodes: Clusters) -> int:
    """Devices with errors, where those that have errors in the same episodes alone are one.

    :param episodes: of the rows, see ``episode_clusters``.
    """
    is_error = (rows[label] == 1).to_numpy()
    theirs = pd.DataFrame({DEVICE: rows[DEVICE].to_numpy()[is_error], EPISODE: episodes.codes[is_error]})
    alike = theirs.drop_duplicates().sort_values([DEVICE, EPISODE]).groupby(DEVICE)[EPISODE].agg(tuple)
    return int(alike.nunique())


def _failing(clusters: Clusters, labels: pd.Series) -> int:
    """Clusters that hold an error."""
    return len(np.unique(clusters.codes[labels.to_numpy() == 1]))


def _clusters(rows: pd.DataFrame, time: str, period: str | None, unit: str) -> Clusters:
    keys = rows[DEVICE] if period is None else [rows[DEVICE], rows[time].dt.floor(period)]
    # Numbered in sorted order, so the draws do not depend on the order of the rows.
    numbers = rows.groupby(keys, sort=True, observed=True).ngroup()
    return Clusters(unit, np.asarray(numbers, dtype=np.intp), int(numbers.max()) + 1)


def episode_clusters(rows: pd.DataFrame, time: str, label: str, apart: Apart) -> Clusters:
    """Each row with the latest episode of its device, or the first; without any, with that of all devices."""
    errors = rows.loc[(rows[label] == 1).to_numpy(), [DEVICE, time, label]]
    found = error_episodes(errors, time, label, apart.own, apart.incidents.numbers(errors, time))
    if found.empty:
        return Clusters(EPISODE, np.zeros(len(rows), dtype=np.intp), 1)
    starts = moments_of(found["start"])
    first = _first_starts(starts, apart.others * SECOND)
    number = np.searchsorted(first, starts, side="right") - 1
    moments, codes = moments_of(rows[time]), np.zeros(len(rows), dtype=np.intp)
    own = found.groupby(DEVICE, sort=False).indices
    for device, at in rows.groupby(DEVICE, sort=False, observed=True).indices.items():
        # Episodes of a device are in order of their start.
        theirs = own.get(device)
        known, numbers = (
            (first, np.arange(len(first))) if theirs is None else (starts[theirs], number[theirs])
        )
        codes[at] = numbers[np.maximum(np.searchsorted(known, moments[at], side="right") - 1, 0)]
    return Clusters(EPISODE, codes, len(first), len(found))


def _first_starts(starts: Moments, within: int) -> Moments:
    """Where each group of episodes begins: those that begin within a time of the first of them are one."""
    first: list[int] = []
    for start in np.sort(starts):
        if not first or start > first[-1] + within:
            first.append(int(start))
    return np.asarray(first, dtype=np.int64)
