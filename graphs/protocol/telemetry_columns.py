"""The accepted readings of a list as columns; records of them are made only if somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
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

    :param plain: the readings; None takes one of those that it was read with.
    :param device_status: of all devices.
    :param source: the columns that it was read with, and its place in them.
    """

    def __init__(
        self,
        plain: PlainColumns | None,
        device_status: DeviceStatus,
        source: tuple[TelemetryColumns, int] | None = None,
    ) -> None:
        self._plain, self.device_status, self._source = plain, device_status, source
        self.statuses: Sequence[str] = ()
        """Of each reading; empty until the windows have seen them."""
        self.table: FeatureTable | None = None
        self.made: MadePredictions | None = None
        self.texts: Sequence[bytes] = ()
        """JSON of the answer to each reading, if it was made for all that arrived together."""
        self._records: list[TelemetryRecord] | None = None

    @property
    def plain(self) -> PlainColumns:
        """The readings."""
        if self._plain is None:
            if self._source is None:
                raise ValueError("plain must be given without the columns that it was read with, got none")
            whole, place = self._source
            self._plain = whole.plain.between(place, place + 1)
        return self._plain

    @cached_property
    def seconds(self) -> Floats:
        """Event times, epoch seconds."""
        return np.array(self.plain.times, dtype=np.float64)

    def __len__(self) -> int:
        return 1 if self._plain is None else len(self._plain.devices)

    @overload
    def __getitem__(self, place: int) -> TelemetryRecord: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[TelemetryRecord]: ...
    def __getitem__(self, place: int | slice) -> TelemetryRecord | Sequence[TelemetryRecord]:
        return self.records[place]

    def __iter__(self) -> Iterator[TelemetryRecord]:
        return iter(self.records)

    @classmethod
    def apart(cls, plain: PlainColumns, device_status: DeviceStatus) -> list[TelemetryColumns]:
        """Each reading by itself, of several that were read together; ``joined`` makes no columns anew."""
        whole = cls(plain, device_status)
        return [cls(None, device_status, (whole, place)) for place in range(len(whole))]

    @classmethod
    def joined(cls, parts: Sequence[TelemetryColumns]) -> TelemetryColumns:
        """Those of several requests, one behind the other; none of them has been through a step.

        :param parts: whose devices have one status.
        """
        source = parts[0]._source
        if source is not None and len(parts) == len(source[0]):
            whole = source[0]
            if all(part._source == (whole, place) for place, part in enumerate(parts)):
                return whole
        return cls(PlainColumns.joined([part.plain for part in parts]), parts[0].device_status)

    def give(self, part: Sequence[TelemetryRecord], begin: int) -> None:
        """Have one of those that these were joined of what the steps have found.

        :param part: columns of that request.
        :param begin: where it begins in these.
        """
        if not isinstance(part, TelemetryColumns):
            raise TypeError(f"part must be columns, as all that are joined, got {type(part).__name__}")
        end = begin + len(part)
        if self._records is not None:
            part._records = self._records[begin:end]
            for place, record in enumerate(part._records):
                record.place = place
            return
        part.statuses, part.texts = self.statuses[begin:end], self.texts[begin:end]
        if part.texts:  # Nobody asks for more of it.
            return
        part.made = None if self.made is None else self.made.between(begin, end)

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
    # An ``isinstance`` of an abstract class takes longer, and every step asks several times.
    return records if type(records) is TelemetryColumns and not records.is_read else None
