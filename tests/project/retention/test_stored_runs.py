"""Which data of a project is that of a run of NetOps."""

from __future__ import annotations

import pytest

from project.job_handlers import JOBS
from project.retention.plan import MODEL
from project.retention.stored_runs import stored_runs
from tests.project.retention.records import artifact, step


def test_what_netops_has_not_made_is_of_no_run() -> None:
    steps = [
        step("evaluate", "w"),
        step("my-step", "w"),
        step("evaluate", "theirs", handler="their.code.evaluate"),  # A step of this name in their workflow.
    ]
    by_hand = artifact("notes", "evaluate", "w", path="/notes")
    by_hand["spec"]["producer"] = {"kind": "project", "name": "p", "uri": ""}
    made = [
        artifact("test_set_preds", "evaluate", "w"),
        artifact("table", "my-step", "w", path="/mine"),
        artifact("table", "evaluate", "theirs", path="/theirs"),
        artifact("table", "gone", "w", path="/of-a-deleted-run"),
        by_hand,
    ]
    (found,), others = stored_runs(steps, made, JOBS.values())
    assert (found.id, found.workflow) == ("w", "main")
    assert [each.key for each in found.data] == ["evaluate_test_set_preds"]
    assert others == ["/mine", "/theirs", "/of-a-deleted-run", "/notes"]


def test_an_artifact_with_several_tags_is_one_and_a_model_has_its_version() -> None:
    model = [artifact("model", "evaluate", "w", tag, kind=MODEL, size=7) for tag in ("latest", "production")]
    for each in model:
        each["metadata"]["labels"] = {"version": "abc"}
    (found,), _ = stored_runs([step("evaluate", "w")], model, JOBS.values())
    (only,) = found.data
    assert (only.version, only.tags, found.versions) == ("abc", ("latest", "production"), {"abc"})


@pytest.mark.parametrize("workflow", ["w", "w-7"])
def test_data_of_an_iteration_is_of_its_run(workflow: str) -> None:
    made = [artifact("plot", "train", workflow), artifact("other", "train", workflow)]
    made[0]["spec"]["producer"]["uri"] += "-7"
    (found,), others = stored_runs([step("train", workflow)], made, JOBS.values())
    assert (len(found.data), others) == (2, [])


def test_a_run_has_not_ended_while_any_step_goes_on_one_of_somebody_too() -> None:
    steps = [
        step("train", "w"),
        step("my-step", "w", "running"),
        step("train", "x"),
        step("release", "y", "aborted"),
    ]
    found, _ = stored_runs(steps, [], JOBS.values())
    assert {each.id: (each.workflow, each.has_ended) for each in found} == {
        "w": ("main", False),
        "x": ("main", True),
        "y": ("release", True),
    }
