"""An alert is raised once, told again only when it is worse, and cleared after calm batches."""

import json
from dataclasses import replace

import numpy as np
import pytest

from drift.alert import AlertWatch, Hysteresis
from drift.alerting import Alerting
from drift.calm import DAY, Calm
from drift.change_size import NOTHING, Change, Counts, counts_of
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.drift_event import DriftEvent
from drift.monitor import DriftMonitor
from drift.warm_up import DetectorSettings, warmed_monitor
from tests.drift.error_streams import in_runs
from tests.drift.scripted import START, Scripted, errors

NO_ERRORS = Counts(100, 0, 0)
SHORT = Hysteresis(below=0.5, batches=2, batch=20)


def at(i):
    """Event time of label i: one a minute."""
    return f"{START + np.timedelta64(i, 'm')}+00:00"


def change(sample_errors, reference_errors=100):
    """A hundred labels since the change, and a thousand before it."""
    return Change(Counts(100, sample_errors, 0), Counts(1000, reference_errors, 0))


def found(watch, i, sample_errors):
    """What a drift at a label is to the watch."""
    event = DriftEvent("glr", "drift", at(i), 4.0, 3.0, i)
    return watch.found(f"glr-{i}", event, i, at(0), change(sample_errors))


def watch_with_alert(sample_errors=30):
    watch = AlertWatch(SHORT)
    assert found(watch, 0, sample_errors) == "raised"
    return watch


def fed(watch, n, counts=NO_ERRORS, seconds=DAY, newest=NOTHING):
    """Numbers of the labels that cleared the alert, of n that are looked at with the given counts."""
    calm = Calm(counts, seconds, newest)
    return [i for i in range(n) if watch.add(at(i), lambda: calm) is not None]


def test_it_is_over_when_the_newest_labels_together_are_as_before():
    watch = watch_with_alert()  # a tenth before, 30 of 100 since
    assert watch.open.lower_limit == pytest.approx(0.2)
    assert watch.open.end_limit == pytest.approx(0.15)
    assert fed(watch, 60, Counts(1000, 151, 20)) == []
    assert watch.open.calm == 0
    assert fed(watch, 60, Counts(1000, 100, 10), newest=Counts(40, 7, 1)) == []
    assert fed(watch, 20, Counts(1000, 149, 20), newest=Counts(40, 6, 1)) == [19]
    assert watch.open is None
    assert (watch.last_cleared.cleared, watch.last_cleared.calm) == (at(19), 50)
    assert fed(watch, 40) == []


def test_less_than_a_day_or_than_its_batches_or_than_tells_the_rates_apart_is_no_end():
    watch = watch_with_alert()
    assert watch.labels_to_end == watch.open.labels_to_end == 70
    assert fed(watch, 60, seconds=DAY - 1) == []
    assert fed(watch, 60, Counts(69, 0, 0)) == []
    assert watch.open.calm == 3
    watch.hysteresis = replace(SHORT, batches=6)
    assert fed(watch, 60, Counts(119, 0, 0)) == []
    assert fed(watch, 20, Counts(120, 0, 0)) == [19]
    assert watch.labels_to_end == 0


@pytest.mark.parametrize(
    ("errors_before", "labels_before", "since", "limit"),
    [
        (100, 1000, 90, 0.15),  # half as many again
        (0, 1000, 90, 0.0066),  # nothing among so few may have been so much
        (100, 1000, 12, 0.125),  # halfway to what is half as many again
        (100, 100_000, 90, 0.002),  # 0.1 points more
        (100, 100_000, 0, 0.0013),  # what was before may have been so much
    ],
)
def test_the_limit_of_an_end_is_above_what_was_before_and_below_what_is_well_above(
    errors_before, labels_before, since, limit
):
    before = Counts(labels_before, errors_before, 0)
    watch = AlertWatch(SHORT)
    watch.found("glr-0", DriftEvent("glr", "drift", at(0), 4.0, 3.0, 0), 0, at(0),
                Change(Counts(100, since, 0), before))  # fmt: skip
    assert watch.open.end_limit == pytest.approx(limit, rel=0.1)
    assert 0 < watch.open.labels_to_end < 1_000_000


def long_run_of(n, rate, correlation, random):
    """Error flags in runs, in parts: ``in_runs`` makes far more than it gives where errors are rare."""
    parts = [in_runs(min(2000, n - first), rate, correlation, random) for first in range(0, n, 2000)]
    return np.concatenate(parts)


def ended_after(rate, lasts, labels_a_day, correlation, seed):
    """Days from a burst to the end of its alert, of 2.5; None if it is open all of them.

    :param lasts: share of the rate of the burst that goes on after it; 0 for the base.
    """
    random = np.random.default_rng([seed, labels_a_day])
    runs = (1 + correlation) / (1 - correlation)
    high = max(6 * rate, 0.003 * runs)  # ten episodes in what is remembered
    base = long_run_of(20_000, rate, correlation, random)
    burst = long_run_of(3500, high, correlation, random)
    live = long_run_of(int(2.5 * labels_a_day), max(rate, lasts * high), correlation, random)
    alerting, second = Alerting(base=counts_of(base.tolist())), 86_400 / labels_a_day
    time = [f"{START + np.timedelta64(int(i * second), 's')}+00:00" for i in range(len(burst) + len(live))]
    for error, when in zip(burst.tolist(), time, strict=False):
        alerting.add(error, when)
    n = len(burst)
    alerting.tell(DriftEvent("glr", "drift", time[n - 1], 5.0, 4.0, n), n, runs)
    assert alerting.open is not None
    for i, (error, when) in enumerate(zip(live.tolist(), time[n:], strict=True), 1):
        if alerting.add(error, when):
            return i / labels_a_day
    return None


@pytest.mark.parametrize(("correlation", "lasts"), [(0.0, 0.5), (0.9, 1.0)])
@pytest.mark.parametrize(
    ("rate", "labels_a_day"), [(0.001, 20_000), (0.001, 30_000), (0.01, 20_000), (0.1, 5000)]
)
def test_an_alert_ends_within_about_a_day_of_the_base_and_lasts_while_errors_are_many(
    rate, labels_a_day, correlation, lasts
):
    back = [ended_after(rate, 0, labels_a_day, correlation, seed) for seed in range(2)]
    assert all(days is not None and 1 <= days < 2.5 for days in back), back
    assert ended_after(rate, lasts, labels_a_day, correlation, 3) is None


def by_hours(days, day_rate, night_rate, seed):
    """Error flags, one a minute from midnight on; nights are from 0 to 6 o'clock."""
    random = np.random.default_rng(seed)
    night = np.arange(days * 1440) % 1440 < 360
    return (random.random(days * 1440) < np.where(night, night_rate, day_rate)).astype(int).tolist()


@pytest.mark.parametrize("night_rate", [0.0, 0.002])
@pytest.mark.parametrize("day_rate", [0.02, 0.3])
def test_a_quiet_night_is_no_end_of_a_change_that_lasts_where_errors_are_rare(day_rate, night_rate):
    """Of a model that was wrong in 3 of 10,000 labels, and is many times as often since a burst."""
    base = errors(5, (20_000, 0.0003))
    in_one_night = Hysteresis(batch=50)
    monitor = warmed_monitor(base, [0] * len(base), DetectorSettings(("glr",)), hysteresis=in_one_night)
    changed = by_hours(6, day_rate, night_rate, 7)
    changed[360:480] = errors(9, (120, 0.5))
    assert "cleared" not in {event.level for _, event in told(monitor, changed)}
    assert monitor.open_alert is not None
    over = by_hours(8, 0.0003, 0.0003, 8)
    (end,) = [i for i, event in told(monitor, over, len(changed)) if event.level == "cleared"]
    # Calm may begin right after the last finding of the change.
    assert 23 * 60 <= end - len(changed) < 6 * 1440


def test_an_alert_of_a_rate_that_is_not_known_is_over_below_its_lower_limit():
    watch = watch_with_alert(sample_errors=90)
    watch.open = replace(watch.open, labels_before=0)
    assert watch.open.end_limit == watch.open.lower_limit == pytest.approx(0.5)
    assert fed(watch, 40, Counts(2000, 990, 80)) == [19]


def test_labels_in_which_nothing_was_to_be_expected_are_no_end():
    # One label in fifty is wrong, in episodes worth twenty labels each, where it was one in five hundred.
    lasting = Change(Counts(2000, 40, 0), Counts(20_000, 40, 0), inflation=20.0)
    watch = AlertWatch(Hysteresis(below=0.5, batches=2, batch=20))
    watch.found("glr-0", DriftEvent("glr", "drift", at(0), 4.0, 3.0, 0), 0, at(0), lasting)
    # Twenty thousand labels of before may as well have been of a rate four times as high.
    assert 0.007 < watch.open.end_limit < watch.open.lower_limit == pytest.approx(0.011)
    least = watch.labels_to_end
    assert 100 / watch.open.end_limit < least < 25_000
    assert fed(watch, 40, Counts(least - 1, 0, 0)) == []
    assert fed(watch, 40, Counts(least, 0, 0)) == [19]


def test_an_alert_that_was_saved_without_how_errors_depend_is_read():
    watch = watch_with_alert()
    saved = watch.to_dict()
    del saved["open"]["inflation"]
    assert AlertWatch.from_dict("saved", saved).open == replace(watch.open, inflation=1.0)
    for bad in (0.5, "many"):
        with pytest.raises(ValueError, match="alerts: open: inflation: must be"):
            AlertWatch.from_dict("saved", {**saved, "open": {**watch.open.to_dict(), "inflation": bad}})


def test_further_drift_is_the_same_alert_until_it_is_worse():
    watch = watch_with_alert(sample_errors=13)  # 3 points more: minor
    assert found(watch, 1, 14) is None
    assert watch.open.merged == 1
    assert found(watch, 2, 30) == "worse"  # severe
    assert found(watch, 3, 40) is None
    assert found(watch, 4, 45) == "worse"  # half as many errors again
    raised = "2024-05-01T00:00:00+00:00"
    assert (watch.open.severity, watch.open.raised, watch.open.rate) == ("severe", raised, 0.45)
    assert found(watch, 5, 13) is None
    assert watch.open.severity == "severe"


@pytest.mark.parametrize(
    "same_change",
    [
        Change(Counts(100, 60, 0), Counts(0, 0, 0)),  # another detector found it from the first label on
        Change(Counts(20, 15, 0), Counts(1000, 100, 0)),
    ],
)
def test_a_second_finding_that_rests_on_little_is_the_same_alert(same_change):
    watch = watch_with_alert(sample_errors=13)
    event = DriftEvent("ddm", "drift", at(3), 4.0, 3.0, 3)
    assert watch.found("ddm-3", event, 3, at(0), same_change) is None
    assert (watch.open.severity, watch.open.rate, watch.open.merged) == ("minor", 0.13, 1)


def test_a_change_is_never_found_before_it_begins():
    """Labels that come late: that of the finding is of an earlier time than the one of the onset."""
    alerting = Alerting(base=Counts(10_000, 100, 1))
    for i, error in enumerate(errors(3, (500, 0.3))):
        alerting.add(error, at(1000 - i))
    found = DriftEvent("glr", "drift", at(501), 5.0, 4.0, 500)
    (event,) = alerting.tell(found, 200, 1.0)
    assert event.onset == alerting.open.onset == event.event_time == at(501)


def test_a_further_finding_begins_the_day_anew():
    alerting = Alerting(base=Counts(10_000, 100, 1))
    flags = errors(3, (500, 0.3))
    for i, error in enumerate(flags):
        alerting.add(error, at(i))
    alerting.tell(DriftEvent("glr", "drift", at(499), 5.0, 4.0, 500), 500, 1.0)
    ended = []
    for i in range(500, 8000):
        if i == 2000:
            assert alerting.tell(DriftEvent("glr", "drift", at(i), 5.0, 4.0, i), 25, 1.0) == []
        ended += [i for _ in alerting.add(0, at(i))]
    assert ended == [4499]  # 2,500 labels after it


@pytest.mark.parametrize("bad", [{"below": 1.5}, {"batches": -1}, {"batch": 0}])
def test_limits_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=f"hysteresis: {next(iter(bad))}: must be"):
        Hysteresis(**bad)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"open": {"id": "x"}}, "alerts: open: itself: must be a mapping"),
        ({"batch_labels": 20}, "alerts: batch_labels: must be a whole number of at least 0 and at most 19"),
        ({"hysteresis": {}}, "alerts: hysteresis: must be a mapping"),
    ],
)
def test_a_saved_form_that_is_not_ours_is_refused(changes, message):
    watch = watch_with_alert()
    with pytest.raises(ValueError, match=message):
        AlertWatch.from_dict("saved", {**watch.to_dict(), **changes})
    for name, bad in (("severity", "high"), ("rate", 2), ("raised", "noon"), ("calm", -1)):
        with pytest.raises(ValueError, match=f"alerts: open: {name}: must be"):
            AlertWatch.from_dict("saved", {**watch.to_dict(), "open": {**watch.open.to_dict(), name: bad}})


def told(monitor, flags, first=0):
    return [
        (i, event) for i, x in enumerate(flags, first) for event in monitor.update(x, at(i))
        if event.level in ("drift", "cleared")
    ]  # fmt: skip


def glr_monitor():
    base = errors(41, (4000, 0.05))
    return warmed_monitor(base, [0] * 4000, DetectorSettings(("glr",)))


STREAM = errors(43, (2000, 0.05), (3000, 0.2), (4000, 0.05), (2000, 0.2))


def test_a_change_that_stays_and_goes_is_told_once_and_cleared_once():
    found = told(glr_monitor(), STREAM)
    levels = [(event.level, event.alert) for _, event in found]
    first, again = found[0][1], found[2][1]
    assert [level for level, _ in levels] == ["drift", "cleared", "drift"]
    assert levels[0][1] == levels[1][1] != levels[2][1]
    assert 2000 < found[0][0] < 2500 and 7000 <= found[1][0] < 8600 and 9000 < found[2][0] < 9500
    assert first.severity == "severe" and first.confidence > 0.999
    assert first.reference_labels >= 5500 and 0.03 < first.reference_rate < 0.07
    cleared = found[1][1]
    assert cleared.value < cleared.limit and 2500 <= cleared.sample_labels < 2600
    # Compared with what was calm again, and not with the labels of the alert.
    assert again.reference_rate < 0.08 < 0.15 < again.sample_rate


def test_status_tells_the_alert_until_it_is_cleared():
    monitor = glr_monitor()
    raised, cleared, _ = (i for i, _ in told(glr_monitor(), STREAM))
    told(monitor, STREAM[: cleared - 10])
    status = monitor.status()
    assert (status["state"], status["alert"]["raised"]) == ("drift", at(raised))
    assert status["last_drift"]["time"] == at(raised)
    told(monitor, STREAM[cleared - 10 : cleared + 10], cleared - 10)
    status = monitor.status()
    assert (status["state"], status["alert"], status["last_drift"]) == ("in_control", None, None)
    assert status["cleared_alert"]["cleared"] == at(cleared)
    assert f"raised at {at(raised)} by glr, was cleared at {at(cleared)}" in status["summary"]
    json.dumps(status, allow_nan=False)


@pytest.mark.parametrize("cut", [1990, 2300, 5100, 6100, 6900])
def test_an_alert_survives_a_restart_at_any_label(cut):
    whole, parts = glr_monitor(), glr_monitor()
    expected = told(whole, STREAM)
    found = told(parts, STREAM[:cut])
    again = DriftMonitor.from_dict(json.loads(json.dumps(parts.to_dict(), allow_nan=False)))
    assert found + told(again, STREAM[cut:], cut) == expected
    assert again.to_dict() == whole.to_dict()


def test_an_alert_that_was_saved_when_each_batch_had_to_be_calm_is_read_and_ends():
    monitor = glr_monitor()
    told(monitor, STREAM[:5600])
    saved = monitor.to_dict()
    saved["alerting"]["calm_from"] = [5100, 500, 100]
    saved["alerting"]["alerts"]["batch_errors"] = 3
    again = DriftMonitor.from_dict(json.loads(json.dumps(saved)))
    assert again.to_dict() == monitor.to_dict()
    ((_, event), *_) = told(again, STREAM[5600:], 5600)
    assert (event.level, event.alert) == ("cleared", monitor.open_alert.id)


def test_an_alert_ends_with_the_model_that_it_is_about():
    monitor = DriftMonitor([Scripted("..d")], cool_down=0)
    assert monitor.close_alert("another model") == []
    for i in range(3):
        monitor.update(0, at(i))
    (event,) = monitor.close_alert("another model")
    assert (event.level, event.detail, event.alert) == ("cleared", "another model", "scripted-3")
    assert monitor.close_alert("another model") == []


def test_errors_in_runs_make_an_event_less_sure():
    plain = Change(Counts(400, 60, 9), Counts(4000, 400, 40))
    runs = Change(Counts(400, 60, 50), Counts(4000, 400, 340))
    assert 0.5 < runs.confidence < plain.confidence < 1
    assert Change(Counts(400, 60, 9), Counts(4000, 400, 40), inflation=9.0).confidence < plain.confidence
    assert Change(Counts(), Counts(5, 1, 0)).confidence is None
    assert Change(Counts(5, 0, 0), Counts(5, 0, 0)).confidence == 0.5


def test_how_sure_an_event_is_holds_for_independent_labels():
    random = np.random.default_rng(7)
    before, now = random.binomial(4000, 0.1, 4000), random.binomial(400, 0.1, 4000)
    sure = [
        Change(Counts(400, int(k), int(k) // 10), Counts(4000, int(m), int(m) // 10)).confidence > 0.95
        for k, m in zip(now, before, strict=True)
        if k / 400 > m / 4000
    ]
    assert 0.05 < sum(sure) / len(sure) < 0.12  # one side of two: about a tenth


def test_glr_knows_by_how_much_runs_inflate_a_change():
    detector = LikelihoodRatio()
    assert detector.variance_inflation == 1.0


def test_a_model_that_is_wrong_about_every_episode_is_not_calm_between_two():
    """Error rates of 200 labels each, of a live network whose model is wrong from the beginning on."""
    rates = (
        "14 14 7 6 10 9 12 10 4 14 13 9 20 7 9 0 5 15 17 24 18 18 13 14 10 26 25 21 18 22 7 1 13 15 3 12 4 9 "
        "14 14 12 3 7 2 1 10 17 15 26 25 12 4 9 9 7 4 17 18 23 25 22 21 8 10 12 6 16 14 18 23 22 28 20 19 18"
    )
    random = np.random.default_rng(1)
    live = [int(x) for rate in rates.split() for x in random.random(200) < int(rate) / 100]
    base = errors(41, (10_000, 0.035))
    monitor = warmed_monitor(base, [0] * 10_000, DetectorSettings(("glr",)))
    assert [event.level for _, event in told(monitor, live)][:1] == ["drift"]
    assert monitor.open_alert is not None and monitor.open_alert.cleared is None
    assert "cleared" not in {event.level for _, event in told(monitor, live, len(live))}
