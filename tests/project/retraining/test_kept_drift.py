"""Where a rollback puts a model back that had a drift when it left, its drift goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from project.retraining.by_person import approved, declined, rolled_back
from project.retraining.history import lines
from project.retraining.next_run import Begin, next_step
from project.retraining.policy import RunResult, after_run, closed, overtaken
from project.retraining.state import Attempt, LoopState, Trial
from project.retraining.status import status_lines
from project.retraining.taken_drift import take
from project.retraining.trial import after_promotion
from tests.project.retraining.test_policy import NOW, PLENTY, POLICY, opened, outcomes, told, tried

LATER = NOW + timedelta(hours=1)
ENDS = "2026-01-02T13:00:00+00:00"


def shadowed():
    """Version v2 was tried in shadow for the drift of v1, and promoted."""
    trial = Trial("v2", "v1", "run", 5000, "promote", NOW.isoformat(), ENDS)
    return after_promotion(replace(opened(), trial=trial), trial, NOW, POLICY)


def back(state, before="v2", after="v1", now=LATER):
    return rolled_back(state, before, after, "", now, POLICY)


@pytest.mark.parametrize(
    "promoted",
    [
        shadowed(),
        tried(opened(), "promoted", champion="v2"),
        approved(replace(opened(), candidate="v2"), "v2", "", NOW, POLICY),
        overtaken(opened(), "v2", NOW),  # A person has promoted it at once.
        opened(),  # And the loop has not seen it yet.
    ],
    ids=["shadow", "run", "approved", "person", "person just now"],
)
def test_the_drift_of_the_model_that_comes_back_goes_on_after_the_hold(promoted):
    state = back(promoted)
    assert outcomes(state)[-2:] == ["rolled back", "goes on"]
    case = state.case
    assert (case.id, case.version, case.onset) == ("e1", "v1", "2024-05-01T11:00:00+00:00")
    assert state.kept == () and LoopState.from_dict(state.to_dict()) == state
    assert "after a rollback" in next_step(state, PLENTY, LATER + timedelta(hours=23), POLICY).reason
    plenty = replace(PLENTY, rows=50_000)
    assert next_step(state, plenty, LATER + timedelta(hours=24), POLICY) == Begin(50_000)
    said = state.decisions[-1]
    assert (said.case, said.after, said.cause["source"]) == ("e1", "v1", "glr")
    assert said.reason == (
        "glr found drift at 2024-05-01T12:00:00, of version v1, which still has it: rows count since "
        "2024-05-01T11:00:00"
    )
    assert lines(state.decisions)[-1].strip().startswith("glr 4.2 against a limit of 3.8 at")
    assert "it goes on, as version v1 is in production again" in status_lines(state, None, LATER)


def test_the_next_training_takes_more_rows_than_that_of_the_model_that_was_put_away():
    state = back(shadowed())
    after = LATER + timedelta(hours=24)
    few = replace(PLENTY, rows=9_999, episodes=4)
    assert "9,999 of 10,000 labeled rows" in next_step(state, few, after, POLICY).reason
    assert next_step(state, replace(PLENTY, rows=10_000), after, POLICY) == Begin(10_000)


def test_what_its_new_detectors_find_first_is_the_same_change_and_then_a_later_one_is_newer():
    state = back(shadowed())
    # The end of its first alert, which came with the end of its watch, is told late.
    state = take(state, told(9, level="cleared", detail="version v2 is the champion"), "v1", LATER)
    assert (outcomes(state)[-1], state.case.cleared) == ("cleared", "")
    again = told(2, event_time="2024-05-03T12:00:00+00:00", onset="2024-05-03T11:00:00+00:00", alert="glr-7")
    state = take(state, again, "v1", LATER)
    assert outcomes(state)[-1] == "merged"
    assert (state.case.id, state.case.onset[:10], state.case.alerts) == ("e1", "2024-05-01", ("glr-7",))
    assert "it goes on" not in "\n".join(status_lines(state, None, LATER))
    over = told(3, level="cleared", event_time="2024-05-04T12:00:00+00:00", detail="calm", alert="glr-7")
    assert take(state, over, "v1", LATER).case.cleared == "2024-05-04T12:00:00+00:00"
    newer = told(4, event_time="2024-05-05T12:00:00+00:00", onset="2024-05-05T11:00:00+00:00", alert="glr-8")
    state = take(state, newer, "v1", LATER)
    assert (outcomes(state)[-1], state.case.onset[:10]) == ("newer drift", "2024-05-05")


@pytest.mark.parametrize(
    ("attempt", "counts"),
    [
        (Attempt("k", "main", 1200, NOW.isoformat(), "v2"), False),
        (Attempt("k", "release", 0, NOW.isoformat(), "v2", "v2"), False),
        (Attempt("k", "main", 1200, NOW.isoformat(), "v1"), True),  # Of before v1 left, and came back.
    ],
    ids=["other model", "finish of what went", "same model"],
)
@pytest.mark.parametrize("outcome", ["rejected", "not yet", "failed", "interrupted"])
def test_a_run_counts_on_a_drift_of_the_model_that_it_began_beside(attempt, counts, outcome):
    state = replace(back(shadowed()), attempt=attempt)
    after = after_run(state, RunResult(outcome, "it did", "run", "v3"), "v1", LATER, POLICY)
    assert after.attempt is None
    assert ((after.case, after.decisions) != (state.case, state.decisions)) == counts


def test_a_superseded_run_of_another_model_is_told_of_no_case():
    state = replace(back(shadowed()), attempt=Attempt("k", "main", 1200, NOW.isoformat(), "v2"))
    after = after_run(state, RunResult("superseded", "v1 is there now", "run", "v3"), "v1", LATER, POLICY)
    said = after.decisions[-1]
    assert (said.outcome, said.case, said.before, after.case) == ("superseded", "", "v2", state.case)


def test_the_drift_of_the_model_that_goes_is_dropped_and_comes_back_with_it():
    state = take(shadowed(), told(2, version="v2", onset="2024-05-08T11:00:00+00:00"), "v2", NOW)
    assert (state.case.id, state.case.version) == ("e2", "v2")
    state = back(state)
    assert (state.case.id, [each.id for each in state.kept]) == ("e1", ["e2"])
    # A second rollback undoes the first.
    state = back(state, "v1", "v2")
    assert (state.case.id, [each.id for each in state.kept]) == ("e2", ["e1"])


def test_a_drift_that_is_over_for_its_own_model_does_not_come_back():
    for over in (declined(opened(), NOW, POLICY), closed(opened(), NOW, POLICY), LoopState()):
        state = back(over)
        assert (state.case, outcomes(state)[-1]) == (None, "rolled back")
    # Nor one from before another of the same model, which has ended since.
    anew = take(replace(shadowed(), hold_until=""), told(2, onset="2024-06-01T11:00:00+00:00"), "v1", NOW)
    assert anew.kept == ()


def test_a_weak_model_has_none():
    weak = replace(opened(), case=replace(opened().case, weak=True))
    assert back(tried(weak, "promoted", champion="v2")).case is None
    assert back(weak).case is None


def test_the_drifts_of_a_few_versions_are_remembered():
    state = LoopState()
    for number in range(12):
        state = take(replace(state, case=None), told(number, version=f"v{number}"), f"v{number}", NOW)
        state = overtaken(state, f"v{number + 1}", NOW)
    assert [case.version for case in state.kept] == [f"v{number}" for number in range(2, 12)]
