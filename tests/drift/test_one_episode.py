"""One long episode of one device, as the base has some, is no drift, nor is an alert of the fleet for it."""

import numpy as np
import pytest

from drift.alert import AlertWatch, severity_with
from drift.alerting import Alerting
from drift.change_size import Change, Counts
from drift.drift_event import DriftEvent
from drift.monitor import DriftMonitor
from drift.newest_devices import NewestDevices
from drift.warm_up import DetectorSettings, warmed_monitor
from drift.wrong_devices import DeviceErrors, WrongDevices
from tests.drift.scripted import at

DEVICES = 38


def fleet(rounds, *episodes):
    """Device and error flag of each label: of all devices in each round, in another order.

    :param episodes: device, first round and rounds of each.
    """
    errors = np.zeros((rounds, DEVICES), dtype=int)
    for device, first, length in episodes:
        errors[first : first + length, device] = 1
    order = np.random.default_rng(1).permuted(np.tile(np.arange(DEVICES), (rounds, 1)), axis=1)
    flags = np.take_along_axis(errors, order, axis=1)
    return [(f"d{device:02}", flag) for device, flag in zip(order.flat, flags.ravel().tolist(), strict=True)]


# So long that the longest event of the base may be left out.
BASE = fleet(1400, (1, 100, 14), (2, 200, 12), (3, 400, 7), (4, 800, 90), (5, 850, 35))
NEAR = (7, 60, 10), (8, 92, 12)
LONG = 9, 104, 61


@pytest.fixture(scope="module")
def monitored():
    """State of a monitor that knows the base."""
    settings = DetectorSettings(("glr",), min_instances_after_drift=1000)
    return warmed_monitor([error for _, error in BASE], [0] * len(BASE), settings).to_dict()


def told(monitor, labels):
    found = []
    for i, (device, error) in enumerate(labels):
        events = monitor.update(error, at(i), device=device)
        found += [(i, event) for event in events if event.level == "drift"]
    return found


def test_an_episode_such_as_the_base_has_is_no_drift_though_two_short_ones_are_near(monitored):
    live, cut = fleet(150, *NEAR, LONG), 125 * DEVICES
    monitor = DriftMonitor.from_dict(monitored)
    assert told(monitor, live[:cut]) == []
    again = DriftMonitor.from_dict(monitor.to_dict())  # A restart while the rise is looked at.
    assert told(again, live[cut:]) == told(monitor, live[cut:]) == []
    assert again.to_dict() == monitor.to_dict()


@pytest.mark.figures
def test_after_such_a_base_many_devices_are_drift_and_what_goes_on_and_on_is_told_as_one(monitored):
    many = fleet(150, *((device, 60 + 3 * device, 15) for device in range(0, DEVICES, 2)))
    (_, event), *_ = told(DriftMonitor.from_dict(monitored), many)
    assert event.severity == "severe" and not event.devices.is_few
    (label, event), *_ = told(DriftMonitor.from_dict(monitored), fleet(500, (9, 60, 440)))
    assert 16_000 < label < 19_000
    assert event.devices.of_one and event.severity == "moderate"


def alerting(*episodes, rounds=85):
    found = Alerting()
    for number, (device, error) in enumerate(fleet(rounds, *episodes)):
        found.add(error, at(number), device)
    return found


@pytest.mark.parametrize(
    ("episodes", "inflation", "usual"),
    [
        ([(9, 20, 61)], 20.0, True),
        ([(9, 20, 61)], 5.0, False),
        ([(k, 30 * k, 24) for k in range(2)], 20.0, True),
        ([(k, 20 * k, 15) for k in range(4)], 20.0, False),
        ([(k, 20, 20) for k in range(30)], 20.0, False),
    ],
    ids=["one", "longer than those of the base", "two", "four", "of the fleet at once"],
)
def test_two_episodes_whose_errors_are_worth_too_few_are_as_usual(episodes, inflation, usual):
    found = alerting(*episodes)
    assert found.is_usual(3000, inflation) == usual
    assert not found.is_usual(None, inflation) and not found.is_usual(20_000, inflation)


def test_of_devices_that_nobody_knows_nothing_is_as_usual():
    found = Alerting()
    for number, (_, error) in enumerate(fleet(85, (9, 20, 61))):
        found.add(error, at(number))
    assert not found.is_usual(3000, 20.0)


def one(wrong=61, episodes=1, of_one=True, with_wrong=1):
    named = (DeviceErrors("a", wrong, 92),)
    return WrongDevices(37, 3365, wrong, with_wrong, 1, wrong, named, of_one, episodes)


def test_a_device_that_has_failed_is_not_severe():
    assert severity_with(one(), "severe") == "moderate" and severity_with(one(), "minor") == "minor"
    assert severity_with(one(of_one=False), "severe") == "moderate"
    assert severity_with(one(episodes=5), "severe") == "severe"
    assert severity_with(one(of_one=False, with_wrong=2), "severe") == severity_with(None, "severe")
    watch, change = AlertWatch(), Change(Counts(3365, 61, 0), Counts(350_000, 290, 200))
    event = DriftEvent("glr", "drift", at(9), 4.2, 3.0, 9, **change.fields())
    assert watch.found("glr-9", event, 9, at(1), change) == "raised"
    watch.tell_where(one(), None)
    assert watch.open.severity == "moderate"
    # Nor is the same rate worse, because it is severe by itself.
    slightly = Change(Counts(3365, 62, 0), change.reference)
    assert watch.found("glr-10", event, 10, at(1), slightly) is None


def others(*wrong, devices=DEVICES, rounds=30):
    """What there is of others where device 0 has failed: (device, first round, rounds) of each episode."""
    newest = NewestDevices()
    for device, error in fleet(rounds, (0, 0, rounds), *wrong):
        newest.add(device, error)
    return newest.others("d00", rounds * DEVICES)


def watch_of_one():
    watch, change = AlertWatch(), Change(Counts(1000, 26, 0), Counts(350_000, 290, 200))
    event = DriftEvent("glr", "drift", at(9), 4.2, 3.0, 9, **change.fields())
    watch.found("glr-9", event, 9, at(1), change)
    watch.tell_where(one(26), None)
    return watch


@pytest.mark.parametrize(
    ("wrong", "spread"),
    [
        ([(1, 5, 19)], False),
        ([(1, 3 * k, 2) for k in range(10)], False),
        ([(1, 5, 19), (2, 5, 19), (3, 5, 19)], False),
        ([(k, 5 * (k % 5), 4) for k in range(1, 30)], True),
        ([(k, 5, 20) for k in range(1, 25)], True),
    ],
    ids=["one episode", "one device now and then", "one power failure", "many", "most at once"],
)
def test_only_several_episodes_of_others_make_an_alert_no_longer_of_one_device(wrong, spread):
    watch = watch_of_one()
    found = others(*wrong)
    recent = Counts(1140, found.counts.errors + 30, 0)
    assert watch.has_spread(2000, recent, found, 5.0) == spread
