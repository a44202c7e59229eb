"""An alert of all devices names those that the wrong labels are of, at the moment of the alert."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from drift.alerting import Alerting
from drift.change_size import MOST_REMEMBERED
from drift.drift_event import DriftEvent
from drift.grouped_monitor import OTHERS, GroupedMonitor, group_monitors
from drift.monitor import DriftMonitor
from drift.newest_devices import NewestDevices, fleet_episodes
from drift.warm_up import DetectorSettings, warmed_monitor
from drift.wrong_devices import NAMED, DeviceErrors, WrongDevices, devices_in_words
from tests.drift.scripted import at, errors

DEVICES = [f"AP-{number:02}" for number in range(1, 16)]
BROKEN = set(DEVICES[:6])


def warmed():
    base = errors(41, (4000, 0.05))
    return warmed_monitor(base, [0] * 4000, DetectorSettings(("glr",)))


def stream(rows=4000, since=2000, rate=0.4, seed=8):
    """Device and error of labels in turn: from one on, six of fifteen devices are wrong far more often."""
    random = np.random.default_rng(seed)
    for i, chance in enumerate(random.random(rows)):
        device = DEVICES[i % len(DEVICES)]
        yield device, int(chance < (rate if i >= since and device in BROKEN else 0.05))


def played(monitor, labels, first=0):
    return [
        event
        for i, (device, error) in enumerate(labels, first)
        for event in monitor.update(error, at(i), device=device)
        if event.level in ("drift", "cleared")
    ]


def test_an_alert_names_the_devices_that_the_change_is_of():
    monitor, labels = warmed(), list(stream())
    found = played(monitor, labels)
    first, where = found[0], found[0].devices
    assert where.devices == 15 and where.labels == first.since_onset
    # As they were at the moment of the alert: counted anew here, from the labels themselves.
    seen = first.n_seen - 4000
    since = labels[seen - first.since_onset : seen]
    wrong = Counter(device for device, error in since if error)
    assert where.wrong == wrong.total()
    assert (where.standing_out, where.with_wrong) == (6, len(wrong))
    assert where.wrong_of_those == sum(wrong[device] for device in BROKEN)
    assert len(where.named) == NAMED and {each.device for each in where.named} < BROKEN
    assert [each.wrong for each in where.named] == sorted((wrong[d] for d in BROKEN), reverse=True)[:NAMED]
    assert all(each.wrong == wrong[each.device] for each in where.named)
    assert all(each.labels == sum(device == each.device for device, _ in since) for each in where.named)
    assert monitor.status()["alert"]["devices"]["standing_out"] == 6
    told = devices_in_words(first.to_dict()["devices"])
    out = f"all {where.wrong} wrong labels; 6 stand out with {where.wrong_of_those}: AP-0"
    assert f"of 15 devices have {out}" in told and told.endswith(" and 1 more")


@pytest.mark.parametrize("cut", [1, 1999, 2050, 2400])
def test_it_names_the_same_ones_after_a_restart_at_any_label(cut):
    labels = list(stream(3000))
    whole, part = warmed(), warmed()
    expected = played(whole, labels)
    assert expected[0].devices is not None
    found = played(part, labels[:cut])
    again = DriftMonitor.from_dict(json.loads(json.dumps(part.to_dict(), allow_nan=False)))
    assert found + played(again, labels[cut:], cut) == expected
    assert again.to_dict() == whole.to_dict() and again.status() == whole.status()


def test_an_alert_that_gets_worse_names_those_of_now():
    labels = [*stream(6000, 2000, 0.2), *stream(4000, 0, 0.9)]
    raised, worse = played(warmed(), labels)[:2]
    assert (raised.alert, "worse than" in worse.detail) == (worse.alert, True)
    assert worse.devices.standing_out == 6 and worse.devices.wrong > raised.devices.wrong


def test_a_group_names_its_own_devices():
    base = {"oslo": errors(1, (2000, 0.05)), "rome": errors(2, (2000, 0.05))}
    flags = [flag for group in base.values() for flag in group]
    whole = warmed_monitor(flags, [0] * len(flags), DetectorSettings(("glr",)))
    monitor = GroupedMonitor(whole, "site", group_monitors(base))
    found = []
    for i, (device, error) in enumerate(stream(6000)):
        group = "oslo" if device in BROKEN else "rome"
        found += [e for e in monitor.update(error, at(i), group, device) if e.level == "drift" and e.group]
    assert {event.group for event in found} == {"oslo"} and OTHERS not in {event.group for event in found}
    assert found[0].devices.devices == found[0].devices.standing_out == 6


def test_errors_of_all_devices_alike_name_none():
    newest = NewestDevices()
    for i in range(3000):
        newest.add(DEVICES[i % 15], int(i % 31 == 0))
    where = newest.newest(3000, 0.03)
    assert where.standing_out == where.wrong_of_those == 0 and where.devices == 15
    told = devices_in_words(where.to_dict())
    assert told.startswith("15 of 15 devices have all 97 wrong labels, and none stands out: AP-")


def test_what_it_keeps_does_not_grow_with_the_devices():
    newest = NewestDevices()
    for i in range(50_000):
        newest.add(f"device-{i:07}", i % 2)
    saved = newest.to_dict()
    assert len(saved["labels"]) == len(saved["devices"]) == MOST_REMEMBERED
    assert saved["devices"][-1] == "device-0049999"
    where = newest.newest(10, 0.0)
    assert (where.devices, where.wrong, len(where.named)) == (10, 5, NAMED)
    assert where.named[0].device == "device-0049991"  # The first by name of equals.


def test_a_stream_without_devices_tells_none():
    monitor = warmed()
    found = [
        e for i, (_, x) in enumerate(stream(3000)) for e in monitor.update(x, at(i)) if e.level == "drift"
    ]
    assert found and found[0].devices is None
    assert devices_in_words(None) == devices_in_words({}) == ""


@pytest.mark.parametrize("known_from", [-1, 0, 1])
def test_a_state_from_before_names_devices_once_it_knows_those_of_all_labels_since_the_onset(known_from):
    labels = list(stream(3000))
    (expected, *_) = played(warmed(), labels)
    onset = expected.n_seen - 4000 - expected.since_onset
    cut, monitor = onset + known_from, warmed()
    played(monitor, labels[:cut])
    saved = monitor.to_dict()
    del saved["alerting"]["newest"]
    (event, *_) = played(DriftMonitor.from_dict(saved), labels[cut:], cut)
    assert event == (replace(expected, devices=None) if known_from > 0 else expected)


def test_one_wrong_label_is_no_device_that_stands_out_and_without_a_rate_of_before_none_is():
    newest = NewestDevices()
    for device, error in (("a", 1), ("b", 1), ("b", 1), ("b", 1), *(("c", 0),) * 20):
        newest.add(device, error)
    for rate in (0.0, 1e-4):
        where = newest.newest(24, rate)
        assert (where.standing_out, where.named) == (1, (DeviceErrors("b", 3, 3),))
    unknown = newest.newest(24, None)
    assert (unknown.standing_out, unknown.wrong_of_those, unknown.with_wrong) == (0, 0, 2)


def test_a_finding_that_makes_an_alert_worse_is_measured_at_the_rate_of_before_the_alert(monkeypatch):
    asked, newest = [], NewestDevices.newest
    monkeypatch.setattr(
        NewestDevices,
        "newest",
        lambda self, n, *before: asked.append((n, before[0])) or newest(self, n, *before),
    )
    alerting = Alerting()
    told = []
    for i, (device, error) in enumerate([*stream(3000), *stream(1000, 0, 0.95)]):
        told += alerting.add(error, at(i), device)
        if i in (2400, 2500, 3800):
            found = DriftEvent("glr", "drift", at(i), 4.0, 3.0, i + 1)
            told += [alerting.tell(found, length=400 if i < 3000 else 500, inflation=1.0)]
    raised, merged, worse = told
    assert (len(raised), merged, len(worse)) == (1, [], 1)
    before = raised[0].reference_rate
    assert worse[0].reference_rate == before
    # Of what was merged nobody asks.
    assert asked == [(raised[0].since_onset, before), (worse[0].since_onset, before)]


WHERE = WrongDevices(15, 100, 12, 3, 2, 11, (DeviceErrors("AP-01", 7, 9), DeviceErrors("AP-02", 4, 9)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "3 of 15 devices have all 12 wrong labels; 2 stand out with 11: AP-01 7 of 9 (78%), AP-02"),
        (
            {"with_wrong": 2, "wrong": 11},
            "2 of 15 devices have all 11 wrong labels: AP-01 7 of 9 (78%), AP-02",
        ),
        (
            {"standing_out": 1, "wrong_of_those": 7, "named": WHERE.to_dict()["named"][:1]},
            "3 of 15 devices have all 12 wrong labels; 1 stands out with 7: AP-01 7 of 9 (78%)",
        ),
    ],
)
def test_it_is_told_how_the_wrong_labels_are_spread(changes, said):
    assert devices_in_words({**WHERE.to_dict(), **changes}).startswith(said)


def test_an_event_reads_what_it_has_told():
    event = DriftEvent("glr", "drift", at(0), 4.0, 3.0, 9, devices=WHERE)
    assert DriftEvent(**json.loads(json.dumps(event.to_dict()))) == event


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": 3}, "wrong devices: devices: must be a whole number of at least 0 and at most 3"),
        ({"with_wrong": 16}, "with_wrong: must be .* at most 15, got 16"),
        ({"standing_out": 4}, "standing_out: must be .* at most 3, got 4"),
        ({"wrong_of_those": 13}, "wrong_of_those: must be .* at most 12, got 13"),
        ({"named": 7}, "drift event: devices.named: must be a list, got 7"),
        ({"named": [{"device": "a"}]}, "devices.named: must be a mapping with the keys"),
        ({"named": [{"device": 7, "wrong": 1, "labels": 1}]}, "named.device: must be text, got 7"),
        ({"named": [{"device": "a", "wrong": 2, "labels": 1}]}, "named.wrong: must be .* at most 1, got 2"),
        ({"named": 6 * [{"device": "a", "wrong": 1, "labels": 1}]}, "named: must be at most 5, got 6"),
        ({"labels": "9"}, "wrong devices: labels: must be a whole number"),
    ],
)
def test_what_is_none_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DriftEvent("glr", "drift", at(0), 4.0, 3.0, 9, devices={**WHERE.to_dict(), **changes})


def test_a_missing_key_is_refused_and_a_further_one_of_a_later_version_ignored():
    told = {**WHERE.to_dict(), "more": 1}
    assert WrongDevices.from_dict("devices", told) == WHERE
    del told["wrong"]
    with pytest.raises(ValueError, match="devices: must be a mapping with the keys"):
        WrongDevices.from_dict("devices", told)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"devices": ["a", "a"]}, "saved: newest: devices: must be a list of keys, each once"),
        ({"devices": [7]}, "must be a list of keys"),
        ({"labels": [2]}, "labels: must be a whole number of at least 0 and at most 1, got 2"),
        ({"labels": 4001 * [0]}, "labels: must be a list of at most 4000"),
    ],
)
def test_a_saved_form_that_is_not_ours_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        NewestDevices.from_dict("saved", {"devices": ["a"], "labels": [0, 1], **changes})


def fleet(outages, devices=30, rounds=100, length=20):
    """Labels of a fleet in turn: in the first rounds of each so many all devices are wrong."""
    return [
        (f"ap-{device}", int(number % rounds < length))
        for number in range(outages * rounds)
        for device in range(devices)
    ]


def test_devices_that_fail_at_the_same_time_are_one_episode():
    assert fleet_episodes(fleet(2, rounds=60), 30) == 2
    late = [
        (f"ap-{device}", int(3 * device <= number < 150)) for number in range(200) for device in range(30)
    ]
    assert fleet_episodes(late, 30) == 30  # Each begins later than two rounds after the one before.
    rng = np.random.default_rng(3)
    chance = [(f"ap-{n % 30}", int(rng.random() < 0.1)) for n in range(3000)]
    assert 30 < fleet_episodes(chance, 30) <= 50
    assert fleet_episodes(fleet(1, devices=400, rounds=2), 400) is None


@pytest.mark.parametrize("count", [1, 2])
def test_an_alert_of_few_ordinary_outages_is_as_sure_as_these_and_says_how_many_they_are(count):
    rng, stream = np.random.default_rng(5), []
    for number in range(200 + 150 * count):
        fails = number >= 200 and (number - 200) % 150 < 50  # Ten devices of thirty, in any order.
        stream += [(f"ap-{device}", int(fails and device < 10)) for device in rng.permutation(30)]
    monitor = warmed_monitor([0] * 3000, [0] * 2997 + [1] * 3, DetectorSettings(("glr",)))
    told = []
    for i, (device, error) in enumerate(stream):
        told += [event for event in monitor.update(error, at(i), device) if event.level == "drift"]
    assert told
    event = told[-1]
    assert event.devices.episodes in (1, 2)
    assert event.confidence < 0.999
    assert f"in {event.devices.episodes} episode" in devices_in_words(event.devices.to_dict())


def test_many_errors_in_as_many_episodes_are_as_sure_as_before():
    rng = np.random.default_rng(4)
    stream = [(f"ap-{n % 30}", int(rng.random() < (0.01 if n < 6000 else 0.2))) for n in range(9000)]
    monitor = warmed_monitor([0] * 3000, [0] * 2970 + [1] * 30, DetectorSettings(("glr",)))
    told = []
    for i, (device, error) in enumerate(stream):
        told += [event for event in monitor.update(error, at(i), device) if event.level == "drift"]
    assert told[0].confidence > 0.9999 and told[0].devices.episodes >= 5
    assert "episode" not in devices_in_words(told[0].devices.to_dict())
