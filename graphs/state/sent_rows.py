"""Window features of what devices sent lately, which the history may not have yet."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MOST, LEAST = 1024, 16
"""Rows of a device that are kept, up to twice as many, and of how many at least where devices are many. 1,024
are 3.5 days of one each five minutes."""
BYTES = 128 << 20
"""Memory that rows of all devices may take, up to twice as much: more devices keep fewer each."""


class Sent(NamedTuple):
    """Rows of a device in the order in which they came.

    :param at: when each came and event time, microseconds, shape (n, 2).
    :param features: shape (n, features).
    """

    at: npt.NDArray[np.int64]
    features: npt.NDArray[np.float64]


class SentRows:
    """What came of each device since the history was looked at, and the newest time that it ever sent.

    The order in which rows were taken in makes the last bit of a level, so the rows themselves are kept: a
    level that is made anew from the history goes on with those that the history has not.

    :param width: features of a row.
    :param most: rows of a device that are kept for sure; older ones are dropped.
    :param bytes_of_all: see ``BYTES``.
    """

    def __init__(self, width: int, most: int = MOST, bytes_of_all: int = BYTES) -> None:
        self._width, self._most = width, most
        self._rows_of_all = bytes_of_all // (8 * (width + 2))
        self._at: dict[str, array[int]] = {}
        self._features: dict[str, array[float]] = {}
        self._newest: dict[str, int] = {}
        self._dropped: dict[str, int] = {}

    def add(self, device: str, arrival: int, micros: int, features: Iterable[float]) -> None:
        """Keep a row, arrival and event time in microseconds."""
        if device not in self._at:
            self._at[device], self._features[device] = array("q"), array("d")
        at, kept = self._at[device], self._features[device]
        at.extend((arrival, micros))
        kept.extend(features)
        self._newest[device] = max(micros, self._newest.get(device, micros))
        most = min(self._most, max(LEAST, self._rows_of_all // len(self._at)))
        if len(at) > 4 * most:
            surplus = len(at) // 2 - most
            self._dropped[device] = at[2 * surplus - 1]
            del at[: 2 * surplus], kept[: surplus * self._width]

    def of(self, device: str) -> Sent:
        """Rows of a device."""
        at = np.array(self._at.get(device, ()), dtype=np.int64).reshape(-1, 2)
        return Sent(at, np.array(self._features.get(device, ()), dtype=np.float64).reshape(-1, self._width))

    def newest(self, device: str) -> int | None:
        """Latest event time that a device sent, microseconds; None if nothing came of it here."""
        return self._newest.get(device)

    def dropped(self, device: str) -> int | None:
        """Event time of the last row that was dropped, microseconds; None if none was."""
        return self._dropped.get(device)

    def have_dropped(self, device: str, micros: int) -> None:
        """Rows of a device are not here, the newest of them of an event time in microseconds."""
        self._dropped[device] = self._newest[device] = micros

    def keep(self, device: str, rows: Sent) -> None:
        """Have only these rows of a device, as the history has the others by now."""
        self._dropped.pop(device, None)
        self._at.pop(device, None)
        self._features.pop(device, None)
        if len(rows.at):
            self._at[device] = array("q", rows.at.ravel().tolist())
            self._features[device] = array("d", rows.features.ravel().tolist())

    def forget(self, devices: Iterable[str | int]) -> None:
        """Give up devices."""
        for device in map(str, devices):
            for kept in (self._at, self._features, self._newest, self._dropped):
                kept.pop(device, None)

    def content(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """All that is kept: plain content for JSON, and arrays; ``put`` goes on from it exactly."""
        devices = list(self._at)
        rows = [self.of(device) for device in devices]
        plain = {
            "devices": devices,
            "counts": [len(each.at) for each in rows],
            "newest": self._newest.copy(),
            "dropped": self._dropped.copy(),
        }
        at, features = np.empty((0, 2), np.int64), np.empty((0, self._width))
        return plain, {
            "sent_at": np.concatenate([at, *(each.at for each in rows)]),
            "sent": np.concatenate([features, *(each.features for each in rows)]),
        }

    def put(
        self, plain: dict[str, Any], at: npt.NDArray[np.int64], features: npt.NDArray[np.float64]
    ) -> None:
        """Go on from what ``content`` gave."""
        self._at, self._features = {}, {}
        ends: Sequence[int] = np.cumsum(np.array(plain["counts"], dtype=np.int64)).tolist()
        for device, count, end in zip(plain["devices"], plain["counts"], ends, strict=True):
            self.keep(device, Sent(at[end - count : end], features[end - count : end]))
        self._newest, self._dropped = dict(plain["newest"]), dict(plain["dropped"])
