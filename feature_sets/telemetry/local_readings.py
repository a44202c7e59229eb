"""Readings whose times have no zone, and whether that of the schema is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.doubled_hour import near_set_back, set_back_in_parts
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.reading_table import times_of

_DEVICES = 500
"""Devices of which the hours near a change of clocks are kept: all of these show the same clock."""
_ROWS = 1 << 20
"""Rows that are kept of them, at most."""


class _Span:
    """How many rows there are, and of when.

    :param first: microseconds since the epoch; later than ``last`` without a row.
    """

    def __init__(self) -> None:
        self.rows, self.first, self.last = 0, np.iinfo(np.int64).max, -1

    def take(self, micros: Integers) -> None:
        """Count rows of these times."""
        if len(micros):
            self.rows += len(micros)
            self.first, self.last = min(self.first, int(micros.min())), max(self.last, int(micros.max()))

    def words(self) -> str:
        """The first and the last time, for people; there must be one."""
        ends = (datetime.fromtimestamp(end // 1_000_000, UTC).isoformat() for end in (self.first, self.last))
        return " to ".join(ends)


class LocalReadings:
    """Looks whether readings without a zone are of that of the schema.

    :param zone: that the schema assumes; without one there are none.
    """

    def __init__(self, zone: str | None) -> None:
        self._zone = zone
        self._local, self._others = _Span(), _Span()
        self._devices: set[int] = set()
        self._near: dict[int, list[pd.DataFrame]] = {}
        self._kept = 0

    def take(self, file: int, devices: Integers, micros: Integers, local: Bools) -> None:
        """Look at rows of a file, in their order.

        :param devices: number of each one's device, -1 without one.
        :param micros: microseconds since the epoch, below zero where there is no time.
        :param local: whether its time has no zone.
        """
        if self._zone is None:
            return
        given = (devices >= 0) & (micros >= 0)
        self._others.take(micros[given & ~local])
        rows = np.flatnonzero(given & local)
        self._local.take(micros[rows])
        if not len(rows):
            return
        self._devices.update(np.unique(devices[rows]).tolist())
        rows = rows[np.isin(devices[rows], sorted(self._devices)[:_DEVICES])]
        clock = micros[rows]
        if self._zone != "UTC":
            shown = times_of(clock).tz_convert(ZoneInfo(self._zone)).tz_localize(None)
            clock = shown.asi8 // 1000
        near = near_set_back(clock)
        if near.any() and self._kept < _ROWS:
            kept = pd.DataFrame({"device": devices[rows][near], "time": times_of(clock[near])})
            self._near.setdefault(file, []).append(kept)
            self._kept += len(kept)

    def tell(self, keys: Sequence[str], report: FileReport) -> None:
        """Note the readings without a zone beside others; warn if clocks are set back as those of another.

        :param keys: of the devices, by number.
        """
        report.local_devices = frozenset(keys[device] for device in self._devices)
        if self._local.rows and self._others.rows:
            report.notes.append(
                f"{self._local.rows:,} rows have times without a zone: with assume_timezone {self._zone} "
                f"they are of {self._local.words()}; the other {self._others.rows:,} are of "
                f"{self._others.words()}"
            )
        found = set_back_in_parts(pd.concat(parts, ignore_index=True) for parts in self._near.values())
        if found is not None and self._zone not in found.zones:
            report.warnings.append(
                f"{found.seen}, so times without a zone are local: assume_timezone says {self._zone}, and is "
                f"hardly true of them; {found.zones[0]} sets clocks back then{found.such}"
            )
