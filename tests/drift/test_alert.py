"""An alert is raised once, told again only when it is worse, and cleared after calm batches."""

import json
from dataclasses import replace

import numpy as np
import pytest

from drift.alert import AlertWatch, Hysteresis
from drift.calm import DAY, Calm
from drift.change_size import NOTHING, Change, Counts
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.drift_event import DriftEvent
from drift.monitor import DriftMonitor
from drift.warm_up import DetectorSettings, warmed_monitor
from tests.drift.scripted import START, Scripted, errors

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


def fed(watch, flags, counts=NOTHING, seconds=DAY):
    """Numbers of the labels that cleared the alert."""
    calm = Calm(counts, seconds)
    return [i for i, flag in enumerate(flags) if watch.add(flag, at(i), lambda: calm) is not None]


def test_it_is_cleared_by_calm_batches_in_a_row_and_by_no_fewer():
    calm, loud = 16 * [0] + 4 * [1], 14 * [0] + 6 * [1]  # the lower limit is 0.1 + (0.3 - 0.1) / 2
    watch = watch_with_alert()
    assert watch.open.lower_limit == pytest.approx(0.2)
    assert fed(watch, calm + loud + calm) == []
    assert watch.open.calm == 1
    assert fed(watch, calm) == [19]
    assert watch.open is None
    assert watch.last_cleared.cleared == at(19)
    assert fed(watch, calm + calm) == []


@pytest.mark.parametrize(
    ("calm", "cleared"),
    [
        (Counts(2000, 390, 80), False),  # a tenth before
        (Counts(2000, 300, 50), True),
        (NOTHING, True),
    ],
)
def test_calm_after_a_burst_is_no_end_while_there_are_half_as_many_errors_again(calm, cleared):
    watch = watch_with_alert(sample_errors=90)
    assert bool(fed(watch, 40 * [0], calm)) is cleared


def test_calm_batches_of_less_than_a_day_are_no_end():
    watch = watch_with_alert()
    assert fed(watch, 50 * [0], seconds=DAY - 1) == []
    assert fed(watch, 20 * [0]) == [9]


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


def test_an_alert_of_a_rate_that_is_not_known_is_over_with_its_batches():
    watch = watch_with_alert(sample_errors=90)
    watch.open = replace(watch.open, labels_before=0)
    assert fed(watch, 40 * [0], Counts(2000, 390, 80)) == [39]


def test_a_calm_stretch_in_which_nothing_was_to_be_expected_is_no_end():
    # One label in fifty is wrong, in episodes worth twenty labels each, where it was one in five hundred.
    lasting = Change(Counts(2000, 40, 0), Counts(20_000, 40, 0), inflation=20.0)
    watch = AlertWatch(Hysteresis(below=0.5, batches=2, batch=20))
    watch.found("glr-0", DriftEvent("glr", "drift", at(0), 4.0, 3.0, 0), 0, at(0), lasting)
    assert watch.open.lower_limit == pytest.approx(0.011)
    # At the lower limit five episodes of twenty errors are expected in 9,091 labels.
    assert fed(watch, 9_080 * [0]) == []
    assert fed(watch, 20 * [0] + [1] + 19 * [0]) == [19]


def test_an_episode_among_calm_labels_begins_the_count_anew():
    lasting = Change(Counts(2000, 40, 0), Counts(20_000, 40, 0), inflation=20.0)
    watch = AlertWatch(Hysteresis(below=0.5, batches=2, batch=20))
    watch.found("glr-0", DriftEvent("glr", "drift", at(0), 4.0, 3.0, 0), 0, at(0), lasting)
    assert fed(watch, 9_000 * [0] + 20 * [1] + 9_080 * [0]) == []
    assert fed(watch, 20 * [0]) == [19]


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


def test_drift_in_the_middle_of_calm_batches_begins_them_anew():
    watch = watch_with_alert()
    assert fed(watch, 20 * [0]) == []
    assert found(watch, 20, 30) is None
    assert fed(watch, 40 * [0]) == [39]


@pytest.mark.parametrize("bad", [{"below": 1.5}, {"batches": -1}, {"batch": 0}])
def test_limits_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=f"hysteresis: {next(iter(bad))}: must be"):
        Hysteresis(**bad)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"open": {"id": "x"}}, "alerts: open: itself: must be a mapping"),
        ({"batch_labels": 20}, "alerts: batch_labels: must be a whole number of at least 0 and at most 19"),
        ({"batch_errors": 3}, "alerts: batch_errors: must be"),
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
    assert 2000 < found[0][0] < 2500 and 7400 <= found[1][0] < 8600 and 9000 < found[2][0] < 9500
    assert first.severity == "severe" and first.confidence > 0.999
    assert first.reference_labels >= 5500 and 0.03 < first.reference_rate < 0.07
    cleared = found[1][1]
    assert cleared.value < cleared.limit and cleared.sample_labels == 2500
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
