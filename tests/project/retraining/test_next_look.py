"""While the loop waits for labels, a person is told where to look and how the wait ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from project.retraining.by_person import resumed
from project.retraining.loop import Loop
from project.retraining.next_look import next_look
from project.retraining.next_run import Evidence, next_step
from project.retraining.policy import began
from project.retraining.state import Attempt, LoopState
from project.retraining.state_file import StateFile
from project.retraining.status import status_lines
from project.retraining.taken_drift import take
from project.retraining_policy import RetrainingPolicy
from tests.project.retraining.test_loop import World
from tests.project.retraining.test_policy import NOW, PLENTY, told

POLICY = RetrainingPolicy()
WHERE = {"devices": 15, "labels": 300, "wrong": 37, "with_wrong": 6, "standing_out": 6, "wrong_of_those": 37}
NAMED = [{"device": f"AP-0{i}", "wrong": 12 - i, "labels": 20} for i in range(1, 6)]
DEVICES = {**WHERE, "named": NAMED}
FEW = Evidence(rows=640, units=9, span_seconds=6400.0, needed_span_seconds=100.0)


def opened(**event):
    return take(LoopState(), told(devices=DEVICES, **event), "v1", NOW)


def look(state, evidence=FEW, devices=DEVICES):
    return next_look("p", state, {"devices": devices}, evidence, NOW, POLICY)


def test_it_names_the_devices_and_how_many_labels_are_missing():
    assert look(opened()) == (
        "see what has changed on AP-01, AP-02, AP-03, AP-04, AP-05 and 1 more; 'netops retrain "
        "--project p --decline' keeps the model, if that is a fault to be mended or work that is over soon; "
        "labels of 360 more readings start a training, in about 60 min"
    )
    slowly = look(opened(), replace(FEW, span_seconds=64000.0))
    assert slowly.endswith("labels of 360 more readings start a training, in about 10 h")
    assert look(opened(), Evidence(units=9)).endswith("labels of 1,000 more readings start a training")


def test_after_a_rejected_candidate_it_names_the_run_that_a_person_can_begin_at_once():
    case = replace(opened().case, rejections=1, rows_tried=600)
    rejected = replace(opened(), case=replace(case, episodes_tried=1))
    assert "labels of 560 more readings and of a further error episode start a training" in look(rejected)
    assert look(rejected, replace(FEW, episodes=2)).endswith(
        "labels of 560 more readings, or of 360 with 4 more error episodes start a training, in about "
        "93 min; netops run --project p --set 'training_window=since 2024-05-01T11:00:00+00:00' trains at "
        "once on the rows since the change, and the gate compares as before"
    )
    assert "netops run" not in look(opened())
    unknown = look(replace(opened(), case=case))
    assert "labels of 560 more readings start a training, in about 93 min;" in unknown, (
        "of an earlier version"
    )


@pytest.mark.parametrize(
    ("least_rows", "tried", "episodes", "said"),
    [
        # Enough episodes: the least rows alone are missing, whatever 'growth' asks.
        (1000, 300, 9, "labels of 360 more readings start a training, in about 60 min"),
        (1000, 900, 9, "labels of 360 more readings start a training, in about 60 min"),
        (1000, 300, 3, "labels of 360 more readings start a training, in about 60 min"),
        (
            1000,
            900,
            3,
            "labels of 1,160 more readings, or of 360 with 3 more error episodes start a training",
        ),
        (500, 900, 3, "labels of 1,160 more readings or 3 more error episodes start a training"),
    ],
)
def test_where_the_least_rows_were_raised_since_a_candidate_it_is_said_that_they_are_missing(
    least_rows, tried, episodes, said
):
    policy = RetrainingPolicy(least_rows=least_rows)
    case = replace(opened().case, rejections=1, rows_tried=tried, episodes_tried=1)
    state, evidence = replace(opened(), case=case), replace(FEW, episodes=episodes)
    found = next_look("p", state, {"devices": DEVICES}, evidence, NOW, policy)
    assert said in found
    waits = next_step(state, evidence, NOW, policy).reason
    assert ("do without more rows" in waits) == (least_rows == 500)
    assert ("do with 1,000 rows" in waits) == (least_rows == 1000 and tried == 900)


@pytest.mark.parametrize(
    "devices",
    [
        None,
        {**DEVICES, "standing_out": 0, "wrong_of_those": 0, "named": NAMED[:1]},
        {
            **DEVICES,
            **dict.fromkeys(("wrong", "with_wrong", "standing_out", "wrong_of_those"), 0),
            "named": [],
        },
        {**DEVICES, "devices": 6},
        {**DEVICES, "standing_out": 2, "wrong_of_those": 24},
    ],
    ids=["not known", "none stands out", "none is wrong", "all do", "most are of others"],
)
def test_where_no_device_is_to_blame_none_is_named(devices):
    assert look(opened(), devices=devices).startswith("see what has changed on the network since then; ")


ONE = "2026-01-01T13:00:00+00:00"
HELD = "no training begins until 2026-01-01T13:00:00 UTC "
RESUME = "'netops retrain --project p --resume' ends that wait"
ROWS = "it takes labels of 360 more readings, too"


def test_a_wait_by_the_clock_is_told_with_its_end_and_its_reason_beside_what_else_is_missing():
    held = replace(opened(), hold_until=ONE, hold_reason="cool-down")
    assert look(held).endswith(f"; {HELD}(cool-down); {RESUME}; {ROWS}")
    assert look(held, PLENTY).endswith(f"; {HELD}(cool-down); {RESUME}")
    failed = replace(opened(), case=replace(opened().case, not_before=ONE))
    assert look(failed).endswith(f"; {HELD}(after a failed run); {RESUME}; {ROWS}")
    resumption = resumed(failed, NOW)
    assert look(resumption) == look(opened())


def test_nothing_resumes_runs_of_the_day_that_are_used_up():
    began_at = (NOW - timedelta(hours=23)).isoformat()
    used_up = replace(opened(), begun=(began_at,) * POLICY.runs_a_day)
    assert look(used_up).endswith(f"; {HELD}(8 runs began within 24 hours); {ROWS}")
    assert "--resume" not in look(used_up) and look(resumed(used_up, NOW)) == look(used_up)


def test_errors_and_time_are_named_where_they_are_missing():
    errors = "errors on 3 further devices or in as many further episodes"
    # Two came in 25 hours, so five will be there after 62 and a half.
    assert look(opened(), replace(PLENTY, units=2)).endswith(
        f"; labels of {errors} start a training, in about 38 h"
    )
    none = look(opened(), replace(PLENTY, units=0))
    assert none.endswith(
        "; labels of errors on 5 further devices or in as many further episodes start a training"
    )
    both = look(opened(), replace(FEW, units=2))
    assert both.endswith(f"; labels of 360 more readings and of {errors} start a training, in about 3 h")
    short = replace(PLENTY, span_seconds=600.0, needed_span_seconds=2400.0)
    assert look(opened(), short).endswith("; labels of later readings start a training, in about 30 min")
    slower = look(opened(), replace(FEW, needed_span_seconds=6400.0 + 36000))
    assert slower.endswith("; labels of 360 more readings start a training, in about 10 h")


def test_nothing_is_said_where_there_is_nothing_to_do():
    running = began(opened(), Attempt("k", "main", 5000, NOW.isoformat(), "v1"), NOW)
    weak = replace(opened(), case=replace(opened().case, weak=True))
    for state in (LoopState(), running, weak, replace(opened(), candidate="v2")):
        assert look(state) == ""
    assert look(opened(), PLENTY) == ""
    assert look(replace(opened(), stopped="3 runs failed")) == ""


def test_the_runner_and_the_command_tell_it_with_the_newest_devices(tmp_path):
    world = World()
    world.rows = 640
    file = StateFile(tmp_path, "p")
    again = {**DEVICES, "named": [{"device": "AP-09", "wrong": 3, "labels": 20}], "standing_out": 1}
    with file.changing():
        file.write(take(opened(), told(2, devices=again), "v1", NOW))
    loop = Loop(file, world, "auto", POLICY, lambda: NOW)
    found = loop.outlook()
    assert found.next.startswith("see what has changed on AP-09; ")
    lines = status_lines(file.read(), {"mode": "auto", "outlook": found.to_dict()}, NOW)
    where = "6 of 15 devices have all 37 wrong labels; 1 stands out with 37: AP-09 3 of 20 (15%)"
    assert lines.index(where) == 2
    place = lines.index(f"next: {found.next}")
    assert lines[place - 1] == f"waits for: {found.waiting}"
    # Where no runner answers, the devices are told all the same.
    assert where not in status_lines(file.read(), None, NOW)
    assert any("AP-01 11 of 20" in line for line in status_lines(file.read(), None, NOW))
