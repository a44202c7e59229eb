"""What ``GET /metrics`` tells Prometheus: counters and latencies of one serving process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from graphs.protocol.routes import Kind
from graphs.state.counters import CounterFamily
from graphs.state.histograms import HistogramFamily
from graphs.state.read_at_scrape import ReadAtScrape
from graphs.state.untaken_readings import UNTAKEN

_REASONS = ("waiting", "unwritten_pairs", "ledger", "names")
"""Why there is no room for a request, see ``ApiError``."""

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SHORT = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *_SECONDS)
_AGES = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0)


class ServingMetrics:
    """Counters in a registry of their own; those of events go on over restarts.

    What is replayed counts: the process begins with the counts of its snapshot, or with none. What is in no
    journal goes on by ``ToldCounts``. Requests, calls and failures are counted since the process started.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._kept: dict[str, CounterFamily] = {}
        self._told: dict[str, CounterFamily] = {}

        def counter(name: str, text: str, *labels: str) -> CounterFamily:
            return CounterFamily(self.registry, f"netops_{name}", text, labels)

        def kept(name: str, text: str, *labels: str) -> CounterFamily:
            self._kept[name] = counter(name, text, *labels)
            return self._kept[name]

        def told(name: str, text: str, *labels: str) -> CounterFamily:
            self._told[name] = counter(name, text, *labels)
            return self._told[name]

        def beside(name: str, text: str, *labels: str) -> Counter:
            """Of what threads beside the requests count, too."""
            return Counter(f"netops_{name}", text, labels, registry=self.registry)

        self.started = Gauge(
            "netops_start_timestamp_seconds", "When this process began to serve", registry=self.registry
        )
        self.snapshot_time = ReadAtScrape(
            self.registry,
            GaugeMetricFamily,
            "netops_snapshot_timestamp_seconds",
            "When the newest snapshot was written",
        )
        self.requests = counter("requests", "Answered requests", "kind", "status")
        self.events = kept("events", "Telemetry events by what became of them", "status")
        self.unregistered = told(
            "unregistered_devices", "Events and labels of devices unknown or retired", "device", "policy"
        )
        self.out_of_range = told("out_of_range", "Readings outside the plausible range", "metric")
        self.predictions = kept("predictions", "Predictions made", "model", "version", "prediction")
        self.shadow_predictions = kept(
            "shadow_predictions",
            "What versions in shadow said; nobody was answered with it",
            "version",
            "prediction",
        )
        self.shadow_failures = counter(
            "shadow_failures", "Requests that a version in shadow failed on", "version"
        )
        self.routing_changes = counter("routing_changes", "Changes of the routing", "outcome")
        self.labels = kept("labels", "Labels by what became of them", "status")
        self.incidents = kept("incidents", "Incidents by what became of them", "status")
        self.unnamed = kept(
            "unmatched_scopes", "Incidents and maintenance that name no registered device", "kind"
        )
        self.pairs = kept("labeled_pairs", "Predictions with a label", "correct")
        self.outside_population = kept(
            "outside_population", "Predictions with a label, of devices that the model is not made for"
        )
        self.excluded_pairs = kept(
            "excluded_pairs", "Predictions with a label that a maintenance keeps out of all pairs"
        )
        self.ahead_pairs = kept(
            "ahead_pairs", "Predictions of further horizons with what followed", "horizon", "correct"
        )
        self.drift_events = counter("drift_events", "Findings of the detectors", "detector", "level")
        self.alerts = Gauge(
            "netops_drift_alerts",
            "Drift alerts that are not cleared yet",
            ("severity",),
            registry=self.registry,
        )
        self.performance = Gauge(
            "netops_performance", "Scores of the model", ("of", "score"), registry=self.registry
        )
        self.callbacks = beside("drift_callbacks", "Calls that report a drift", "outcome")
        self.batch_failures = beside("batch_write_failures", "Failed attempts to write a Parquet batch")
        self.archive_failures = beside("archive_write_failures", "Failed attempts to archive the journal")
        self._write_failure_times = Gauge(
            "netops_write_failure_timestamp_seconds",
            "When files could not be written for the last time; it is tried again",
            ("what",),
            registry=self.registry,
        )
        self.suppressed = kept(
            "suppressed_predictions", "Predictions of devices in maintenance: no alarm", "prediction"
        )
        self.maintenance = kept("maintenance_changes", "Changes of the calendar of maintenance", "status")
        self.snapshots = counter("snapshots", "Snapshots of the state by what became of them", "outcome")
        self.refused = told("refused_requests", "Requests that the state has no room for", "reason")
        self.store_losses = counter("journal_losses", "Times that the journal's store lost its content")
        self.devices = Gauge(
            "netops_devices", "Devices by what they are doing now", ("state",), registry=self.registry
        )
        self.untaken_devices = ReadAtScrape(
            self.registry,
            GaugeMetricFamily,
            "netops_untaken_devices",
            "Devices whose readings are not taken because of their time, by what becomes of these",
            ("status",),
        )
        self.unit_suspicions = ReadAtScrape(
            self.registry,
            GaugeMetricFamily,
            "netops_unit_suspicions",
            "Whether a metric seems to arrive in another unit than on the days before: 1, else 0",
            ("metric",),
        )
        self.early = kept("early_labels", "Labels that arrived before their event, by now joined with it")
        self._add_ledger()
        self.swaps = counter("champion_swaps", "Times that another version became the champion")
        self._add_routing()
        self.contradicted = Gauge(
            "netops_contradicted_pairs",
            "Pairs whose label was told otherwise since: the history has that",
            registry=self.registry,
        )
        self._add_times()
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Make the series that alerts ask for: the increase of one that begins with its first count is 0."""
        for outcome in ("refused", *UNTAKEN):
            self.events.labels(outcome)
        for reason in _REASONS:
            self.refused.labels(reason)
        for kind in (Kind.TELEMETRY, Kind.LABELS, Kind.INCIDENTS, Kind.MAINTENANCE, Kind.INFER):
            for status in (500, 503):
                self.requests.labels(kind.value, status)
        for outcome in ("written", "failed", "damaged"):
            self.snapshots.labels(outcome)
        for outcome in ("delivered", "failed", "refused", "dropped"):
            self.callbacks.labels(outcome)

    def _add_ledger(self) -> None:
        self.ledger = ReadAtScrape(
            self.registry, GaugeMetricFamily, "netops_ledger_size", "Remembered events by state", ("state",)
        )
        self.ledger_outcomes = ReadAtScrape(
            self.registry,
            CounterMetricFamily,
            "netops_ledger_outcomes",
            "What became of predictions and labels in the ledger",
            ("outcome",),
        )
        self.coverage = ReadAtScrape(
            self.registry,
            GaugeMetricFamily,
            "netops_label_coverage_ratio",
            "Share of the predictions that were joined, of those that were or expired without a label",
        )

    def _add_routing(self) -> None:
        self.routed = ReadAtScrape(
            self.registry,
            GaugeMetricFamily,
            "netops_routed_version",
            "Versions that are loaded by their role: 1, and of a canary its share of the devices",
            ("version", "role"),
        )
        self.load_seconds = HistogramFamily(
            self.registry,
            "netops_routing_load_seconds",
            "Time that the versions of a change took to load, until it was applied or refused",
            (),
            _SECONDS,
        )

    def _add_times(self) -> None:
        self.seconds = HistogramFamily(
            self.registry,
            "netops_request_seconds",
            "Time from the first step to the answer",
            ("kind",),
            _SECONDS,
        )
        self.stage_seconds = HistogramFamily(
            self.registry,
            "netops_stage_seconds",
            "Time of each step that a request goes through",
            ("kind", "stage"),
            _SHORT,
        )
        self.model_seconds = HistogramFamily(
            self.registry,
            "netops_model_seconds",
            "Time of a version for the events of one request, by what its answer is for",
            ("model", "version", "role"),
            _SHORT,
        )
        self.feature_age = HistogramFamily(
            self.registry,
            "netops_feature_age_seconds",
            "Age of an event when it is predicted: its arrival minus its time",
            (),
            _AGES,
        )
        self.join_delay = HistogramFamily(
            self.registry,
            "netops_join_delay_seconds",
            "Time from the arrival of an event to that of its label; 0 where the label was first",
            (),
            _AGES,
        )

    def saved(self) -> list[tuple[str, dict[str, str], float]]:
        """The counts that a replay counts on: name, labels, count."""
        return [each for each in _counts(self._kept) if each[0] != "events" or not _is_refused(each[1])]

    def told(self) -> list[tuple[str, dict[str, str], float]]:
        """The counts of what no replay counts, see ``ToldCounts``: the same."""
        refused = [each for each in _counts({"events": self.events}) if _is_refused(each[1])]
        return refused + _counts(self._told)

    def add_told(self, name: str, labels: Mapping[str, str], more: float) -> None:
        """Add to one of ``told``; one of an earlier version that is no more is left out."""
        counter = self.events if name == "events" else self._told.get(name)
        if counter is not None and more > 0:
            counter.add(labels, more)

    def restore(self, saved: Iterable[tuple[str, Mapping[str, str], float]]) -> None:
        """Go on from saved counts; those of earlier versions that are no more are left out."""
        for name, labels, value in saved:
            counter = self._kept.get(name)
            if counter is not None and not _is_refused(labels):
                counter.add(labels, value)

    def write_failed(self, what: str) -> None:
        """Note that the disk has not taken files just now.

        :param what: ``pairs``, ``archive`` or ``snapshots``.
        """
        self._write_failure_times.labels(what).set_to_current_time()

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry).decode()


def _counts(counters: Mapping[str, CounterFamily]) -> list[tuple[str, dict[str, str], float]]:
    return [(name, *each) for name, counter in counters.items() for each in counter.counts()]


def _is_refused(labels: Mapping[str, str]) -> bool:
    """Whether a series of ``events`` is of those that broke a rule: they are in no journal."""
    return labels.get("status") == "refused"
