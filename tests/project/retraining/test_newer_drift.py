"""A newer drift while an older one is answered: none is lost, whatever is under way, also after kills."""

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from project.retraining.by_person import approved, declined
from project.retraining.history import lines
from project.retraining.next_run import Begin, next_step, outlook
from project.retraining.policy import RunResult, after_run, began
from project.retraining.state import SHADOW, Attempt, LoopState, Trial
from project.retraining.state_file import StateFile
from project.retraining.taken_drift import take, take_postponed
from project.retraining.trial import TrialEvidence, after_retraction, replaced_meanwhile
from tests.project.retraining.test_loop import BETTER, POLICY, SHADOWED, Killed, World, compared, make
from tests.project.retraining.test_policy import NOW, PLENTY, opened, outcomes, told, tried

ONSET = "2024-05-03T11:00:00+00:00"


def newer(number=2, version="v1", **event):
    return told(number, version, event_time="2024-05-03T12:00:00+00:00", **{"onset": ONSET, **event})


def cleared(number=9, **event):
    return told(number, level="cleared", detail="over", event_time="2024-05-02T12:00:00+00:00", **event)


def test_a_newer_drift_after_a_rejection_begins_with_its_own_onset_and_counts_anew():
    state = tried(opened(), "rejected", rows=114_700)
    state = take(state, newer(), "v1", NOW)
    assert (state.case.onset, state.case.rows_tried, state.case.rejections) == (ONSET, 0, 0)
    assert next_step(state, replace(PLENTY, rows=1000), NOW, replace(POLICY, growth=2.0)) == Begin(1000)
    assert outcomes(state)[-1] == "newer drift"
    assert (state.decisions[-1].cause["onset"], state.decisions[0].cause["onset"][:10]) == (
        ONSET,
        "2024-05-01",
    )
    assert any(ONSET[:19] in line for line in lines(state.decisions))


def test_once_the_alert_is_cleared_a_drift_is_newer_also_if_its_onset_is_told_early():
    early = {"onset": "2024-05-01T11:30:00+00:00"}  # Before the first drift was found.
    assert take(opened(), newer(**early), "v1", NOW).case.onset == "2024-05-01T11:00:00+00:00"
    state = take(take(opened(), cleared(), "v1", NOW), newer(**early), "v1", NOW)
    assert (state.case.onset, outcomes(state)) == (early["onset"], ["opened", "cleared", "newer drift"])


def test_the_end_of_another_alert_is_not_that_of_the_case():
    state = take(LoopState(), told(alert="a1"), "v1", NOW)
    assert not take(state, cleared(alert="a2"), "v1", NOW).case.cleared
    assert not take(opened(), cleared(group="oslo"), "v1", NOW).case.cleared
    assert take(state, cleared(alert="a1"), "v1", NOW).case.cleared


def test_the_same_change_found_again_joins_the_case():
    state = take(LoopState(), told(alert="a1"), "v1", NOW)
    again = take(state, told(2, onset="2024-05-01T11:20:00+00:00", group="oslo"), "v1", NOW)
    worse = take(again, newer(3, onset=None, alert="a1"), "v1", NOW)
    assert outcomes(worse) == ["opened", "merged", "merged"]
    assert worse.case == state.case


def worse(number, hour, **event):
    """The alert of the case is told again, as worse since an hour of the third day."""
    times = {
        "onset": f"2024-05-03T{hour:02d}:00:00+00:00",
        "event_time": f"2024-05-03T{hour:02d}:30:00+00:00",
    }
    return told(number, **{"alert": "a1", **times, **event})


def test_an_open_alert_that_gets_worse_and_worse_does_not_keep_a_run_from_beginning():
    state = first = take(LoopState(), told(alert="a1"), "v1", NOW)
    for number in range(2, 12):
        state = take(state, worse(number, number), "v1", NOW)
    assert (state.case.id, state.case.onset) == ("e1", first.case.onset)
    assert outcomes(state) == ["opened"] + 10 * ["merged"]
    assert outlook(state, PLENTY, "", NOW, POLICY).found_again == 10
    assert next_step(state, replace(PLENTY, rows=1000), NOW, POLICY) == Begin(1000)


def test_after_two_rejected_runs_rows_count_since_the_alert_was_worst_and_the_rejections_go_on():
    state = take(take(LoopState(), told(alert="a1"), "v1", NOW), worse(2, 11), "v1", NOW)
    first = state.case.onset
    state = began(state, Attempt("k", "main", 5000, NOW.isoformat(), "v1"), NOW, 1)
    state = take(state, worse(3, 13), "v1", NOW)
    assert not state.attempt.outdated
    state = take(state, worse(4, 12), "v1", NOW)  # Sent late.
    state = done(state, "rejected")
    # More errors are no second change: what came since the first one is still learned from.
    assert (state.case.onset, state.case.rejections, outcomes(state)[-1]) == (first, 1, "rejected")
    growing = replace(POLICY, growth=2.0)
    few = replace(PLENTY, rows=9_999, episodes=4)
    assert "UTC; 3 new error episodes" in next_step(state, few, NOW, growing).reason
    assert next_step(state, replace(PLENTY, rows=10_000), NOW, growing) == Begin(10_000)
    state = LoopState.from_dict(json.loads(json.dumps(state.to_dict())))
    state = tried(state, "rejected")
    assert (state.case.onset, state.case.rejections) == ("2024-05-03T13:00:00+00:00", 2)
    assert outcomes(state)[-2:] == ["rejected", "newer drift"]
    assert next_step(state, replace(PLENTY, rows=1000), NOW, growing) == Begin(1000)
    # And then it waits for two more rejected runs.
    state = take(state, worse(5, 15), "v1", NOW)
    assert (state.case.onset, outcomes(state)[-1]) == ("2024-05-03T13:00:00+00:00", "merged")
    state = tried(state, "rejected")
    assert state.case.onset == "2024-05-03T13:00:00+00:00"
    for _ in range(POLICY.rejections - 3):
        state = tried(state, "rejected")
    assert (state.case, outcomes(state)[-1]) == (None, "champion stays")


def test_an_alert_that_gets_worse_after_rejected_runs_moves_the_onset_once_and_not_after_the_first():
    state = tried(take(LoopState(), told(alert="a1"), "v1", NOW), "rejected")
    once = take(state, worse(2, 11), "v1", NOW)
    assert (once.case.id, once.case.onset) == ("e1", state.case.onset)
    state = tried(state, "rejected")
    state = take(take(state, worse(2, 11), "v1", NOW), worse(3, 12), "v1", NOW)
    assert (state.case.onset, state.case.rows_tried, state.case.rejections) == (ONSET, 0, 2)
    assert outcomes(state)[-2:] == ["newer drift", "merged"]


def test_a_run_that_said_nothing_of_the_model_does_not_move_the_onset_of_an_alert_that_got_worse():
    for outcome in ("not yet", "interrupted", "failed"):
        state = take(take(LoopState(), told(alert="a1"), "v1", NOW), worse(2, 11), "v1", NOW)
        state = take(tried(state, outcome), worse(3, 12), "v1", NOW)
        assert (state.case.id, state.case.onset) == ("e1", "2024-05-01T11:00:00+00:00")


def test_the_alert_of_another_group_moves_the_onset_once_and_after_its_end_again():
    state = take(LoopState(), told(alert="a1"), "v1", NOW)
    state = take(state, worse(2, 11, alert="a2", group="oslo"), "v1", NOW)
    assert (state.case.id, state.case.onset) == ("e2", ONSET)
    for number, alert in ((3, "a1"), (4, "a2"), (5, "a1")):
        state = take(state, worse(number, 10 + number, alert=alert), "v1", NOW)
    assert (state.case.id, state.case.onset) == ("e2", ONSET)
    state = LoopState.from_dict(json.loads(json.dumps(state.to_dict())))
    state = take(state, cleared(6, alert="a1"), "v1", NOW)
    assert not state.case.cleared
    state = take(state, worse(7, 20, alert="a3"), "v1", NOW)
    assert (state.case.id, state.case.onset) == ("e7", "2024-05-03T20:00:00+00:00")


def test_a_candidate_that_waits_for_a_person_does_not_keep_a_newer_drift_waiting():
    state = take(tried(opened(), "staged"), newer(), "v1", NOW)
    assert next_step(state, PLENTY, NOW, POLICY) == Begin(5000)
    for after in (approved(state, "v2", "", NOW, POLICY), declined(state, NOW, POLICY)):
        assert (after.case.onset, after.candidate) == (ONSET, "")
        assert next_step(after, PLENTY, NOW, POLICY) == Begin(5000)
    assert approved(state, "v2", "", NOW, POLICY).case.version == "v2"


def test_what_was_found_of_the_new_model_meanwhile_joins_the_case_that_goes_on():
    state = tried_during(opened(), newer())
    state = take(state, newer(3, version="v2", onset="2024-05-03T13:00:00+00:00"), "v2", NOW)
    assert outcomes(state)[-1] == "postponed"
    state = done(state, "promoted")
    assert (state.case.version, state.case.onset, dict(state.later)) == (
        "v2",
        "2024-05-03T13:00:00+00:00",
        {},
    )


def test_of_two_drifts_of_the_new_model_while_its_run_ends_the_newer_one_counts():
    state = began(opened(), Attempt("k", "main", 5000, NOW.isoformat(), "v1"), NOW)
    first = told(2, version="v2", event_time="2024-05-03T12:00:00+00:00", onset=ONSET)
    second = told(3, version="v2", event_time="2024-05-05T12:00:00+00:00", onset="2024-05-05T11:00:00+00:00")
    for event in (first, second, told(4, version="v2", event_time="2024-05-05T12:30:00+00:00", onset=ONSET)):
        state = take(state, event, "v2", NOW)
    assert outcomes(state)[-3:] == ["postponed"] * 3
    assert take_postponed(replace(state, case=None, attempt=None), "v2", NOW).case.onset == (
        "2024-05-05T11:00:00+00:00"
    )


@pytest.mark.parametrize("is_seen_first", ["by the loop", "by the command"])
def test_a_candidate_approved_while_another_is_tried_leaves_the_newer_drift(is_seen_first):
    state = take(tried(opened(), "staged"), newer(), "v1", NOW)
    begun, until = (NOW + timedelta(hours=hours) for hours in (1, 2))
    trial = Trial("v3", "v1", "run", 5000, SHADOW, begun.isoformat(), until.isoformat())
    state = replace(state, trial=trial)
    if is_seen_first == "by the command":
        state = approved(state, "v2", "release", begun, POLICY)
    trial = replaced_meanwhile(state, state.trial, "v2", begun, POLICY).trial
    after = after_retraction(replace(state, trial=trial), trial, "v2", begun, POLICY)
    assert (after.case.onset, after.case.version, after.candidate, after.trial) == (ONSET, "v2", "", None)


def tried_during(state, event):
    """A run is under way when a drift comes."""
    return take(began(state, Attempt("k", "main", 5000, NOW.isoformat(), "v1"), NOW), event, "v1", NOW)


def done(state, outcome):
    return after_run(state, RunResult(outcome, "", "run", "v2"), "v2", NOW, POLICY)


@pytest.mark.parametrize("outcome", ["rejected", "not yet", "interrupted"])
def test_what_comes_of_a_run_that_a_newer_drift_has_outdated_does_not_count(outcome):
    state = done(tried_during(opened(), newer()), outcome)
    assert (state.case.onset, state.case.rows_tried, state.case.rejections) == (ONSET, 0, 0)
    assert next_step(state, replace(PLENTY, rows=1000), NOW, POLICY) == Begin(1000)


def drive(world, folder, second_at, policy=POLICY, ticks=60):
    """Two drifts come, the second at a tick; after a kill another process goes on, they are sent again.

    Once both are answered a few more ticks show that nothing begins.
    """
    loop, sent, quiet = make(world, folder, policy=policy), set(), 0
    for tick in range(ticks):
        world.now += timedelta(seconds=10)
        try:
            for number, event in ((0, told()), (second_at, newer(version=world.production))):
                if tick >= number and event["id"] not in sent:
                    loop.take(event)
                    sent.add(event["id"])
            loop.tick()
        except Killed:
            loop = make(world, folder, policy=policy)
        state = StateFile(folder, "p").read()
        is_quiet = len(sent) == 2 and state.case is state.attempt is state.trial is None
        quiet = quiet + 1 if is_quiet else 0
        if quiet == 5:
            break
    return state


def windows(world):
    return [given["training_window"] for workflow, given in world.begun if workflow == "main"]


NEWEST = f"since {ONSET}"


def test_a_promotion_from_the_mixture_is_followed_at_once_by_a_run_on_the_newer_window(tmp_path):
    world = World("promoted", "promoted")
    state = drive(world, tmp_path, 1)
    assert windows(world) == ["since 2024-05-01T11:00:00+00:00", NEWEST]
    assert outcomes(state) == ["opened", "begun", "newer drift", "promoted", "begun", "promoted"]
    assert state.case is None


def test_a_candidate_in_shadow_is_compared_on_what_is_later_than_the_newer_change(tmp_path):
    world = World("staged", "staged")
    seen = []

    def compare(trial, last):
        seen.append((trial.version, trial.since, trial.wanted))
        unclear = compared(low=-0.005, gain=0.1) if trial.since == ONSET else TrialEvidence(400)
        return unclear if trial.version == "v2" else BETTER

    world.compare = compare
    labeled_until(world, 20)
    state = drive(world, tmp_path, 6, policy=SHADOWED)
    assert ("v2", ONSET, 1000) in seen
    # It is tried on, at twice as many rows, until there is enough for the run on the newer window.
    assert seen.count(("v2", ONSET, 2000)) > 10
    assert outcomes(state)[3:] == [
        "in shadow", "newer drift", "undecided", "rejected", "begun", "passed", "in shadow",
        "better in shadow", "promoted",
    ]  # fmt: skip
    assert windows(world)[-1] == NEWEST
    assert state.case is None


def labeled_until(world, ticks):
    """Few rows since the newer change are labeled for so many ticks."""
    enough_at = world.now + timedelta(seconds=10 * ticks)
    every = world.evidence

    def evidence(onset):
        return replace(every(onset), rows=5000 if onset != ONSET or world.now >= enough_at else 200)

    world.evidence = evidence


def test_a_candidate_that_a_newer_drift_has_outdated_is_tried_until_the_comparison_decides(tmp_path):
    world = World("staged", "staged")
    few = compared(with_errors=1)  # One episode with errors says nothing yet.
    world.looks = [few, few, TrialEvidence(400), BETTER]
    labeled_until(world, 1000)
    state = drive(world, tmp_path, 5, policy=SHADOWED)
    looked = ["undecided", "newer drift", "undecided", "better in shadow", "promoted"]
    assert outcomes(state) == ["opened", "begun", "passed", "in shadow", *looked]
    assert (world.production, state.case.version, state.case.onset) == ("v2", "v2", ONSET)


def test_without_enough_for_its_own_run_newer_drift_leaves_a_trial_all_of_its_time(tmp_path):
    world = World("staged", "staged")
    world.looks = [compared(with_errors=1)]
    labeled_until(world, 1000)
    state = drive(world, tmp_path, 5, policy=SHADOWED)
    (end,) = [each for each in state.decisions if each.outcome == "not enough data"]
    began = next(each for each in state.decisions if each.outcome == "passed")
    lasted = datetime.fromisoformat(end.time) - datetime.fromisoformat(began.time)
    assert lasted >= timedelta(seconds=SHADOWED.shadow)
    assert (state.case.onset, state.trial, windows(world)) == (
        ONSET,
        None,
        ["since 2024-05-01T11:00:00+00:00"],
    )


@pytest.mark.parametrize(
    ("policy", "script"),
    [
        *((POLICY, outcome) for outcome in ("promoted", "unfinished", "killed", "rejected")),
        *((SHADOWED, outcome) for outcome in ("staged", "unfinished", "rejected")),
    ],
)
@pytest.mark.parametrize("second_at", [1, 2, 5])
def test_killed_at_any_moment_both_drifts_are_told_and_the_newer_one_is_trained_for(
    tmp_path, monkeypatch, policy, script, second_at
):
    monkeypatch.setattr(os, "fsync", lambda _file: None)  # Only this process is killed here.
    last, moments = ("staged" if policy is SHADOWED else "promoted"), 0
    while True:
        world = World(script, *[last] * 6)
        world.growing, world.countdown = True, moments
        state = drive(world, tmp_path / str(moments), second_at, policy)
        assert {"e1", "e2"} <= set(state.seen), moments
        causes = {decision.cause.get("onset") for decision in state.decisions}
        assert {ONSET, "2024-05-01T11:00:00+00:00"} <= causes, moments
        first = next(each for each in state.decisions if each.cause.get("onset") == ONSET)
        if first.outcome == "newer drift":  # It came while the older one was answered.
            assert NEWEST in windows(world), (moments, outcomes(state))
        assert (state.attempt, state.trial) == (None, None), moments
        if world.countdown is not None:
            break
        moments += 1


WORSE_AT = {"alert": "a1", "onset": ONSET, "event_time": "2024-05-03T12:00:00+00:00"}


def drive_worse(world, folder, at, policy=POLICY, ticks=40):
    """The open alert of the only case gets worse, with a later onset, at a tick."""
    loop = make(world, folder, policy=policy)
    loop.take(told(alert="a1"))
    for tick in range(ticks):
        world.now += timedelta(seconds=10)
        if tick == at:
            loop.take(told(2, **WORSE_AT))
        loop.tick()
    return StateFile(folder, "p").read()


def test_a_run_learns_from_rows_since_the_alert_got_worse_where_there_are_enough(tmp_path):
    world = World("promoted")
    state = drive_worse(world, tmp_path, 0)
    assert windows(world) == [NEWEST]
    assert outcomes(state) == ["opened", "merged", "newer drift", "begun", "promoted"]
    assert state.case is None
    assert "the alert got worse than at 2024-05-01T11:00:00" in state.decisions[2].reason


@pytest.mark.parametrize(("at", "few_for"), [(0, 1), (1, 0)])
def test_a_case_whose_alert_got_worse_goes_on_after_the_promotion_once_and_after_the_cool_down(
    tmp_path, at, few_for
):
    """There were too few rows since then, or the run was under way already."""
    world = World("promoted", "promoted")
    labeled_until(world, 2 if few_for else 0)
    state = drive_worse(world, tmp_path, at, replace(POLICY, cool_down=100.0))
    assert windows(world) == ["since 2024-05-01T11:00:00+00:00", NEWEST]
    begun = [datetime.fromisoformat(each.time) for each in state.decisions if each.outcome == "begun"]
    promoted = next(each for each in state.decisions if each.outcome == "promoted")
    assert begun[1] - datetime.fromisoformat(promoted.time) >= timedelta(seconds=100)
    assert sorted(outcomes(state)) == sorted(
        ["opened", "merged", "begun", "promoted", "newer drift", "begun", "promoted"]
    )
    assert (outcomes(state)[-1], state.case, world.production) == ("promoted", None, "v3")


def test_a_case_that_goes_on_after_the_promotion_ends_by_the_rule_of_rejections_and_of_runs_a_day():
    state = take(take(LoopState(), told(alert="a1"), "v1", NOW), worse(2, 11), "v1", NOW)
    state = tried(state, "promoted", champion="v2")
    assert (state.case.onset, state.case.version, state.case.alerts) == (ONSET, "v2", ())
    after = NOW + timedelta(seconds=POLICY.cool_down + 1)
    assert "cool-down" in next_step(state, PLENTY, NOW, POLICY).reason
    assert next_step(state, replace(PLENTY, rows=1000), after, POLICY) == Begin(1000)
    limited = replace(POLICY, runs_a_day=1)
    assert "1 runs began" in next_step(state, PLENTY, after, limited).reason
    state = LoopState.from_dict(json.loads(json.dumps(state.to_dict())))
    for _ in range(POLICY.rejections):
        begun = began(state, Attempt("k", "main", 5000, after.isoformat(), "v2"), after, 1)
        state = after_run(begun, RunResult("rejected", "", "run", "v3"), "v2", after, POLICY)
    assert (state.case, outcomes(state)[-1]) == (None, "champion stays")


def test_a_case_is_over_after_the_promotion_where_no_onset_is_later_or_the_alert_is_over_too():
    first = take(LoopState(), told(alert="a1"), "v1", NOW)
    earlier = take(first, worse(2, 11, onset="2024-05-01T10:00:00+00:00"), "v1", NOW)
    ended = take(take(first, worse(2, 11), "v1", NOW), cleared(3, alert="a1"), "v1", NOW)
    for state in (earlier, ended):
        assert tried(state, "promoted", champion="v2").case is None


def test_a_person_who_declines_ends_a_case_also_if_its_alert_got_worse():
    state = take(tried(take(LoopState(), told(alert="a1"), "v1", NOW), "staged"), worse(2, 11), "v1", NOW)
    assert declined(state, NOW, POLICY).case is None
    assert approved(state, "v2", "", NOW, POLICY).case.onset == ONSET


def test_what_the_new_model_is_found_to_have_joins_or_renews_the_case_that_goes_on():
    state = take(take(LoopState(), told(alert="a1"), "v1", NOW), worse(2, 11), "v1", NOW)
    state = tried(state, "promoted", champion="v2")
    again = told(3, "v2", alert="b1", onset=ONSET, event_time="2024-05-03T20:00:00+00:00")
    assert outcomes(take(state, again, "v2", NOW))[-1] == "merged"
    later = told(4, "v2", alert="b1", onset="2024-05-04T11:00:00+00:00")
    assert take(state, later, "v2", NOW).case.onset == "2024-05-04T11:00:00+00:00"
