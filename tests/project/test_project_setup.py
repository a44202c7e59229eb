"""What is registered with MLRun, on a laptop and for a cluster. No API is needed: nothing is stored."""

from importlib import import_module

import mlrun
import pytest

from project import project_setup
from project.settings import ENDPOINTS, SERVING, Settings

CLUSTER = {
    "NETOPS_PROFILE": "kubernetes",
    "MLRUN_DBPATH": "http://mlrun-api:8080",
    "NETOPS_SOURCE": "git://example.com/netops.git#main",
    "NETOPS_IMAGE": "registry.example.com/netops:1",
    "MLRUN_REDIS__URL": "redis://redis:6379",
}


def registered(monkeypatch, environment, tmp_path):
    monkeypatch.setattr(
        project_setup.Settings,
        "from_environment",
        classmethod(lambda cls: Settings_from({**environment, "NETOPS_HOME": str(tmp_path)})),
    )
    project = mlrun.projects.MlrunProject()
    project.metadata.name = "p"
    project.spec.context = str(tmp_path)
    return project_setup.setup(project)


Settings_from = Settings.from_environment


@pytest.mark.parametrize("handler", sorted({*project_setup.JOBS.values(), *project_setup.HANDLERS.values()}))
def test_every_handler_exists(handler):
    module, _, name = handler.replace(":", ".").rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_a_laptop_gets_its_home_and_token_and_the_local_engine(monkeypatch, tmp_path):
    project = registered(monkeypatch, {}, tmp_path)
    serving = project.get_function(SERVING)
    assert serving.get_env("NETOPS_HOME") == str(tmp_path)
    assert serving.get_env("NETOPS_TOKEN") == (tmp_path / "token").read_text()
    assert {workflow["engine"] for workflow in project.spec.workflows} == {"local"}


def test_a_cluster_gets_image_source_and_secret_and_kubeflow(monkeypatch, tmp_path):
    project = registered(monkeypatch, CLUSTER, tmp_path)
    for name in (*project_setup.JOBS, *ENDPOINTS):
        function = project.get_function(name)
        assert function.spec.image == CLUSTER["NETOPS_IMAGE"]
        assert function.spec.build.source == CLUSTER["NETOPS_SOURCE"]
        assert function.get_env("NETOPS_TOKEN").secret_key_ref.name == "netops"
        assert not function.get_env("NETOPS_HOME")
    assert project.get_function("train").spec.default_handler == "training.train.train"
    assert {workflow["engine"] for workflow in project.spec.workflows} == {"kfp"}


def test_the_graph_serves_the_model_tagged_production_and_knows_the_online_store(monkeypatch, tmp_path):
    serving = registered(monkeypatch, CLUSTER, tmp_path).get_function(SERVING)
    text = str(serving.spec.graph.to_dict())
    assert "store://models/p/test_model:production" in text
    assert "redis://redis:6379" in text
    assert "store://feature-sets/p/devices" in text
