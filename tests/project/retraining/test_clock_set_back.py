"""A machine that came up in another year has written holds of that year: the loop does not wait for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from project.retraining import state as words
from project.retraining.by_person import ROLLBACK_HOLD, rolled_back
from project.retraining.clock_set_back import within_policy
from project.retraining.decisions import text_of
from project.retraining.loop import Loop
from project.retraining.state import LoopState, Trial
from project.retraining.state_file import StateFile
from project.retraining_policy import AUTO, RetrainingPolicy
from tests.project.retraining.test_loop import World
from tests.project.retraining.test_policy import NOW, opened, told

LATER = datetime(2035, 3, 1, tzinfo=UTC)
POLICY = RetrainingPolicy(shadow=0)


@pytest.mark.parametrize(
    ("reason", "longest", "said"),
    [("cool-down", timedelta(hours=1), "60 min"), (ROLLBACK_HOLD, timedelta(days=1), "24 h")],
)
def test_a_hold_of_another_year_lasts_as_long_as_the_policy_has_it(reason, longest, said):
    state = LoopState(hold_until=text_of(LATER), hold_reason=reason)
    held = within_policy(state, NOW, POLICY)
    assert held.hold_until == text_of(NOW + longest)
    (decision,) = held.decisions
    assert decision.outcome == words.SHORTENED == "wait shortened"
    until = text_of(NOW + longest)[:19]
    assert decision.reason == (
        f"{reason} until {until} UTC, and not 2035-03-01T00:00:00: the policy has {said} at most"
    )
    assert within_policy(held, NOW, POLICY) is held
    assert within_policy(held, NOW + timedelta(minutes=30), POLICY) is held


def test_waits_as_the_policy_has_them_stay_and_a_clock_that_is_set_by_a_little_is_nothing_to_tell():
    state = rolled_back(LoopState(), "v2", "v1", "run", NOW, POLICY)
    assert within_policy(state, NOW, POLICY) is state
    assert within_policy(state, NOW - timedelta(minutes=4), POLICY) is state
    changed = within_policy(state, NOW - timedelta(minutes=6), POLICY)
    assert changed.hold_until == text_of(NOW - timedelta(minutes=6) + timedelta(days=1))


@pytest.mark.parametrize(("failures", "seconds"), [(0, 60), (1, 60), (2, 120), (3, 240)])
def test_a_pause_after_failed_runs_is_that_of_their_number(failures, seconds):
    state = opened()
    state = replace(state, failures=failures, case=replace(state.case, not_before=text_of(LATER)))
    shorter = within_policy(state, NOW, POLICY)
    assert shorter.case.not_before == text_of(NOW + timedelta(seconds=seconds))
    assert shorter.decisions[-1].case == state.case.id


@pytest.mark.parametrize(
    ("stage", "longest"),
    [
        (words.SHADOW, timedelta(days=1)),
        *((stage, timedelta(minutes=30)) for stage in ("promote", "retract")),
    ],
)
def test_a_trial_of_another_year_ends_as_if_its_stage_began_now(stage, longest):
    trial = Trial("v2", "v1", "run", 9, stage, text_of(LATER), text_of(LATER + timedelta(days=1)))
    found = within_policy(replace(opened(), trial=trial), NOW, RetrainingPolicy()).trial
    assert (found.begun, found.until) == (text_of(NOW), text_of(NOW + longest))
    assert (found.stage, found.version) == (stage, "v2")


def test_the_loop_goes_on_after_the_clock_was_set_back_by_years(tmp_path):
    world, lines = World("promoted", "promoted"), []
    world.now = LATER
    file = StateFile(tmp_path, "p")
    loop = Loop(file, world, AUTO, POLICY, lambda: world.now, lines.append)
    with file.changing() as state:
        file.write(rolled_back(state, "v0", "v1", "run", LATER, POLICY))
    world.now = NOW
    loop.take(told("glr-1", version="v1"))
    loop.tick()
    assert any(line.startswith("wait shortened: after a rollback until ") for line in lines)
    assert world.begun == []
    world.now = NOW + timedelta(days=1, minutes=1)
    loop.tick()
    assert len(world.begun) == 1


def test_looks_go_on_in_a_process_whose_clock_is_set_back(tmp_path):
    """Else the next look whether the champion is of no use would be due in nine years."""
    world, asked = World(), []
    world.weakness = lambda: asked.append(world.now)
    world.now = LATER
    loop = Loop(StateFile(tmp_path, "p"), world, AUTO, POLICY, lambda: world.now)
    loop.tick()
    loop.tick()
    world.now = NOW
    loop.tick()
    assert asked == [LATER, NOW]
