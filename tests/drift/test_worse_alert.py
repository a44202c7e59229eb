"""An open alert is told again as worse when the error rate of now says so, whoever found it at first."""

import json

import numpy as np
import pytest

from drift.monitor import DriftMonitor
from drift.warm_up import DetectorSettings, warmed_monitor
from tests.drift.error_streams import in_runs
from tests.drift.scripted import at, errors


def monitor_of(base):
    return warmed_monitor(base, [0] * len(base), DetectorSettings(("glr",)))


def drifts(monitor, flags, first=0):
    return [
        event
        for i, x in enumerate(flags, first)
        for event in monitor.update(int(x), at(i))
        if event.level == "drift"
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_rate_that_goes_on_to_rise_after_the_alert_is_told(seed):
    monitor = monitor_of(errors(seed, (20_000, 0.006)))
    found = drifts(monitor, errors(seed + 50, (5000, 0.006), (400, 0.05), (8000, 0.12)))
    last = found[-1]
    assert last.severity == monitor.open_alert.severity == "severe", found
    assert last.sample_rate == pytest.approx(0.12, abs=0.03)
    assert last.reference_rate == pytest.approx(0.006, abs=0.003)
    assert last.alert == found[0].alert and 2 <= len(found) <= 4
    assert "worse than at" in last.detail
    seen = [event.n_seen for event in found]
    assert seen == sorted(seen) and seen[0] > 20_000  # The base counts in all of them.


@pytest.mark.parametrize("correlation", [pytest.param(0.0, marks=pytest.mark.figures), 0.9])
def test_a_rate_that_stays_is_not_told_again(correlation):
    """Four streams of 20,000 labels after a change, of which GLR tells the size."""
    again = 0
    for seed in range(4):
        random = np.random.default_rng([seed, 5])
        monitor = monitor_of(in_runs(10_000, 0.02, correlation, random).tolist())
        live = np.concatenate(
            [in_runs(2000, 0.02, correlation, random), in_runs(20_000, 0.12, correlation, random)]
        )
        again += len(drifts(monitor, live)) - 1
    assert again <= 2  # where the alert was raised while the change had only begun


def test_severity_is_of_the_level_that_the_model_held_before_the_rise():
    """Wrong half of the time at first, then seldom for long: that is what a rise to 30 % is compared with."""
    monitor = monitor_of(errors(1, (3000, 0.5)))
    found = drifts(monitor, errors(2, (3000, 0.05), (2000, 0.3)))
    assert found[-1].severity == "severe"
    assert found[-1].reference_rate == pytest.approx(0.05, abs=0.02)


def test_a_lower_level_that_chance_explains_is_not_taken_for_the_reference():
    monitor = monitor_of(errors(1, (3000, 0.05)))
    (found, *_) = drifts(monitor, errors(2, (6000, 0.05), (1000, 0.3)))
    assert found.reference_labels > 8000


@pytest.mark.parametrize("cut", [5300, 5700, 6300])
def test_what_is_told_as_worse_survives_a_restart(cut):
    stream = errors(53, (5000, 0.006), (400, 0.05), (3000, 0.12))
    whole, parts = (monitor_of(errors(3, (20_000, 0.006))) for _ in range(2))
    expected = drifts(whole, stream)
    found = drifts(parts, stream[:cut])
    again = DriftMonitor.from_dict(json.loads(json.dumps(parts.to_dict(), allow_nan=False)))
    assert found + drifts(again, stream[cut:], cut) == expected
    assert again.to_dict() == whole.to_dict()
    assert len(expected) >= 2


def test_an_alert_that_was_saved_before_it_could_get_worse_is_read():
    monitor = monitor_of(errors(3, (5000, 0.02)))
    drifts(monitor, errors(4, (1000, 0.02), (1000, 0.2)))
    saved = monitor.to_dict()
    alert = saved["alerting"]["alerts"]["open"]
    for name in ("told_at", "told_labels", "labels_before", "calm_at", "again"):
        del alert[name]
    again = DriftMonitor.from_dict(json.loads(json.dumps(saved)))
    assert again.open_alert.told_at == again.open_alert.raised_at
