"""The benchmark that kills a process: its requests, and what counts as an answer."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.kills import answered, answers_of, requests


def test_each_reading_is_sent_once_and_labeled_after_the_next() -> None:
    sent = list(requests(2000))
    assert [path for path, _ in sent] == [*("/telemetry",), *("/telemetry", "/labels") * 3, "/labels"]
    readings, labels = (
        [one for path, body in sent if path == which for one in body] for which in ("/telemetry", "/labels")
    )
    keys = [[(one["device"], one["timestamp"]) for one in rows] for rows in (readings, labels)]
    assert keys[0] == keys[1] and len(set(keys[0])) == 2000


def test_a_line_that_a_kill_has_cut_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    assert answered(path) == 0
    path.write_text('\n[0, ["a"]]\n[1, ["b"\n[1, ["c"]]\n')
    assert answers_of(path) == {0: ["a"], 1: ["c"]}
    assert answered(path) == 2
