"""A change behind the open alert of a burst is told, once, though the burst was worse."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.monitor import DriftMonitor
from drift.warm_up import DetectorSettings, warmed_monitor

START = datetime(2024, 1, 1, tzinfo=UTC)
BEFORE, CALM = 0.02, 1_500


def told(seed, after, saved_at=None, per_day=5_000, calm=CALM):
    """What is told of 250 labels at 12 %, calm ones, and then a rate for good; numbers count from that."""
    random = np.random.default_rng(seed)
    base = (random.random(10_000) < BEFORE).astype(int)
    monitor = warmed_monitor([0] * 10_000, base.tolist(), DetectorSettings(names=("glr",)))
    rates = [*3_000 * [BEFORE], *250 * [0.12], *calm * [BEFORE], *after]
    events = []
    for number, rate in enumerate(rates):
        time = (START + timedelta(days=number / per_day)).isoformat()
        for event in monitor.update(int(random.random() < rate), time):
            events.append((number - len(rates) + len(after), event))
        if number == saved_at:
            monitor = DriftMonitor.from_dict(monitor.to_dict())
    return [(number, event) for number, event in events if event.level in ("drift", "cleared")], monitor


@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize("rate", [0.06, 0.08])
def test_a_change_behind_an_open_alert_of_a_burst_is_told_once_with_its_own_onset(seed, rate):
    found, monitor = told(seed, 10_000 * [rate])
    (burst, first), (number, again) = found
    assert burst < 0 < number <= 2_000
    assert (again.level, again.alert, monitor.open_alert.id) == ("drift", first.alert, first.alert)
    assert "risen again after labels as before the alert" in again.detail
    assert again.limit < again.sample_rate < first.sample_rate
    assert abs(again.reference_rate - BEFORE) < 0.005
    began = START + timedelta(days=(3_250 + CALM) / 5_000)
    assert abs(datetime.fromisoformat(again.onset) - began) < timedelta(days=0.1)


@pytest.mark.parametrize("seed", [0, 2, 3, 5, 6, 7])
def test_a_burst_without_a_change_is_told_once_and_is_over(seed):
    found, monitor = told(seed, 4_500 * [BEFORE])
    assert [event.level for _, event in found] == ["drift", "cleared"]
    assert monitor.open_alert is None


def test_errors_that_come_and_go_are_told_again_once():
    found, _ = told(0, 5 * (1_500 * [0.06] + 1_500 * [BEFORE]))
    assert [event.level for _, event in found] == ["drift", "drift"]


def test_what_was_saved_before_the_change_tells_the_same():
    found, _ = told(2, 3_000 * [0.06])
    again, _ = told(2, 3_000 * [0.06], saved_at=4_000)
    assert again == found
