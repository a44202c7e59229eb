"""The incidents that are known to an endpoint, and which predictions lie in them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping

from feature_sets.category_names import category_name
from feature_sets.rows.entity_keys import key_parts
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.cell_text import says_the_same
from feature_sets.telemetry.incident_events import Incident
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

Features = Callable[[str, float], Mapping[str, float]]


class IncidentBook:
    """Incidents by id. Open ones stay; one that is over is forgotten when nobody asks for its time any more.

    :param schema: of the labels.
    :param features: one-hot features of a device at a time, for a scope of static columns.
    :param max_size: incidents remembered at most; beyond it the one that began first is forgotten.
    """

    def __init__(self, schema: TelemetrySchema, features: Features, max_size: int) -> None:
        self._schema, self._features = schema, features
        self._tolerance = schema.labels.tolerance_seconds * 1_000_000
        self._max_size = max_size
        self._known: dict[str, Incident] = {}
        self._of_device: dict[str, dict[str, Incident]] = {}
        self._of_scope: dict[str, Incident] = {}
        self._by_start: list[tuple[float, str]] = []
        self._by_end: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """Incidents remembered."""
        return len(self._known)

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
        if incident.cancelled:
            return
        device = incident.names.get(DEVICE)
        if device is None:
            self._of_scope[incident.id] = incident
        else:
            self._of_device.setdefault(device, {})[incident.id] = incident

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
        for incident in self._of_device.get(device, {}).values():
            if self.has(incident, micros) and self.names(incident, device, micros):
                yield incident
        for incident in self._of_scope.values():
            if self.has(incident, micros) and self.names(incident, device, micros):
                yield incident

    def has(self, incident: Incident, micros: int) -> bool:
        """Whether a moment is in an incident, which begins earlier by the tolerance."""
        if micros < event_micros(incident.start) - self._tolerance:
            return False
        return incident.end is None or micros < event_micros(incident.end)

    def names(self, incident: Incident, device: str, micros: int) -> bool:
        """Whether an incident names a device, as it is at a time."""
        schema = self._schema
        for column, value in incident.names.items():
            if column == DEVICE:
                if value != device:
                    return False
            elif column in schema.entity:
                parts = key_parts(device, len(schema.entity), schema.separator)
                place = schema.entity.index(column)
                if place >= len(parts) or parts[place] != value:
                    return False
            elif not self._features(device, micros / 1_000_000).get(f"{column}_{category_name(value)}"):
                return False
        return True

    def is_excluded(self, incident: Incident) -> bool:
        """Whether the schema leaves out the labels of an incident."""
        texts = incident.texts or {}
        return any(
            says_the_same(texts.get(column), value) for column, value in self._schema.exclude_labels.items()
        )

    def _tidy(self) -> None:
        """Give up what was noted of incidents that are forgotten, or are others by now."""
        self._by_start = [(incident.start, name) for name, incident in self._known.items()]
        overs = [(_over(incident), name) for name, incident in self._known.items()]
        self._by_end = [(over, name) for over, name in overs if over is not None]
        heapq.heapify(self._by_start)
        heapq.heapify(self._by_end)

    def _drop(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known is None:
            return
        self._of_scope.pop(name, None)
        device = known.names.get(DEVICE)
        if device is not None:
            mine = self._of_device.get(device, {})
            mine.pop(name, None)
            if not mine:
                self._of_device.pop(device, None)


def _over(incident: Incident) -> float | None:
    """When an incident is over, None while it is open."""
    return incident.start if incident.cancelled else incident.end
