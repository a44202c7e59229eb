"""Counters for Prometheus that cost a fraction of a microsecond on the path of an event."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Count:
    """One series; one thread counts and tells.

    prometheus_client's own takes a lock for each event, and more for each series that is made.
    """

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.created = time.time()

    def inc(self, amount: float = 1.0) -> None:
        """Count so many more."""
        self.value += amount


class CounterFamily(Collector):
    """Counts of one name, by label values; without labels there is one from the start.

    :param registry: that shows it.
    :param name: without ``_total``.
    :param text: what it is.
    :param labels: names of the labels.
    """

    def __init__(self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._known: dict[tuple[str, ...], Count] = {}
        if not labels:
            self.labels()
        registry.register(self)

    def labels(self, *values: object) -> Count:
        """The count of these label values, made with the first call.

        :raises ValueError: unless there is a value for each label.
        """
        found = self._known.get(values)  # type: ignore[arg-type]  # Texts, nearly always.
        if found is None:
            key = tuple(map(str, values))
            found = self._known.get(key)
        if found is None:
            if len(key) != len(self._labels):
                raise ValueError(f"{self._name} must have values of {self._labels}, got {key}")
            found = self._known[key] = Count()
        return found

    def inc(self, amount: float = 1.0) -> None:
        """The same of the one without labels."""
        self.labels().inc(amount)

    def counts(self) -> Iterator[tuple[dict[str, str], float]]:
        """Labels and count of each."""
        for values, count in self._known.items():
            yield dict(zip(self._labels, values, strict=True)), count.value

    def add(self, labels: Mapping[str, str], amount: float) -> None:
        """Count so many more of labels by name.

        :raises KeyError: if one is missing.
        """
        self.labels(*(labels[name] for name in self._labels)).inc(amount)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What the registry shows."""
        family = self._made()
        for values, count in self._known.items():
            family.add_metric(values, count.value, created=count.created)
        yield family

    def describe(self) -> Iterable[CounterMetricFamily]:
        """Its name, which is registered."""
        return [self._made()]

    def _made(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._text, labels=self._labels)
