"""The rules for Prometheus: Prometheus takes them, and an endpoint has what they ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from graphs.state.serving_metrics import ServingMetrics
from tests.conftest import SOURCE_ROOT

RULES = SOURCE_ROOT / "docs" / "netops.rules.yaml"
PROMTOOL = shutil.which("promtool")

with_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool, of the Debian package prometheus, is not installed"
)


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def test_an_endpoint_has_every_metric_that_a_rule_asks_for() -> None:
    known = {family.name: family for family in text_string_to_metric_families(ServingMetrics().text())}
    for rule in rules():
        asked = set(re.findall(r"netops_[a-z_]+", rule["expr"]))
        assert asked or rule["expr"] == 'up{job="netops"} == 0', rule["alert"]
        for name in asked:
            family = known[name.removesuffix("_total")]
            assert name.endswith("_total") == (family.type == "counter"), name


def test_series_whose_increase_is_asked_for_are_there_before_their_first_count() -> None:
    series = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(ServingMetrics().text())
        for sample in family.samples
    }
    wanted = [
        *(("netops_events_total", ("status", status)) for status in ("refused", "quarantined", "too_late")),
        *(
            ("netops_refused_requests_total", ("reason", reason))
            for reason in ("waiting", "unwritten_pairs", "ledger", "names")
        ),
        *(
            ("netops_requests_total", ("kind", kind), ("status", status))
            for kind in ("telemetry", "labels", "incidents", "maintenance", "infer")
            for status in ("500", "503")
        ),
        *(("netops_snapshots_total", ("outcome", outcome)) for outcome in ("failed", "damaged")),
        ("netops_journal_losses_total",),
        ("netops_archive_write_failures_total",),
        ("netops_batch_write_failures_total",),
    ]
    assert {one: series.get(one) for one in wanted} == dict.fromkeys(wanted, 0)


def test_every_alert_says_what_it_means() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 12
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description"} and rule["labels"]["severity"]


def test_texts_are_whole_sentences() -> None:
    (fails,) = [rule for rule in rules() if rule["alert"] == "NetOpsSnapshotsFail"]
    assert "snapshots are" not in fails["annotations"]["summary"]
    for rule in rules():
        assert rule["annotations"]["description"].endswith("."), rule["alert"]


@with_promtool
def test_prometheus_takes_the_rules() -> None:
    assert PROMTOOL is not None
    subprocess.run([PROMTOOL, "check", "rules", str(RULES)], check=True, capture_output=True)


FIRING = {
    "NetOpsEndpointDown": [('up{job="netops", instance="a"}', "1 1 0x60")],
    "NetOpsEndpointRestarted": [('netops_start_timestamp_seconds{instance="a"}', "5x55 7x5")],
    "NetOpsRequestsRefused": [
        ('netops_refused_requests_total{instance="a", reason="waiting"}', "0x30 0+1x30")
    ],
    "NetOpsRequestsFail": [
        ('netops_requests_total{instance="a", kind="labels", status="503"}', "0x30 0+1x30")
    ],
    "NetOpsReadingsNotTaken": [
        ('netops_untaken_devices{instance="a", status="quarantined"}', "0x30 2x30"),
        ('netops_untaken_devices{instance="a", status="too_late"}', "0x60"),
    ],
    "NetOpsUnitChanged": [('netops_unit_suspicions{instance="a", metric="cpu"}', "0x55 1x5")],
    "NetOpsPredictionsWait": [('netops_ledger_size{instance="a", state="waiting_for_label"}', "0+100000x60")],
    "NetOpsLabelsCoverTooLittle": [
        ('netops_ledger_outcomes_total{instance="a", outcome="joined"}', "0+1x130"),
        ('netops_ledger_outcomes_total{instance="a", outcome="expired"}', "0+3x130"),
    ],
    "NetOpsPairsNotWritten": [('netops_batch_write_failures_total{instance="a"}', "0x30 0+1x30")],
    "NetOpsArchiveNotWritten": [('netops_archive_write_failures_total{instance="a"}', "0x30 0+1x30")],
    "NetOpsSnapshotsFail": [('netops_snapshots_total{instance="a", outcome="failed"}', "0x30 0+1x30")],
    "NetOpsSnapshotOld": [
        ('netops_snapshot_timestamp_seconds{instance="a", job="netops"}', "60x60"),
        ('netops_events_total{instance="a", job="netops", status="accepted"}', "0+100x60"),
    ],
    "NetOpsStoreLostItsContent": [('netops_journal_losses_total{instance="a"}', "0x50 1x10")],
    "NetOpsDrift": [('netops_drift_alerts{instance="a", severity="major"}', "0x55 1x5")],
    "NetOpsModelIsWorse": [
        ('netops_performance{instance="a", job="netops", of="realized", score="recall"}', "0.8x30 0.5x30"),
        ('netops_performance{instance="a", job="netops", of="reference", score="recall"}', "0.8x60"),
    ],
}
"""Series a minute apart after which each alert fires."""

QUIET = [
    ('up{job="netops", instance="a"}', "1x130"),
    ('netops_start_timestamp_seconds{instance="a"}', "5x130"),
    ('netops_requests_total{instance="a", kind="labels", status="200"}', "0+100x130"),
    ('netops_requests_total{instance="a", kind="labels", status="503"}', "7x130"),
    ('netops_refused_requests_total{instance="a", reason="waiting"}', "7x130"),
    ('netops_untaken_devices{instance="a", status="quarantined"}', "0x50 2x2 0x78"),
    ('netops_unit_suspicions{instance="a", metric="cpu"}', "0x130"),
    ('netops_ledger_size{instance="a", state="waiting_for_label"}', "1000x130"),
    ('netops_ledger_outcomes_total{instance="a", outcome="joined"}', "0+9x130"),
    ('netops_ledger_outcomes_total{instance="a", outcome="expired"}', "0+1x130"),
    ('netops_snapshots_total{instance="a", outcome="written"}', "0+2x130"),
    ('netops_snapshot_timestamp_seconds{instance="a", job="netops"}', "0+60x130"),
    ('netops_events_total{instance="a", job="netops", status="accepted"}', "0+100x130"),
    ('netops_drift_alerts{instance="a", severity="major"}', "0x130"),
    ('netops_performance{instance="a", job="netops", of="realized", score="f1"}', "0.7x130"),
    ('netops_performance{instance="a", job="netops", of="reference", score="f1"}', "0.8x130"),
    ('netops_performance{instance="a", job="netops", of="realized", score="precision"}', "0.1x130"),
    ('netops_performance{instance="a", job="netops", of="reference", score="precision"}', "0.8x130"),
]
"""An endpoint at which nothing fires."""


def fired(folder: Path, name: str, series: list[tuple[str, str]], is_expected: bool) -> str:
    """What Prometheus says of an alert after these series; empty if it is as expected."""
    minutes = 130 if name == "NetOpsLabelsCoverTooLittle" else 60
    content = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": values} for one, values in series],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": f"{minutes}m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if is_expected else [],
                    }
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(content))
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@with_promtool
def test_each_alert_fires_when_it_should_and_none_at_an_endpoint_that_is_well(tmp_path: Path) -> None:
    assert set(FIRING) == {rule["alert"] for rule in rules()}
    for name, series in FIRING.items():
        assert not fired(tmp_path, name, series, True), name
        assert not fired(tmp_path, name, QUIET, False), name
