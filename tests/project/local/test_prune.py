"""Data of old runs is deleted through MLRun's client, and a kill anywhere changes nothing of what is left."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlrun
import pandas as pd
import pytest

from feature_sets.model_package.tags import PRODUCTION
from project.errors import NetopsError
from project.registered_versions import evaluated_model, registered_versions
from project.retention import deletion, old_pairs
from project.retention.not_deleted import not_deleted
from project.retention.prune import delete, expected, look, prune_after_run
from project.retraining.state import LoopState
from project.retraining.state_file import StateFile
from project.settings import Settings
from tests.mlrun_connection import new_project
from tests.project.retention.records import step
from tests.project.retraining.test_policy import opened
from training.report_page.page import Page, Section, Table, render

NOW = datetime(2026, 1, 9, tzinfo=UTC)
PAGE = render(
    Page("Title", "Good.", {}, [Section("Scores", (), (Table(pd.DataFrame({"score": [0.5]}), "How good"),))])
)


class Killed(BaseException):
    """The process is no more."""


class Installed:
    """A project in which four runs have trained, and somebody has put in something of their own."""

    def __init__(self, url: str, project: str, home: Path) -> None:
        self.url, self.project, self.home = url, project, home
        self.settings = Settings(home=home, retention="runs=1,champions=2")
        self.root = home / "artifacts" / project
        self.database = mlrun.get_run_db()
        for number in range(1, 5):
            self._run(f"w{number}", number)
        self._store("notes", "n.txt", "mine", None, kind="artifact")
        self._store("my-step_table", "t.parquet", "w1", ("my-step", "w1"))

    def _run(self, workflow: str, number: int) -> None:
        for name in ("train", "evaluate", "report", "my-step"):
            told = step(name, workflow)
            told["metadata"]["project"] = self.project
            told["status"]["start_time"] = f"2026-01-0{number}T00:00:00+00:00"
            self.database.store_run(told, told["metadata"]["uid"], self.project)
        maker = ("evaluate", workflow)
        self._store("evaluate_test_set_preds", "preds.parquet", workflow, maker)
        self._store("evaluate_served_set_preds", "served.parquet", workflow, maker)
        self._store("train_plot", "plot.html", workflow, ("train", workflow), kind="artifact")
        self._store("report_report", "report.html", workflow, ("report", workflow), kind="artifact")
        tag = PRODUCTION if number == 2 else ""
        version = {"labels": {"version": f"version-{number}"}}
        spec = {"parameters": {"version": f"version-{number}"}, "algorithm": "forest"}
        self._store("evaluate_model", "model/", workflow, maker, "model", tag, version, spec)

    def _store(
        self,
        key: str,
        file: str,
        tree: str,
        maker: tuple[str, str] | None,
        kind: str = "dataset",
        tag: str = "",
        more: dict[str, Any] | None = None,
        spec: dict[str, Any] | None = None,
    ) -> None:
        path = self.root / tree / key / file
        (path if file.endswith("/") else path.parent).mkdir(parents=True)
        if file == "report.html":
            path.write_text(PAGE)
        elif file.endswith("/"):
            (path / "model.onnx").write_bytes(b"model")
        else:
            pd.DataFrame({"x": range(100)}).to_parquet(path)
        producer = {"kind": "project"}
        if maker:
            producer = {"kind": "run", "name": maker[0], "uri": f"{self.project}/{'-uid-'.join(maker)}"}
        document = {
            "kind": kind,
            "metadata": {"key": key, "project": self.project, "tree": tree, "iter": 0, **(more or {})},
            "spec": {
                "db_key": key,
                "target_path": f"{path}/" if file.endswith("/") else str(path),
                **(spec or {}),
            },
        }
        document["spec"]["producer"] = producer
        self.database.store_artifact(key, document, tree=tree, tag=tag, project=self.project, iter=0)

    def prune(self, now: datetime = NOW) -> Any:
        return delete(self.settings, self.project, look(self.settings, self.url, self.project, now), now)

    def left(self) -> dict[str, list[str]]:
        """Records, and files and folders."""
        listed = self.database.list_artifacts(project=self.project, tag="*")
        records = sorted({f"{each['metadata']['tree']} {each['spec']['db_key']}" for each in listed})
        return {
            "records": records,
            "files": sorted(str(each.relative_to(self.root)) for each in self.root.rglob("*")),
        }


@pytest.fixture
def make(control_plane: Any, tmp_path: Path) -> Iterator[Any]:
    url = str(control_plane.base_url).rstrip("/")

    def made(name: str) -> Installed:
        with_home = tmp_path / name
        project = f"prune-{name}-{uuid.uuid4().hex[:6]}"
        mlrun.get_run_db().create_project({"metadata": {"name": project}, "spec": {}})
        return Installed(url, project, with_home)

    with new_project(url):
        yield made


@pytest.fixture
def there(make: Any) -> Installed:
    found: Installed = make("home")
    return found


def test_what_is_old_goes_and_what_is_needed_or_somebodys_stays(there: Installed) -> None:
    pruned = there.prune()
    # The second run's model is in production, the fourth run is the newest.
    assert sorted(pruned.freed) == ["w1", "w3"]
    gone = {"evaluate_test_set_preds", "evaluate_served_set_preds", "train_plot"}
    every = {*gone, "evaluate_model", "report_report"}
    expected_records = {f"{w} {key}" for w in ("w2", "w4") for key in every}
    expected_records |= {f"{w} {key}" for w in ("w1", "w3") for key in every - gone}
    assert set(there.left()["records"]) == expected_records | {"mine notes", "w1 my-step_table"}
    files = there.left()["files"]
    assert "mine/notes/n.txt" in files
    assert "w1/my-step_table/t.parquet" in files
    assert "w1/evaluate_model/model/model.onnx" in files
    assert "w1/train_plot/plot.html" not in files
    assert there.prune(datetime.now(UTC) + timedelta(days=1)).freed == {}
    assert "w1/train_plot" not in there.left()["files"]  # Nor a folder that is empty.


def test_what_is_freed_is_told_before_and_nothing_is_changed_by_that(there: Installed) -> None:
    before = there.left()
    sizes = {file: file.stat().st_size for file in there.root.rglob("*") if file.is_file()}
    found = expected(look(there.settings, there.url, there.project, NOW))
    assert there.left() == before
    freed = there.prune().bytes
    after = {file: file.stat().st_size for file in sizes if file.exists()}
    assert freed == sum(sizes.values()) - sum(after.values())
    pages = sum(after[file] for file in after if file.name == "report.html" and after[file] < sizes[file])
    assert found.bytes == freed + pages


def test_an_old_report_keeps_its_tables_and_says_what_was_deleted(there: Installed) -> None:
    there.prune()
    page = (there.root / "w1/report_report/report.html").read_text()
    assert "On 2026-01-09 the plots and data sets of this run were deleted" in page
    assert "How good" in page
    assert "<script" not in page
    assert (there.root / "w4/report_report/report.html").read_text() == PAGE


def test_versions_of_old_runs_are_listed_and_loaded_and_their_test_rows_are_said_to_be_gone(
    there: Installed,
) -> None:
    there.prune()
    assert {each.version for each in registered_versions(there.project)} == {
        f"version-{n}" for n in (1, 2, 3, 4)
    }
    assert len(evaluated_model(there.project, "version-2")[1]) == 100
    with pytest.raises(
        NetopsError, match=r"'version-1' must have the predictions .* got none; .*netops prune"
    ):
        evaluated_model(there.project, "version-1")


def test_a_kill_anywhere_is_ended_by_the_next_time(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make("whole")
    whole.prune()
    later = datetime.now(UTC) + timedelta(days=1)
    whole.prune(later)
    database = mlrun.get_run_db()
    deletes, strips = database.del_artifact, deletion.write_atomically
    # Each run has three artifacts to delete, and a page.
    for at in (0, 1, 3, 4, 7):
        for is_done in (False, True):
            killed = make(f"killed{at}{is_done:d}")
            calls = iter(range(100))

            def dies(action: Any, at: int = at, is_done: bool = is_done, calls: Any = calls) -> Any:
                def acted(*arguments: Any, **more: Any) -> None:
                    dead = next(calls) == at
                    if not dead or is_done:
                        action(*arguments, **more)
                    if dead:
                        raise Killed

                return acted

            monkeypatch.setattr(database, "del_artifact", dies(deletes))
            monkeypatch.setattr(deletion, "write_atomically", dies(strips))
            with pytest.raises(Killed):
                killed.prune()
            monkeypatch.setattr(database, "del_artifact", deletes)
            monkeypatch.setattr(deletion, "write_atomically", strips)
            killed.prune()
            killed.prune(later)
            assert killed.left() == whole.left(), (at, is_done)
            pages = [(each.root / "w1/report_report/report.html").read_text() for each in (killed, whole)]
            assert pages[0] == pages[1]


def test_data_that_the_api_could_not_delete_is_told_and_not_counted(
    there: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mlrun.get_run_db()
    deletes = database.del_artifact

    def of_another_server(*arguments: Any, **more: Any) -> None:
        deletes(*arguments, **{**more, "deletion_strategy": "metadata-only"})

    monkeypatch.setattr(database, "del_artifact", of_another_server)
    pruned = there.prune()
    assert len(pruned.left) == 6
    assert all(Path(path).exists() for path in pruned.left)


def test_a_page_that_is_none_of_ours_stays(there: Installed) -> None:
    page = there.root / "w1/report_report/report.html"
    page.write_text("mine")
    assert there.prune().left == [str(page)]
    assert page.read_text() == "mine"


def test_an_endpoint_that_does_not_say_what_it_serves_keeps_everything(
    there: Installed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from project.api_reader import Endpoint
    from project.retention import prune as module

    gone = Endpoint("serving", "", "offline", "", "", there.project)
    monkeypatch.setattr(module, "endpoints", lambda *_: [gone])
    before = there.left()
    with pytest.raises(NetopsError, match=r"must be up, as it alone knows .* next: netops serve"):
        there.prune()
    prune_after_run(there.settings, there.url, there.project)  # The run itself has not failed.
    assert there.left() == before
    assert "no data of old runs was deleted" in caplog.text
    told = not_deleted(there.home)
    (sentence,) = told.pop(there.project)
    assert not told and sentence.startswith("none was deleted after runs since 20")
    assert "the endpoint of project" in sentence and "next: netops serve" in sentence
    prune_after_run(there.settings, there.url, there.project)
    assert not_deleted(there.home) == {there.project: [sentence]}  # Since when does not change.
    monkeypatch.undo()
    prune_after_run(there.settings, there.url, there.project)
    assert not_deleted(there.home) == {} and there.left() != before


def test_old_labeled_pairs_go_unless_the_loop_answers_a_drift(
    there: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_pairs, "NEWEST", 1)
    folder = there.settings.labeled_pairs(there.project)
    folder.mkdir(parents=True)
    for number, days in enumerate((100, 91, 89, 200)):
        (folder / f"{number}.parquet").write_bytes(b"x" * 10)
        written = NOW.timestamp() - days * 86_400
        os.utime(folder / f"{number}.parquet", (written, written))
    file = StateFile(there.settings.loops, there.project)
    with file.changing():
        file.write(opened())
    assert there.prune().pairs == 0
    with file.changing():
        file.write(LoopState())
    assert there.prune().pairs == 20
    # The newest stays however old it is: the endpoint knows by its name which pairs are in files.
    assert sorted(each.name for each in folder.iterdir()) == ["2.parquet", "3.parquet"]
