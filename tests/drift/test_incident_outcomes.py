"""Labels of devices are put together to incidents, each counted once, whatever order they come in."""

import json

import numpy as np
import pytest

from drift.incident_outcomes import LONGEST, IncidentOutcomes
from feature_sets.checks import InputError

GAP, TOGETHER, WAIT = 100.0, 20.0, 0.0


def decided(stream, gap=GAP, together=TOGETHER, wait=WAIT, close=True):
    """Start, devices and whether it was caught, of each incident."""
    outcomes = IncidentOutcomes(gap, together, wait)
    found = [one for row in stream for one in add(outcomes, row)]
    return [one[:3] for one in found + (outcomes.close() if close else [])]


def add(outcomes, row):
    device, time, label, prediction = row
    return outcomes.add(device, float(time), is_error=bool(label), is_predicted=bool(prediction))


def test_positive_labels_of_a_device_are_one_incident_up_to_the_gap_whatever_is_between_them():
    assert decided([("a", 0, 1, 0), ("a", 50, 0, 0), ("a", 100, 1, 1)]) == [(0, 1, True)]
    assert decided([("a", 0, 1, 0), ("a", 101, 1, 1)]) == [(0, 1, False), (101, 1, True)]


def test_an_alarm_beside_an_incident_catches_nothing():
    assert decided([("a", 0, 0, 1), ("a", 10, 1, 0), ("a", 20, 0, 1)]) == [(10, 1, False)]


def test_an_incident_is_decided_when_nothing_can_join_it_by_the_labels_of_any_device():
    outcomes = IncidentOutcomes(GAP, TOGETHER, 30.0)
    add(outcomes, ("a", 0, 1, 0))
    assert add(outcomes, ("b", 130, 0, 0)) == []
    (one,) = add(outcomes, ("b", 131, 0, 0))
    assert (one.start, one.devices, one.caught, outcomes.open_incidents) == (0, 1, False, 0)


@pytest.mark.parametrize(("caught", "is_caught"), [(0, False), (1, False), (2, True), (4, True)])
def test_devices_that_fail_together_are_one_incident_caught_by_half_of_them(caught, is_caught):
    stream = [(f"d{n}", 5 * n, 1, int(n < caught)) for n in range(4)]
    assert decided(stream) == [(0, 4, is_caught)]


def test_a_device_that_fails_later_than_together_is_an_incident_of_its_own():
    assert decided([("a", 0, 1, 0), ("b", 20, 1, 0), ("c", 21, 1, 1)]) == [(0, 2, False), (21, 1, True)]


def test_an_incident_without_an_end_counts_once_after_a_day_and_holds_up_no_other():
    outcomes = IncidentOutcomes(GAP, TOGETHER, WAIT)
    found = []
    for place in range(3000):  # A little more than two days.
        late = place * 60 > LONGEST  # What is predicted only after a day catches nothing.
        found += add(outcomes, ("a", place * 60, 1, int(late)))
        if place == 100:
            add(outcomes, ("b", 6000, 1, 1))
    assert [(one.start, one.caught) for one in found] == [(6000, True), (0, False)]
    assert outcomes.open_incidents == 0
    assert outcomes.close() == []


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_labels_within_the_time_they_may_be_late_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 6000, 400))
    stream = [
        (f"d{rng.integers(6)}", int(at), int(rng.random() < 0.3), int(rng.random() < 0.3)) for at in times
    ]
    wait = 300.0
    ordered = decided(stream, 60.0, 20.0, wait)
    keys = times + rng.integers(0, int(wait), len(times))
    shuffled = [stream[place] for place in np.argsort(keys, kind="stable")]
    assert shuffled != stream
    assert decided(shuffled, 60.0, 20.0, wait) == ordered
    assert len(ordered) > 20


def test_what_comes_later_than_it_may_is_left_out_and_counted():
    outcomes = IncidentOutcomes(GAP, TOGETHER, 50.0)
    add(outcomes, ("a", 1000, 0, 0))
    add(outcomes, ("a", 949, 1, 0))
    assert (outcomes.late, outcomes.close()) == (1, [])
    add(outcomes, ("a", 950, 1, 0))
    assert (outcomes.late, len(outcomes.close())) == (1, 1)


def test_the_first_of_incidents_is_decided_first_also_where_one_label_decides_several():
    stream = [("a", 0, 1, 0), ("a", 90, 1, 0), ("b", 50, 1, 1), ("c", 9000, 0, 0)]
    assert decided(stream, wait=200.0, close=False) == [(50, 1, True), (0, 1, False)]


@pytest.mark.parametrize("cut", [0, 1, 57, 200, 399])
def test_a_saved_state_goes_on_exactly(cut):
    rng = np.random.default_rng(3)
    stream = [
        (f"d{rng.integers(4)}", 20 * n, int(rng.random() < 0.2), int(rng.random() < 0.5)) for n in range(400)
    ]
    outcomes = IncidentOutcomes(GAP, TOGETHER, 60.0)
    found = [one for row in stream[:cut] for one in add(outcomes, row)]
    again = IncidentOutcomes.from_dict("saved", json.loads(json.dumps(outcomes.to_dict())))
    found += [one for row in stream[cut:] for one in add(again, row)] + again.close()
    assert [one[:3] for one in found] == decided(stream, wait=60.0)


def test_only_open_incidents_are_remembered():
    rng = np.random.default_rng(5)
    outcomes, most = IncidentOutcomes(GAP, TOGETHER, 60.0), 0
    for n in range(20_000):
        add(outcomes, (f"d{rng.integers(500)}", 10 * n, int(rng.random() < 0.1), 0))
        most = max(most, len(outcomes.to_dict()["open"]))
    assert most < 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap": -1}, "gap: must be a number of at least 0, got -1"),
        ({"late": "1"}, "saved: late: must be a whole number"),
        ({"newest": "now"}, "saved: newest: must be a number"),
        ({"open": []}, "saved: open: must be incidents by device"),
        (
            {"open": {"a": [[2, 1, None, False]]}},
            "must be start, last, predicted and counted, in order of time",
        ),
        ({"open": {"a": [[1, 2, 3, False]]}}, "in order of time"),
        ({"open": {"a": [[1, 2, None, 0]]}}, "in order of time"),
        ({"more": 1}, "saved: itself: must be a mapping with the keys"),
    ],
)
def test_a_saved_form_that_breaks_a_rule_is_refused(change, message):
    saved = IncidentOutcomes(GAP, TOGETHER, WAIT).to_dict() | change
    with pytest.raises(InputError, match=message):
        IncidentOutcomes.from_dict("saved", saved)
