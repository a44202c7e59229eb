"""What ``GET /metrics`` tells Prometheus: counters and latencies of one serving process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class ServingMetrics:
    """Counters since the process started, in a registry of their own.

    Events that are replayed from the journal are not counted again as requests, events or predictions.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"netops_{name}", text, labels, registry=self.registry)

        self.requests = counter("requests", "Answered requests", "kind", "status")
        self.events = counter("events", "Telemetry events by what became of them", "status")
        self.unregistered = counter(
            "unregistered_devices", "Events and labels of devices unknown or retired", "device", "policy"
        )
        self.out_of_range = counter("out_of_range", "Readings outside the plausible range", "metric")
        self.predictions = counter("predictions", "Predictions made", "model", "version", "prediction")
        self.labels = counter("labels", "Labels by what became of them", "status")
        self.incidents = counter("incidents", "Incidents by what became of them", "status")
        self.unnamed = counter(
            "unmatched_scopes", "Incidents and maintenance that name no registered device", "kind"
        )
        self.pairs = counter("labeled_pairs", "Predictions with a label", "correct")
        self.drift_events = counter("drift_events", "Findings of the detectors", "detector", "level")
        self.performance = Gauge(
            "netops_performance", "Scores of the model", ("of", "score"), registry=self.registry
        )
        self.callbacks = counter("drift_callbacks", "Calls that report a drift", "outcome")
        self.batch_failures = counter("batch_write_failures", "Failed attempts to write a Parquet batch")
        self.archive_failures = counter("archive_write_failures", "Failed attempts to archive the journal")
        self.suppressed = counter(
            "suppressed_predictions", "Predictions of devices in maintenance: no alarm", "prediction"
        )
        self.maintenance = counter("maintenance_changes", "Changes of the calendar of maintenance", "status")
        self.devices = Gauge(
            "netops_devices", "Devices by what they are doing now", ("state",), registry=self.registry
        )
        self.ledger = Gauge(
            "netops_ledger_size", "Remembered events by state", ("state",), registry=self.registry
        )
        self.contradicted = Gauge(
            "netops_contradicted_pairs",
            "Pairs whose label was told otherwise since: the history has that",
            registry=self.registry,
        )
        self.seconds = Histogram(
            "netops_request_seconds",
            "Time from the first step to the answer",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry).decode()
