"""A model that catches fewer incidents is found, however rare they are, and told once."""

import json

import numpy as np
import pytest

from drift.incident_outcomes import IncidentOutcomes
from drift.missed_incidents import LabeledPrediction, MissedIncidents
from drift.missed_limit import LEAST_INCIDENTS, NEWEST, Base
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

SINCE = {
    **{"statistic": 1.0, "incidents": 1, "caught": 0, "onset": 5.0, "zero": None},
    "devices": {"ap-1": [1, 1, 1, 1]},
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
        ({"format": 3}, "format: must be 2, got 3"),
        ({"base": [10, 11, 0]}, "base: must have no more caught and missed than incidents"),
        ({"base": [10, 5]}, "base: must be a list of 3 counts"),
        ({"base": [3, 3, 0]}, "limit: must be null, of fewer than 10 incidents"),
        ({"base_live": 61}, "base_live: must be a whole number of at least 0 and at most 60"),
        ({"since": {**SINCE, "statistic": -1.0}}, "statistic: must be a number of at least 0"),
        ({"since": [1, 0]}, "since: itself: must be a mapping"),
        ({"since": {**SINCE, "onset": None}}, "onset: must be of the first incident"),
        ({"since": {**SINCE, "devices": {"ap-1": [1, 1, 2, 1]}}}, "devices: ap-1: must be incidents, missed"),
        ({"since": {**SINCE, "devices": []}}, "devices: must be counts of at most 1000"),
        ({"fleet": ["a", "a"]}, "fleet: must be at most 5, each once"),
        ({"fleet": [""]}, "fleet: must be a list of device keys"),
        ({"alert": {**ALERT, "apart": ["a", "b", "c"]}}, "apart: must be at most 2, each once"),
        ({"alert": {**ALERT, "devices": {"named": 1}}}, "alert: devices: must be a mapping"),
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


def one_always_missed(rng, count, share, one="ap-0", often=0.4, others=0.8):
    """Rows of a fleet of 12, of which one device fails more often, and its incidents are caught so seldom."""
    stream = []
    for number in range(count):
        fails = one if rng.random() < often else f"ap-{1 + rng.integers(11)}"
        is_caught = rng.random() < (share if fails == one else others)
        for place in range(120):
            second, error = number * 7200 + place * 60, place < 5
            stream.append((fails, second, int(error), int(error and is_caught)))
            stream.append(("ap-11" if fails != "ap-11" else "ap-10", second, 0, 0))
    return stream


def test_an_alert_says_on_which_devices_incidents_were_missed_and_of_how_many():
    missed, rng = usual(), np.random.default_rng(2)
    ((_, event),) = fed(missed, rows(20 * [False], rng))
    where = event.devices
    assert (where.of_one, where.standing_out) == (False, 0)
    assert where.wrong == where.labels == event.since_onset == 8
    named = [(each.device, each.wrong, each.labels) for each in where.named]
    assert sum(wrong for _, wrong, _ in named) >= 5 and named == sorted(
        named, key=lambda each: (-each[1], each[0])
    )
    assert f"; missed on {where.with_wrong} of {where.devices} devices: {named[0][0]} " in event.detail
    assert missed.status()["alert"]["devices"] == where.to_dict()
    assert missed.status()["alert"]["apart"] == []


def test_one_device_that_is_always_missed_is_told_as_one_and_as_minor_and_not_as_the_fleet():
    told = [fed(usual(), one_always_missed(np.random.default_rng([9, seed]), 100, 0.0)) for seed in range(20)]
    found = [events[0][1] for events in told if events]
    assert len(found) >= 18
    of_one = [event for event in found if event.devices.of_one]
    assert len(of_one) >= 17
    for event in of_one:
        assert (event.severity, event.devices.named[0].device) == ("minor", "ap-0")
        assert "misses incidents of 1 device, ap-0, and of the others as many as before" in event.detail


@pytest.mark.parametrize("caught_between", [2, 5])
def test_a_single_miss_each_of_two_devices_is_the_fleet(caught_between):
    """Of a model that caught 276 of 276, and now some of other devices between the two."""
    missed = MissedIncidents(IncidentOutcomes(*GAPS), Base(276, 276))
    stream = [(f"nic-{n}", n, 0, 0) for n in range(8)]
    stream += [
        (f"nic-{n + 1}", 1000 * (n + 1), 1, int(0 < n <= caught_between)) for n in range(caught_between + 2)
    ]
    stream.append(("nic-0", 1000 * (caught_between + 9), 0, 0))
    (where,) = [event.devices for _, event in fed(missed, stream)]
    assert (where.of_one, [each.wrong for each in where.named]) == (False, [1, 1])


def test_others_that_are_missed_after_one_device_was_told_make_it_the_alert_of_the_fleet():
    rng = np.random.default_rng(3)
    first = one_always_missed(rng, 40, 0.0)
    then = one_always_missed(rng, 40, 0.0, often=0.1, others=0.0)
    later = [(device, second + 40 * 7200, *rest) for device, second, *rest in then]
    missed = usual()
    one, fleet = (event for _, event in fed(missed, first + later))
    assert (one.devices.of_one, fleet.devices.of_one) == (True, False)
    assert one.alert == fleet.alert and fleet.level == "drift"
    assert (one.severity, fleet.severity) == ("minor", "severe")
    # The incidents of the device that was told say nothing of the others, and are not counted with them.
    assert "ap-0" not in {each.device for each in fleet.devices.named}
    assert fleet.onset >= text(30 * 7200)
    assert missed.status()["alert"]["since"] < 40


def test_a_second_device_is_told_by_itself_too_and_a_third_is_the_fleet():
    rng, stream = np.random.default_rng(5), []
    for number, one in enumerate(("ap-0", "ap-1", "ap-2")):
        part = one_always_missed(rng, 25, 0.0, one=one, often=0.7, others=1.0)
        stream += [(device, second + number * 25 * 7200, *rest) for device, second, *rest in part]
    told = [event for _, event in fed(usual(), stream) if event.level == "drift"]
    assert [(event.devices.of_one, event.devices.named[0].device) for event in told] == [
        *[(True, "ap-0"), (True, "ap-1"), (False, "ap-2")]
    ]
    assert "misses incidents of each of 2 devices, ap-0 and ap-1, and" in told[1].detail


@pytest.mark.parametrize("devices", [1, 4])
def test_a_device_of_fewer_than_five_is_the_fleet(devices):
    missed = MissedIncidents(IncidentOutcomes(*GAPS), Base(60, 48))
    stream = [(f"ap-{n % devices}", n, 0, 0) for n in range(10)]
    stream += [("ap-0", 100 + 1000 * n, 1, 0) for n in range(20)]
    ((_, event),) = fed(missed, stream)
    assert (event.devices.of_one, event.severity) == (False, "severe")


def test_a_stream_that_tells_no_devices_names_none():
    missed = MissedIncidents(IncidentOutcomes(*GAPS), Base(60, 48))
    ((_, event),) = fed(missed, [("", 1000 * n, 1, 0) for n in range(20)])
    assert event.devices is None and "missed on" not in event.detail


def test_the_onset_is_where_the_statistic_was_zero_for_the_last_time():
    missed = MissedIncidents(IncidentOutcomes(*GAPS), Base(60, 48))
    # Missed, caught, caught, and again: each time it is at 0 behind them.
    early = [("ap-0", 2000 * n, 1, int(n % 3 > 0)) for n in range(30)]
    late = [(f"ap-{n % 5}", 60_000 + 2000 * n, 1, 0) for n in range(12)]
    ((_, event),) = fed(missed, early + late)
    assert event.onset == text(60_000)


def test_an_incident_that_began_long_before_the_last_zero_is_no_onset():
    missed = MissedIncidents(IncidentOutcomes(*GAPS), Base(60, 48))
    long = [("ap-9", 300 * n, 1, 0) for n in range(200)]  # Decided after 60,000 s, when others were caught.
    caught = [(f"ap-{n % 5}", 2000 * n + 1, 1, 1) for n in range(1, 28)]
    late = [(f"ap-{n % 5}", 62_000 + 2000 * n, 1, 0) for n in range(12)]
    ((_, event),) = fed(missed, sorted(long + caught + late, key=lambda row: row[1]))
    assert event.onset == text(54_001)


def test_what_was_saved_before_alerts_named_devices_goes_on():
    rng = np.random.default_rng(8)
    stream = rows(shares(rng, (25, 0.8), (30, 0.0), (60, 0.8)), rng)
    whole, first, cut = usual(), usual(), 240 * 27
    told = fed(whole, stream)
    before = fed(first, stream[:cut])
    saved = first.to_dict()
    since = saved.pop("since")
    saved.pop("fleet")
    saved |= {"format": 1, "statistic": since["statistic"]}
    saved["since"] = [since["incidents"], since["caught"], since["onset"]]
    assert since["incidents"]
    again = before + fed(MissedIncidents.from_dict(json.loads(json.dumps(saved))), stream[cut:], cut)
    assert [(at, e.level, e.alert, e.severity) for at, e in again] == [
        (at, e.level, e.alert, e.severity) for at, e in told
    ]
    with pytest.raises(InputError, match="since: must be incidents, caught and onset"):
        MissedIncidents.from_dict({**saved, "since": [1]})
