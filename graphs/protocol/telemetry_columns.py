"""The accepted readings of a list as columns; records of them are made only if somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.plain_events import PlainColumns
from feature_sets.windows import event_status
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.feature_rows import FeatureRow, FeatureTable
from graphs.protocol.made_predictions import MadePredictions
from graphs.protocol.records import TelemetryRecord

Floats = npt.NDArray[np.float64]


class TelemetryColumns(Sequence[TelemetryRecord]):
    """Records of a list of readings that all were accepted.

    Steps that know columns fill these; for all others it is a list of records. Once there are records they
    are what counts, and ``columns_of`` gives the columns no more.

    :param plain: the readings.
    :param device_status: of all devices.
    """

    def __init__(self, plain: PlainColumns, device_status: DeviceStatus) -> None:
        self.plain, self.device_status = plain, device_status
        self.seconds: Floats = np.array(plain.times, dtype=np.float64)
        """Event times, epoch seconds."""
        self.statuses: list[str] = []
        """Of each reading; empty until the windows have seen them."""
        self.table: FeatureTable | None = None
        self.made: MadePredictions | None = None
        self._records: list[TelemetryRecord] | None = None

    def __len__(self) -> int:
        return len(self.plain.devices)

    @overload
    def __getitem__(self, place: int) -> TelemetryRecord: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[TelemetryRecord]: ...
    def __getitem__(self, place: int | slice) -> TelemetryRecord | Sequence[TelemetryRecord]:
        return self.records[place]

    def __iter__(self) -> Iterator[TelemetryRecord]:
        return iter(self.records)

    @property
    def is_read(self) -> bool:
        """Whether there are records."""
        return self._records is not None

    @property
    def records(self) -> list[TelemetryRecord]:
        """The records, with what is known so far."""
        if self._records is None:
            self._records = self._made_records()
        return self._records

    @property
    def counted(self) -> npt.NDArray[np.int64]:
        """Which of them the windows have counted, ascending."""
        if all(status in event_status.COUNTED for status in set(self.statuses)):
            return np.arange(len(self.statuses))
        places = (at for at, status in enumerate(self.statuses) if status in event_status.COUNTED)
        return np.fromiter(places, dtype=np.int64)

    def _made_records(self) -> list[TelemetryRecord]:
        found = [
            TelemetryRecord(event, place, self.device_status)
            for place, event in enumerate(self.plain.events())
        ]
        for record, status in zip(found, self.statuses, strict=bool(self.statuses)):
            record.status = status
            if self.table is not None and status in event_status.COUNTED:
                record.features = FeatureRow(self.table, record.place)
        if self.made is not None:
            for place, event in enumerate(self.made.events.tolist()):
                found[event].prediction = self.made.one(place)
        return found


class ColumnEvents(Sequence[TelemetryEvent]):
    """The readings of columns as events, which a journal need not make.

    :param plain: the readings.
    """

    def __init__(self, plain: PlainColumns) -> None:
        self.plain = plain

    def __len__(self) -> int:
        return len(self.plain.devices)

    @overload
    def __getitem__(self, place: int) -> TelemetryEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[TelemetryEvent]: ...
    def __getitem__(self, place: int | slice) -> TelemetryEvent | Sequence[TelemetryEvent]:
        return self.plain.events()[place]

    def __iter__(self) -> Iterator[TelemetryEvent]:
        return iter(self.plain.events())


def columns_of(records: Any) -> TelemetryColumns | None:
    """The columns of accepted readings, if nobody has made records of them."""
    # An abstract class has ``isinstance`` look through its registry, which is slow, for every request.
    return records if type(records) is TelemetryColumns and not records.is_read else None
