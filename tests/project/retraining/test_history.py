"""The history: the loop's decisions and the gate's in other runs, in order, each with its evidence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from project.errors import NetopsError
from project.retraining import history as module
from project.retraining.by_person import approved
from project.retraining.next_run import Evidence, outlook
from project.retraining.policy import RunResult, after_run, began, overtaken
from project.retraining.state import Attempt, Decision, LoopState
from project.retraining.state_file import StateFile
from project.retraining.status import status_lines
from project.retraining.taken_drift import take
from project.retraining_policy import RetrainingPolicy
from project.settings import Settings
from tests.project.retraining.test_policy import NOW, opened, rolled_back, told, tried


def test_a_promotion_by_a_person_is_told_beside_the_rollbacks_around_it():
    def change(seconds, before, after, why):
        champions = {
            name: [{"version": each, "role": "champion"}] for name, each in (("from", before), ("to", after))
        }
        at = f"{NOW + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
        return {"time": at, "who": "kim", "why": why, "outcome": "applied", "error": "", **champions}

    def back(seconds, before, after):
        at = NOW + timedelta(seconds=seconds + 1)
        return rolled_back(LoopState(), before, after, "", at, RetrainingPolicy()).decisions[-1]

    turns = [(60, "v2", "v1"), (120, "v1", "v2"), (180, "v2", "v1")]
    changes = [change(0, "v1", "v2", "try"), *(change(*turn, "rolled back") for turn in turns)]
    found = module.with_people([back(*turn) for turn in turns], changes)
    assert [(each.outcome, each.after) for each in found] == [
        ("promoted at once", "v2"),
        *(("rolled back", after) for _, _, after in turns),
    ]
    assert found[0].reason == "kim: try"


def test_a_candidate_that_was_superseded_is_turned_down_as_long_as_nobody_takes_it():
    superseded = Decision(NOW.isoformat(), "superseded", "v3 is there now", after="v2")
    assert module.turned_down([superseded], "v2") == "superseded at 2026-01-01 12:00: v3 is there now"
    taken = Decision(NOW.isoformat(), "promoted", "", after="v2")
    assert module.turned_down([superseded, taken], "v2") == module.turned_down([superseded], "v1") == ""


def step(name, workflow, at, **results):
    return {
        "metadata": {"name": name, "labels": {"workflow": workflow}},
        "status": {"last_update": f"2026-01-01T{at}:00+00:00", "results": results},
    }


GATED = {
    "version": "v1",
    "promotion": "to be promoted after its rehearsal",
    "promotion_reason": "first model",
}
RUNS = [
    step("evaluate", "run", "12:00", **{**GATED, "version": "v2"}),
    step("promote", "first", "10:05", version="v1", changed=True, replaced="v0", promotion="promoted"),
    step("evaluate", "first", "10:00", **GATED, champion_version="v0"),
    step("promote", "released", "09:30", version="v0", changed=True, replaced="v9"),
    step("promote", "served-again", "09:20", version="v9", changed=False, replaced=""),
    step("train", "failed", "09:00"),
]


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "runs", lambda *_: RUNS)
    found = Settings(home=tmp_path)
    file = StateFile(found.loops, "p")
    with file.changing():
        file.write(tried(opened(), "promoted", champion="v2"))
    return found


def test_every_decision_is_told_once_in_order(settings):
    found = module.decisions(settings, "http://x", "p")
    assert [(each.outcome, each.run_id, each.before, each.after) for each in found] == [
        ("released", "released", "v9", "v0"),
        ("promoted", "first", "v0", "v1"),
        ("opened", "", "v1", ""),
        ("begun", "", "v1", ""),
        ("promoted", "run", "v1", "v2"),
    ]
    assert found[1].reason == "first model"


def test_a_drift_is_told_with_detector_value_limit_and_sample(settings):
    lines = module.lines(module.decisions(settings, "http://x", "p"))
    assert len(lines) == 7
    assert lines[4].strip() == (
        "glr 4.2 against a limit of 3.8 at 2024-05-01T12:00:00, about since 2024-05-01T11:00:00; "
        "900 labels seen"
    )


def test_a_rollback_in_the_running_endpoint_is_told_once():
    def change(at, before, after):
        told = {"who": "kim", "why": "rolled back", "outcome": "applied", "error": ""}
        champions = {
            name: [{"version": each, "role": "champion"}] for name, each in (("from", before), ("to", after))
        }
        return {"time": f"2026-01-01T{at}Z", **told, **champions}

    said = rolled_back(LoopState(), "v2", "v1", "", NOW, RetrainingPolicy()).decisions[-1]
    at = NOW - timedelta(seconds=1)
    same = change(f"{at:%H:%M:%S}", "v2", "v1")
    same["time"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    other = {**change("00:00:00", "v1", "v2"), "time": same["time"]}
    again = {**same}
    assert module.with_people([said], [same]) == [said]
    found = module.with_people([said], [same, other, again])
    assert [(each.outcome, each.after) for each in found] == [
        ("promoted at once", "v2"),
        ("promoted at once", "v1"),
        ("rolled back", "v1"),
    ]


def test_the_version_before_is_that_which_the_production_model_replaced(settings, monkeypatch):
    monkeypatch.setattr(module, "production_version", lambda *_: "v1")
    assert module.replaced_version("http://x", "p") == ("v1", "v0")
    monkeypatch.setattr(module, "production_version", lambda *_: "v9")
    with pytest.raises(NetopsError, match="must have replaced a model before it is put back, got version v9"):
        module.replaced_version("http://x", "p")


AUTO = {"mode": "auto", "outlook": None}


def asked(state, evidence, now=NOW, said=""):
    """What 'netops retrain' prints where the runner answers."""
    found = outlook(state, evidence, said, now, RetrainingPolicy())
    return status_lines(state, {"mode": "auto", "outlook": found.to_dict()}, now)


def test_a_rejected_candidate_is_told_though_a_newer_change_came_while_its_run_went_on():
    """What was tried before does not count for the newer change, and is told all the same."""
    begun = began(opened(), Attempt("k", "main", 5000, NOW.isoformat(), "v1"), NOW)
    newer = take(
        begun, told(2, event_time="2024-05-02T12:00:00+00:00", onset="2024-05-02T11:00:00+00:00"), "v1", NOW
    )
    assert newer.attempt.outdated
    assert "0 runs so far, 0 candidates rejected" in asked(newer, Evidence(10, 1, 9e4, 100))
    rejected = after_run(
        newer, RunResult("rejected", "not better", "run", "v2"), "v1", NOW, RetrainingPolicy()
    )
    assert rejected.case.rejections == 0
    lines = asked(rejected, Evidence(10, 1, 9e4, 100))
    assert "1 run so far, 1 candidate rejected, 0 of them on rows since the newest change" in lines


def test_it_is_told_what_the_loop_waits_for_and_by_which_figures():
    rejected = tried(opened(), "rejected", rows=57_350)
    again = take(rejected, told(2, group="oslo", event_time="2024-05-01T12:30:00+00:00"), "v1", NOW)
    assert asked(again, Evidence(60_000, 7, 9e4, 100)) == [
        "drift starts a training: auto, as the runner has it",
        "glr found drift at 2024-05-01T12:00:00, since about 2024-05-01T11:00:00 UTC",
        "found again 1×, at last by glr of group oslo at 2024-05-01T12:30:00 UTC",
        "1 run so far, 1 candidate rejected",
        "waits for: 60,000 of 114,700 labeled rows since 2024-05-01T11:00:00 UTC; 0 new error episodes "
        "since the last candidate, 1 is needed, 49 do without more rows",
        "labeled rows since the change: 60,000, of 114,700; devices or episodes with errors in the later "
        "part: 7, of 5",
        "runs within 24 hours: 1 of 8, 7 left",
    ]


def test_holds_and_limits_are_told_with_their_end():
    plenty = Evidence(5000, 50, 9e4, 100)
    failed = asked(tried(opened(), "failed"), plenty)
    assert "no run begins before 2026-01-01T12:01:00 UTC: after a failed run" in failed
    held = replace(opened(), hold_until="2026-01-01T13:00:00+00:00", hold_reason="cool-down")
    assert [line for line in asked(held, plenty) if "no run begins" in line] == [
        "no run begins before 2026-01-01T13:00:00 UTC: cool-down"
    ]
    assert "waits for: cool-down until 2026-01-01T13:00:00 UTC" in asked(held, plenty)
    often = replace(opened(), begun=tuple(f"2026-01-01T0{hour}:00:00+00:00" for hour in range(9)))
    told_often = asked(often, plenty)
    assert "no run begins before 2026-01-02T01:00:00 UTC: 9 runs began within 24 hours" in told_often
    assert "runs within 24 hours: 9 of 8, 0 left" in told_often
    assert "a run begins with the next tick" in asked(opened(), plenty)
    assert "waits for: run abc is under way" in asked(opened(), plenty, said="run abc is under way")
    assert "waits for: drift" in asked(LoopState(), None)
    off = {"mode": "off", "outlook": None}
    assert status_lines(LoopState(), off, NOW)[0] == "drift starts a training: off, as the runner has it"


def test_a_candidate_that_waits_is_told_once():
    staged = tried(opened(), "staged")
    waits = asked(staged, Evidence(5000, 50, 9e4, 100), said="version v2 waits for approval")
    lines = [line for line in waits if "v2" in line]
    assert lines == ["version v2 waits: 'netops retrain --approve' or --decline"]


def test_a_change_that_got_worse_is_not_told_to_have_begun_after_it_was_found():
    worse = replace(opened(), case=replace(opened().case, onset="2024-05-01T18:00:00+00:00"))
    assert asked(worse, Evidence(10, 1, 9e4, 100))[1] == (
        "glr found drift at 2024-05-01T12:00:00, since about 2024-05-01T11:00:00 UTC; it got worse, and rows "
        "count since about 2024-05-01T18:00:00 UTC"
    )


def test_the_run_of_the_loop_is_told_once_with_the_id_that_others_know_it_by():
    begun = began(opened(), Attempt("20260101T1200-drift", "main", 5000, NOW.isoformat(), "v1"), NOW)
    since = f"is under way since {NOW.isoformat()[:19]} UTC"
    for said, run in (("run abc is under way", "run abc"), ("", "run 20260101T1200-drift")):
        lines = [
            line for line in asked(begun, Evidence(5000, 50, 9e4, 100), said=said) if "under way" in line
        ]
        assert lines == [f"{run} {since}"]


def test_the_state_is_told_in_words():
    assert status_lines(LoopState(), AUTO, NOW) == [
        "drift starts a training: auto, as the runner has it",
        "no drift is being answered",
    ]
    staged = "\n".join(status_lines(tried(opened(), "staged"), AUTO, NOW))
    assert "glr found drift at 2024-05-01T12:00:00" in staged
    assert "version v2 waits: 'netops retrain --approve'" in staged
    back = rolled_back(opened(), "v1", "v0", "run", NOW, RetrainingPolicy())
    assert "no run begins before 2026-01-02T12:00:00 UTC: after a rollback" in status_lines(back, AUTO, NOW)
    stopped = tried(tried(tried(opened(), "failed"), "failed"), "failed")
    assert "--resume" in status_lines(take(stopped, told(2), "v1", NOW), AUTO, NOW)[1]
    assert status_lines(LoopState(), None, NOW) == ["no drift is being answered"]


def test_that_no_model_is_usable_is_told_until_another_is_in_production():
    attempt = Attempt("k", "main", 5000, NOW.isoformat(), "v1")
    warning = "NEITHER MODEL IS USABLE on these 900 rows"
    result = RunResult("rejected", f"not predictable; {warning}", "run", "v2", warning)
    state = after_run(began(opened(), attempt, NOW), result, "v1", NOW, RetrainingPolicy())
    assert warning in status_lines(state, AUTO, NOW)
    assert LoopState.from_dict(state.to_dict()) == state
    assert warning in module.lines(state.decisions)[-1]
    later = tried(state, "failed", version="")  # Which says nothing of it.
    assert warning in status_lines(later, AUTO, NOW)
    for after in (
        tried(state, "rejected", version="v3"),
        tried(state, "promoted", champion="v3"),
        approved(replace(state, candidate="v3"), "v3", "", NOW, RetrainingPolicy()),
        overtaken(state, "v3", NOW),
        rolled_back(state, "v1", "v0", "run", NOW, RetrainingPolicy()),
    ):
        assert warning not in status_lines(after, AUTO, NOW)


def test_what_people_did_in_the_running_endpoint_is_told_in_its_place(settings):
    def change(at, who, before, after, outcome="applied", error=""):
        def brief(version):
            return [{"version": version, "role": "champion"}, {"version": "x", "role": "shadow"}]

        told = {"who": who, "why": "a reason", "outcome": outcome, "error": error}
        return {"time": f"2026-01-01T{at}:00Z", **told, "from": brief(before), "to": brief(after)}

    changes = [
        change("09:40", "deployment", "v9", "v0"),
        change("09:45", "kim", "v0", "v7"),
        change("09:50", "kim", "v7", "v8", "refused", "a golden row"),
        change("09:55", "kim", "v7", "v7"),
    ]
    found = module.with_people(module.decisions(settings, "", "p"), changes)
    assert [each.time for each in found] == sorted(each.time for each in found)
    made = [each for each in found if each.reason.startswith("kim")]
    assert [(each.outcome, each.reason, each.before, each.after) for each in made] == [
        ("promoted at once", "kim: a reason", "v0", "v7"),
        ("refused", "kim: a reason; a golden row", "v7", "v8"),
    ]
