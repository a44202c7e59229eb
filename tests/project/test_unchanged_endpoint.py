"""A run whose candidate is kept out leaves the running endpoint as it is, unless something has changed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlrun
import pytest

from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from project import unchanged_endpoint as module
from project.endpoint_routing import EndpointRouting
from project.errors import NetopsError
from project.function_names import RUNNER, SERVING
from project.project_setup import HANDLERS, register
from project.settings import Settings
from project.unchanged_endpoint import DIGEST, TO_BE_PROMOTED, why_changed, why_deployed

QUIET = {"rows_read": 500, "rows_new": 0, "label_rows_new": 0, "devices_new": 0, "labels_changed": 0}
REJECTED: dict[str, Any] = {"passed": False, "promotion": "not promoted"}


def registered(home: Path, **settings: Any) -> mlrun.projects.MlrunProject:
    """A project with its functions, as a run registers them."""
    project = mlrun.projects.MlrunProject.from_dict({"metadata": {"name": "p"}})
    return register(project, Settings(home=home, token="t", **settings))


def digest(home: Path, function: str = SERVING, **settings: Any) -> str:
    return str(registered(home, **settings).get_function(function).get_env(DIGEST))


@pytest.mark.parametrize("function", [SERVING, RUNNER])
def test_the_digest_is_that_of_settings_code_and_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    assert RUNNER in HANDLERS
    before = digest(tmp_path, function)
    assert digest(tmp_path, function) == before
    others = [digest(tmp_path, function, rate_limit=7)]
    monkeypatch.setattr(module, "code_digest", lambda: "another version")
    others.append(digest(tmp_path, function))
    monkeypatch.undo()
    assert digest(tmp_path, function) == before
    (tmp_path / "token").write_text("another")
    others.append(digest(tmp_path, function))  # The setting is written over it.
    assert len({before, *others}) == 4


class Installation:
    """An endpoint that answers, deployed as it would be now, with the champion that has the tag."""

    def __init__(self, project: mlrun.projects.MlrunProject) -> None:
        self.project = project
        self.deployed: dict[str, str] | None = {
            DIGEST: str(project.get_function(SERVING).get_env(DIGEST)),
        }
        self.ready, self.champion, self.production = True, "v1", "v1"

    def endpoint(self, _dbpath: str, _project: str, name: str) -> Any:
        if not self.ready:
            raise NetopsError(f"endpoint '{name}' of project 'p' must be ready, got offline")
        return SimpleNamespace(address="http://there")

    def routing(self, *_: Any) -> EndpointRouting:
        versions = (RoutedVersion(self.champion, CHAMPION, "m", "a" * 64),)
        return EndpointRouting(RoutingDocument(versions), 1, {}, [])


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    found = Installation(registered(tmp_path))
    monkeypatch.setattr(module, "function_variables", lambda *_: found.deployed)
    monkeypatch.setattr(module, "ready_endpoint", found.endpoint)
    monkeypatch.setattr(module, "routing_if_any", found.routing)
    monkeypatch.setattr(module, "production_version", lambda *_: found.production)
    return found


def why(there: Installation, ingested: Any = QUIET, evaluated: Any = REJECTED, horizons: Any = ()) -> str:
    settings = Settings(home=Path("/nowhere"), token="t")
    return why_deployed(settings, "", there.project, ingested, evaluated, {"horizons": list(horizons)})


def test_a_rejected_candidate_leaves_it_as_it_is(there: Installation) -> None:
    assert why(there) == ""
    assert why(there, evaluated={"passed": False, "promotion": "to be tried on live events"}) == ""
    assert why(there, horizons=[{"promotion": "not promoted"}]) == ""


PASSED = {"passed": True, "version": "v2"}


def test_what_passes_is_deployed(there: Installation) -> None:
    assert why(there, evaluated=PASSED) == TO_BE_PROMOTED


def test_the_champion_that_a_run_has_made_again_is_not(there: Installation) -> None:
    again = {"passed": True, "promotion": "already in production", "version": "v1"}
    assert why(there, evaluated=again) == ""
    there.champion = "v0"  # Whoever promoted it was killed before it was served.
    assert why(there, evaluated=again).startswith("its champion is v0, and another model")
    there.champion = there.production = "v0"  # A person has put another one there since.
    assert why(there, evaluated=again) == TO_BE_PROMOTED


def test_any_other_reason_is_told_first_as_it_holds_without_the_new_model(there: Installation) -> None:
    said = why(there, evaluated=PASSED, ingested={**QUIET, "rows_new": 1})
    assert said == "files have told what the endpoint has not seen"


def test_models_of_further_horizons_are_always_deployed(there: Installation) -> None:
    further = [{"promotion": "not promoted"}, {"promotion": "not promoted"}]
    assert (
        why(there, horizons=further) == "it has models of further horizons, which only a deployment changes"
    )


@pytest.mark.parametrize("name", ["rows_new", "rows_rewritten", "label_rows_new", "devices_changed"])
def test_what_files_have_told_is_taken_up_by_a_deployment(there: Installation, name: str) -> None:
    assert why(there, ingested={**QUIET, name: 1}) == "files have told what the endpoint has not seen"


def test_what_it_has_not_taken_over_is_taken_up_by_a_deployment(there: Installation) -> None:
    """Also what a run before has ingested that failed later: the next one finds nothing new in the files."""
    away = "the endpoint must take over the devices, got HTTP Error 503"
    assert why(there, ingested={**QUIET, "reload_failure": away}) == (
        f"it has not taken over what files have told: {away}"
    )
    assert why(there, ingested={**QUIET, "reload_failure": None}) == ""


def test_what_is_not_up_or_is_another_one_is_deployed(there: Installation) -> None:
    there.ready = False
    assert "must be ready, got offline" in why(there)
    there.ready, there.production = True, "v2"
    assert why(there).startswith("its champion is v1, and another model")
    there.production, there.deployed = "v1", {DIGEST: "of before"}
    assert why(there) == "its definition, settings, code or packages have changed"
    there.deployed = {}  # Of a version that had no digest.
    assert why(there) == "its definition, settings, code or packages have changed"
    there.deployed = None
    assert why(there) == "it was never deployed"


def test_on_a_cluster_everything_is_deployed(there: Installation) -> None:
    settings: Any = SimpleNamespace(profile="kubernetes")
    assert "those of the cluster" in why_changed(settings, "", there.project, SERVING)


def test_what_differs_from_process_to_process_is_not_in_the_digest() -> None:
    def function(deployment: str, after: list[str], **more: str) -> Any:
        step = {"class_args": {"deployment": deployment, **more}, "after": after}
        document = {
            "kind": "serving",
            "spec": {"graph": {"steps": [{"step": step}]}, "build": {"at": deployment}},
        }
        return SimpleNamespace(to_dict=lambda: document)

    one = module.digest_of(function("d1", ["preprocess", "respond"]), [])
    assert module.digest_of(function("d2", ["respond", "preprocess"]), []) == one
    assert module.digest_of(function("d1", ["preprocess"]), []) != one
    assert module.digest_of(function("d1", ["preprocess", "respond"], clock="arrival"), []) != one
