"""``netops rollback``: at once in the running endpoint where that can take it, else by a release."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from project import attached_detectors, endpoint_routing, production_model, registered_versions, session
from project.cli import endpoint, release, routing
from project.cli.interruption import watch_for_interruption
from project.cli.rollback import rollback
from project.endpoint_routing import EndpointRouting, RefusedError
from project.errors import NetopsError
from project.retraining import by_person, history
from project.retraining.state_file import StateFile
from tests.project.retraining.test_policy import opened


class Installation:
    """An endpoint whose champion "new" a run has put in the place of "old" by a deployment."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = [self._change("old", "new", "deployment", "")]
        self.champion, self.production = "new", "new"
        self.released: list[str] = []
        self.refuses = self.dies = False
        self.watched: bool | None = True

    @staticmethod
    def _change(before: str, after: str, who: str, why: str) -> dict[str, Any]:
        roles = {"from": before, "to": after}
        told = {name: [{"version": version, "role": CHAMPION}] for name, version in roles.items()}
        return {"who": who, "why": why, "outcome": "applied", "error": "", **told}

    def routing(self, *_: Any) -> EndpointRouting:
        document = RoutingDocument((self._routed(self.champion),))
        return EndpointRouting(document, len(self.changes), {}, self.changes)

    @staticmethod
    def _routed(version: str, role: str = CHAMPION) -> RoutedVersion:
        return RoutedVersion(version, role, f"m/{version}", "a" * 64)

    def change(self, _address: str, _token: str, document: RoutingDocument, *args: Any, **_more: Any) -> Any:
        who, why, revision, declared = args
        assert (revision, declared) == (len(self.changes), True)
        if self.refuses:
            raise RefusedError("the endpoint refuses the change: another schema")
        self.changes.append(self._change(self.champion, document.champion.version, who, why))
        self.champion = document.champion.version
        return {"outcome": "applied"}

    def tag(self, artifact: Any, _project: str, tag_name: str) -> None:
        if self.dies:
            raise KeyboardInterrupt
        assert tag_name == "production"
        self.production = artifact.version

    def find(self, _project: str, version: str) -> Any:
        tags = ("production",) if version == self.production else ()
        return SimpleNamespace(
            version=version,
            routed=lambda role: self._routed(version, role),
            artifact=SimpleNamespace(version=version, spec=SimpleNamespace(parameters={})),
            tags=tags,
            rejected_for="it was, once",
        )

    def release(self, _settings: Any, _session: Any, _project: str, version: str, _console: Any) -> str:
        self.released.append(version)
        return "run-7"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Installation:
    import mlrun

    found = Installation()
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda _: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(endpoint, "running_endpoint", lambda *_: SimpleNamespace(address="http://there"))
    monkeypatch.setattr(endpoint_routing, "read_routing", found.routing)
    monkeypatch.setattr(endpoint_routing, "change_routing", found.change)
    monkeypatch.setattr(registered_versions, "find_version", found.find)
    monkeypatch.setattr(attached_detectors, "watch_champion", lambda *_: None)
    monkeypatch.setattr(endpoint, "is_watched", lambda *_: found.watched)
    monkeypatch.setattr(history, "replaced_version", lambda *_: ("new", "old"))
    monkeypatch.setattr(production_model, "production_version", lambda *_: found.production)
    monkeypatch.setattr(release, "release_version", found.release)
    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(tag_artifacts=found.tag))
    return found


@pytest.fixture
def ctrl_c() -> None:
    """The handlers of a command, for the time of a test."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Tests in the background may have it ignored.
    watch_for_interruption()


def decisions(tmp_path: Any) -> list[tuple[str, str, str, str]]:
    state = StateFile(tmp_path / "retraining", "p").read()
    return [(each.outcome, each.before, each.after, each.run_id) for each in state.decisions]


def waits(until: str, version: str) -> str:
    return (
        f"no training begins by itself before {until} UTC; detectors watch version {version} anew; "
        "'netops retrain --project p --resume' ends the wait"
    )


def test_a_drift_that_was_being_answered_is_said_to_be_dropped(
    there: Installation, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = StateFile(tmp_path / "retraining", "p")
    with file.changing():
        file.write(opened())
    rollback("p")
    assert capsys.readouterr().err.splitlines()[-1].startswith("the drift that was being answered is dropped")
    assert file.read().case is None


def test_the_drift_of_the_version_that_comes_back_is_said_to_go_on(
    there: Installation, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file, state = StateFile(tmp_path / "retraining", "p"), opened()
    assert state.case is not None
    with file.changing():
        file.write(replace(state, kept=(replace(state.case, version="old"),), case=None))
    rollback("p")
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("the drift of version old goes on, and no training begins by itself before ")
    found = file.read().case
    assert found is not None and found.version == "old"


@pytest.mark.parametrize("at", ["change", "tag", "watch", "loop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_after_the_swap_leaves_no_half_that_a_second_rollback_would_undo(
    there: Installation,
    ctrl_c: None,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    at: str,
    number: signal.Signals,
) -> None:
    watched: list[str] = []

    def interrupted(what: str, done: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            result = done(*args, **more)
            if what == at:
                os.kill(os.getpid(), number)
            return result

        return call

    import mlrun

    monkeypatch.setattr(endpoint_routing, "change_routing", interrupted("change", there.change))
    tag = interrupted("tag", there.tag)
    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(tag_artifacts=tag))
    monkeypatch.setattr(routing, "watch", interrupted("watch", lambda *found: watched.append(found[3]) or ""))
    monkeypatch.setattr(by_person, "rolled_back", interrupted("loop", by_person.rolled_back))
    rollback("p")
    assert (there.champion, there.production, watched) == ("old", "old", ["old"])
    assert decisions(tmp_path) == [("rolled back", "new", "old", "")]
    said = capfd.readouterr()
    assert said.out == "champion old\n"
    assert said.err.splitlines()[0] == (
        "netops: the change is under way and is finished first; a third time leaves it as it is"
    )


def test_an_interruption_before_the_swap_changes_nothing(
    there: Installation, ctrl_c: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return there.routing()

    monkeypatch.setattr(endpoint_routing, "read_routing", read)
    with pytest.raises(KeyboardInterrupt):
        rollback("p")
    assert (there.champion, there.production, decisions(tmp_path)) == ("new", "new", [])


def test_what_a_run_has_put_into_production_is_undone_at_once(
    there: Installation, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rollback("p", as_json=True)
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["before"], told["after"]) == ("new", "old")
    hold = StateFile(tmp_path / "retraining", "p").read().hold_until[:19]
    assert said.err.splitlines()[-1] == waits(hold, "old")
    assert (there.champion, there.production, there.released) == ("old", "old", [])
    assert there.changes[-1]["why"] == "rolled back"
    assert decisions(tmp_path) == [("rolled back", "new", "old", "")]
    assert StateFile(tmp_path / "retraining", "p").read().hold_reason == "after a rollback"
    rollback("p")  # A second one undoes the first.
    assert (there.champion, there.production, there.released) == ("new", "new", [])
    assert decisions(tmp_path)[-1] == ("rolled back", "old", "new", "")


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        (
            False,
            "no detectors watch version old; 'netops serve --project p' attaches those of the champion, "
            "or says why not",
        ),
        (None, "whether detectors watch version old is not known, as its endpoint does not tell"),
    ],
)
def test_detectors_are_not_said_to_watch_where_the_endpoint_has_none(
    there: Installation, capsys: pytest.CaptureFixture[str], watched: bool | None, said: str
) -> None:
    there.watched = watched
    rollback("p")
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line and "anew" not in line


def test_a_loop_that_cannot_be_told_keeps_nobody_from_a_rollback(there: Installation, tmp_path: Any) -> None:
    path = StateFile(tmp_path / "retraining", "p").path
    path.parent.mkdir()
    path.write_text('{"format": 9}')
    with pytest.raises(NetopsError) as raised:
        rollback("p")
    assert str(raised.value).startswith(
        "version old is in production again, but the loop is not told, and may replace it: project 'p': "
    )
    assert (there.champion, there.production) == ("old", "old")


def test_what_the_endpoint_does_not_take_is_released(
    there: Installation, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    there.refuses = True
    rollback("p")
    said = capsys.readouterr()
    hold = StateFile(tmp_path / "retraining", "p").read().hold_until[:19]
    assert said.err.splitlines() == [
        "the endpoint refuses the change: another schema; version old is released instead",
        waits(hold, "old"),
    ]
    assert said.out == "version old is in production again, instead of new\n"
    assert (there.released, there.champion, there.production) == (["old"], "new", "new")
    assert decisions(tmp_path) == [("rolled back", "new", "old", "run-7")]


def test_without_an_endpoint_it_is_released(there: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "running_endpoint", lambda *_: None)
    rollback("p")
    assert there.released == ["old"]


def test_an_endpoint_that_answers_with_another_version_than_the_tag_gets_a_release(
    there: Installation,
) -> None:
    there.champion = "other"
    there.changes = [there._change("x", "other", "deployment", "")]
    rollback("p")
    assert (there.released, len(there.changes)) == (["old"], 1)


def test_one_that_was_killed_before_the_tag_has_moved_is_finished_and_not_undone(
    there: Installation, tmp_path: Any
) -> None:
    there.dies = True
    with pytest.raises(KeyboardInterrupt):
        rollback("p")
    assert (there.champion, there.production) == ("old", "new")
    there.dies = False
    rollback("p")
    assert (there.champion, there.production, len(there.changes)) == ("old", "old", 2)
    assert decisions(tmp_path) == [("rolled back", "new", "old", "")]


def test_a_promotion_that_was_killed_before_the_tag_has_moved_is_undone(there: Installation) -> None:
    there.changes.append(there._change("new", "best", "kim", "better"))
    there.champion = "best"
    rollback("p")
    assert (there.champion, there.production) == ("new", "new")


def test_a_version_that_is_registered_no_more_is_said(
    there: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Any:
        raise NetopsError("version 'old' must be one that is registered")

    monkeypatch.setattr(registered_versions, "find_version", gone)
    with pytest.raises(NetopsError, match="must be one that is registered"):
        rollback("p")
    assert (there.champion, there.released) == ("new", [])
