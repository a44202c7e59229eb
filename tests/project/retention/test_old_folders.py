"""Folders that workflows and jobs have left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from project.local.workflow_records import settle, workflow_records
from project.retention import old_folders
from project.retention.old_folders import delete_folders, old_workflows


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_folders, "NEWEST", 2)


def workflow(home: Path, name: str, project: str = "p", is_settled: bool = True) -> Path:
    folder = home / "workflows" / name
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps({"project": project}))
    (folder / "status.json").write_text(
        json.dumps({"run_id": f"run-{name}", "state": "succeeded", "error": ""})
    )
    (folder / "process.json").write_text(json.dumps({"pid": 0, "created": 0.0}))
    (folder / "log.txt").write_text("x" * 100)
    if is_settled:
        (folder / "settled").touch()
    return folder


def test_the_newest_folders_of_a_project_stay_and_those_that_something_looks_for(tmp_path: Path) -> None:
    names = ["1", "2", "3-open", "4", "5-drift", "6", "7"]
    made = {name: workflow(tmp_path, name, is_settled="open" not in name) for name in names}
    workflow(tmp_path, "0", "other")
    old = old_workflows(tmp_path, "p", {"run-2"}, {"5-drift"})
    assert old == [made["1"], made["4"]]
    freed = delete_folders(tmp_path, "p", old)
    assert freed > 200
    assert [record.folder.name for record in workflow_records(tmp_path)] == [
        "0",
        "2",
        "3-open",
        "5-drift",
        "6",
        "7",
    ]
    assert not (tmp_path / "deleted" / "p").exists()


def test_what_a_kill_has_left_goes_with_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "deleted" / "p" / "old").mkdir(parents=True)
    assert delete_folders(tmp_path, "p", []) == 0
    assert not (tmp_path / "deleted").exists()


def test_a_record_whose_folder_is_deleted_meanwhile_is_left_alone(tmp_path: Path) -> None:
    folder = workflow(tmp_path, "1")
    (record,) = workflow_records(tmp_path)
    delete_folders(tmp_path, "p", [folder])
    assert settle(record, lambda *_: [], lambda *_: None) is False
    assert not folder.exists()
