"""A model that is of no use since the first day is trained anew when there is more to learn from."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.retraining.evidence import LabeledErrors
from project.retraining.history import lines
from project.retraining.state import LoopState
from project.retraining.state_file import StateFile
from project.retraining.status import status_lines
from project.retraining.weak_model import Weakness, looked, waits_for
from project.retraining_policy import RetrainingPolicy
from tests.project.retraining.test_loop import Killed, World, make
from tests.project.retraining.test_policy import NOW, told

POLICY = RetrainingPolicy(weak_units=10, shadow=0, cool_down=600, pause=1)
WHY = "THE MODEL IN PRODUCTION IS NOT USABLE: average precision 0.080, where guessing has 0.080"
SINCE = "2024-05-01T00:00:00+00:00"
NEWEST = "2024-05-02T00:00:00+00:00"


def weak(episodes):
    return Weakness(WHY, SINCE, episodes, NEWEST)


def ticked(world, folder, minutes=30, policy=POLICY):
    """A loop that ticks every ten seconds, and what it has written."""
    loop = make(world, folder, policy=policy)
    for _ in range(6 * minutes):
        world.now += timedelta(seconds=10)
        loop.tick()
    return loop, StateFile(folder, "p").read()


def outcomes(state):
    return [decision.outcome for decision in state.decisions]


def test_one_is_trained_on_all_there_is_and_the_history_says_why(tmp_path):
    world = World("promoted")
    world.weak = weak(10)
    loop = make(world, tmp_path, policy=POLICY)
    loop.tick()  # It is opened, and is of the champion; the world's next model is of use.
    world.weak = None
    _, state = ticked(world, tmp_path)
    assert world.begun == [
        (
            "main",
            {"telemetry": "/t", "combinations": 5, "approve": False, "trial": False, "champion": "v1"},
        )
    ]
    assert outcomes(state) == ["opened", "begun", "promoted"]
    told_lines = "\n".join(lines(state.decisions))
    assert f"10 error episodes labeled since it has learned, of 10; {WHY}" in told_lines
    assert "its errors are the usual ones; it has learned until 2024-05-01T00:00:00" in told_lines
    assert state.hold_reason == "cool-down"


def test_with_too_few_errors_none_begins_and_it_is_told_what_is_waited_for(tmp_path):
    world = World()
    world.weak = weak(9)
    loop, state = ticked(world, tmp_path)
    assert state == LoopState() and not world.begun
    waiting = loop.outlook().waiting
    assert waiting == (
        "drift, or more to learn from (9 error episodes labeled since 2024-05-01T00:00:00, of 10): " + WHY
    )
    said = status_lines(state, {"mode": "auto", "outlook": loop.outlook().to_dict()}, NOW)
    assert f"waits for: {waiting}" in said


def test_a_rejected_one_is_tried_again_with_twice_the_errors_and_so_on(tmp_path):
    world = World("rejected", "rejected", "rejected", "rejected")
    begun = []
    for episodes in range(10, 90):
        world.weak = weak(episodes)
        before = len(world.begun)
        _, state = ticked(world, tmp_path, minutes=15)  # Longer than the cool-down.
        begun += [episodes] * (len(world.begun) - before)
    assert begun == [10, 20, 40, 80]
    assert outcomes(state) == ["opened", "begun", "rejected", "champion stays"] * 4
    assert (state.case, state.failures) == (None, 0)


def test_a_version_that_comes_back_waits_for_as_many_as_before():
    state = looked(LoopState(), "v1", weak(10), NOW, POLICY)
    assert state.case.version == "v1"
    # Another one takes its place, is of no use either, and is rolled back.
    state = looked(replace(state, case=None), "v2", weak(30), NOW, POLICY)
    assert (state.case.version, state.weak) == ("v2", {"v1": 20, "v2": 60})
    state = replace(state, case=None)
    assert LoopState.from_dict(state.to_dict()) == state
    assert looked(state, "v1", weak(19), NOW, POLICY) is state
    again = looked(state, "v1", weak(20), NOW, POLICY)
    assert again.weak == {"v2": 60, "v1": 40}
    assert "of 40" in waits_for(again, "v1", weak(20), POLICY)


def test_of_many_versions_the_newest_are_remembered():
    state = LoopState()
    for number in range(60):
        state = looked(replace(state, case=None), f"v{number}", weak(10), NOW, POLICY)
    assert list(state.weak) == [f"v{number}" for number in range(10, 60)]


def test_a_state_from_when_one_version_was_remembered_is_read():
    written = {**LoopState().to_dict(), "weak_version": "v1", "weak_needed": 40}
    del written["weak"]
    assert LoopState.from_dict(written).weak == {"v1": 40}
    assert LoopState.from_dict({**written, "weak_version": ""}).weak == {}


def test_it_can_be_switched_off_and_a_hold_is_kept(tmp_path):
    world = World("promoted")
    world.weak = weak(1000)
    ticked(world, tmp_path / "off", policy=replace(POLICY, weak_units=0))
    assert not world.begun
    file = StateFile(tmp_path / "held", "p")
    with file.changing():
        until = (NOW + timedelta(days=1)).isoformat()
        file.write(LoopState(hold_until=until, hold_reason="after a rollback"))
    ticked(world, tmp_path / "held")
    assert not world.begun
    with pytest.raises(InputError, match="weak_units"):
        RetrainingPolicy(weak_units=-1)


def test_a_drift_takes_the_place_of_a_weak_model(tmp_path):
    world = World("rejected", "promoted")
    world.weak = weak(10)
    loop = make(world, tmp_path, policy=POLICY)
    loop.tick()
    loop.tick()
    assert [workflow for workflow, _ in world.begun] == ["main"]
    loop.take(told())
    world.weak = None
    _, state = ticked(world, tmp_path)
    assert outcomes(state) == ["opened", "begun", "newer drift", "rejected", "begun", "promoted"]
    assert world.begun[1][1]["training_window"] == "since 2024-05-01T11:00:00+00:00"


def test_a_new_champion_begins_with_the_first_count():
    state = looked(LoopState(), "v1", weak(10), NOW, POLICY)
    closed = replace(state, case=None)
    assert looked(closed, "v1", weak(19), NOW, POLICY) is closed
    assert looked(closed, "v1", weak(20), NOW, POLICY).case.weak
    assert looked(closed, "v2", weak(10), NOW, POLICY).case.version == "v2"
    assert looked(closed, "v1", None, NOW, POLICY) is closed
    assert waits_for(closed, "v1", None, POLICY) == ""
    assert LoopState.from_dict(state.to_dict()) == state


def test_killed_at_any_moment_it_begins_once(tmp_path):
    for moment in range(40):
        world = World("rejected", "rejected")
        world.weak, world.countdown = weak(10), moment
        loop = make(world, tmp_path / str(moment), policy=POLICY)
        for _ in range(60):
            world.now += timedelta(seconds=10)
            try:
                loop.tick()
            except Killed:
                loop = make(world, tmp_path / str(moment), policy=POLICY)
        state = StateFile(tmp_path / str(moment), "p").read()
        assert outcomes(state).count("rejected") == 1, moment
        assert len(world.begun) == 1, moment
        if world.countdown is not None:
            break
    assert moment > 10


def test_episodes_are_counted_since_it_has_learned(tmp_path):
    schema = TelemetrySchema.load()
    found = LabeledErrors(tmp_path / "pairs")
    assert found.since(SINCE, schema) == (0, "")

    def write(name, *rows):
        frame = pd.DataFrame(rows, columns=[DEVICE, schema.time, schema.target])
        frame[schema.time] = pd.to_datetime(frame[schema.time], utc=True)
        (tmp_path / "pairs").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pandas(frame), tmp_path / "pairs" / f"{name}.parquet")

    write(
        "1",
        ("a", "2024-05-01T00:00:00Z", 1),
        ("a", "2024-05-01T06:00:00Z", 1),
        ("b", "2024-05-01T07:00:00Z", 0),
    )
    assert found.since(SINCE, schema) == (1, "2024-05-01T06:00:00+00:00")
    # The same one goes on; another device fails together with it; a later one is another.
    write(
        "2",
        ("a", "2024-05-01T06:00:10Z", 1),
        ("b", "2024-05-01T06:00:20Z", 1),
        ("a", "2024-05-02T06:00:00Z", 1),
    )
    assert found.since(SINCE, schema) == (2, "2024-05-02T06:00:00+00:00")
    assert found.since("2024-05-02T00:00:00+00:00", schema) == (1, "2024-05-02T06:00:00+00:00")
