"""The policy: when drift starts a training, another one, and none any more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from feature_sets.checks import InputError
from project.retraining.by_person import approved, declined, resumed, rolled_back
from project.retraining.next_run import Begin, Evidence, Wait, next_step
from project.retraining.policy import RunResult, after_run, began, overtaken
from project.retraining.state import Attempt, LoopState
from project.retraining.taken_drift import take, take_postponed
from project.retraining_policy import RetrainingPolicy

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = RetrainingPolicy()
PLENTY = Evidence(rows=5000, units=50, span_seconds=9e4, needed_span_seconds=100, episodes=50)


def told(number=1, version="v1", **event):
    found = {"source": "glr", "level": "drift", "event_time": "2024-05-01T12:00:00+00:00", "value": 4.2}
    return {
        "id": f"e{number}",
        "version": version,
        "event": {**found, "limit": 3.8, "n_seen": 900, "onset": "2024-05-01T11:00:00+00:00", **event},
    }


def opened():
    return take(LoopState(), told(), "v1", NOW)


def outcomes(state):
    return [decision.outcome for decision in state.decisions]


def tried(state, outcome, rows=5000, version="v2", now=NOW, champion="v1", policy=POLICY, episodes=49):
    attempt = Attempt("k", "main", rows, now.isoformat(), "v1")
    result = RunResult(outcome, f"it {outcome}", "run", version)
    return after_run(began(state, attempt, now, episodes), result, champion, now, policy)


def test_a_drift_opens_a_case_with_its_onset_and_evidence():
    state = opened()
    assert (state.case.id, state.case.version, state.case.onset) == ("e1", "v1", "2024-05-01T11:00:00+00:00")
    (decision,) = state.decisions
    assert (decision.outcome, decision.case, decision.before) == ("opened", "e1", "v1")
    assert (decision.cause["source"], decision.cause["value"], decision.cause["limit"]) == ("glr", 4.2, 3.8)


def test_without_an_onset_the_time_of_the_event_counts():
    assert take(LoopState(), told(onset=None), "v1", NOW).case.onset == "2024-05-01T12:00:00+00:00"


def test_the_same_event_twice_changes_nothing():
    state = opened()
    assert take(state, told(), "v1", NOW) is state


def test_a_second_drift_joins_the_case_and_one_of_an_old_model_is_ignored():
    state = take(take(opened(), told(2), "v1", NOW), told(3, version="v0"), "v1", NOW)
    assert outcomes(state) == ["opened", "merged", "ignored"]
    assert state.case.id == "e1"


def of_devices(of_one):
    named = [{"device": "AP-01", "wrong": 40, "labels": 41}]
    told = {
        "devices": 20,
        "labels": 800,
        "wrong": 52,
        "with_wrong": 9,
        "standing_out": 1,
        "wrong_of_those": 40,
    }
    return {**told, "named": named, "of_one": of_one}


def test_a_drift_of_one_device_trains_nothing_until_others_follow():
    held = take(LoopState(), told(devices=of_devices(True), alert="glr-9"), "v1", NOW)
    (decision,) = held.decisions
    assert (held.case, decision.outcome, decision.cause["alert"]) == (None, "one device", "glr-9")
    assert (
        "of 1 device, the others are as before: 9 of 20 devices have all 52 wrong labels" in decision.reason
    )
    assert decision.reason.endswith(": nothing is trained, look at the device")
    # The MLRun API is told all the same.
    assert len(held.untold) == 1
    followed = take(held, told(2, devices=of_devices(False), alert="glr-9"), "v1", NOW)
    assert outcomes(followed) == ["one device", "opened"] and followed.case.alerts == ("glr-9",)
    over = take(held, told(3, level="cleared", alert="glr-9", detail="calm"), "v1", NOW)
    assert outcomes(over) == ["one device", "cleared"] and over.case is None


def test_one_device_that_fails_meanwhile_is_no_newer_change():
    later = {"onset": "2024-05-02T11:00:00+00:00", "event_time": "2024-05-02T12:00:00+00:00"}
    state = take(opened(), told(2, devices=of_devices(True), alert="glr-9", **later), "v1", NOW)
    assert outcomes(state) == ["opened", "one device"] and state.case == opened().case


def test_the_first_training_waits_for_rows_episodes_and_span():
    state = opened()
    for evidence, words in (
        (replace(PLENTY, rows=999), "999 of 1,000 labeled rows since 2024-05-01T11:00:00 UTC"),
        (replace(PLENTY, units=4), "4 of 5 devices or episodes with errors to compare on"),
        (replace(PLENTY, span_seconds=99), "99 of 100 s for windows and embargo since"),
    ):
        step = next_step(state, evidence, NOW, POLICY)
        assert isinstance(step, Wait) and words in step.reason
    assert next_step(state, PLENTY, NOW, POLICY) == Begin(5000)
    assert next_step(LoopState(), PLENTY, NOW, POLICY) == Wait("no drift")


def test_a_promotion_closes_the_case_and_a_cool_down_follows():
    state = tried(opened(), "promoted", champion="v2")
    assert outcomes(state) == ["opened", "begun", "promoted"]
    assert (state.case, state.attempt) == (None, None)
    last = state.decisions[-1]
    assert (last.run_id, last.before, last.after, last.reason) == ("run", "v1", "v2", "it promoted")
    again = take(state, told(2, version="v2"), "v2", NOW)
    assert "cool-down" in next_step(again, PLENTY, NOW + timedelta(minutes=59), POLICY).reason
    assert next_step(again, PLENTY, NOW + timedelta(minutes=61), POLICY) == Begin(5000)


def test_a_rejection_takes_twice_the_rows_and_after_five_the_champion_stays():
    state, rows, policy = opened(), 1000, replace(POLICY, runs_a_day=100)
    for count in range(1, 6):
        assert next_step(state, replace(PLENTY, rows=rows - 1), NOW, policy) != Begin(rows - 1)
        assert next_step(state, replace(PLENTY, rows=rows), NOW, policy) == Begin(rows)
        state = tried(state, "rejected", rows=rows, policy=policy)
        rows *= 2
        assert (state.case is None) == (count == 5)
    assert outcomes(state)[-2:] == ["rejected", "champion stays"]
    assert next_step(state, PLENTY, NOW, policy) == Wait("no drift")


def test_too_few_rows_are_no_failure_and_no_rejection():
    state = opened()
    for rows in (1000, 2000, 4000, 8000, 16000, 32000):
        state = tried(state, "not yet", rows=rows)
    assert (state.failures, state.case.rejections, state.case.rows_tried) == (0, 0, 32000)


def test_three_failures_in_a_row_stop_the_loop_until_a_person_resumes():
    state, now = opened(), NOW
    for count in (1, 2):
        state = tried(state, "failed", now=now)
        assert (state.failures, state.stopped) == (count, "")
        pause = timedelta(seconds=60 * 2 ** (count - 1))
        assert "after a failed run" in next_step(state, PLENTY, now + pause * 0.9, POLICY).reason
        assert next_step(state, PLENTY, now + pause, POLICY) == Begin(5000)
        now += pause
    state = tried(state, "failed", now=now)
    assert outcomes(state)[-2:] == ["failed", "stopped"]
    assert "3 runs in a row failed, the last one: it failed" in state.stopped
    assert "--resume" in state.decisions[-1].reason
    later = now + timedelta(days=30)
    assert "stopped" in next_step(state, PLENTY, later, POLICY).reason
    assert next_step(resumed(state, later), PLENTY, later, POLICY) == Begin(5000)


def test_a_success_in_between_forgets_failures():
    state = tried(tried(opened(), "failed"), "failed")
    state = tried(tried(state, "rejected"), "failed")
    assert (state.failures, state.stopped) == (1, "")


def test_a_stopped_loop_takes_no_new_case():
    state = opened()
    for _ in range(3):
        state = tried(state, "failed")
    state = declined(state, NOW, POLICY)
    assert state.stopped
    assert outcomes(take(state, told(2), "v1", NOW))[-1] == "ignored"


def test_an_interrupted_run_begins_again_at_once_but_not_for_ever():
    state = opened()
    for _ in range(9):
        state = tried(state, "interrupted")
        assert (state.failures, state.stopped) == (0, "")
    assert next_step(state, PLENTY, NOW, replace(POLICY, runs_a_day=100)) == Begin(5000)
    assert "10 runs were killed" in tried(state, "interrupted").stopped


def test_what_was_promoted_and_not_served_is_served_and_not_trained_again():
    state = tried(opened(), "unfinished", champion="v2")
    assert next_step(state, Evidence(), NOW, POLICY) == Begin(0, finish="v2")
    finishing = began(state, Attempt("k2", "release", 0, NOW.isoformat(), "v2", "v2"), NOW)
    done = after_run(finishing, RunResult("promoted", "served", "run2", "v2"), "v2", NOW, POLICY)
    assert (done.case, outcomes(done).count("promoted")) == (None, 1)
    assert (done.decisions[-1].before, done.decisions[-1].after) == ("v1", "v2")


def test_only_so_many_runs_begin_in_a_day():
    state, policy = opened(), replace(POLICY, runs_a_day=2)
    for hour in (0, 1):
        state = tried(state, "not yet", rows=10, now=NOW + timedelta(hours=hour))
    assert (
        "2 runs began within 24 hours" in next_step(state, PLENTY, NOW + timedelta(hours=23), policy).reason
    )
    assert next_step(state, PLENTY, NOW + timedelta(hours=24), policy) == Begin(5000)


def test_runs_that_began_before_the_clock_was_set_back_use_up_no_day():
    years = (NOW + timedelta(days=1500)).isoformat()
    state = replace(opened(), begun=(years,) * POLICY.runs_a_day)
    assert next_step(state, PLENTY, NOW, POLICY) == Begin(5000)
    soon = (NOW + timedelta(minutes=10)).isoformat()
    used_up = replace(state, begun=(soon,) * POLICY.runs_a_day)
    assert isinstance(next_step(used_up, PLENTY, NOW, POLICY), Wait)


def test_a_staged_candidate_waits_for_a_person():
    state = tried(opened(), "staged")
    assert state.candidate == "v2"
    assert next_step(state, PLENTY, NOW, POLICY) == Wait("version v2 waits for approval")
    done = approved(state, "v2", "release-run", NOW, POLICY)
    assert (done.case, done.candidate, done.decisions[-1].after) == (None, "", "v2")
    refused = declined(state, NOW, POLICY)
    assert (refused.case, refused.candidate, outcomes(refused)[-1]) == (None, "", "declined")


def test_a_rollback_ends_the_case_and_is_not_undone_at_once():
    state = rolled_back(opened(), "v1", "v0", "run", NOW, POLICY)
    last = state.decisions[-1]
    assert (last.outcome, last.before, last.after) == ("rolled back", "v1", "v0")
    state = take(state, told(2, version="v0"), "v0", NOW)
    assert "after a rollback" in next_step(state, PLENTY, NOW + timedelta(hours=23), POLICY).reason
    assert next_step(state, PLENTY, NOW + timedelta(hours=24), POLICY) == Begin(5000)


def test_a_model_that_another_run_has_promoted_ends_the_case():
    state = overtaken(opened(), "v9", NOW)
    assert (state.case, state.decisions[-1].after, outcomes(state)[-1]) == (None, "v9", "overtaken")


def test_a_policy_is_read_from_text():
    policy = RetrainingPolicy.parse("cool_down=30m, runs_a_day=4,growth=1.5,pause=0")
    assert (policy.cool_down, policy.runs_a_day, policy.growth, policy.pause) == (1800.0, 4, 1.5, 0.0)
    assert RetrainingPolicy.parse("") == RetrainingPolicy()
    assert RetrainingPolicy.parse(policy.to_text()) == policy
    assert RetrainingPolicy().to_text() == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows=1", "must name among least_rows"),
        ("least_rows", "least_rows: must be a number, got ''"),
        ("least_rows=many", "least_rows: must be a number, got 'many'"),
        ("failures=0", "failures: must be"),
        ("growth=1", "growth: must be"),
        ("cool_down=soon", "cool_down: must be a number"),
    ],
)
def test_a_bad_policy_names_the_field(text, words):
    with pytest.raises(InputError, match=words):
        RetrainingPolicy.parse(text)


def test_a_drift_of_a_version_that_was_promoted_by_hand_is_not_said_to_come_of_the_one_before():
    # The loop has not seen yet that a person has put v0, which is older than the drift, into production.
    postponed = take(opened(), told(2, version="v0"), "v0", NOW)
    decision = postponed.decisions[-1]
    assert (decision.outcome, decision.before) == ("postponed", "v0")
    assert decision.reason == "drift e1 of version v1 is being answered first"
    taken = take_postponed(overtaken(postponed, "v0", NOW), "v0", NOW)
    assert (taken.case.id, taken.case.version) == ("e2", "v0")


MISSED = {
    "source": "missed_incidents",
    "detail": "catches fewer incidents than on its test data",
    "event_time": "2024-05-01T13:00:00+00:00",
    "alert": "missed_incidents-8",
}


def test_missed_incidents_open_a_case_and_their_end_is_noted():
    state = take(LoopState(), told(**MISSED), "v1", NOW)
    assert (outcomes(state), state.case.alerts) == (["opened"], ("missed_incidents-8",))
    end = told(2, **{**MISSED, "level": "cleared"})
    ended = take(state, end, "v1", NOW)
    assert outcomes(ended) == ["opened", "cleared"]
    assert ended.case.cleared == MISSED["event_time"]


def test_missed_incidents_of_one_device_open_no_case_until_those_of_others_are_missed():
    named = [{"device": "ap-7", "wrong": 8, "labels": 8}]
    one = {"devices": 3, "labels": 11, "wrong": 9, "with_wrong": 2, "standing_out": 1, "wrong_of_those": 8}
    where = {**one, "named": named, "of_one": True}
    state = take(LoopState(), told(**MISSED, devices=where), "v1", NOW)
    assert (outcomes(state), state.case) == (["one device"], None)
    assert "of 1 device, the others are as before: missed on 2 of 3 devices: ap-7 8 of 8 and 1 more" in (
        state.decisions[-1].reason
    )
    fleet = take(state, told(2, **MISSED, devices={**where, "of_one": False}), "v1", NOW)
    assert outcomes(fleet) == ["one device", "opened"]


def test_missed_incidents_of_the_change_that_the_error_rate_shows_join_its_case_and_either_end_is_its_own():
    both = take(take(LoopState(), told(alert="glr-900"), "v1", NOW), told(2, **MISSED), "v1", NOW)
    assert (outcomes(both), both.case.id) == (["opened", "merged"], "e1")
    assert both.case.alerts == ("glr-900", "missed_incidents-8")
    one_left = take(both, told(3, **{**MISSED, "level": "cleared"}), "v1", NOW)
    assert (one_left.case.alerts, one_left.case.cleared) == (("glr-900",), "")


def test_missed_incidents_with_a_later_onset_are_no_newer_change_while_the_alert_of_the_case_is_open():
    """One that was caught by luck moves their onset."""
    later = {**MISSED, "onset": "2024-05-01T12:30:00+00:00"}
    state = take(take(LoopState(), told(alert="glr-900"), "v1", NOW), told(2, **later), "v1", NOW)
    assert outcomes(state) == ["opened", "merged"]
    cleared = take(
        take(LoopState(), told(alert="glr-900"), "v1", NOW),
        told(3, level="cleared", alert="glr-900", onset="2024-05-01T11:00:00+00:00", detail="2% wrong"),
        "v1",
        NOW,
    )
    state = take(cleared, told(2, **later), "v1", NOW)
    assert outcomes(state) == ["opened", "cleared", "newer drift"]
    assert state.case.onset == later["onset"]


@pytest.mark.parametrize("outcome", ["rejected", "not yet"])
def test_after_a_candidate_failed_the_next_one_waits_for_new_episodes_of_errors(outcome):
    state = tried(opened(), outcome, rows=1000, episodes=10)
    many = replace(PLENTY, rows=100_000, episodes=10)
    waits = next_step(state, many, NOW, POLICY)
    assert waits.reason.endswith(
        "100,000 of 2,000 labeled rows since 2024-05-01T11:00:00 UTC; 0 new error episodes since the last "
        "candidate, 1 is needed, 10 do without more rows"
    )
    assert next_step(state, replace(many, episodes=11), NOW, POLICY) == Begin(100_000)
    few = replace(PLENTY, rows=1200, episodes=19)
    assert isinstance(next_step(state, few, NOW, POLICY), Wait)
    assert next_step(state, replace(few, episodes=20), NOW, POLICY) == Begin(1200)
    # The first few are doubled by so many as can be compared on.
    early = tried(opened(), outcome, rows=1000, episodes=2)
    assert isinstance(next_step(early, replace(few, episodes=6), NOW, POLICY), Wait)
    assert next_step(early, replace(few, episodes=7), NOW, POLICY) == Begin(1200)


def test_where_an_earlier_version_has_not_noted_the_episodes_rows_alone_decide():
    state = tried(opened(), "rejected", rows=5000, episodes=0)
    same = replace(PLENTY, rows=5100, episodes=40)
    assert next_step(state, same, NOW, POLICY) == Wait(
        "5,100 of 10,000 labeled rows since 2024-05-01T11:00:00 UTC"
    )
    assert next_step(state, replace(same, rows=10_000), NOW, POLICY) == Begin(10_000)
