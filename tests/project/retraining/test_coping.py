"""Whether the promoted model copes with what got worse meanwhile: only if not it is trained once more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drift.change_size import Counts
from project.retraining.by_person import rolled_back
from project.retraining.coping import Realised, looked
from project.retraining.loop import Loop
from project.retraining.next_run import Begin, Wait, next_step, outlook
from project.retraining.state import LoopState
from project.retraining.state_file import StateFile
from project.retraining.status import held_up, status_lines
from project.retraining.taken_drift import take
from tests.project.retraining.test_loop import POLICY, World
from tests.project.retraining.test_newer_drift import NEWEST, ONSET, windows, worse
from tests.project.retraining.test_policy import NOW, PLENTY, outcomes, told, tried

RATES = {"reference_rate": 0.01, "reference_labels": 20_000, "sample_rate": 0.3, "sample_labels": 1_000}
GOOD = Realised(Counts(4_000, 40, 0), 1.0, 200, 190, 10, caught_before=0.95)
HALF = Realised(Counts(1_500, 120, 0), 1.0, 80, 30, 6, caught_before=0.95)
"""A model that knows half of what there is: average precision was 0.56 of 0.995."""


def promoted(**event):
    """The state right after the promotion: the alert got worse while the case was answered."""
    state = take(LoopState(), told(alert="a1", **{**RATES, "sample_rate": 0.1}), "v1", NOW)
    state = take(state, worse(2, 11, **{**RATES, **event}), "v1", NOW)
    return tried(state, "promoted", champion="v2")


def look(found, state=None, policy=POLICY):
    return looked(state or promoted(), found, NOW, policy)


def test_a_promoted_model_that_copes_with_what_got_worse_is_not_trained_again():
    state, waiting = look(GOOD)
    assert (state.case, waiting, outcomes(state)[-1]) == (None, "", "copes")
    assert state.decisions[-1].reason == (
        "version v2 is wrong about 1.00% of 4,000 labels since 2024-05-03T11:00:00, where up to 1.50% is as "
        "before the alert; it catches 95% of 200 errors, in 10 episodes; version v1 caught 95% on its test "
        "rows: it is not trained again"
    )
    assert "unless version v2 copes with them" in promoted().decisions[-1].reason


def test_a_half_adapted_model_is_trained_on_rows_since_then():
    state, _ = look(HALF)
    assert (outcomes(state)[-1], state.case.onset, state.case.before) == ("does not cope", ONSET, "")
    assert "is wrong about 8.00% of 1,500 labels" in state.decisions[-1].reason
    after = NOW + timedelta(seconds=POLICY.cool_down + 1)
    assert next_step(state, replace(PLENTY, rows=1000), after, POLICY) == Begin(1000)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (replace(GOOD, caught=100), "it catches 50% of 200 errors"),  # Rare errors hardly show in the rate.
        (replace(GOOD, wrong=Counts(200, 0, 0), caught=100), "it catches 50% of 200 errors"),
        (replace(GOOD, wrong=Counts(4_000, 70, 0)), "wrong about 1.75% of 4,000 labels"),
        (replace(GOOD, caught_before=None), "on its test rows is not known"),
    ],
)
def test_what_is_not_shown_to_cope_is_trained_again(found, why):
    state, _ = look(found)
    assert (outcomes(state)[-1], state.case.before) == ("does not cope", "")
    assert why in state.decisions[-1].reason


@pytest.mark.parametrize(
    "found",
    [
        Realised(Counts()),
        replace(GOOD, wrong=Counts(900, 0, 0), episodes=6),
        replace(GOOD, episodes=4),  # Without errors nobody knows.
        replace(GOOD, wrong=Counts(900, 20, 0), episodes=6),
        replace(GOOD, wrong=Counts(1_000, 16, 0), inflation=10.0, episodes=6),
    ],
)
def test_as_long_as_too_little_is_labeled_no_run_begins(found):
    before = promoted()
    state, waiting = look(found, before)
    assert state is before
    assert "whether version v2 copes with them" in waiting
    later = NOW + timedelta(days=1)
    step = next_step(state, PLENTY, later, POLICY)
    assert isinstance(step, Wait)
    assert outlook(state, PLENTY, waiting, later, POLICY).waiting == waiting
    assert outlook(state, PLENTY, waiting, later, POLICY).next == ""
    assert held_up(state, "p", NOW) == []
    assert any("whether it copes is watched" in line for line in status_lines(state, None, NOW))


@pytest.mark.parametrize(
    "event",
    [{"sample_rate": None}, {"reference_rate": None}, {"group": "oslo"}, {"source": "missed_incidents"}],
)
def test_an_alert_without_error_rates_of_all_devices_is_answered_as_before(event):
    state = promoted(**event)
    assert (state.case.before, state.case.onset) == ("", ONSET)
    after = NOW + timedelta(seconds=POLICY.cool_down + 1)
    assert next_step(state, replace(PLENTY, rows=1000), after, POLICY) == Begin(1000)


def test_what_is_found_of_the_new_model_itself_answers_the_question():
    again = told(3, "v2", alert="b1", onset=ONSET, event_time="2024-05-03T20:00:00+00:00", **RATES)
    state = take(promoted(), again, "v2", NOW)
    assert (outcomes(state)[-1], state.case.before) == ("merged", "")


def test_after_a_rollback_nothing_is_asked_of_the_model_that_is_back():
    state = rolled_back(promoted(), "v2", "v1", "", NOW, POLICY)
    assert (state.case.version, state.case.before) == ("v1", "")


@pytest.mark.parametrize(("found", "runs"), [(GOOD, 1), (HALF, 2)])
def test_the_loop_looks_at_the_promoted_model_and_trains_only_if_it_does_not_cope(tmp_path, found, runs):
    world, asked = World("promoted", "promoted"), []
    world.realised = lambda *about: asked.append(about) or (Realised(Counts()) if len(asked) < 3 else found)
    loop = Loop(StateFile(tmp_path, "p"), world, "auto", replace(POLICY, cool_down=60.0), lambda: world.now)
    loop.take(told(alert="a1", **RATES))
    loop.tick()
    loop.take(worse(2, 11, **RATES))
    waits = set()
    for _ in range(60):
        world.now += timedelta(seconds=4)
        loop.tick()
        waits.add(loop.waiting)
    state = StateFile(tmp_path, "p").read()
    assert set(asked) == {("v2", ONSET, "v1")}
    assert any("whether version v2 copes" in each for each in waits)
    assert len(world.begun) == runs and windows(world)[1:] == [NEWEST] * (runs - 1)
    verdict = ["copes"] if runs == 1 else ["does not cope", "begun", "promoted"]
    assert outcomes(state)[3:] == ["promoted", "newer drift", *verdict]
    assert state.case is None
