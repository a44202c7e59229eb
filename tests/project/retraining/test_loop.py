"""The loop with a made-up installation: it goes on after a kill at any moment, and promotes once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from project.endpoint_routing import RefusedError
from project.errors import NetopsError
from project.http_json import UnreachableError
from project.retraining.by_person import resumed, rolled_back
from project.retraining.loop import Loop
from project.retraining.loop_operations import ABSENT, ENDED, KILLED, RUNNING, RunLook
from project.retraining.next_run import Evidence
from project.retraining.run_result import result_of
from project.retraining.state import Attempt, Trial
from project.retraining.state_file import StateFile
from project.retraining.status import status_lines
from project.retraining.trial import TrialEvidence
from project.retraining_policy import RetrainingPolicy
from tests.project.retraining.test_policy import NOW, opened, told
from training.evaluation.comparison import Comparison
from training.evaluation.interval import Interval

POLICY = RetrainingPolicy(runs_a_day=100, pause=1, shadow=0)


SHADOWED = replace(POLICY, shadow=300.0)
"""A trial takes five minutes at most: thirty ticks."""


def compared(rows=1000, low=0.1, high=0.2, gain=0.15, with_errors=20, **more):
    """What a comparison on live rows found."""
    interval = Interval(low, high)
    found = Comparison("v1", rows, "devices", with_errors, 0.5 + gain, 0.5, interval, interval)
    return TrialEvidence(rows, found, **more)


BETTER = compared()


class Killed(BaseException):
    """The process ends here."""


class World:
    """An installation in which a run takes two looks, and does what the script says.

    :param script: of each run of ``main`` what comes of it.
    """

    def __init__(self, *script):
        self.script = list(script)
        self.production = "v1"
        self.promotions = []
        self.runs = {}
        self.begun = []
        self.rows = 5000
        self.growing = False
        self.now = NOW
        self.countdown = None
        self.shadows, self.refused, self.watched, self.routed = set(), (), "", "v1"
        self.looks = [BETTER]
        self.handed_on = []
        self.several_horizons = False
        self.weak = None
        self.keeps_rows = False
        self.said = {}
        self.full = ""

    def step(self):
        """A moment at which the process may be killed."""
        if self.countdown is not None:
            self.countdown -= 1
            if self.countdown < 0:
                self.countdown = None
                raise Killed

    def champion(self):
        self.step()
        return self.production

    def evidence(self, onset):
        self.step()
        return Evidence(
            self.rows * (4 ** len(self.begun) if self.growing else 1), 50, 9e4, 10, 50 + len(self.begun)
        )

    def weakness(self):
        self.step()
        return self.weak

    def arguments(self):
        self.step()
        return {"telemetry": "/t", "combinations": 5}

    def busy(self):
        self.step()
        return ""

    def write_failure(self):
        return self.full

    def begin(self, key, workflow, arguments):
        self.step()
        outcome = "promoted" if workflow == "release" else self.script.pop(0)
        self.begun.append((workflow, arguments))
        self.runs[key] = {
            "outcome": outcome,
            "looks": 0,
            "version": arguments.get("version") or f"v{len(self.begun) + 1}",
        }
        self.step()

    def look(self, key):
        self.step()
        run = self.runs.get(key)
        if run is None:
            return RunLook(ABSENT)
        run["looks"] += 1
        if run["looks"] < 2:
            return RunLook(RUNNING, key)
        if run["outcome"] in ("promoted", "unfinished") and self.production != run["version"]:
            self.promotions.append(run["version"])
            self.production = run["version"]
        if run["outcome"] in ("killed", "unfinished"):
            return RunLook(KILLED, key, False, "its process ended")
        return RunLook(ENDED, key, run["outcome"] not in ("failed", "little"), "it failed")

    def steps(self, run_id):
        self.step()
        run = self.runs[run_id]
        if run["outcome"] == "promoted" and run["version"] in self.said:  # By a release.
            outcome, reason = self.said[run["version"]]
            return {"promote": {"promotion": outcome, "promotion_reason": reason}}
        evaluated = {"version": run["version"], "promotion": "promoted", "promotion_reason": "better"}
        if run["outcome"] == "superseded":
            told = {"promotion": "superseded", "promotion_reason": "it was evaluated beside version v1"}
            return {"evaluate": {**evaluated, **told}}
        if run["outcome"] == "passed before":
            told = {"promotion": "to be tried on live events", "evaluated_against": "v1"}
            return {"evaluate": {**evaluated, **told}}
        if run["outcome"] == "superseded by then":
            return {"evaluate": evaluated, "promote": {"superseded": "v0 is there now", "changed": False}}
        if run["outcome"] == "replaced by then":
            return {"evaluate": evaluated, "promote": {"changed": True, "version": run["version"]}}
        if run["outcome"] == "rejected":
            evaluated |= {"promotion": "not promoted", "promotion_reason": "clearly worse"}
        if run["outcome"] == "staged":
            evaluated["promotion"] = "waits for approval"
        if run["outcome"] == "little":
            return {"select-features": {"too_little_data": "training part: must have at least 50 rows"}}
        return {"evaluate": evaluated} if run["outcome"] not in ("failed", "killed") else {}

    def hand_on(self, told):
        self.step()
        self.handed_on.append(told["id"])

    def shadow(self, version, until):
        self.step()
        if version in self.refused:
            raise RefusedError("the endpoint refuses the change: golden row 3")
        self.shadows.add(version)
        self.step()
        return "2024-05-02T00:00:00+00:00"

    def compare(self, trial, last):
        self.step()
        assert trial.version in self.shadows
        self.keeps_rows = True
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def promote(self, trial):
        self.step()
        if self.several_horizons:
            self.said[trial.version] = ("to be promoted after its rehearsal", trial.reason)
            return False
        if self.routed != trial.version:
            self.promotions.append(trial.version)
            self.routed = trial.version
            self.shadows.discard(trial.version)
        self.step()
        self.production = trial.version
        self.said[trial.version] = ("promoted", trial.reason)
        self.step()
        self.watched = trial.version
        self.step()
        return True

    def record(self, version, outcome, reason):
        self.step()
        self.said[version] = (outcome, reason)

    def end_trial(self):
        self.keeps_rows = False

    def retract(self, version):
        self.step()
        self.shadows.discard(version)
        self.step()


class KilledFile(StateFile):
    """A state file whose writer may be killed before or after it."""

    def __init__(self, folder, world):
        super().__init__(folder, "p")
        self.world = world

    def write(self, state):
        self.world.step()
        super().write(state)
        self.world.step()


def make(world, folder, mode="auto", policy=POLICY):
    return Loop(KilledFile(folder, world), world, mode, policy, lambda: world.now)


def run(world, folder, ticks=40, mode="auto", policy=POLICY):
    """Events come and ticks pass; after a kill another process goes on, and the event is sent again."""
    loop, sent = make(world, folder, mode, policy), False
    for _ in range(ticks):
        world.now += timedelta(seconds=10)
        try:
            if not sent:
                loop.take(told())
                sent = True
            loop.tick()
        except Killed:
            loop = make(world, folder, mode, policy)
    state = StateFile(folder, "p").read()
    assert state.trial is not None or not world.keeps_rows, "rows of a trial that is over, however it ended"
    return state


def outcomes(state):
    return [decision.outcome for decision in state.decisions]


def test_drift_starts_a_training_from_its_onset_and_the_new_model_is_promoted(tmp_path):
    world = World("promoted")
    state = run(world, tmp_path)
    assert world.begun == [
        (
            "main",
            {
                "telemetry": "/t",
                "combinations": 5,
                "training_window": "since 2024-05-01T11:00:00+00:00",
                "approve": False,
                "trial": False,
                "champion": "v1",
            },
        )
    ]
    assert outcomes(state) == ["opened", "begun", "promoted"]
    assert (state.case, world.production) == (None, "v2")
    assert (state.decisions[-1].before, state.decisions[-1].after) == ("v1", "v2")


SCRIPTS = [("promoted",), ("unfinished",), ("killed", "promoted"), ("rejected", "promoted")]


@pytest.mark.parametrize("script", SCRIPTS)
def test_killed_at_any_moment_it_goes_on_and_promotes_once(tmp_path, script):
    moments = 0
    while True:
        world = World(*script, "promoted", "promoted")
        world.growing = True
        world.countdown = moments
        state = run(world, tmp_path / str(moments))
        assert world.promotions == [world.production], moments
        assert outcomes(state).count("promoted") == 1, (moments, outcomes(state))
        assert (state.case, state.attempt, state.seen) == (None, None, ("e1",)), moments
        if world.countdown is not None:
            break
        moments += 1
    assert moments > 15


def test_a_drift_of_the_model_that_was_just_promoted_is_answered_after_the_run(tmp_path):
    world = World("promoted", "promoted")
    loop = make(world, tmp_path)
    loop.take(told())
    loop.tick()
    world.production = "v2"  # Promoted and served, while the run that did it goes on.
    for number in (2, 3):
        when = {"event_time": "2024-05-02T12:00:00+00:00", "onset": f"2024-05-02T11:0{number}:00+00:00"}
        loop.take(told(number, version="v2", **when))
    for _ in range(3):
        loop.tick()
    state = StateFile(tmp_path, "p").read()
    assert outcomes(state) == ["opened", "begun", "postponed", "postponed", "promoted", "opened"]
    assert (state.case.version, state.case.onset) == ("v2", "2024-05-02T11:02:00+00:00")
    assert loop.take(told(2, version="v2")) == state  # Sent again, it is known.


def test_a_worse_model_is_rejected_and_the_champion_stays(tmp_path):
    world = World("rejected")
    state = run(world, tmp_path)
    assert outcomes(state) == ["opened", "begun", "rejected"]
    assert (world.production, state.decisions[-1].reason) == ("v1", "clearly worse")
    assert make(world, tmp_path).take(told(2)).case.rejections == 1
    world.script, world.growing = ["rejected"] * 4, True
    state = run(world, tmp_path)
    assert outcomes(state)[-2:] == ["rejected", "champion stays"]
    assert (world.promotions, state.case) == ([], None)


def test_a_training_that_fails_three_times_stops_and_says_so(tmp_path):
    world = World("failed", "failed", "failed", "promoted")
    state = run(world, tmp_path, ticks=100)
    assert outcomes(state) == ["opened", *["begun", "failed"] * 3, "stopped"]
    assert (len(world.begun), world.production) == (3, "v1")
    assert "it failed" in state.stopped


def test_too_few_rows_wait_for_more_and_are_no_failure(tmp_path):
    world = World("little", "promoted")
    state = run(world, tmp_path)
    assert outcomes(state) == ["opened", "begun", "not yet"]
    assert state.decisions[-1].reason == "training part: must have at least 50 rows"
    world.rows = 10_000
    assert outcomes(run(world, tmp_path))[-2:] == ["begun", "promoted"]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("superseded", "it was evaluated beside version v1"),
        ("superseded by then", "v0 is there now"),
        ("passed before", "it was evaluated beside version v1 in production, and version v0 is there now"),
        ("replaced by then", "it was promoted, and v0 has been put in its place since"),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "approve"])
def test_a_rollback_in_the_middle_of_a_training_is_not_undone_by_it(tmp_path, what, why, mode):
    world = World(what)
    loop = make(world, tmp_path, mode)
    loop.take(told())
    loop.tick()
    assert world.begun[0][1]["champion"] == "v1"
    world.production = "v0"
    file = StateFile(tmp_path, "p")
    with file.changing() as state:
        file.write(rolled_back(state, "v1", "v0", "", NOW, POLICY))
    state = run(world, tmp_path, mode=mode)
    # The drift is told once more by this run: it is of a version that is not there any more.
    assert outcomes(state) == ["opened", "begun", "rolled back", "superseded"]
    assert (state.decisions[-1].reason, state.decisions[-1].run_id) == (why, next(iter(world.runs)))
    assert (world.production, state.case, state.attempt) == ("v0", None, None)
    assert state.hold_reason == "after a rollback"


@pytest.mark.parametrize("what", ["rejected", "little", "failed", "killed"])
def test_a_run_that_began_before_a_rollback_does_not_count_on_the_drift_that_comes_back(tmp_path, what):
    """The run is for a drift of v2; v1 had another one when it left, for which v2 was made."""
    world = World("promoted", what)
    assert outcomes(run(world, tmp_path))[-1] == "promoted"
    loop = make(world, tmp_path)
    loop.take(told(2, version="v2", onset="2024-05-08T11:00:00+00:00"))
    world.rows, world.now = 1200, world.now + timedelta(hours=2)
    loop.tick()
    assert StateFile(tmp_path, "p").read().attempt.champion == "v2"
    world.production = "v1"
    file = StateFile(tmp_path, "p")
    with file.changing() as state:
        back = rolled_back(state, "v2", "v1", "", world.now, POLICY)
        file.write(back)
    assert (back.case.id, back.case.rows_tried, [each.id for each in back.kept]) == ("e1", 5000, ["e2"])
    for _ in range(5):
        loop.tick()
    state = file.read()
    assert len(world.begun) == 2 and state.attempt is None
    assert (state.case, state.kept, state.failures) == (back.case, back.kept, 0)
    assert outcomes(state) == outcomes(back)


def test_a_version_that_a_person_promotes_in_the_middle_of_a_training_ends_the_case(tmp_path):
    world = World("superseded")
    loop = make(world, tmp_path)
    loop.take(told())
    loop.tick()
    world.production = "v7"
    state = run(world, tmp_path)
    assert outcomes(state) == ["opened", "begun", "superseded", "overtaken"]
    assert (world.production, state.case, state.failures) == ("v7", None, 0)


def test_with_approve_the_candidate_waits(tmp_path):
    world = World("staged")
    state = run(world, tmp_path, mode="approve")
    assert world.begun[0][1]["approve"] is True
    assert (outcomes(state)[-1], state.candidate, world.production) == ("staged", "v2", "v1")


def test_a_model_that_another_run_promoted_ends_the_case(tmp_path):
    world = World()
    make(world, tmp_path).take(told())
    world.production = "v7"
    assert outcomes(run(world, tmp_path))[:2] == ["opened", "overtaken"]


def test_without_a_run_to_repeat_there_is_no_training(tmp_path):
    world = World()

    def none():
        raise NetopsError("must remember a successful run")

    world.arguments = none
    state = run(world, tmp_path, ticks=100)
    assert (world.begun, state.decisions[-1].outcome) == ([], "stopped")


def test_another_run_is_waited_for(tmp_path):
    world = World("promoted")
    world.busy = lambda: "run abc (netops run)"
    loop = make(world, tmp_path)
    loop.take(told())
    loop.tick()
    assert (world.begun, loop.waiting) == ([], "run abc (netops run) is under way")


def test_an_event_is_taken_while_the_api_is_away_and_a_run_that_it_ended_is_no_failure(tmp_path):
    world = World("failed", "promoted")
    loop = make(world, tmp_path)
    there = world.champion

    def away():
        raise UnreachableError("no answer")

    world.champion = away
    assert loop.take(told()).case is not None
    with pytest.raises(UnreachableError):
        loop.tick()
    world.champion = there
    loop.tick()
    world.champion = away
    loop.tick()
    for _ in range(2):
        with pytest.raises(UnreachableError):
            loop.tick()
    world.champion = there
    loop.tick()
    state = StateFile(tmp_path, "p").read()
    assert (outcomes(state)[-1], state.failures) == ("interrupted", 0)


@pytest.mark.parametrize(
    ("look", "evaluated", "champion", "outcome"),
    [
        (RunLook(ENDED, "r", True), {"version": "v2"}, "v2", "promoted"),
        (
            RunLook(ENDED, "r", True),
            {"version": "v1", "promotion": "kept"},
            "v1",
            "rejected",
        ),
        (RunLook(ENDED, "r", True), {"version": "v2", "too_little_to_compare": True}, "v1", "not yet"),
        (RunLook(KILLED, "r"), {"version": "v2"}, "v2", "unfinished"),
        (RunLook(ENDED, "r", False, "serving failed"), {"version": "v2"}, "v2", "unfinished"),
        (RunLook(KILLED, "r"), {"version": "v2"}, "v1", "interrupted"),
        (RunLook(ENDED, "r", False, "bad"), {"version": "v2"}, "v1", "failed"),
        (RunLook(ABSENT), {}, "v1", "interrupted"),
    ],
)
def test_how_a_run_ended_is_read_from_what_it_left(look, evaluated, champion, outcome):
    attempt = Attempt("k", "main", 1000, datetime.now(UTC).isoformat(), "v1")
    assert result_of(look, {"evaluate": evaluated}, attempt, champion).outcome == outcome


def test_a_candidate_that_waits_ends_when_another_run_promotes_a_model(tmp_path):
    world = World("staged")
    run(world, tmp_path, mode="approve")
    world.production = "v7"
    state = run(world, tmp_path, mode="approve")
    assert (outcomes(state)[-1], state.candidate, state.case) == ("overtaken", "", None)


def test_a_candidate_that_a_person_has_released_is_told_as_approved_once_that_run_is_over(tmp_path):
    world = World("staged")
    run(world, tmp_path, mode="approve")
    world.production = "v2"
    world.busy = lambda: "run abc (workflow release)"
    assert outcomes(run(world, tmp_path, mode="approve"))[-1] == "staged"
    world.busy = lambda: ""
    state = run(world, tmp_path, mode="approve")
    assert (outcomes(state)[-1], state.candidate, state.case) == ("promoted", "", None)
    assert state.decisions[-1].reason == "approved by a person"


def test_a_drift_that_was_handed_on_is_not_again_because_the_next_one_fails(tmp_path):
    world = World("promoted")
    loop, hand_on = make(world, tmp_path), world.hand_on

    def refuses_the_second(event):
        if event["id"] == "e2":
            raise UnreachableError("away")
        hand_on(event)

    world.hand_on = refuses_the_second
    loop.take(told())
    loop.take({**told(), "id": "e2"})
    for _ in range(3):
        with pytest.raises(NetopsError):
            loop.tick()
    assert (world.handed_on, [one["id"] for one in loop._file.read().untold]) == (["e1"], ["e2"])


def test_each_drift_is_handed_on_also_after_the_api_was_away(tmp_path):
    world = World("promoted")
    loop, hand_on = make(world, tmp_path), world.hand_on

    def away(told):
        raise UnreachableError("away")

    world.hand_on = away
    loop.take(told())
    with pytest.raises(NetopsError):
        loop.tick()
    assert loop._file.read().untold[0]["id"] == "e1"
    world.hand_on = hand_on
    again = make(world, tmp_path)
    again.take(told())
    again.tick()
    again.tick()
    assert (world.handed_on, again._file.read().untold) == (["e1"], ())


@pytest.mark.parametrize("under_way", ["a trial", "a run"])
@pytest.mark.parametrize("is_newer", [False, True])
def test_rows_of_a_newer_change_are_counted_behind_what_is_under_way(tmp_path, under_way, is_newer):
    world = World()
    file = StateFile(tmp_path, "p")
    trial = Trial(
        "v2", "v1", "r", 1, "shadow", NOW.isoformat(), "2099-01-01T00:00:00+00:00", outdated=is_newer
    )
    attempt = Attempt("key", "main", 1, NOW.isoformat(), "v1", outdated=is_newer)
    state = replace(opened(), **({"trial": trial} if under_way == "a trial" else {"attempt": attempt}))
    with file.changing():
        file.write(state)
    loop = Loop(file, world, "auto", SHADOWED, lambda: NOW)
    found = loop.outlook()
    assert (found.rows, found.units) == ((5000, 50) if is_newer else (None, None))
    lines = status_lines(state, {"mode": "auto", "outlook": found.to_dict()}, NOW)
    assert (
        any(line.startswith("labeled rows since the newer change: 5,000, of 1,000") for line in lines)
        is is_newer
    )


def test_that_rows_cannot_be_counted_does_not_hide_what_a_trial_waits_for(tmp_path):
    world = World()
    file = StateFile(tmp_path, "p")
    trial = Trial(
        "v2", "v1", "r", 1, "shadow", NOW.isoformat(), "2099-01-01T00:00:00+00:00", "t", outdated=True
    )
    with file.changing():
        file.write(replace(opened(), trial=trial))
    world.looks, world.shadows, world.rows = [compared(rows=300)], {"v2"}, 10
    loop = Loop(file, world, "auto", SHADOWED, lambda: NOW)
    loop.tick()

    def fails(onset):
        raise NetopsError("a file is away")

    world.evidence = fails
    assert loop.outlook().waiting == (
        "300 mature labeled rows in shadow, of 1,000; labeled rows cannot be counted: a file is away"
    )


def test_what_the_last_tick_waited_for_is_not_told_once_a_person_has_decided(tmp_path):
    world = World("promoted", "promoted")
    loop = make(world, tmp_path, policy=replace(POLICY, cool_down=3600.0))
    loop.take(told())
    for _ in range(5):
        loop.tick()
    loop.take(told(2, version="v2"))
    loop.tick()
    loop.tick()
    assert "cool-down until" in loop.outlook().waiting
    file = StateFile(tmp_path, "p")
    with file.changing() as state:
        file.write(resumed(state, world.now))
    assert loop.outlook().waiting == ""
    loop.tick()
    assert "is under way" in loop.outlook().waiting
