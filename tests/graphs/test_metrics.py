"""What ``GET /metrics`` tells, read by Prometheus' own parser."""

from __future__ import annotations

import re
import time
import timeit
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.counters import CounterFamily
from graphs.state.histograms import HistogramFamily
from tests.graphs.conftest import START, Client, event, label, make_client
from tests.graphs.test_routing import change, graph, packages, routed

__all__ = ["graph", "packages"]


def families(client: Client) -> dict[str, Metric]:
    """Each metric by its name; a name twice, or a sample of another one, is an error of the format."""
    found = list(text_string_to_metric_families(client.get("/metrics").json))
    assert len({family.name for family in found}) == len(found)
    return {family.name: family for family in found}


def value(client: Client, name: str, **labels: str) -> float:
    samples = [
        sample
        for family in families(client).values()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    assert len(samples) == 1, (name, labels)
    return float(samples[0].value)


def test_names_units_and_buckets_are_those_of_prometheus(client: Client) -> None:
    client.post("/telemetry", [event(seconds=seconds) for seconds in (0, 10)])
    client.post("/labels", label(is_error=1))
    for family in families(client).values():
        assert family.documentation and family.name.startswith("netops_")
        if family.type != "histogram":
            continue
        assert family.name.endswith("_seconds")
        series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        counts: dict[tuple[tuple[str, str], ...], float] = {}
        for sample in family.samples:
            labels = dict(sample.labels)
            bound = labels.pop("le", None)
            if bound is not None:
                series.setdefault(tuple(labels.items()), []).append((float(bound), sample.value))
            elif sample.name.endswith("_count"):
                counts[tuple(labels.items())] = sample.value
        for labels, buckets in series.items():
            assert buckets == sorted(buckets) and buckets[-1] == (float("inf"), counts[labels])


def test_time_is_told_by_route_stage_and_model(client: Client) -> None:
    client.post("/telemetry", [event(seconds=seconds) for seconds in (0, 10)])
    client.send("POST", "/telemetry", b"no JSON")
    assert value(client, "netops_request_seconds_count", kind="telemetry") == 2
    stages = {
        sample.labels["stage"]: sample.value
        for sample in families(client)["netops_stage_seconds"].samples
        if sample.name.endswith("_count") and sample.labels["kind"] == "telemetry"
    }
    everywhere = ("journal", "preprocess", "device_states", "model_router", "labeled_join", "detect_drift")
    # What the ingress refuses reaches no other step.
    assert stages == {"ingress": 2, **dict.fromkeys(everywhere, 1), "respond": 2}
    total = sum(
        sample.value
        for sample in families(client)["netops_stage_seconds"].samples
        if sample.name.endswith("_sum") and sample.labels["kind"] == "telemetry"
    )
    assert total == pytest.approx(value(client, "netops_request_seconds_sum", kind="telemetry"))
    model = {"model": "model", "version": "v3", "role": "answer"}
    assert value(client, "netops_model_seconds_count", **model) == 1
    assert 0 < value(client, "netops_model_seconds_sum", **model) < total


def test_the_age_of_an_event_is_told_when_it_is_predicted(schema: TelemetrySchema, package: Path) -> None:
    client = make_client(package)
    now = time.time()
    sent = [{**event(), "timestamp": now - age} for age in (3.0, 200.0)]
    client.post("/telemetry", [*sent, sent[0]])  # A repeated one is not predicted again.
    assert value(client, "netops_feature_age_seconds_count") == 2
    assert value(client, "netops_feature_age_seconds_sum") == pytest.approx(203, abs=30)
    assert value(client, "netops_feature_age_seconds_bucket", le="120.0") == 1


def test_labels_are_told_by_what_became_of_them(package: Path) -> None:
    client = make_client(package, label_deadline_seconds=100)
    assert not families(client)["netops_label_coverage_ratio"].samples
    client.post("/labels", label("a/2", 0, 1))
    client.post("/telemetry", [event("a/1", 0), event("a/2", 0), event("a/1", 10)])
    client.post("/labels", [label("a/1", 0, 1), label("a/1", 0, 0)])
    client.post("/telemetry", event("a/1", 1000))

    def outcome(name: str) -> float:
        return value(client, "netops_ledger_outcomes_total", outcome=name)

    assert [outcome(name) for name in ("joined", "expired", "conflicting", "expired_label")] == [2, 1, 1, 0]
    # A label that itself comes too late never waited: it is told by its status alone.
    assert client.post("/labels", label("a/1", 20, 1)).json["status"] == "expired"
    assert value(client, "netops_labels_total", status="expired") == 1
    assert client.get("/labeled").json["expired_labels"] == outcome("expired_label") == 0
    assert value(client, "netops_early_labels_total") == 1
    assert value(client, "netops_label_coverage_ratio") == pytest.approx(2 / 3)
    assert value(client, "netops_ledger_size", state="waiting_for_label") == 1
    assert value(client, "netops_join_delay_seconds_count") == 2
    assert value(client, "netops_join_delay_seconds_bucket", le="0.1") >= 1


def test_swaps_and_loaded_versions_are_told(packages: dict[str, Path]) -> None:
    client = make_client(packages["v3"])
    change(client, routed(packages, "v3", "champion"), routed(packages, "v7", "canary", share=0.25))
    assert value(client, "netops_champion_swaps_total") == 0
    assert value(client, "netops_routed_version", version="v7", role="canary") == 0.25
    change(client, routed(packages, "v5", "champion"), routed(packages, "v7", "shadow"))
    assert value(client, "netops_champion_swaps_total") == 1
    assert value(client, "netops_routed_version", version="v5", role="champion") == 1
    assert value(client, "netops_routing_load_seconds_count") == 2
    client.post("/telemetry", event(seconds=0))
    shadow = {"model": "model", "version": "v7", "role": "shadow"}
    assert value(client, "netops_model_seconds_count", **shadow) == 1


def test_what_is_replayed_is_no_request(packages: dict[str, Path], redis_url: str) -> None:
    settings = {"redis_url": redis_url, "journal_key": "tests:metrics"}
    first = make_client(packages["v3"], **settings)
    first.post("/telemetry", event())
    first.post("/labels", label())
    again = make_client(packages["v3"], **settings)
    found = families(again)
    for name in ("request", "stage", "feature_age", "join_delay"):
        counts = [one for one in found[f"netops_{name}_seconds"].samples if one.name.endswith("_count")]
        assert not [one for one in counts if one.labels.get("kind") not in (None, "metrics")]
        assert sum(one.value for one in counts if not one.labels) == 0
    assert value(again, "netops_ledger_outcomes_total", outcome="joined") == 1


def test_a_value_costs_less_than_in_the_client_library_and_counts_the_same() -> None:
    registry, bounds = CollectorRegistry(), (0.001, 0.1, 1.0)
    ours = HistogramFamily(registry, "a_seconds", "ours", ("kind",), bounds).of("x")
    theirs = prometheus_client.Histogram(
        "a_seconds", "ours", ("kind",), buckets=bounds, registry=CollectorRegistry()
    )
    for given in (0.0, 0.001, 0.0011, 0.5, 1.0, 7.0):
        ours.observe(given)
        theirs.labels("x").observe(given)
    (family,) = list(theirs.collect())
    (own,) = list(registry.collect())
    told = [
        {str((one.name, one.labels, float(one.value))) for one in found.samples if "created" not in one.name}
        for found in (family, own)
    ]
    assert told[0] == told[1]
    ours.observe(-1.0)
    assert (ours.counts[0], ours.total) == (3, pytest.approx(8.5021))
    child = theirs.labels("x")
    cost = min(timeit.repeat(lambda: ours.observe(0.05), number=2000, repeat=5))
    assert cost < 0.5 * min(timeit.repeat(lambda: child.observe(0.05), number=2000, repeat=5))


def test_a_count_is_told_as_the_client_library_tells_it() -> None:
    registry, another = CollectorRegistry(), CollectorRegistry()
    ours = CounterFamily(registry, "netops_events", "what became of them", ("status", "kind"))
    theirs = prometheus_client.Counter(
        "netops_events", "what became of them", ("status", "kind"), registry=another
    )
    CounterFamily(registry, "netops_all", "all of them", ()).inc(3)
    prometheus_client.Counter("netops_all", "all of them", registry=another).inc(3)
    for values, amount in ((("late", 1), 2), (("late", "1"), 0.5), (("too late", 'a "b"'), 1)):
        ours.labels(*values).inc(amount)
        theirs.labels(*values).inc(amount)
    ours.add({"kind": "1", "status": "late"}, 4)
    theirs.labels("late", "1").inc(4)
    told = [
        sorted(
            re.sub(r"(_created.*) \S+$", r"\1", line) for line in generate_latest(each).decode().splitlines()
        )
        for each in (registry, another)
    ]
    assert told[0] == told[1]
    assert next(iter(ours.counts())) == ({"status": "late", "kind": "1"}, 6.5)
    with pytest.raises(ValueError, match=r"must have values of \('status', 'kind'\), got \('late',\)"):
        ours.labels("late")


def test_ages_are_told_by_the_clock_of_the_endpoint(schema: TelemetrySchema, package: Path) -> None:
    client = make_client(package, clock="arrival")
    client.post("/telemetry", {**event(), "timestamp": START})
    assert value(client, "netops_feature_age_seconds_sum") == 0


def test_every_metric_is_in_the_docs(client: Client) -> None:
    text = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
    told = set(re.findall(r"`(netops_[a-z_]+)`", text))
    assert told == {name for name in families(client) if not name.endswith("_created")}


def test_when_the_process_began_and_when_the_newest_snapshot_was_written(
    package: Path, tmp_path: Path, redis_url: str
) -> None:
    begin = time.time()
    client = make_client(
        package,
        redis_url=redis_url,
        journal_key="tests:timestamps",
        snapshot_directory=str(tmp_path / "snapshots"),
    )
    assert begin <= value(client, "netops_start_timestamp_seconds") <= time.time()
    assert not families(client)["netops_snapshot_timestamp_seconds"].samples
    client.post("/telemetry", event())
    client.shut_down()
    # Time stamps of files are those of a coarser clock.
    assert begin - 1 <= value(client, "netops_snapshot_timestamp_seconds") <= time.time()


def test_an_event_that_is_refused_alone_counts_like_one_of_a_list(client: Client) -> None:
    wrong = {**event(), "cpu": "much"}

    def refused() -> float:
        return value(client, "netops_events_total", status="refused")

    assert refused() == 0
    assert client.post("/telemetry", wrong).status == 422 and refused() == 1
    client.post("/telemetry", [wrong])
    assert refused() == 2
    client.post("/telemetry", [wrong, event()])
    assert refused() == 3
    client.post("/telemetry", event())
    assert client.post("/labels", {**label(), "is_error": "much"}).status == 422 and refused() == 3


def test_what_no_journal_has_is_counted_on_after_a_kill_by_whoever_answers(
    package: Path, redis_url: str
) -> None:
    settings = {"redis_url": redis_url, "journal_key": "tests:told-counts"}

    def counts(client: Client) -> tuple[float, float]:
        return (
            value(client, "netops_events_total", status="refused"),
            value(client, "netops_out_of_range_total", metric="cpu"),
        )

    first = make_client(package, **settings)
    for second in (0, 10):
        first.post("/telemetry", {**event(seconds=second), "cpu": 400.0})
    first.post("/telemetry", {**event(), "cpu": "much"})
    assert counts(first) == counts(first) == (1, 2)
    again = make_client(package, **settings)  # The first one was killed.
    assert counts(again) == (1, 2)
    again.post("/telemetry", [{**event(), "cpu": "much"}] * 3)
    again.shut_down()  # Nobody asked since.
    third = make_client(package, **settings)
    third.post("/telemetry", {**event(seconds=20), "cpu": 400.0})
    assert counts(third) == (4, 3)
    # Two processes of one function, as while a deployment takes over.
    other = make_client(package, **settings)
    other.post("/telemetry", {**event(), "cpu": "much"})
    third.post("/telemetry", {**event(), "cpu": "much"})
    assert counts(other) == (5, 3) and counts(third) == counts(other) == (6, 3)
    # A store that lost its content takes nothing away.
    other.step("respond")._journal._redis.delete("tests:told-counts:told-counts")
    assert counts(other) == (6, 3)
