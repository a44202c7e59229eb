"""Metrics that are read where they are kept, when Prometheus asks, and cost nothing before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

Values = Mapping[tuple[str, ...], float]
Family = type[CounterMetricFamily] | type[GaugeMetricFamily]


class ReadAtScrape(Collector):
    """One metric, by label values.

    :param registry: that shows it.
    :param family: of a counter or a gauge.
    :param name: of a counter without ``_total``.
    :param text: what it is.
    :param labels: names of the labels.
    """

    def __init__(
        self, registry: CollectorRegistry, family: Family, name: str, text: str, labels: Sequence[str] = ()
    ) -> None:
        self._family, self._name, self._text, self._labels = family, name, text, tuple(labels)
        self.read: Callable[[], Values] | None = None
        """Gives the values of now; None while there is nothing to read."""
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """What the registry shows."""
        family = self._made()
        for values, number in (self.read() if self.read is not None else {}).items():
            family.add_metric(values, number)
        yield family

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Its name, which is registered."""
        return [self._made()]

    def _made(self) -> CounterMetricFamily | GaugeMetricFamily:
        return self._family(self._name, self._text, labels=self._labels)
