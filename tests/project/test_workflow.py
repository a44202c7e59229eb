"""The workflow hands every step what its handler takes, and asks of it what the handler declares."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from inspect import getdoc, getmodule, getsource, signature
from typing import Any

import pytest
from mlrun.runtimes.funcdoc import ast_code

from project import parameters, workflow
from project.function_names import ENDPOINTS, GENERATOR, RUNNER, SERVING, STAGING
from project.project_setup import JOBS


def handler(job: str) -> Callable[..., None]:
    """The function that does a job; a job that is not registered fails."""
    module, _, name = JOBS[job].rpartition(".")
    found: Callable[..., None] = getattr(import_module(module), name)
    return found


def declared(function: Callable[..., None]) -> set[str]:
    """Results and artifacts that the description of a handler names, before its parameters."""
    description, _, _ = (getdoc(function) or "").partition(":param")
    return set(re.findall(r"``(\w+)``", description))


class Step:
    """A step that ran, or a deployment; ``after`` is for Kubeflow only."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self.outputs = outputs

    def after(self, other: Any) -> "Step":
        assert isinstance(other, Step)
        return self


class Project:
    """Notes what the workflow asks for, and refuses what no job or endpoint has.

    :param production: whether the evaluation answers that a model is in production.
    """

    def __init__(self, production: object = "true") -> None:
        self.production = production
        self.runs: list[tuple[str, dict[str, Any]]] = []
        self.deployed: list[str] = []
        self.order: list[str] = []
        self.broken = ""
        self.superseded = ""

    def run_function(
        self,
        function: str,
        *,
        name: str,
        params: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        outputs: Sequence[str] = (),
    ) -> Step:
        called = handler(function)
        taken = signature(called).parameters
        given = {*params, *(inputs or {})}
        required = {key for key, p in taken.items() if p.default is p.empty and key != "context"}
        assert given <= set(taken) - {"context"}, function
        assert required <= given, function
        assert not set(params) & set(inputs or {}), function
        assert set(outputs) <= declared(called), function
        self.order.append(function)
        if function == self.broken:
            raise RuntimeError(function)
        self.runs.append((function, {"name": name, "params": params, "inputs": inputs, "outputs": outputs}))
        # Kubeflow knows no output but those that were asked for.
        answers = {key: f"{name}:{key}" for key in outputs}
        if function == "promote" and self.superseded:
            answers["superseded"] = self.superseded  # The local engine gives every result.
        return Step({**answers, "production": self.production} if "production" in answers else answers)

    def deploy_function(self, function: str, *, env: Mapping[str, Any] | None = None) -> Step:
        assert function in ENDPOINTS
        assert not env or (function == GENERATOR and set(env) == {name.upper() for name in parameters.STREAM})
        self.deployed.append(function)
        self.order.append(function)
        return Step({})


def played(
    monkeypatch: pytest.MonkeyPatch,
    name: str = "main",
    production: object = "true",
    project: Project | None = None,
    due: str = "a model is to be promoted",
    **arguments: Any,
) -> Project:
    project = project or Project(production)
    monkeypatch.setattr(workflow.mlrun, "get_current_project", lambda: project)
    for held in ("workflow_run", "champion_held"):
        monkeypatch.setattr(workflow, held, lambda _name, _given: nullcontext())
    monkeypatch.setattr(workflow, "_why_deployed", lambda *_: due)
    monkeypatch.setattr(workflow, "_is_runner_changed", lambda: bool(due))
    workflow.WORKFLOWS[name](**arguments)
    return project


@pytest.mark.parametrize("name", ["main", "ingest", "live", "release"])
def test_every_step_gets_the_parameters_its_handler_takes(monkeypatch, name):
    assert played(monkeypatch, name).runs


def test_a_run_is_named_like_its_job_and_only_the_exploration_runs_twice(monkeypatch):
    runs = played(monkeypatch).runs
    own = played(monkeypatch, telemetry="folder").runs
    released = played(monkeypatch, "release").runs
    assert {job for job, _ in [*runs, *own, *released]} == set(JOBS)
    assert [(job, run["name"]) for job, run in runs if job != run["name"]] == [
        ("explore", "explore-raw"),
        ("explore", "explore-vector"),
    ]


def test_a_released_model_takes_the_way_of_a_new_one(monkeypatch):
    runs = dict(played(monkeypatch, "release", version="v1", telemetry="folder").runs)
    assert runs["release"]["params"] == {"version": "v1"}
    for job in ("model-server-tester", "init-detectors", "drift-magnitude"):
        assert runs[job]["inputs"] == {"test_set": "release:served_set_preds"}
    assert list(runs)[-4:] == ["promote", "init-detectors", "drift-magnitude", "audit"]


def test_outputs_reach_the_steps_that_need_them(monkeypatch):
    runs = {run["name"]: run for _, run in played(monkeypatch).runs}
    assert runs["train"]["params"]["feature_vector"] == "select-features:feature_vector"
    assert runs["report"]["params"]["live_lines"] == "live-history:live_lines"
    assert runs["evaluate"]["params"]["model_path"] == "train:model"
    assert runs["report"]["inputs"]["class_balance"] == "explore-raw:class_balance"
    assert runs["promote"]["inputs"]["report"] == runs["audit"]["inputs"]["report"] == "report:report"
    assert runs["init-detectors"]["inputs"] == {"test_set": "evaluate:served_set_preds"}
    assert runs["model-server-tester"]["inputs"] == {"test_set": "evaluate:served_set_preds"}
    assert runs["report"]["params"]["promotion_reason"] == "evaluate:promotion_reason"


def test_every_parameter_reaches_a_step_or_the_generator(monkeypatch):
    """Each argument is told from every default, so that a swapped one is found."""
    given = {name: f"<{name}>" for name in parameters.NAMES["main"] if not name.startswith("deploy_")}
    runs = {run["name"]: run["params"] for _, run in played(monkeypatch, **given).runs}
    for params in runs.values():
        for name, value in params.items():
            assert value == given.get(name, value), name
    reached = {name for params in runs.values() for name, value in params.items() if value == given.get(name)}
    assert reached == set(given)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda project: project.run_function("trian", name="train", params={}), "trian"),
        (lambda project: project.run_function("train", name="train", params={"sead": 1}), "train"),
        (
            lambda project: project.run_function(
                "train", name="train", params={"feature_vector": ""}, outputs=["modell"]
            ),
            "train",
        ),
        (lambda project: project.deploy_function("servin"), "servin"),
    ],
)
def test_the_fake_refuses_what_does_not_exist(change, words):
    with pytest.raises((AssertionError, KeyError), match=words):
        change(Project())


@pytest.mark.parametrize(
    ("arguments", "deployed", "detectors"),
    [
        ({}, 4, True),
        ({"telemetry": "folder"}, 3, True),
        ({"deploy_concept_drift": False}, 4, False),
        ({"deploy_streaming": False}, 0, False),
        ({"deploy_streaming": "false"}, 0, False),
        ({"deploy_streaming": "True", "deploy_concept_drift": "False"}, 4, False),
    ],
)
def test_the_optional_stages(monkeypatch, arguments, deployed, detectors):
    project = played(monkeypatch, **arguments)
    assert len(project.deployed) == deployed
    assert ("init-detectors" in [name for name, _ in project.runs]) is detectors


def test_without_a_model_in_production_nothing_is_served(monkeypatch):
    project = played(monkeypatch, production=False)
    assert not project.deployed
    assert "report" in [name for name, _ in project.runs]


def order(project: Project) -> list[str]:
    return [name for name in project.order if name in {*ENDPOINTS, *LIVE_STEPS}]


LIVE_STEPS = (
    *("model-server-tester", "rehearse", "end-rehearsal", "promote"),
    *("labeled-stream", "init-detectors", "drift-magnitude", "audit"),
)


def test_recorded_telemetry_goes_to_the_staging_endpoint_and_production_is_served_after_it(monkeypatch):
    project = played(monkeypatch, telemetry="folder")
    assert order(project) == [
        *(STAGING, "model-server-tester", "rehearse", "end-rehearsal"),
        *("promote", SERVING, RUNNER, "init-detectors", "drift-magnitude", "audit"),
    ]
    sent_to = {job: run["params"].get("function") for job, run in project.runs}
    assert (sent_to["model-server-tester"], sent_to["rehearse"]) == (STAGING, STAGING)
    assert (sent_to["init-detectors"], sent_to["drift-magnitude"]) == (SERVING, SERVING)


def test_the_simulated_network_streams_to_its_own_endpoint_after_the_rehearsal(monkeypatch):
    project = played(monkeypatch)
    assert order(project) == [
        *(STAGING, "model-server-tester", "end-rehearsal", "promote", SERVING),
        *(GENERATOR, "labeled-stream", RUNNER, "init-detectors", "drift-magnitude", "audit"),
    ]


def test_where_nothing_has_changed_the_endpoint_is_neither_rehearsed_nor_deployed_and_still_watched(
    monkeypatch,
):
    project = played(monkeypatch, telemetry="folder", due="")
    assert order(project) == ["init-detectors", "drift-magnitude", "audit"]
    assert order(played(monkeypatch, due=""))[:2] == [GENERATOR, "labeled-stream"]
    released = played(monkeypatch, "release", telemetry="folder", due="")
    assert SERVING in released.deployed  # A person, or the loop, has asked for it.


def test_a_model_that_was_superseded_during_its_rehearsal_is_not_deployed(monkeypatch):
    project = Project()
    project.superseded = "it was evaluated beside version v1 in production, and version v0 is there now"
    played(monkeypatch, project=project, telemetry="folder")
    assert order(project)[-5:] == ["promote", RUNNER, "init-detectors", "drift-magnitude", "audit"]
    assert SERVING not in project.deployed
    judged = dict(project.runs)["promote"]["params"]
    assert judged == {"evaluated_against": "evaluate:evaluated_against"}
    # What else has changed is deployed, with the champion that is there.
    played(monkeypatch, project=project, telemetry="folder", due="its settings have changed")
    assert SERVING in project.deployed


@pytest.mark.parametrize("broken", ["model-server-tester", "rehearse"])
def test_a_model_that_fails_the_rehearsal_is_not_served_and_the_staging_endpoint_is_deleted(
    monkeypatch, broken
):
    project = Project()
    project.broken = broken
    with pytest.raises(RuntimeError, match=broken):
        played(monkeypatch, project=project, telemetry="folder")
    assert project.order[-2:] == [broken, "end-rehearsal"]
    assert project.deployed == [STAGING]


def test_a_model_is_promoted_by_the_evaluation_only_where_nothing_is_rehearsed(monkeypatch):
    for streaming in (True, False):
        runs = {run["name"]: run for _, run in played(monkeypatch, deploy_streaming=streaming).runs}
        assert runs["evaluate"]["params"]["rehearse"] is streaming


def test_a_condition_that_is_neither_true_nor_false_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="'deploy_streaming': must be true or false, got 'maybe'"):
        played(monkeypatch, deploy_streaming="maybe")


@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_parameter_has_one_default_in_handlers_and_workflow(job):
    for name, parameter in signature(handler(job)).parameters.items():
        if name in parameters.DEFAULTS and parameter.default is not parameter.empty:
            assert parameter.default == parameters.DEFAULTS[name], name


@pytest.mark.parametrize("job", sorted(JOBS))
def test_mlrun_can_describe_the_defaults_of_a_handler(job):
    """Reading source, it shows a plain name as that name, but ``module.NAME`` as an address in memory."""
    function = handler(job)
    (parsed,) = ast.parse(getsource(function)).body
    for default in parsed.args.defaults:
        described = ast_code(default)
        assert " object at 0x" not in described
        if isinstance(default, ast.Name):
            assert hasattr(getmodule(function), described.strip("'"))
