"""The state file: whole or not at all, and the same when it is read again."""

import json
import multiprocessing
import time

import pytest

from feature_sets.checks import InputError
from project.retraining.state import Attempt, Case, Decision, LoopState
from project.retraining.state_file import StateFile

MOST_DECISIONS = 20
STATE = LoopState(
    case=Case("e1", "v1", {"source": "glr"}, "2024-05-01T11:00:00+00:00", "2026-01-01T12:00:00+00:00"),
    attempt=Attempt("key", "main", 1000, "2026-01-01T12:00:00+00:00", "v1"),
    seen=("e1",),
    begun=("2026-01-01T12:00:00+00:00",),
    decisions=(Decision("2026-01-01T12:00:00+00:00", "opened", "why", cause={"value": 1.5}),),
)


def test_a_state_is_read_as_it_was_written(tmp_path):
    file = StateFile(tmp_path / "retraining", "p")
    with file.changing() as state:
        assert state == LoopState()
        file.write(STATE)
    assert StateFile(tmp_path / "retraining", "p").read() == STATE


def test_a_write_that_was_cut_off_leaves_the_state_before(tmp_path):
    file = StateFile(tmp_path, "p")
    with file.changing():
        file.write(STATE)
    file.path.with_suffix(".json.new").write_text('{"format": 1, "ca', encoding="utf-8")
    assert file.read() == STATE


def test_another_format_is_refused(tmp_path):
    (tmp_path / "p.json").write_text('{"format": 9}', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"project 'p': .*p\.json: state of the loop: format: must be 1, .*, got 9"
    ):
        StateFile(tmp_path, "p").read()


def test_fields_of_a_newer_release_are_named_and_not_half_read(tmp_path):
    file = StateFile(tmp_path, "p")
    content = {**STATE.to_dict(), "later_release": 1}
    content["decisions"][0]["by"] = "somebody"
    content["kept"] = [{**content["case"], "size": 2}]
    file.path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"must have no fields but those .* got 'by, later_release, size'"):
        file.read()


def _add(folder, count):
    file = StateFile(folder, "p")
    for _ in range(count):
        with file.changing() as state:
            time.sleep(0.001)
            file.write(state.told(STATE.decisions[0]))


def test_two_processes_lose_no_change(tmp_path):
    workers = [multiprocessing.Process(target=_add, args=(tmp_path, 20)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(StateFile(tmp_path, "p").read().decisions) == 40


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("project.retraining.state_file.MOST_DECISIONS", MOST_DECISIONS)


def test_older_decisions_move_to_a_file_that_only_grows_and_none_is_lost(tmp_path, few):
    file = StateFile(tmp_path, "p")
    state, made = LoopState(), []
    for number in range(3 * MOST_DECISIONS):
        made.append(Decision(f"2026-01-01T00:00:00.{number:06}Z", "merged", f"ö {number}"))
        state = state.told(made[-1])
        file.write(state)
        if number % 7:  # Else the next decision follows in the same change.
            state = file.read()
        assert len(file.read().decisions) <= MOST_DECISIONS
    assert file.every_decision() == made
    assert file.read().moved > MOST_DECISIONS


def test_what_a_kill_left_among_the_older_decisions_changes_nothing(tmp_path, monkeypatch, few):
    file = StateFile(tmp_path, "p")
    made = [Decision("2026-01-01T00:00:00Z", "merged", str(number)) for number in range(MOST_DECISIONS + 2)]
    before = LoopState(decisions=tuple(made[:-2]))
    file.write(before)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("project.retraining.state_file.os.fsync", killed)
        file.write(before.told(made[-2]))
    with (tmp_path / "p.older.jsonl").open("a") as torn:
        torn.write('{"time": "2026')
    assert file.every_decision() == made[:-2]
    for decision in made[-2:]:
        file.write(file.read().told(decision))
    assert file.every_decision() == made
