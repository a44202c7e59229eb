"""The incidents that are known to an endpoint, and which predictions lie in them."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from feature_sets.category_names import category_name
from feature_sets.rows.entity_keys import key_parts
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.cell_text import says_the_same
from feature_sets.telemetry.device_part import device_names
from feature_sets.telemetry.early_incidents import EarlyIncidents
from feature_sets.telemetry.incident_events import Incident
from feature_sets.telemetry.incidents_that_count import LIVE, source_rank
from feature_sets.telemetry.label_form import FIRST
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.interval_index import IntervalIndex

Features = Callable[[str, float], Mapping[str, float]]


class IncidentBook:
    """Incidents by id. Open ones stay; one that is over is forgotten when nobody asks for its time any more.

    Those of one device are kept together, and of the others those that one value of the scope names. So a
    prediction looks at incidents near its time that may name its device, not at all.

    :param schema: of the labels.
    :param features: one-hot features of a device at a time, for a scope of static columns.
    :param max_size: incidents remembered at most; beyond it the one that began first is forgotten.
    """

    def __init__(self, schema: TelemetrySchema, features: Features, max_size: int) -> None:
        self._schema, self._features = schema, features
        self._tolerance = schema.labels.tolerance_seconds * 1_000_000
        self._is_whole = tuple(schema.entity) == (DEVICE,)  # Then a key has no parts.
        self._of_first = schema.labels.conflict == FIRST
        self._max_size = max_size
        self._known: dict[str, Incident] = {}
        self._groups: dict[tuple[str, str], IntervalIndex] = {}
        self._static: dict[tuple[str, str], None] = {}
        self._by_start: list[tuple[float, str]] = []
        self._by_end: list[tuple[float, str]] = []
        self._starts: list[tuple[int, str]] = []
        self.early = EarlyIncidents()
        """What was told of incidents that are not opened yet."""

    def __len__(self) -> int:
        """Incidents remembered."""
        return len(self._known)

    def __iter__(self) -> Iterator[Incident]:
        """Incidents remembered, those that were none too."""
        return iter(self._known.values())

    def saved(self) -> list[dict[str, Any]]:
        """The incidents in the order in which they were put here; ``restore`` reads them back."""
        return [incident.plain() for incident in self]

    def restore(self, saved: Iterable[Mapping[str, Any]]) -> None:
        """Remember incidents beside those that are known."""
        for incident in saved:
            self.put(Incident.of_plain(incident))

    def get(self, name: str) -> Incident | None:
        """The incident of an id, if it is remembered."""
        return self._known.get(name)

    def put(self, incident: Incident) -> None:
        """Remember an incident in the place of what was known of it."""
        self._drop(incident.id)
        while len(self._known) >= self._max_size:
            start, name = heapq.heappop(self._by_start)
            if name in self._known and self._known[name].start == start:
                self._drop(name)
        self._known[incident.id] = incident
        heapq.heappush(self._by_start, (incident.start, incident.id))
        over = _over(incident)
        if over is not None:
            heapq.heappush(self._by_end, (over, incident.id))
        if len(self._by_start) + len(self._by_end) > 4 * len(self._known) + 1000:
            self._tidy()
        if not incident.cancelled:
            place, stretch = self._group(incident), self.stretch(incident)
            self._groups.setdefault(place, IntervalIndex()).put(incident.id, *stretch)
            insort(self._starts, (stretch[0], incident.id))
            if place[0] not in (DEVICE, *self._schema.entity):
                self._static[place] = None
        if not incident.source:
            self.early.opened(incident)

    def forget(self, before: float) -> None:
        """Forget incidents that were over before a time, epoch seconds."""
        while self._by_end and self._by_end[0][0] < before:
            over, name = heapq.heappop(self._by_end)
            known = self._known.get(name)
            if known is not None and _over(known) == over:
                self._drop(name)

    def covering(self, device: str, micros: int) -> Iterator[Incident]:
        """Incidents that a moment of a device lies in.

        :param micros: microseconds since the epoch.
        """
        for group in self._groups_of(device, micros):
            for name in group.at(micros):
                incident = self._known[name]
                if self.names(incident, device, micros) and (
                    not self._of_first or self._counts(incident, device)
                ):
                    yield incident

    def starts(self, device: str, first: int, end: int) -> list[int]:
        """Moments at which incidents begin that name a device then, in the order of time, each once.

        :param first: first moment that is asked for, microseconds.
        :param end: first moment after these.
        """
        groups = [*self._groups_of_key(device), *(self._groups[pair] for pair in self._static)]
        found = {
            start
            for group in groups
            for start, name in group.starts(first, end)
            if self.names(self._known[name], device, start)
        }
        return sorted(found)

    def begun(self, first: int, end: int) -> list[tuple[int, Incident]]:
        """Incidents that begin in a stretch of time, and when, in the order of time.

        :param end: first moment after the stretch, microseconds.
        """
        begin = bisect_left(self._starts, (first, ""))
        stretch = self._starts[begin : bisect_left(self._starts, (end, ""), begin)]
        return [(start, self._known[name]) for start, name in stretch]

    def has(self, incident: Incident, micros: int) -> bool:
        """Whether a moment is in an incident, which begins earlier by the tolerance."""
        start, end = self.stretch(incident)
        return start <= micros and (end is None or micros < end)

    def stretch(self, incident: Incident) -> tuple[int, int | None]:
        """First moment that is in an incident, and the first after it, microseconds."""
        end = None if incident.end is None else event_micros(incident.end)
        return event_micros(incident.start) - self._tolerance, end

    def names(self, incident: Incident, device: str, micros: int) -> bool:
        """Whether an incident names a device, as it is at a time."""
        schema = self._schema
        for column, value in incident.names.items():
            if column == DEVICE:
                if value != device and value not in device_names(device, schema):
                    return False
            elif column in schema.entity:
                parts = key_parts(device, len(schema.entity), schema.separator)
                place = schema.entity.index(column)
                if place >= len(parts) or parts[place] != value:
                    return False
            elif not self._features(device, micros / 1_000_000).get(_feature(column, value)):
                return False
        return True

    @property
    def excludes(self) -> bool:
        """Whether there can be incidents whose labels are left out."""
        return bool(self._schema.exclude_labels)

    def is_excluded(self, incident: Incident) -> bool:
        """Whether the schema leaves out the labels of an incident, which says that the label is 1."""
        if not self._schema.exclude_labels:
            return False
        texts = {**(incident.texts or {}), self._schema.label: "1"}
        return any(
            says_the_same(texts.get(column), value) for column, value in self._schema.exclude_labels.items()
        )

    def _counts(self, incident: Incident, device: str) -> bool:
        """Whether an incident overlaps none of an earlier source, where the schema asks for it."""
        rank = self._rank(incident) if self._of_first else 0
        if not rank:
            return True
        start, end = self.stretch(incident)
        for group in self._groups_of(device, start):
            for other in (self._known[name] for name in group.names()):
                since, until = self.stretch(other)
                if (
                    self._rank(other) < rank
                    and (until is None or start < until)
                    and (end is None or since < end)
                    and self.names(other, device, max(start, since))
                    and self._counts(other, device)
                ):
                    return False
        return True

    def _rank(self, incident: Incident) -> int:
        """Place of the source of an incident among those of the schema; the others come last."""
        return source_rank(incident.source or LIVE, self._schema)

    @staticmethod
    def _group(incident: Incident) -> tuple[str, str]:
        """The value of a scope that an incident is found by."""
        column = DEVICE if DEVICE in incident.names else next(iter(incident.names))
        return column, incident.names[column]

    def _groups_of(self, device: str, micros: int) -> Sequence[IntervalIndex]:
        """Groups of incidents that may name a device at a time."""
        found = self._groups_of_key(device)
        if not self._static:
            return found
        features = self._features(device, micros / 1_000_000)
        static = [self._groups[pair] for pair in self._static if features.get(_feature(*pair))]
        return [*found, *static]

    def _groups_of_key(self, device: str) -> Sequence[IntervalIndex]:
        """Groups of incidents that may name a device by its key, or a part of it."""
        schema = self._schema
        if not self._groups:
            return ()
        if self._is_whole:
            found = self._groups.get((DEVICE, device))
            return () if found is None else (found,)
        parts = zip(schema.entity, key_parts(device, len(schema.entity), schema.separator), strict=False)
        wanted = [(DEVICE, name) for name in device_names(device, schema)]
        wanted += [pair for pair in parts if pair[0] != DEVICE]
        return [self._groups[pair] for pair in wanted if pair in self._groups]

    def _tidy(self) -> None:
        """Give up what was noted of incidents that are forgotten, or are others by now."""
        self._by_start = [(incident.start, name) for name, incident in self._known.items()]
        overs = [(_over(incident), name) for name, incident in self._known.items()]
        self._by_end = [(over, name) for over, name in overs if over is not None]
        heapq.heapify(self._by_start)
        heapq.heapify(self._by_end)

    def _drop(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known is None or known.cancelled:
            return
        place = self._group(known)
        group = self._groups[place]
        group.drop(name)
        del self._starts[bisect_left(self._starts, (self.stretch(known)[0], name))]
        if not len(group):
            del self._groups[place]
            self._static.pop(place, None)


def _feature(column: str, value: str) -> str:
    """The one-hot feature of a value of a static column."""
    return f"{column}_{category_name(value)}"


def _over(incident: Incident) -> float | None:
    """When an incident is over, None while it is open."""
    return incident.start if incident.cancelled else incident.end
