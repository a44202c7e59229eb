"""Readings long before all others, as of devices whose clock was not set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.ingest_report import FileReport

_YEAR = 365 * 86_400 * 1_000_000
_DAYS = (20_000 * 1_000_000, 80_000 * 1_000_000)
"""Days since the end of 1899, of 1954 to 2119, taken for seconds, in microseconds."""
_FEW = 0.05
"""Share of the readings that those before a gap have at most."""


class EarlyReadings:
    """Looks for a gap of a year with few readings before it; they are taken in, and told."""

    def __init__(self) -> None:
        self._count, self._newest = 0, 0
        self._first: tuple[int, int] | None = None
        self._gaps: list[tuple[int, int]] = []

    def take(self, devices: Integers, micros: Integers) -> None:
        """Look at readings in the order of time, after those before.

        :param devices: number of each one's device.
        :param micros: microseconds since the epoch, not empty.
        """
        if self._first is None:
            self._first, self._newest = (int(devices[0]), int(micros[0])), int(micros[0])
        steps = np.diff(micros, prepend=self._newest)
        places = np.flatnonzero(steps > _YEAR)
        self._gaps += [(self._count + int(place), int(steps[place])) for place in places]
        self._count, self._newest = self._count + len(micros), int(micros[-1])

    def tell(self, keys: Sequence[str], report: FileReport) -> None:
        """Note the readings before the last such gap, if there is one; warn of all if they may be days."""
        if self._first is not None and _DAYS[0] <= self._first[1] and self._newest <= _DAYS[1]:
            begin, end = np.datetime_as_string(np.array([self._first[1], self._newest], "M8[us]"), unit="s")
            report.warnings.append(
                f"all readings are of {begin}Z to {end}Z: if their times are numbers such as 45292.5, these "
                "are days, as of Excel and of columns (RAW) of PRTG; write them as ISO 8601"
            )
        found = [gap for gap in self._gaps if gap[0] <= _FEW * self._count]
        if not found or self._first is None:
            return
        rows, gap = found[-1]
        device, first = self._first
        moment = np.datetime_as_string(np.datetime64(first, "us"), unit="s")
        report.notes.append(
            f"{rows:,} readings are {gap // _YEAR:,} years or more before all others, such as one of "
            f"{keys[device]!r} at {moment}Z; they are in the history, and a clock may not be set"
        )
