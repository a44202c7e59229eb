"""A drift says about when the change began."""

import json

import numpy as np
import pytest

from drift.detectors.ddm import DDM
from drift.detectors.likelihood_ratio import WINDOWS, LikelihoodRatio
from drift.monitor import DriftMonitor
from tests.drift.scripted import Scripted, at, errors


def test_a_drift_says_about_when_it_began():
    monitor = DriftMonitor([LikelihoodRatio(2000)], verdict="glr")
    for x in errors(41, (2000, 0.05)):
        monitor.detectors[0].update(x)
    found = None
    for i, x in enumerate(errors(43, (3000, 0.05), (2000, 0.2))):
        if i == 3010:  # A restart in the middle tells the same.
            monitor = DriftMonitor.from_dict(json.loads(json.dumps(monitor.to_dict())))
        drifts = [event for event in monitor.update(x, at(i)) if event.level == "drift"]
        found = found or (drifts[0] if drifts else None)
    assert at(2800) <= found.onset <= at(3100), found
    assert found.event_time > found.onset
    number = np.datetime64(found.event_time[:-6]) - np.datetime64(found.onset[:-6])
    assert found.since_onset == number / np.timedelta64(1, "s")


def test_a_change_did_not_begin_after_it_was_found_where_labels_come_out_of_order():
    monitor = DriftMonitor([Scripted(999 * "." + "d")], cool_down=0)
    times = [at(i) for i in range(1000)]
    times[575], times[999] = times[999], times[575]
    found = [event for i, time in enumerate(times) for event in monitor.update(1, time)]
    assert found[0].onset == found[0].event_time == at(575).replace(" ", "T")


def test_without_a_length_of_the_change_the_last_400_values_count():
    monitor = DriftMonitor([Scripted(999 * "." + "d")], cool_down=0)
    found = [event for i in range(1000) for event in monitor.update(1, at(i))]
    assert (found[0].onset, found[0].since_onset) == (at(575).replace(" ", "T"), 424)


@pytest.mark.parametrize(
    "changes",
    [
        None,
        {"kept": [[1]]},
        {"kept": [[2, 0, 0, at(0)], [1, 0, 0, at(0)]]},
        {"kept": [[9, 0, 0, at(0)]]},
        {"kept": [[3, 1, 2, at(0)]]},
        {"base": [1, 2, 0]},
        {"start": [7, 0, 0]},
        {"last": 2},
        {"pairs": 1},
    ],
)
def test_saved_marks_that_cannot_be_are_refused(changes):
    monitor = DriftMonitor([DDM()])
    for i in range(5):
        monitor.update(0, at(i))
    saved = monitor.to_dict()
    marks = saved["alerting"]["marks"]
    saved["alerting"]["marks"] = None if changes is None else {**marks, **changes}
    with pytest.raises(ValueError, match="saved drift monitor: marks"):
        DriftMonitor.from_dict(saved)


def test_a_monitor_that_was_saved_with_event_times_alone_goes_on():
    monitor = DriftMonitor([DDM()])
    for i in range(60):
        monitor.update(i % 2, at(i))
    saved = monitor.to_dict()
    del saved["alerting"], saved["group"]
    saved["times"] = [[1, at(0)], [26, at(25)]]
    again = DriftMonitor.from_dict(json.loads(json.dumps(saved)))
    assert (again.n_seen, again.errors) == (60, 30)
    again.update(1, at(60))
    assert again.status()["n"] == 61


def test_a_drift_that_was_found_before_there_were_alerts_is_still_told():
    monitor = DriftMonitor([DDM()])
    found = [event for i in range(400) for event in monitor.update(int(i >= 200), at(i))]
    assert any(event.level == "drift" for event in found)
    saved = monitor.to_dict()
    del saved["alerting"], saved["group"]
    again = DriftMonitor.from_dict(json.loads(json.dumps({**saved, "times": []})))
    assert again.status()["alert"] is None
    assert again.status()["last_drift"] == monitor.status()["last_drift"] is not None
    assert "no drift was found" not in again.status()["summary"]


def test_the_longest_change_that_glr_tells_is_covered_by_the_times_that_are_kept():
    length = WINDOWS[-1] + LikelihoodRatio().persistence
    Long = type("Long", (Scripted,), {"change_length": length})
    monitor = DriftMonitor([Long(2999 * "." + "d")], cool_down=0)
    (found,) = [event for i in range(3000) for event in monitor.update(1, at(i))]
    assert length <= found.since_onset < length + 25
