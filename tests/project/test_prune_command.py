"""``netops prune``: what it tells, and that it has the project for itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from project import orphaned_runs, session
from project.cli.prune import prune
from project.retention import prune as retention
from project.retention.plan import plan
from project.retention.prune import Pruned, Pruning
from project.retention_policy import RetentionPolicy
from project.run_lock import BusyError, held
from tests.project.retention.records import run


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    found = plan(
        [run(1), run(2), run(3)], {"v2": "is the champion"}, RetentionPolicy(runs=1), "report_report"
    )
    calls: list[str] = []

    def delete(_settings: Any, project: str, pruning: Pruning, _now: Any) -> Pruned:
        calls.append(project)
        return Pruned({each.run.id: 93_100_000 for each in pruning.plan.deleted}, 50_000, 20_000, ["/left"])

    (tmp_path / "pairs").write_bytes(b"x")
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda _: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(orphaned_runs, "settle", lambda *_: 0)
    monkeypatch.setattr(
        retention, "look", lambda *_: Pruning(found, (tmp_path / "workflows" / "x",), (tmp_path / "pairs",))
    )
    monkeypatch.setattr(retention, "delete", delete)
    return calls


def test_it_tells_what_is_deleted_and_kept_and_why(
    deleted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    prune("p")
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert deleted == ["p"]
    assert [line.split()[0] for line in lines[1:4]] == ["main3", "main2", "main1"]
    assert lines[1].endswith("kept              of the newest 1")
    assert lines[2].endswith("kept              v2 is the champion")
    assert lines[3].endswith("deleted  93.1 MB  older than the newest 1, and nothing needs it")
    assert lines[4:] == [
        "1 folders of old workflows, 0.1 MB",
        "1 files of old labeled pairs, 0.0 MB",
        "93.2 MB freed; models, and text and tables of reports, stay",
    ]
    assert told.err == "could not be deleted: /left\n"


def test_a_dry_run_deletes_nothing_and_needs_no_lock(
    deleted: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path, "p", "a run"):
        prune("p", dry_run=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert deleted == []
    assert (told["dry_run"], told["left"], told["project"]) == (True, [], "p")
    assert [(each["run"], each["outcome"]) for each in told["runs"]] == [
        ("main3", "kept"),
        ("main2", "kept"),
        ("main1", "deleted"),
    ]


def test_it_waits_for_no_run_and_deletes_nothing_beside_one(
    deleted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from project import run_lock

    monkeypatch.setattr(run_lock, "_held", {})  # Of another process.
    (tmp_path / "locks").mkdir()
    import fcntl

    with (tmp_path / "locks" / "p.run").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="one run at a time"):
            prune("p")
    assert deleted == []


def test_it_says_so_where_nothing_is_ever_deleted(
    deleted: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETOPS_RETENTION", "off")
    prune("p")
    assert capsys.readouterr().out == "project p: NETOPS_RETENTION is off, so nothing is deleted\n"
