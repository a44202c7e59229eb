"""A candidate in shadow is promoted, rejected or left, once, also after kills."""

import contextlib
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from feature_sets.checks import InputError
from project.endpoint_routing import ReplacedError
from project.errors import NetopsError
from project.retraining import trial as trials
from project.retraining.by_person import rolled_back
from project.retraining.state_file import StateFile
from project.retraining.trial import TrialEvidence
from project.retraining_policy import RetrainingPolicy
from tests.project.retraining.test_loop import BETTER, SHADOWED, World, compared, make, outcomes, run
from tests.project.retraining.test_policy import NOW, told

WAITING = TrialEvidence(400)


def tried(folder, looks, script=("staged",), mode="auto", policy=SHADOWED, **changes):
    """A trial in which these looks follow one another; the world and the state afterwards."""
    world = World(*script)
    world.looks = list(looks)
    for name, value in changes.items():
        setattr(world, name, value)
    return world, run(world, folder, ticks=60, mode=mode, policy=policy)


def test_the_loop_trains_for_approval_and_promotes_what_is_better_in_shadow(tmp_path):
    world, state = tried(tmp_path, [WAITING, WAITING, BETTER])
    assert world.begun[0][1]["approve"] is True
    assert outcomes(state) == ["opened", "begun", "passed", "in shadow", "better in shadow", "promoted"]
    assert (world.promotions, world.production, world.watched, world.shadows) == (["v2"], "v2", "v2", set())
    promoted = state.decisions[-1]
    assert (promoted.before, promoted.after) == ("v1", "v2")
    assert "better: average precision 0.650 against 0.500" in promoted.reason
    assert world.said == {"v2": ("promoted", promoted.reason)}
    assert (state.trial, state.case, state.hold_reason) == (None, None, "cool-down")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (compared(low=-0.3, high=-0.1, gain=-0.2), "clearly worse: average precision"),
        (compared(worse_on="site oslo (0.1 against 0.4)"), "clearly worse on site oslo"),
        (compared(false_alarm_share=0.4), "it calls 40% of the healthy rows an error"),
    ],
)
def test_what_is_worse_in_shadow_is_rejected_at_once_and_the_champion_stays(tmp_path, found, reason):
    world, state = tried(tmp_path, [found])
    assert outcomes(state) == ["opened", "begun", "passed", "in shadow", "rejected"]
    assert state.decisions[-1].reason.startswith(reason)
    assert world.said == {"v2": ("not promoted after its trial", state.decisions[-1].reason)}
    assert (world.promotions, world.production, world.shadows, state.trial) == ([], "v1", set(), None)
    assert (state.case.rejections, state.case.rows_tried) == (1, 5000)


def test_what_is_not_clearly_better_waits_for_twice_the_rows_and_is_rejected_when_the_time_is_over(tmp_path):
    unclear = compared(low=-0.005, gain=0.1)
    world = World("staged")
    world.looks = [unclear]
    run(world, tmp_path, ticks=8, policy=SHADOWED)
    known = StateFile(tmp_path, "p").read().trial
    assert (known.stage, known.wanted) == ("shadow", 2000)
    looked = StateFile(tmp_path, "p").read().decisions[-1]
    assert (looked.outcome, looked.before, looked.after) == ("undecided", "v1", "v2")
    assert looked.reason.startswith("not clearly better: average precision")
    assert "live rows" in looked.reason and looked.reason.endswith("; compared again at 2,000 rows")
    state = run(world, tmp_path, ticks=40, policy=SHADOWED)
    assert outcomes(state)[-1] == "rejected"
    assert state.decisions[-1].reason.startswith("not clearly better")


def test_a_margin_must_be_exceeded_by_the_lower_end_of_the_interval(tmp_path):
    for margin, outcome in ((0.09, "promoted"), (0.11, "rejected")):
        _, state = tried(tmp_path / str(margin), [BETTER], policy=replace(SHADOWED, margin=margin))
        assert outcomes(state)[-1] == outcome


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (WAITING, "not enough data: 400 mature labeled rows by 2026-01-01T12:0"),
        (compared(with_errors=3), "not enough data: 3 devices with errors, of 5, by"),
    ],
)
def test_too_few_mature_labels_by_the_end_are_said_and_the_champion_stays(tmp_path, found, reason):
    world, state = tried(tmp_path, [found])
    assert outcomes(state)[-1] == "not enough data"
    assert state.decisions[-1].reason.startswith(reason)
    assert (world.production, world.shadows, state.case.rejections, state.failures) == ("v1", set(), 0, 0)
    assert world.said == {"v2": ("not decided by its trial", state.decisions[-1].reason)}
    assert state.case.rows_tried == 5000  # The next training takes more rows.


def test_what_the_endpoint_refuses_is_rejected_with_its_reason(tmp_path):
    world, state = tried(tmp_path, [BETTER], refused=("v2",))
    assert outcomes(state) == ["opened", "begun", "passed", "rejected"]
    assert "golden row 3" in state.decisions[-1].reason
    assert world.production == "v1"


def test_with_approve_it_waits_for_a_person_after_the_shadow(tmp_path):
    world, state = tried(tmp_path, [BETTER], mode="approve")
    assert outcomes(state) == ["opened", "begun", "passed", "in shadow", "staged"]
    assert (state.candidate, world.production, world.shadows) == ("v2", "v1", set())
    assert "better: average precision" in state.decisions[-1].reason
    assert world.said == {"v2": ("waits for approval", state.decisions[-1].reason)}


def test_with_models_of_further_horizons_a_release_serves_what_passed(tmp_path):
    world, state = tried(tmp_path, [BETTER], several_horizons=True)
    trial = ["in shadow", "better in shadow", "begun", "promoted"]
    assert outcomes(state) == ["opened", "begun", "passed", *trial]
    found = state.decisions[4]
    assert (found.before, found.after, found.run_id != "") == ("v1", "v2", True)
    assert "better: average precision 0.650 against 0.500" in found.reason and "live rows" in found.reason
    assert state.decisions[-1].reason == found.reason
    assert world.begun[1] == ("release", {"version": "v2"})
    assert (world.promotions, state.decisions[-1].before) == (["v2"], "v1")


WORSE = compared(low=-0.3, high=-0.1, gain=-0.2)


@pytest.mark.parametrize(("looks", "stride"), [([WAITING, BETTER], 1), ([WORSE, BETTER], 4)])
def test_killed_in_the_middle_of_each_stage_it_goes_on_and_promotes_once(
    tmp_path, looks, stride, monkeypatch
):
    monkeypatch.setattr(os, "fsync", lambda _file: None)  # Only this process is killed here.
    moments = 0
    while True:
        world = World(*["staged"] * 5)
        world.looks, world.growing, world.countdown = list(looks), True, moments
        state = run(world, tmp_path / str(moments), ticks=30, policy=SHADOWED)
        assert world.promotions == [world.production] == [world.watched], moments
        assert outcomes(state).count("promoted") == 1, (moments, outcomes(state))
        assert (state.case, state.trial, state.attempt, world.shadows) == (None, None, None, set()), moments
        if world.countdown is not None:
            break
        moments += stride
    assert moments > 25


def test_a_model_of_another_run_ends_the_trial(tmp_path):
    world = World("staged")
    world.looks = [WAITING]
    run(world, tmp_path, ticks=8, policy=SHADOWED)
    world.production = "v7"
    state = run(world, tmp_path, ticks=4, policy=SHADOWED)
    assert (outcomes(state)[-1], state.case, state.trial, world.shadows) == ("overtaken", None, None, set())


def test_a_candidate_that_a_person_has_promoted_ends_the_trial_as_promoted(tmp_path):
    world = World("staged")
    world.looks = [WAITING]
    run(world, tmp_path, ticks=8, policy=SHADOWED)
    world.production = "v2"
    state = run(world, tmp_path, ticks=4, policy=SHADOWED)
    assert (outcomes(state)[-1], state.decisions[-1].after, state.trial) == ("promoted", "v2", None)


def test_a_rollback_ends_the_trial_whose_promotion_is_half_done_and_its_hold_stays(tmp_path):
    world = World("staged")

    def half(trial):
        world.promotions.append(trial.version)
        raise NetopsError("no detectors")

    world.promote = half
    loop, file = make(world, tmp_path, policy=SHADOWED), StateFile(tmp_path, "p")
    loop.take(told())
    while not world.promotions:
        world.now += timedelta(seconds=10)
        with contextlib.suppress(NetopsError):
            loop.tick()
    with file.changing() as state:
        file.write(rolled_back(state, "v2", "v1", "", world.now, SHADOWED))
    loop.take(told(2))
    loop.tick()
    state = file.read()
    assert (world.promotions, state.trial, state.hold_reason) == (["v2"], None, "after a rollback")
    # The champion of before still has its drift, which its new detectors find again.
    assert outcomes(state)[-4:] == ["rolled back", "goes on", "merged", "overtaken"]
    assert (state.case.id, state.case.reopened, state.kept) == ("e1", False, ())


def test_a_person_who_replaces_what_was_routed_or_begins_a_hold_ends_the_promotion(tmp_path):
    def replaced(_trial):
        raise ReplacedError("a person has replaced version v2")

    _, state = tried(tmp_path / "replaced", [BETTER], promote=replaced)
    assert (outcomes(state)[-1], state.trial, state.case) == ("overtaken", None, None)

    world = World("staged")
    loop, file = make(world, tmp_path, policy=SHADOWED), StateFile(tmp_path, "p")
    loop.take(told())
    while getattr(file.read().trial, "stage", "") != "promote":
        world.now += timedelta(seconds=10)
        loop.tick()
    with file.changing() as state:
        file.write(replace(state, hold_until=(world.now + timedelta(days=1)).isoformat()))
    loop.tick()
    loop.tick()
    assert (world.promotions, outcomes(file.read())[-1]) == ([], "overtaken")


@pytest.mark.parametrize(
    "error",
    [
        NetopsError("endpoint 'serving' must be ready"),
        InputError("schema", "must be ready", "none"),
        OSError("the file must be ready"),
    ],
)
def test_what_fails_for_all_of_the_time_is_not_enough_data(tmp_path, error):
    world = World("staged")

    def away(*_):
        raise error

    world.shadow = away
    loop = make(world, tmp_path, policy=SHADOWED)
    loop.take(told())
    for seconds in (0, 0, 0, 10, 400):
        world.now += timedelta(seconds=seconds)
        with contextlib.suppress(type(error)):
            loop.tick()
    assert StateFile(tmp_path, "p").read().trial.stage == "shadow"
    loop = make(world, tmp_path, policy=SHADOWED)  # The machine was off for longer than the trial may take.
    for seconds in (100_000, 1_790):
        world.now += timedelta(seconds=seconds)
        with pytest.raises(type(error)):
            loop.tick()
    world.now += timedelta(seconds=10)
    loop.tick()
    loop.tick()
    state = StateFile(tmp_path, "p").read()
    assert outcomes(state)[-1] == "not enough data"
    assert "must be ready" in state.decisions[-1].reason


def test_a_promotion_that_cannot_be_done_is_given_up_and_one_that_is_half_done_is_told(tmp_path):
    for moved, outcome in ((False, "rejected"), (True, "promoted")):
        world = World("staged")

        def fails(trial, world=world, moved=moved):
            if moved:
                world.production = trial.version
            raise NetopsError("no detectors")

        world.promote = fails
        loop = make(world, tmp_path / str(moved), policy=SHADOWED)
        loop.take(told())
        for seconds in [10] * 8 + [2000, 10]:
            world.now += timedelta(seconds=seconds)
            try:
                loop.tick()
            except NetopsError:
                continue
        state = StateFile(tmp_path / str(moved), "p").read()
        assert outcomes(state)[-1] == outcome
        assert "no detectors" in state.decisions[-1].reason


FULL = "/home: No space left on device; free space there"


def test_while_the_disk_is_full_no_run_begins_and_no_candidate_is_tried_or_promoted(tmp_path):
    """What fails then says nothing of a model: it was rejected, and the next training took more rows."""
    world = World("staged")
    world.full = FULL
    loop = make(world, tmp_path, policy=SHADOWED)
    loop.take(told())

    def ticked(count):
        for _ in range(count):
            world.now += timedelta(seconds=11)
            loop.tick()
        return StateFile(tmp_path, "p").read()

    ticked(3)
    assert (world.begun, loop.waiting) == ([], FULL)
    world.full = ""
    ticked(1)
    world.full = FULL
    state = ticked(5)
    assert (state.trial.stage, state.trial.since, world.shadows, loop.waiting) == ("shadow", "", set(), FULL)
    world.full = ""
    ticked(1)
    world.full = FULL
    state = ticked(5)
    assert (state.trial.stage, world.promotions, loop.waiting) == ("promote", [], FULL)
    world.full = ""
    state = ticked(3)
    assert (world.promotions, state.case, state.failures) == (["v2"], None, 0)
    assert "rejected" not in outcomes(state)


def test_a_person_may_decline_the_candidate_in_shadow_but_not_while_it_is_promoted(tmp_path):
    world = World("staged")
    world.looks = [WAITING]
    state = run(world, tmp_path, ticks=8, policy=SHADOWED)
    file = StateFile(tmp_path, "p")
    with file.changing() as known:
        file.write(trials.declined(known, known.trial, NOW))
    state = run(world, tmp_path, ticks=3, policy=SHADOWED)
    assert (outcomes(state)[-1], state.case, state.trial, world.shadows) == ("declined", None, None, set())
    assert world.said["v2"] == ("declined", "by a person")
    promoting = replace(known.trial, stage="promote")
    with pytest.raises(InputError, match="must be given before the candidate is being promoted"):
        trials.declined(state, promoting, NOW)


def test_the_state_of_a_trial_is_read_again_and_one_without_is_as_before(tmp_path):
    world = World("staged")
    world.looks = [WAITING]
    state = run(world, tmp_path, ticks=8, policy=SHADOWED)
    assert state == type(state).from_dict(state.to_dict())
    older = state.to_dict()
    del older["trial"]
    assert type(state).from_dict(older).trial is None


@pytest.mark.parametrize("name", ["shadow", "margin", "shadow_rows", "group_rows"])
def test_the_limits_of_a_trial_are_checked(name):
    with pytest.raises(InputError, match=f"retraining policy: {name}"):
        RetrainingPolicy(**{name: -1})


def test_durations_of_the_policy_may_have_a_unit():
    assert RetrainingPolicy.parse("shadow=2h,margin=0.02") == RetrainingPolicy(shadow=7200.0, margin=0.02)
