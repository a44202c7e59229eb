"""A device that fails is no drift of the model: its alert says so, and is told again if others follow."""

import json

import numpy as np
import pytest

from drift.drift_event import DriftEvent
from drift.monitor import DriftMonitor
from drift.newest_devices import LEAST_FLEET, NewestDevices
from drift.warm_up import DetectorSettings, warmed_monitor
from drift.wrong_devices import WrongDevices, devices_in_words, is_of_one_device
from feature_sets.checks import InputError
from tests.drift.scripted import at, errors

BASE, RATE = 4000, 0.03
SINCE = 2000


def monitored():
    settings = DetectorSettings(("glr",), min_instances_after_drift=1000)
    return warmed_monitor(errors(41, (BASE, RATE)), [0] * BASE, settings)


def labels(devices, rows, rate_of, seed=3):
    """Device and error of labels in turn.

    :param rate_of: number of the label, number of the device -> rate of errors.
    """
    random = np.random.default_rng(seed)
    for i, chance in enumerate(random.random(rows)):
        yield f"d{i % devices:02}", int(chance < rate_of(i, i % devices))


def told(monitor, stream, first=0):
    found = []
    for i, (device, error) in enumerate(stream, first):
        events = monitor.update(error, at(i), device=device)
        found += [(i, event) for event in events if event.level == "drift"]
    return found


def failing(i, device):
    """From one label on, device 3 is wrong nearly always."""
    return 0.95 if i >= SINCE and device == 3 else RATE


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("devices", [LEAST_FLEET, 20])
def test_an_alert_of_one_device_that_fails_says_so(devices, seed):
    found = told(monitored(), labels(devices, 5000, failing, seed))
    assert found and all(event.devices.of_one for _, event in found)
    event = found[0][1].to_dict()
    assert is_of_one_device(event) and event["devices"]["named"][0]["device"] == "d03"
    assert devices_in_words(event["devices"]).startswith("of 1 device, the others are as before: ")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("devices", range(1, LEAST_FLEET))
def test_one_of_few_devices_is_the_fleet(devices, seed):
    found = told(
        monitored(), labels(devices, 5000, lambda i, d: 0.5 if i >= SINCE and d == 0 else RATE, seed)
    )
    assert found and not any(event.devices.of_one for _, event in found)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_rise_of_all_devices_or_some_is_of_no_single_one(share, seed):
    found = told(
        monitored(),
        labels(20, 5000, lambda i, d: RATE + 0.1 / share if i >= SINCE and d < 20 * share else RATE, seed),
    )
    assert found and not any(event.devices.of_one for _, event in found)


@pytest.mark.parametrize("seed", range(5))
def test_a_change_that_begins_at_one_device_and_spreads_is_told_again(seed):
    """One device in each 300 labels follows, until all are three times as often wrong."""

    def spreading(i, device):
        if device == 3:
            return failing(i, device)
        return 3 * RATE if i >= SINCE + 1500 + 300 * device else RATE

    found = told(monitored(), labels(20, 12_000, spreading, seed))
    of_one = [event.devices.of_one for _, event in found]
    assert of_one[0] and of_one == sorted(of_one, reverse=True) and not of_one[-1]
    at_label, again = found[of_one.index(False)]
    assert again.alert == found[0][1].alert and "no longer of one device" in again.detail
    assert "rate of the other devices" in again.detail and again.value > again.limit
    assert again.devices.with_wrong > 2
    assert at_label <= SINCE + 1500 + 300 * 20


@pytest.mark.parametrize("seed", range(5))
def test_the_others_are_not_said_to_follow_while_they_are_calm(seed):
    found = told(monitored(), labels(20, 20_000, failing, seed))
    assert found and all(event.devices.of_one for _, event in found)


@pytest.mark.parametrize("cut", [2300, 4200, 6500])
def test_a_restart_tells_the_same(cut):
    def spreading(i, device):
        return failing(i, device) if device == 3 else (4 * RATE if i >= 4000 else RATE)

    stream = list(labels(20, 8000, spreading))
    whole, part = monitored(), monitored()
    expected = told(whole, stream)
    assert [event.devices.of_one for _, event in expected][:2] == [True, False]
    found = told(part, stream[:cut])
    again = DriftMonitor.from_dict(json.loads(json.dumps(part.to_dict(), allow_nan=False)))
    assert found + told(again, stream[cut:], cut) == expected
    assert again.to_dict() == whole.to_dict()


def test_a_burst_in_which_only_labels_of_the_device_come_is_of_one():
    newest = NewestDevices()
    for i in range(1000):
        newest.add(f"d{i % 20:02}", int(i % 40 == 0))
    for _ in range(200):
        newest.add("d03", 1)
    assert newest.newest(200, 0.025).of_one
    alone = NewestDevices()
    for _ in range(200):
        alone.add("d03", 1)
    assert not alone.newest(200, 0.025).of_one


def test_others_are_counted_without_the_device():
    newest = NewestDevices()
    for device, error in [("a", 1), ("b", 1), ("a", 1), ("c", 1), ("c", 0)]:
        newest.add(device, error)
    for count in (4, 99):
        found = newest.others("a", count)
        assert found.counts == (3, 2, 1) and found.but_one == (1, 1, 0)
        assert (found.devices, found.with_wrong, found.episodes) == (2, 2, None)
    assert newest.others("c", 2).counts.n == 0 and not newest.others("c", 2).are_several


def test_an_event_of_before_it_was_told_is_of_no_single_device():
    found = WrongDevices(1, 5, 4, 1, 1, 4)
    saved = {name: value for name, value in found.to_dict().items() if name != "of_one"}
    assert WrongDevices.from_dict("here", saved) == found
    event = DriftEvent("glr", "drift", at(0), 4.0, 3.0, 9)
    assert not is_of_one_device(event.to_dict())
    with pytest.raises(InputError, match="wrong devices: of_one: must be true or false, and true of a named"):
        WrongDevices.from_dict("here", {**saved, "of_one": True})
