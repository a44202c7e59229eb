"""A model that catches fewer incidents is found, however rare they are, and told once."""

import json

import numpy as np
import pytest

from drift.missed_incidents import LabeledPrediction, MissedIncidents
from drift.missed_limit import LEAST_INCIDENTS, NEWEST
from feature_sets.checks import InputError
from tests.drift.incident_streams import START, fed, rows, text

GAPS = (600.0, 60.0, 0.0)
DAY = 86_400


def shares(rng, *parts):
    """Whether each incident is caught, of parts with a count and a share."""
    return [bool(rng.random() < share) for count, share in parts for _ in range(count)]


def watched(caught, seed=1):
    """A detector whose base has these incidents."""
    rng = np.random.default_rng(seed)
    base = [
        LabeledPrediction(device, START - 10 * len(caught) * DAY + second, bool(label), bool(said))
        for device, second, label, said in rows(caught, rng)
    ]
    return MissedIncidents.after(base, *GAPS)


ALERT = {
    **{"source": "missed_incidents", "id": "missed_incidents-70", "raised": text(DAY), "onset": text(0)},
    **{"severity": "severe", "incidents": 12, "caught": 0, "base_incidents": 60, "base_caught": 48},
    **{"base_live": 0, "since": 3, "cleared": None},
}

USUAL = 48 * [True] + 12 * [False]


def usual():
    return watched(list(np.random.default_rng(0).permutation(USUAL)))


def test_a_model_that_went_blind_is_found_within_a_dozen_incidents_and_told_once():
    missed, rng = usual(), np.random.default_rng(2)
    caught = shares(rng, (30, 0.8)) + 40 * [False]
    ((place, event),) = fed(missed, rows(caught, rng))
    assert (event.source, event.level, event.severity) == ("missed_incidents", "drift", "severe")
    number = place // 240  # An incident is decided by the rows of the next one at the latest.
    assert 30 < number <= 42
    assert event.reference_labels == 60
    assert event.reference_rate == pytest.approx(0.2)
    assert event.value > event.limit
    assert event.confidence > 0.99
    assert event.detail.startswith("catches fewer incidents than on its test data: of the newest ")
    assert "of 60 on its test data 48 (80%)" in event.detail
    assert event.onset <= text(30 * 7200) < event.event_time
    status = missed.status()
    assert (status["state"], status["alert"]["id"]) == ("drift", event.alert)
    assert status["newest"] == {"incidents": NEWEST, "caught": 0}


def test_the_alert_is_over_when_as_many_are_caught_as_before():
    missed, rng = usual(), np.random.default_rng(3)
    caught = 30 * [False] + shares(rng, (80, 0.8)) + 30 * [False]
    told = fed(missed, rows(caught, rng))
    assert [event.level for _, event in told] == ["drift", "cleared", "drift"]
    raised, cleared, again = (event for _, event in told)
    assert raised.alert == cleared.alert != again.alert
    assert (cleared.limit, cleared.sample_labels) == (None, NEWEST)
    assert cleared.detail.endswith("were caught, as on its test data")
    assert missed.last_cleared.cleared == cleared.event_time
    assert 30 + NEWEST - 12 < told[1][0] // 240 < 80


def test_a_model_that_stays_blind_is_never_said_to_be_over_it():
    missed, rng = usual(), np.random.default_rng(4)
    assert len(fed(missed, rows(300 * [False], rng))) == 1
    assert missed.status()["alert"]["since"] > 250


def test_another_reason_ends_the_alert_too():
    missed, rng = usual(), np.random.default_rng(4)
    fed(missed, rows(30 * [False], rng))
    (event,) = missed.close(text(0), "other detectors are attached")
    assert (event.level, event.detail, event.sample_labels) == (
        "cleared",
        "other detectors are attached",
        None,
    )
    assert missed.close(text(0), "again") == []


def test_too_few_incidents_of_the_base_are_not_enough_and_live_ones_are_learned_from():
    missed, rng = watched([True, True, False]), np.random.default_rng(6)
    assert missed.status()["state"] == "not_enough_data"
    assert missed.status()["summary"].startswith("not enough data: 3 of 10 incidents")
    assert fed(missed, rows(8 * [True], rng)) == []
    status = missed.status()
    assert (status["state"], status["base"]) == (
        "in_control",
        {"incidents": LEAST_INCIDENTS, "caught": 9, "live": 7},
    )
    more = [(device, second + 8 * 7200, *rest) for device, second, *rest in rows(40 * [False], rng)]
    ((_, event),) = fed(missed, more)
    assert "of 10 on its test data and the first 7 live 9 (90%)" in event.detail


def test_a_model_that_caught_none_has_nothing_to_lose_and_says_so():
    missed, rng = watched(20 * [False]), np.random.default_rng(7)
    assert missed.status()["summary"] == ("nothing to lose: it caught none of 20 incidents on its test data")
    assert fed(missed, rows(60 * [False], rng)) == []
    assert (missed.status()["state"], missed.status()["limit"]) == ("nothing_to_lose", None)


def test_a_model_that_caught_next_to_none_has_nothing_to_lose_either():
    missed = watched([True] + 39 * [False])
    assert missed.status()["state"] == "nothing_to_lose"
    assert (
        "it caught 1 of 40 incidents on its test data, so 100 missed in a row would be chance"
        in (missed.status()["summary"])
    )


@pytest.mark.parametrize("cut", [0, 1, 1000, 7201, 9000, 14_000, 20_000])
def test_a_saved_state_goes_on_exactly(cut):
    rng = np.random.default_rng(8)
    stream = rows(shares(rng, (25, 0.8), (30, 0.0), (60, 0.8)), rng)
    whole, first = usual(), usual()
    told = fed(whole, stream)
    before = fed(first, stream[:cut])
    again = MissedIncidents.from_dict(json.loads(json.dumps(first.to_dict())))
    assert before + fed(again, stream[cut:], cut) == told
    assert again.to_dict() == whole.to_dict()
    assert again.status() == whole.status()
    assert {event.level for _, event in told} == {"drift", "cleared"}


def test_a_saved_state_goes_on_exactly_while_it_learns():
    rng = np.random.default_rng(9)
    stream = rows(shares(rng, (12, 0.8), (30, 0.0)), rng)
    whole, cut = watched([True, False]), 5 * 240
    told, first = fed(whole, stream), watched([True, False])
    fed(first, stream[:cut])
    again = MissedIncidents.from_dict(json.loads(json.dumps(first.to_dict())))
    assert fed(again, stream[cut:], cut) == told
    assert again.to_dict() == whole.to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format: must be 1, got 2"),
        ({"base": [10, 11, 0]}, "base: must have no more caught and missed than incidents"),
        ({"base": [10, 5]}, "base: must be a list of 3 counts"),
        ({"base": [3, 3, 0]}, "limit: must be null, of fewer than 10 incidents"),
        ({"base_live": 61}, "base_live: must be a whole number of at least 0 and at most 60"),
        ({"statistic": -1.0}, "statistic: must be a number of at least 0"),
        ({"since": [1, 0]}, "since: must be incidents, caught and onset"),
        ({"newest": [0, 2]}, "newest: must be a whole number of at least 0 and at most 1"),
        ({"newest": 21 * [0]}, "newest: must be a list of 20 counts"),
        ({"limit": {"missed": 0.0, "caught": -1.0, "limit": 3.0, "calm": 3}}, "limit: missed: must be"),
        ({"alert": {"id": "a"}}, "alert: itself: must be a mapping with the keys"),
        (
            {"alert": {**ALERT, "incidents": 0, "caught": 0}},
            "alert: incidents: must be a whole number",
        ),
        ({"cleared_alert": {**ALERT, "base_incidents": 0}}, "base_incidents: must be a whole number"),
        ({"outcomes": {}}, "outcomes: itself: must be a mapping"),
        ({"more": 1}, "itself: must be a mapping with the keys"),
    ],
)
def test_a_saved_form_that_breaks_a_rule_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        MissedIncidents.from_dict({**usual().to_dict(), **change})
