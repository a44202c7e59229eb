"""Of which devices the newest labels are, so that an alert says where: bounded, however many devices."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

from drift.change_size import CERTAIN, FINEST_RATE, MOST_REMEMBERED, Counts, counts_of
from drift.detectors.saved_form import saved_mapping
from drift.wrong_devices import FEW_EPISODES, NAMED, DeviceErrors, WrongDevices
from feature_sets.checks import InputError, check_integer

_CHANCE = 0.05
"""Risk that any device stands out by chance."""

LEAST_FLEET = 5
"""Fewest devices of which one is not the fleet: a rise of one of fewer is drift like any other."""

CALM_SHARE = 0.3
"""Of a rise, what the others may show of it and still be calm: as much as a calm batch may, see
``Hysteresis``."""


_LEAST_ROUNDS = 3
"""Labels of each device, on average, from which on simultaneous errors are told from others."""
_LEAST_LABELS = 100
"""Fewest labels since a change in which others are looked at."""


class Known(NamedTuple):
    """Share of errors before a change.

    :param rate: the share.
    :param labels: that it rests on; 0 if it is known exactly.
    """

    rate: float
    labels: int

    def differs(self, errors: int, labels: int) -> bool:
        """Whether so many errors of other labels are more than chance explains."""
        if errors <= self.rate * labels:
            return False
        pooled = (errors + self.rate * self.labels) / (labels + self.labels) if self.labels else self.rate
        variance = (
            max(pooled, FINEST_RATE) * (1 - pooled) * (1 / labels + (1 / self.labels if self.labels else 0))
        )
        return (errors / labels - self.rate) ** 2 > CERTAIN**2 * variance


class Others(NamedTuple):
    """The newest labels of all devices but one that has failed.

    :param counts: of them.
    :param but_one: of them, without the device that has most wrong labels.
    :param devices: that they are of.
    :param with_wrong: devices with any wrong label.
    :param episodes: of wrong labels, see ``fleet_episodes``; None where nobody can tell.
    """

    counts: Counts
    but_one: Counts
    devices: int
    with_wrong: int
    episodes: int | None

    @property
    def are_several(self) -> bool:
        """Whether wrong labels are of several devices and moments, or of half of the devices at once."""
        units = self.with_wrong if self.episodes is None else self.episodes
        return self.with_wrong > 1 and (units >= FEW_EPISODES or 2 * self.with_wrong >= self.devices)


class NewestDevices:
    """Devices of the newest labels, of as many as the onset of a change lies back at most."""

    def __init__(self) -> None:
        self._labels: deque[tuple[str, int]] = deque(maxlen=MOST_REMEMBERED)

    def add(self, device: str, error: int) -> None:
        """Take the next label.

        :param device: key of its device; empty of a stream that does not tell.
        :param error: 1 if it was predicted wrong, else 0.
        """
        if device:
            self._labels.append((device, error))

    def newest(self, count: int, rate_before: float | None, labels_before: int = 0) -> WrongDevices | None:
        """The newest labels by device; None where the devices of all of them are not known.

        So it is at first after an upgrade. A device stands out if so many wrong labels of it are no chance at
        the rate of before: one in twenty for all devices together (C. E. Bonferroni, 1936). So errors that
        all have alike name none. One wrong label makes no device stand out, and without a rate of before
        none does. A rise is of one device if that stands out and the others, of a fleet of ``LEAST_FLEET`` or
        more, are calm without it.

        :param count: labels since the change.
        :param rate_before: share of errors before it; None without labels.
        :param labels_before: that this rests on; 0 if it is known exactly.
        """
        count = min(count, MOST_REMEMBERED)
        if not 0 < count <= len(self._labels):
            return None
        since = list(islice(self._labels, len(self._labels) - count, None))
        labels = Counter(device for device, _ in since)
        wrong = Counter(device for device, error in since if error)
        # Of equally many the first by name, so that the order of labels does not matter.
        by_wrong = sorted(wrong, key=lambda device: (-wrong[device], labels[device], device))
        out: list[str] = []
        if rate_before is not None:
            rate, chance = max(rate_before, FINEST_RATE), _CHANCE / len(labels)
            several = [device for device in by_wrong if wrong[device] > 1]
            out = [device for device in several if _tail(wrong[device], labels[device], rate) < chance]
        return WrongDevices(
            devices=len(labels),
            labels=len(since),
            wrong=wrong.total(),
            with_wrong=len(wrong),
            standing_out=len(out),
            wrong_of_those=sum(wrong[device] for device in out),
            named=tuple(DeviceErrors(each, wrong[each], labels[each]) for each in (out or by_wrong)[:NAMED]),
            episodes=fleet_episodes(since, len(labels)),
            of_one=bool(out) and self._is_of_one(since, out[0], Known(rate_before or 0.0, labels_before)),
        )

    def episodes(self, count: int) -> int | None:
        """Episodes of wrong ones among the newest labels, see ``fleet_episodes``; None where nobody knows.

        :param count: newest labels; at most so many as are remembered count.
        """
        first = max(0, len(self._labels) - count)
        labels = list(islice(self._labels, first, None))
        return fleet_episodes(labels, len({device for device, _ in labels})) if labels else None

    def others(self, device: str, count: int) -> Others:
        """All other devices among the newest labels.

        :param count: newest labels, with those of the device.
        """
        first = max(0, len(self._labels) - count)
        labels = [each for each in islice(self._labels, first, None) if each[0] != device]
        wrong = Counter(each for each, error in labels if error)
        most = max(wrong, key=lambda each: (wrong[each], each), default="")
        devices = len({each for each, _ in labels})
        return Others(
            counts_of([error for _, error in labels]),
            counts_of([error for each, error in labels if each != most]),
            devices,
            len(wrong),
            fleet_episodes(labels, devices),
        )

    def _is_of_one(self, since: list[tuple[str, int]], one: str, before: Known) -> bool:
        """Whether a fleet has a rise of one device alone.

        The others must be no different from before, as far as all labels since tell. Their onset is found
        where a rise shows most, so there may be many labels of before it among them: of these, or of the
        newest half of them, or of half of those, and so on, the others may have little of the rise.
        """
        # Of a burst there may be labels of that device alone; the fleet is that of all labels remembered.
        if len({device for device, _ in self._labels}) < LEAST_FLEET:
            return False
        others = [error for device, error in since if device != one]
        if before.differs(sum(others), len(others)):
            return False
        length = len(since)
        while length >= _LEAST_LABELS or length == len(since):
            newest = since[-length:]
            errors, rest = sum(error for _, error in newest), [e for d, e in newest if d != one]
            rise = errors / length - before.rate
            if rise > 0 and sum(rest) <= (before.rate + CALM_SHARE * rise) * len(rest):
                return True
            length //= 2
        return False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, each device once; ``from_dict`` continues exactly from here.

        A label is twice the place of its device, and one more if it was predicted wrong.
        """
        places: dict[str, int] = {}
        codes = [2 * places.setdefault(device, len(places)) + error for device, error in self._labels]
        return {"devices": list(places), "labels": codes}

    @classmethod
    def from_dict(cls, owner: str, saved: Any) -> NewestDevices:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        owner = f"{owner}: newest"
        saved = saved_mapping(owner, "itself", saved, ("devices", "labels"))
        devices, codes = saved["devices"], saved["labels"]
        is_list = isinstance(devices, list) and all(isinstance(each, str) and each for each in devices)
        if not is_list or len(set(devices)) != len(devices):
            raise InputError(f"{owner}: devices", "must be a list of keys, each once", devices)
        if not isinstance(codes, list) or len(codes) > MOST_REMEMBERED:
            raise InputError(f"{owner}: labels", f"must be a list of at most {MOST_REMEMBERED}", codes)
        newest, most = cls(), 2 * len(devices) - 1
        for code in codes:
            check_integer(f"{owner}: labels", code, at_least=0, at_most=most)
            newest._labels.append((devices[code // 2], code % 2))
        return newest


def fleet_episodes(labels: Sequence[tuple[str, int]], devices: int) -> int | None:
    """Episodes of wrong labels: the wrong labels of a device in a row, of several devices at once as one.

    Labels arrive about in the order of their times, those of all devices for one time together. So episodes
    of devices that begin within two rounds of the first of them are one, as after one power failure.

    >>> power_failure = [(device, error) for error in (0, 1, 1, 0) for device in "abc"]
    >>> fleet_episodes(3 * power_failure, 3)
    3

    :param labels: device and error flag, in the order in which they arrive.
    :param devices: how many they are of.
    :returns: None if it is of so many devices that nobody can tell: of fewer than three labels a device.
    """
    if len(labels) < _LEAST_ROUNDS * devices:
        return None
    last: dict[str, int] = {}
    episodes, first = 0, -math.inf
    for place, (device, error) in enumerate(labels):
        if error and not last.get(device) and place > first + 2 * devices * (devices > 1):
            episodes, first = episodes + 1, place
        last[device] = error
    return episodes


def _tail(errors: int, labels: int, rate: float) -> float:
    """Chance of so many errors or more among independent labels: the upper tail of the binomial.

    >>> round(_tail(2, 3, 0.1), 6)
    0.028
    """
    if rate >= 1:
        return 1.0
    ways = math.lgamma(labels + 1) - math.lgamma(errors + 1) - math.lgamma(labels - errors + 1)
    term = math.exp(ways + errors * math.log(rate) + (labels - errors) * math.log1p(-rate))
    total = term
    for count in range(errors, labels):
        term *= (labels - count) / (count + 1) * rate / (1 - rate)
        total += term
    return total
