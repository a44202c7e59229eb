"""The workflow hands every step what its handler takes."""

from importlib import import_module
from inspect import signature
from typing import Any

import pytest

from project import workflow
from project.project_setup import JOBS


class Step:
    """A step that ran, or a deployment; ``after`` is for Kubeflow only."""

    class Outputs(dict):
        def __missing__(self, key: str) -> str:
            return "true" if key == "promoted" else f"output:{key}"

    outputs = Outputs()

    def after(self, other: Any) -> "Step":
        return self


class Project:
    """Notes what the workflow asks for."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, dict[str, Any]]] = []
        self.deployed: list[str] = []

    def run_function(self, function: str, **arguments: Any) -> Step:
        self.runs.append((function, arguments))
        return Step()

    def deploy_function(self, function: str, **arguments: Any) -> Step:
        self.deployed.append(function)
        return Step()


def played(monkeypatch: pytest.MonkeyPatch, name: str = "main", **arguments: Any) -> Project:
    project = Project()
    monkeypatch.setattr(workflow.mlrun, "get_current_project", lambda: project)
    workflow.WORKFLOWS[name](**arguments)
    return project


@pytest.mark.parametrize("name", ["main", "ingest"])
def test_every_step_gets_the_parameters_its_handler_takes(monkeypatch, name):
    for function, arguments in played(monkeypatch, name).runs:
        module, _, handler = JOBS[function].rpartition(".")
        parameters = signature(getattr(import_module(module), handler)).parameters
        given = {*arguments.get("params", {}), *arguments.get("inputs", {})}
        required = {key for key, p in parameters.items() if p.default is p.empty and key != "context"}
        assert given <= set(parameters), function
        assert required <= given, function


@pytest.mark.parametrize(
    ("arguments", "deployed", "detectors"),
    [
        ({}, 3, True),
        ({"deploy_concept_drift": False}, 3, False),
        ({"deploy_streaming": False}, 0, False),
        ({"deploy_streaming": "false"}, 0, False),
        ({"deploy_streaming": "True", "deploy_concept_drift": "False"}, 3, False),
    ],
)
def test_the_optional_stages(monkeypatch, arguments, deployed, detectors):
    project = played(monkeypatch, **arguments)
    assert len(project.deployed) == deployed
    assert ("init-detectors" in [name for name, _ in project.runs]) is detectors


def test_a_model_that_is_of_no_use_is_not_served(monkeypatch):
    monkeypatch.setitem(Step.outputs, "promoted", False)
    project = played(monkeypatch)
    assert not project.deployed
    assert "report" in [name for name, _ in project.runs]


def test_a_condition_that_is_neither_true_nor_false_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="'deploy_streaming' must be true or false, got 'maybe'"):
        played(monkeypatch, deploy_streaming="maybe")
