"""Groups of devices are watched by themselves, and all of them together keep the promise."""

import json

import numpy as np
import pytest

from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.grouped_monitor import OTHERS, GroupedMonitor, group_levels, group_monitors
from drift.incident_outcomes import IncidentOutcomes
from drift.missed_incidents import MissedIncidents
from drift.missed_limit import Base
from drift.monitor import DriftMonitor
from drift.warm_up import DetectorSettings, warmed_monitor
from tests.drift.error_streams import in_runs
from tests.drift.scripted import Scripted, at, errors

SITES = [f"site-{i}" for i in range(10)]


def watched(base, most_groups=10):
    """A monitor of all labels and of groups, from error flags of the base by group."""
    flags = [x for group in base.values() for x in group]
    whole = warmed_monitor(flags, [0] * len(flags), DetectorSettings(("glr",)))
    return GroupedMonitor(whole, "site", group_monitors(base, most_groups))


def played(monitor, streams, first=0):
    """Findings of groups that take turns: (number, event)."""
    found, names = [], list(streams)
    for i, row in enumerate(zip(*streams.values(), strict=True), first):
        for name, x in zip(names, row, strict=True):
            found += [(i, event) for event in monitor.update(x, at(i), name) if event.level != "warning"]
    return found


def test_an_event_names_its_group():
    base = {name: errors(seed, (2000, 0.05)) for seed, name in enumerate(SITES)}
    calm = {name: errors(50 + seed, (2500, 0.05)) for seed, name in enumerate(SITES)}
    calm["site-3"] = errors(99, (500, 0.05), (2000, 0.35))
    found = [event for _, event in played(watched(base), calm) if event.level == "drift"]
    named = [event for event in found if event.group]
    assert {event.group for event in named} == {"site-3"}
    assert len({event.alert for event in found}) == len(found)
    assert named[0].sample_rate > 0.2 and named[0].reference_rate < 0.1
    assert named[0].onset <= at(700)


def test_beyond_the_largest_groups_the_others_are_together():
    base = {"big": [0] * 500, "a": [0, 1] * 100, "b": [1, 0] * 100, "c": [0] * 40, "": [0] * 900}
    names = [monitor.group for monitor in group_monitors(base, most_groups=2)]
    assert names == ["a", "big", OTHERS]
    monitor = watched(base, most_groups=2)
    for group in ("big", "c", "new", ""):
        monitor.update(1, at(0), group)
    states = monitor.status()["groups"]
    assert {name: state["n"] for name, state in states.items()} == {"a": 0, "big": 1, OTHERS: 3}
    assert monitor.status()["n"] == 4


def test_the_levels_share_the_chance_of_one():
    levels = [group_levels(count)[1] for count in (0, 1, 10, 50)]
    assert levels == sorted(levels) and levels[0] == pytest.approx(LikelihoodRatio().drift_level)


@pytest.mark.parametrize("cut", [1, 700, 1300])
def test_a_saved_monitor_with_groups_resumes_mid_stream_exactly(cut):
    base = {name: errors(seed, (800, 0.05)) for seed, name in enumerate(SITES[:3])}
    live = {name: errors(9 + seed, (600, 0.05), (900, 0.4)) for seed, name in enumerate(SITES[:3])}
    whole, part = watched(base), watched(base)
    expected = played(whole, live)
    found = played(part, {name: flags[:cut] for name, flags in live.items()})
    again = GroupedMonitor.from_dict(json.loads(json.dumps(part.to_dict(), allow_nan=False)))
    assert found + played(again, {name: flags[cut:] for name, flags in live.items()}, cut) == expected
    assert again.to_dict() == whole.to_dict()
    assert again.status() == whole.status()


def test_without_groups_it_is_saved_as_before():
    alone = DriftMonitor([LikelihoodRatio()])
    grouped = GroupedMonitor.from_dict(alone.to_dict())
    assert grouped.to_dict() == alone.to_dict()
    assert grouped.status()["groups"] == {}


def test_its_size_does_not_grow_with_labels_or_groups():
    base = {f"site-{i}": [0, 1] * 50 for i in range(200)}
    monitor = watched(base, most_groups=5)
    random = np.random.default_rng(3)
    sizes = []
    for _ in range(2):
        for i in range(30_000):
            monitor.update(int(random.random() < 0.1), at(i), f"site-{i % 300}")
        sizes.append(len(json.dumps(monitor.to_dict())))
    assert sizes[1] < 1.1 * sizes[0] < 200_000
    assert len(monitor.status()["groups"]) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"column": ""}, "groups: must be of different names"),
        ({"monitors": []}, "groups: must be of different names"),
        ({"monitors": 1}, "groups: must have a column"),
        ({"more": 1}, "groups: itself: must be a mapping"),
    ],
)
def test_a_saved_form_that_is_not_ours_is_refused(change, message):
    saved = watched({"a": [0, 1] * 50}).to_dict()
    with pytest.raises(ValueError, match=message):
        GroupedMonitor.from_dict({**saved, "groups": {**saved["groups"], **change}})


def test_too_many_groups_are_refused():
    every = [DriftMonitor([Scripted("")], group=f"{i}") for i in range(60)]
    with pytest.raises(ValueError, match=r"must be at most 50, besides '\(others\)', got 61"):
        GroupedMonitor(
            DriftMonitor([Scripted("")]), "site", [*every, DriftMonitor([Scripted("")], group=OTHERS)]
        )


@pytest.mark.figures
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_ten_groups_together_keep_the_promise_on_stationary_streams(correlation):
    labels, alarms = 0, 0
    for seed in range(20):
        random = np.random.default_rng([seed, int(100 * correlation)])
        base = {name: in_runs(1000, 0.1, correlation, random).tolist() for name in SITES}
        live = {name: in_runs(2000, 0.1, correlation, random).tolist() for name in SITES}
        found = played(watched(base), live)
        alarms += sum(event.level == "drift" for _, event in found)
        labels += 20_000
    assert alarms <= 0.5 * labels / 10_000, alarms


def test_missed_incidents_are_watched_beside_groups_and_saved_with_them():
    base = {"a": errors(1, (500, 0.01)), "b": errors(2, (500, 0.01))}
    watch = MissedIncidents(IncidentOutcomes(gap=60, together=5, wait=0), Base(30, 27))
    monitor = GroupedMonitor(watched(base).whole, "site", group_monitors(base), watch)
    told = []
    for place in range(400):
        label, time = int(place % 10 == 0), f"2026-01-{place // 24 + 1:02}T{place % 24:02}:00:00Z"
        told += monitor.update(label, time, "a", "ap", label)
        monitor = GroupedMonitor.from_dict(json.loads(json.dumps(monitor.to_dict())))
    (found,) = [event for event in told if event.source == "missed_incidents"]
    status = monitor.status()
    assert (found.group, status["missed_incidents"]["alert"]["id"]) == ("", found.alert)
    assert status["state"] == "drift"
    alone = monitor.open_alerts["severe"]
    assert "missed_incidents" in {event.source for event in monitor.close_alerts("over")}
    assert (alone >= 1, monitor.open_alerts) == (True, {})


def test_a_label_that_is_not_told_is_of_no_incident():
    watch = MissedIncidents(IncidentOutcomes(gap=60, together=5, wait=0), Base(30, 27))
    monitor = GroupedMonitor(watched({"a": errors(1, (500, 0.01))}).whole, missed=watch)
    before = watch.to_dict()
    monitor.update(1, "2026-01-01T00:00:00Z", device="ap")
    assert watch.to_dict() == before
