"""Readings of a journal by the schema of now, whatever schema the endpoint had that accepted them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

from feature_sets.telemetry.counter import COLUMN_END
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.metric import Metric
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.journal import Entry
from graphs.state.journal_entries import RawEntry

NOT_SENT = "was not in the schema then"
AS_COUNTER = "was a counter then"
AS_GAUGE = "was a gauge then"
OUTSIDE = "outside of the range of now"
TOO_LARGE = "beyond the bits of now"

_BITS = 64
"""Of the largest number that an entry can hold."""
_Lack = tuple[str, str]
"""A column of a reading, and why there is nothing in it."""


@dataclass(frozen=True)
class Fit:
    """How readings with some columns are read.

    :param lacks: what they do not have, and why.
    :param ignored: metrics of then that are none now.
    """

    lacks: tuple[_Lack, ...]
    ignored: tuple[str, ...]


class ReadAnew:
    """Reads entries of telemetry as far as they say something by a schema.

    What was sent is kept as it was sent: of a counter what it counted, never a rate. So ``scale``,
    ``max_rate`` and the time that a rate spans are those of now. A metric that was not in the schema then has
    no reading, and neither has one that was a counter and is a gauge by now, or the other way round: one is
    the rate of the other. A metric that is no longer in the schema is ignored. A range, and the bits of a
    counter, are those of now; what was outside of the range of then is gone. The text of a unit decides
    nothing: no number is converted. A word is kept as the number that it stood for then.

    :param schema: of now.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        self.columns = schema.reading_columns
        self._metrics = schema.metrics
        self._uptime = schema.uptime.micros_column if schema.uptime is not None else None
        self._key_parts = schema.separator, len(schema.entity) - 1
        self._bounds = [found for found in map(_bounds, schema.metrics) if found is not None]
        self._fits: dict[str, Fit | None] = {}
        self.lacking: Counter[_Lack] = Counter()
        """Readings that lack a value, by column and why, of all entries that were read."""
        self.ignored: Counter[str] = Counter()
        """Readings with a metric that is none now."""

    def is_of_now(self, entry: RawEntry) -> bool:
        """Whether a reading has the columns of now; they may be in another order."""
        return entry.has_columns(self.columns)

    def reads(self, entry: RawEntry) -> bool:
        """Whether readings have any metric of now, so that there is something to read."""
        return self.is_of_now(entry) or self._fit(entry.schema) is not None

    def is_whole(self, device: str) -> bool:
        """Whether a key has as many parts as the entity of now, at least."""
        separator, least = self._key_parts
        return not least or not separator or device.count(separator) >= least

    def entry(self, raw: RawEntry) -> Entry:
        """The readings of an entry that ``reads`` is true of; NaN is no reading."""
        fit = None if self.is_of_now(raw) else self._fit(raw.schema)
        if fit is None:
            entry = raw.decoded(self.columns)
        else:
            then = raw.decoded(raw.schema.split(","))
            entry = replace(then, events=[self._of_now(event) for event in then.events], of_other_schema=True)
        self._hold_bounds(entry.events)
        if fit is not None:
            self.lacking.update(dict.fromkeys(fit.lacks, len(entry.events)))
            self.ignored.update(dict.fromkeys(fit.ignored, len(entry.events)))
        return entry

    def _of_now(self, event: TelemetryEvent) -> TelemetryEvent:
        """A reading with other columns in those of now."""
        return event._replace(metrics={name: event.metrics.get(name, math.nan) for name in self.columns})

    def _hold_bounds(self, events: list[TelemetryEvent]) -> None:
        """Have what is outside of the bounds of now be no reading."""
        for column, name, low, high, why in self._bounds:
            for event in events:
                value = event.metrics[column]
                if value < low or value > high:
                    event.metrics[column] = math.nan
                    self.lacking[name, why] += 1

    def told(self, columns: str) -> Fit | None:
        """How readings with some columns are read, see ``RawEntry.schema``; None if nothing of them is."""
        if sorted(columns.split(",")) == sorted(self.columns):
            return Fit((), ())
        return self._fit(columns)

    def _fit(self, schema: str) -> Fit | None:
        if schema not in self._fits:
            self._fits[schema] = self._fitted(schema.split(","))
        return self._fits[schema]

    def _fitted(self, then: list[str]) -> Fit | None:
        """How readings with the columns of then are read; None if there is no metric of now among them."""
        if not any(metric.column in then for metric in self._metrics):
            return None
        lacks: list[_Lack] = []
        read = {*self.columns}
        for metric in self._metrics:
            if metric.column not in then:
                other = _other_kind(metric)
                is_other = other in then and other not in self.columns
                read |= {other} if is_other else set()
                kind = AS_GAUGE if metric.counter is not None else AS_COUNTER
                lacks.append((metric.name, kind if is_other else NOT_SENT))
        if self._uptime is not None and self._uptime not in then:
            lacks.append((self._uptime, NOT_SENT))
        return Fit(tuple(lacks), tuple(name for name in then if name not in read))


def _other_kind(metric: Metric) -> str:
    """Column that a metric of this name has if it is of the other kind."""
    return metric.name if metric.counter is not None else metric.name + COLUMN_END


def _bounds(metric: Metric) -> tuple[str, str, float, float, str] | None:
    """Column, name, bounds of what is read and why there is nothing beyond them; None without bounds.

    The range of a counter is that of its rate.
    """
    if metric.counter is not None:
        bits = metric.counter.bits
        return (metric.column, metric.name, 0, metric.counter.largest, TOO_LARGE) if bits < _BITS else None
    if metric.low == -math.inf and metric.high == math.inf:
        return None
    return metric.column, metric.name, metric.low, metric.high, OUTSIDE
