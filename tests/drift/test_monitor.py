"""The monitor reports each finding once, counts all, and resumes where it stopped."""

import json
import math

import numpy as np
import pytest

from drift.alert import Hysteresis
from drift.detectors.ddm import DDM
from drift.detectors.eddm import EDDM
from drift.detectors.page_hinkley import PageHinkley
from drift.monitor import DriftMonitor
from tests.drift.scripted import Scripted, at, errors

NO_ALERTS = Hysteresis(batches=0)


class Second(Scripted):
    name = "second"


def played(script, cool_down):
    """The monitor after the script, and what it reported: (value, level)."""
    monitor = DriftMonitor([Scripted(script)], cool_down=cool_down, hysteresis=NO_ALERTS)
    reported = [(i, event.level) for i in range(len(script)) for event in monitor.update(0, at(i))]
    return monitor, reported


def new_monitor(cool_down=100):
    return DriftMonitor([DDM(), EDDM(), PageHinkley()], cool_down=cool_down)


def test_a_warning_is_reported_when_its_zone_is_entered():
    assert played(".www..ww.", 0)[1] == [(1, "warning"), (6, "warning")]


def test_without_a_cool_down_every_drift_is_reported():
    assert played(".d.dd", 0)[1] == [(1, "drift"), (3, "drift"), (4, "drift")]


def test_repeated_drifts_within_the_cool_down_are_merged_into_the_reported_one():
    # reported at 1; the next 3 values are its cool-down; 5 is the first one after
    monitor, reported = played(".dddddd..", 3)
    assert reported == [(1, "drift"), (5, "drift")]
    status = monitor.status()["detectors"]["scripted"]
    assert (status["drifts"], status["merged"]) == (6, 4)


def test_the_last_value_of_a_cool_down_still_merges_and_the_next_does_not():
    assert played("d..d", 3)[1] == [(0, "drift")]
    assert played("d...d", 3)[1] == [(0, "drift"), (4, "drift")]


def test_a_drift_is_reported_in_the_cool_down_of_a_warning():
    assert played("wwd", 10)[1] == [(0, "warning"), (2, "drift")]


def test_a_warning_in_the_cool_down_of_a_drift_is_merged():
    monitor, reported = played("d.w...w", 4)
    assert reported == [(0, "drift"), (6, "warning")]
    status = monitor.status()["detectors"]["scripted"]
    assert (status["warnings"], status["merged"]) == (2, 1)


def test_repeated_warnings_within_the_cool_down_are_merged():
    assert played("w.w.w.w", 4)[1] == [(0, "warning"), (6, "warning")]


def test_the_state_is_drift_until_the_cool_down_has_passed():
    monitor = DriftMonitor([Scripted(".wd...w.")], cool_down=2, hysteresis=NO_ALERTS)
    states = []
    for i in range(8):
        monitor.update(0, at(i))
        states.append(monitor.status()["detectors"]["scripted"]["state"])
        assert monitor.status()["state"] == states[-1]
    assert states == [
        "in_control", "warning", "drift", "drift", "drift", "in_control", "warning", "in_control"
    ]  # fmt: skip


def test_flags_are_those_of_the_last_update():
    monitor = DriftMonitor([Scripted("wd.")], cool_down=100)
    seen = []
    for i in range(3):
        monitor.update(1, at(i))
        seen.append(monitor.flags["scripted"])
    assert seen == [
        {"warning": True, "drift": False},
        {"warning": False, "drift": True},
        {"warning": False, "drift": False},
    ]


def test_an_event_says_which_when_how_much_on_what_against_what_and_how_sure():
    monitor = DriftMonitor([Scripted("wd")], cool_down=0)
    warning, drift = monitor.update(0, at(0)) + monitor.update(1, "2024-05-01T02:00:01+02:00")
    assert warning.to_dict() == {
        "source": "scripted", "level": "warning", "event_time": "2024-05-01T00:00:00+00:00",
        "value": 1.5, "limit": 0.5, "n_seen": 1, "detail": "error stream",
        "onset": None, "since_onset": None, "severity": None, "confidence": None, "sample_labels": 0,
        "sample_rate": None, "reference_labels": 1, "reference_rate": 0.0, "group": "", "alert": "",
    }  # fmt: skip
    assert drift.to_dict() == {
        "source": "scripted", "level": "drift", "event_time": "2024-05-01T00:00:01+00:00",
        "value": 1.5, "limit": 1.0, "n_seen": 2, "detail": "error stream",
        "onset": "2024-05-01T00:00:00+00:00", "since_onset": 1, "severity": "severe",
        "confidence": pytest.approx(0.752, abs=0.001), "sample_labels": 1, "sample_rate": 1.0,
        "reference_labels": 1, "reference_rate": 0.0, "group": "", "alert": "scripted-2",
    }  # fmt: skip


def test_a_planted_change_is_reported_once_by_each_detector_and_no_calm_before_it():
    random = np.random.default_rng(42)
    warm = (random.random(2000) < 0.05).astype(int)
    monitor = DriftMonitor([DDM(2000), EDDM(2000), PageHinkley(2000)], cool_down=1000, hysteresis=NO_ALERTS)
    for detector in monitor.detectors:
        for x in warm:
            detector.update(x)
    found = []
    for i, x in enumerate(errors(43, (600, 0.05), (400, 0.5))):
        found += [(event.source, i) for event in monitor.update(x, at(i)) if event.level == "drift"]
    assert found == [("page_hinkley", 610), ("eddm", 628), ("ddm", 635)]


def test_status_counts_what_was_monitored_and_names_times():
    monitor = new_monitor()
    stream = errors(1, (500, 0.05), (300, 0.6))
    for i, x in enumerate(stream):
        monitor.update(x, at(i))
    status = monitor.status()
    assert status["n"] == 800
    assert status["errors"] == sum(stream)
    assert status["error_rate"] == sum(stream) / 800
    assert status["last_event_time"] == "2024-05-01T00:13:19+00:00"
    assert list(status["detectors"]) == ["ddm", "eddm", "page_hinkley"]
    ddm = status["detectors"]["ddm"]
    assert ddm["drifts"] >= 1
    assert ddm["last_drift_time"] > "2024-05-01T00:08:20"
    assert ddm["n"] == ddm["n_with_warm_up"] == 800
    json.dumps(status, allow_nan=False)


def test_a_new_monitor_is_in_control():
    status = new_monitor().status()
    assert status["state"] == "in_control"
    assert status["error_rate"] is None
    assert {each["state"] for each in status["detectors"].values()} == {"in_control"}
    assert {each["last_drift_time"] for each in status["detectors"].values()} == {None}


@pytest.mark.parametrize("cut", [0, 1, 400, 540, 620])
def test_a_saved_monitor_resumes_mid_stream_exactly(cut):
    stream = errors(2, (500, 0.05), (500, 0.6))
    whole = new_monitor(cool_down=50)
    for i, x in enumerate(stream[:cut]):
        whole.update(x, at(i))
    resumed = DriftMonitor.from_dict(json.loads(json.dumps(whole.to_dict(), allow_nan=False)))
    for i, x in enumerate(stream[cut:], start=cut):
        assert whole.update(x, at(i)) == resumed.update(x, at(i))
        assert whole.status() == resumed.status()
        assert whole.flags == resumed.flags
    assert whole.to_dict() == resumed.to_dict()


@pytest.mark.parametrize(
    ("error", "time", "message"),
    [
        (2, at(0), "error: must be 1 .* or 0 .*, got 2"),
        (math.nan, at(0), "error: must be 1 .* or 0 .*, got nan"),
        (None, at(0), "error: must be 1"),
        ("1", at(0), "error: must be 1"),
        (1, "2024-05-01T00:00:00", "event_time: must be ISO 8601 text with a time zone"),
        (1, None, "event_time: must be ISO 8601"),
    ],
)
def test_bad_input_is_refused_before_any_detector_sees_it(error, time, message):
    monitor = new_monitor()
    monitor.update(1, at(0))
    before = monitor.to_dict()
    with pytest.raises(ValueError, match=message):
        monitor.update(error, time)
    assert monitor.to_dict() == before


def test_values_are_taken_in_the_order_they_arrive():
    monitor = new_monitor()
    monitor.update(0, at(10))
    monitor.update(1, at(5))
    assert monitor.status()["n"] == 2
    assert monitor.status()["last_event_time"] == "2024-05-01T00:00:05+00:00"


def test_a_monitor_needs_detectors_of_different_names():
    with pytest.raises(
        ValueError, match=r"drift monitor: detectors: must be at least one, each name once, got \[\]"
    ):
        DriftMonitor([])
    with pytest.raises(ValueError, match=r"each name once, got \['ddm', 'ddm'\]"):
        DriftMonitor([DDM(), DDM()])


@pytest.mark.parametrize("bad", [-1, 0.5, "100", True])
def test_a_cool_down_is_a_count(bad):
    with pytest.raises(
        ValueError, match="drift monitor: cool_down: must be a whole number of at least 0, got"
    ):
        DriftMonitor([DDM()], cool_down=bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 3}, "format: must be 2, got 3"),
        ({"detectors": {}}, "detectors: must be a list"),
        ({"n_seen": -1}, "n_seen: must be a whole number of at least 0, got -1"),
        ({"errors": "3"}, "errors: must be a whole number"),
        ({"records": {}}, r"records: must be a mapping with the keys \['ddm', 'eddm', 'page_hinkley'\]"),
        ({"last_event_time": "noon"}, "last_event_time: must be ISO 8601"),
        ({"more": 1}, "itself: must be a mapping with the keys"),
    ],
)
def test_a_saved_monitor_that_is_not_ours_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DriftMonitor.from_dict({**new_monitor().to_dict(), **change})


@pytest.mark.parametrize(
    ("field", "bad", "message"),
    [
        ("drifts", -1, "records.ddm: drifts: must be a whole number"),
        ("drifts", None, "records.ddm: drifts: must be a whole number"),
        ("last_drift_at", "5", "records.ddm: last_drift_at: must be a whole number"),
        ("last_drift_time", "noon", "records.ddm: last_drift_time: must be ISO 8601"),
    ],
)
def test_a_saved_record_with_a_bad_field_is_refused(field, bad, message):
    saved = new_monitor().to_dict()
    saved["records"]["ddm"][field] = bad
    with pytest.raises(ValueError, match=message):
        DriftMonitor.from_dict(saved)


def told(verdict, first, second, cool_down=0):
    """What two scripted detectors report under a verdict: (value, source, level)."""
    monitor = DriftMonitor([Scripted(first), Second(second)], cool_down, verdict, hysteresis=NO_ALERTS)
    found = []
    for i in range(len(first)):
        found += [(i, event.source, event.level) for event in monitor.update(0, at(i))]
    return found, monitor


def test_a_fall_is_an_improvement_and_never_drift():
    found, monitor = told("any", ".f.f..", "......", cool_down=2)
    assert found == [(1, "scripted", "improvement")]
    status = monitor.status()
    assert status["state"] == "in_control"
    mine = status["detectors"]["scripted"]
    assert (mine["improvements"], mine["merged"], mine["drifts"]) == (2, 1, 0)
    assert mine["last_improvement_time"] == at(3)


def test_with_any_each_detector_decides():
    found, monitor = told("any", ".d..", "..d.")
    assert found == [(1, "scripted", "drift"), (2, "second", "drift")]
    assert [each["decides"] for each in monitor.status()["detectors"].values()] == [True, True]


def test_drift_of_a_detector_that_does_not_decide_is_its_warning():
    found, monitor = told("second", "d...", ".d..")
    assert found == [(0, "scripted", "warning"), (1, "second", "drift")]
    found, monitor = told("second", "d...", "....", cool_down=9)
    assert monitor.status()["state"] == "warning"
    assert monitor.status()["verdict"] == "second"
    assert monitor.status()["detectors"]["scripted"]["state"] == "drift"


def test_the_last_drift_is_told_when_the_state_is_calm_again():
    _, monitor = told("any", ".d......", "..d.....", cool_down=2)
    status = monitor.status()
    assert status["state"] == "in_control"
    assert status["last_drift"] == {"time": at(2), "detectors": ["scripted", "second"], "labels_ago": 5}
    assert status["summary"] == (
        f"in control: the last drift was found at {at(2)} by scripted, second, 5 labels ago; "
        "0.0% of 8 labels were predicted wrong"
    )
    _, monitor = told("second", "d...", "....", cool_down=9)
    assert monitor.status()["last_drift"] is None
    assert monitor.status()["summary"].startswith("warning by scripted: no drift was found; ")
    _, monitor = told("all within 3", "d..", ".d.", cool_down=5)
    assert monitor.status()["last_drift"] == {
        "time": at(1), "detectors": ["scripted", "second"], "labels_ago": 1
    }  # fmt: skip
    _, monitor = told("second", "d..d.w", "......", cool_down=0)
    assert monitor.status()["summary"] == (
        "warning by scripted: no drift was found; beside it, scripted found 2 drifts and 1 warning "
        "(it does not decide, see detectors); 0.0% of 6 labels were predicted wrong"
    )
    # Where detectors decide together, what one of them finds is no opinion beside the verdict.
    _, monitor = told("all within 3", "d......", ".......", cool_down=0)
    assert "beside it" not in monitor.status()["summary"]
    assert new_monitor().status()["summary"] == "in control: no label was watched yet"


def test_all_within_some_labels_is_drift_once_and_before_that_a_warning():
    found, _ = told("all within 2", "d......d.", "...d..d..")
    assert found == [
        (0, "scripted", "warning"), (3, "second", "warning"), (6, "second", "warning"),
        (7, "scripted", "warning"), (7, "all", "drift"),
    ]  # fmt: skip
    found, monitor = told("all within 3", "d...d..", ".d..d..", cool_down=5)
    assert [each for each in found if each[1] == "all"] == [(1, "all", "drift")]
    assert monitor.status()["state"] == "drift"


def test_all_within_survives_a_restart_between_the_findings():
    settings = {"cool_down": 1000, "verdict": "all within 600"}
    whole = DriftMonitor([DDM(), EDDM(), PageHinkley()], promise="some", **settings)
    stream, found = errors(2, (500, 0.05), (500, 0.6)), []
    for i, x in enumerate(stream):
        found += whole.update(x, at(i))
        whole = DriftMonitor.from_dict(json.loads(json.dumps(whole.to_dict())))
    raised, *later = [event for event in found if (event.source, event.level) == ("all", "drift")]
    assert "worse" not in raised.detail and len(later) == 1  # 16 % was told first, and it is 60 %.
    assert later[0].alert == raised.alert and "worse than at" in later[0].detail
    assert later[0].sample_rate > 1.5 * raised.sample_rate
    assert {event.level for event in found if event.source != "all"} == {"warning"}
    assert whole.status()["promise"] == "some"


def test_a_number_of_detectors_within_some_labels_is_a_verdict_of_its_own_name():
    class Third(Scripted):
        name = "third"

    scripts = (".d........", "..........", "....d...d.")
    monitor = DriftMonitor([Scripted(scripts[0]), Second(scripts[1]), Third(scripts[2])], 0, "2 within 5")
    found = [event for i in range(10) for event in monitor.update(0, at(i))]
    drifts = [(event.source, event.n_seen, event.detail) for event in found if event.level == "drift"]
    assert drifts == [("2 of 3", 5, "error stream: scripted, third within 5 labels")]
    assert monitor.status()["last_drift"]["time"] == at(4)
    assert monitor.status()["last_drift"]["labels_ago"] == 5


@pytest.mark.parametrize(
    "bad", ["all", "all within", "all within -3", "2 within 5", "most", "adwin", 3, None]
)
def test_a_verdict_that_is_no_rule_is_refused(bad):
    with pytest.raises(ValueError, match="verdict: must be among any, all within N, K within N, ddm, got"):
        DriftMonitor([DDM()], verdict=bad)


def test_a_monitor_saved_by_version_1_goes_on():
    new = new_monitor()
    for i, x in enumerate(errors(3, (500, 0.05), (100, 0.6))):
        new.update(x, at(i))
    old = new.to_dict()
    old["format"] = 1
    del old["verdict"], old["promise"]
    for record in old["records"].values():
        for name in ("improvements", "last_improvement_time", "reported_improvement_at"):
            del record[name]
    assert DriftMonitor.from_dict(json.loads(json.dumps(old))).to_dict() == new.to_dict()
