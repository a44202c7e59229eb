"""What is registered with MLRun, on a laptop and for a cluster. No API is needed: nothing is stored."""

from importlib import import_module

import mlrun
import pytest

from project import project_setup
from project.function_names import ENDPOINTS, SERVING
from project.settings import Settings

CLUSTER = {
    "NETOPS_PROFILE": "kubernetes",
    "MLRUN_DBPATH": "http://mlrun-api:8080",
    "NETOPS_SOURCE": "git://example.com/netops.git#main",
    "NETOPS_IMAGE": "registry.example.com/netops:1",
    "NETOPS_STREAMS": "/shared/streams",
    "MLRUN_REDIS__URL": "redis://redis:6379",
}


def registered(environment, tmp_path):
    project = mlrun.projects.MlrunProject()
    project.metadata.name = "p"
    project.spec.context = str(tmp_path)
    settings = Settings.from_environment({**environment, "NETOPS_HOME": str(tmp_path)})
    return project_setup.register(project, settings)


@pytest.mark.parametrize("handler", sorted({*project_setup.JOBS.values(), *project_setup.HANDLERS.values()}))
def test_every_handler_exists(handler):
    module, _, name = handler.replace(":", ".").rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_a_laptop_gets_its_home_and_token_and_the_local_engine(tmp_path):
    project = registered({}, tmp_path)
    serving = project.get_function(SERVING)
    assert serving.get_env("NETOPS_HOME") == str(tmp_path)
    assert serving.get_env("NETOPS_TOKEN") == (tmp_path / "token").read_text()
    assert {workflow["engine"] for workflow in project.spec.workflows} == {"local"}


def test_a_cluster_gets_image_source_and_secret_and_kubeflow(tmp_path):
    project = registered(CLUSTER, tmp_path)
    for name in (*project_setup.JOBS, *ENDPOINTS):
        function = project.get_function(name)
        assert function.spec.image == CLUSTER["NETOPS_IMAGE"]
        assert function.spec.build.source == CLUSTER["NETOPS_SOURCE"]
        assert function.get_env("NETOPS_TOKEN").secret_key_ref.name == "netops"
        assert not function.get_env("NETOPS_HOME")
        variables = {
            item["name"]: item["value"] for item in function.to_dict()["spec"]["env"] if "value" in item
        }
        # MLRun sets the address of its API in every pod.
        again = Settings.from_environment({**variables, "MLRUN_DBPATH": CLUSTER["MLRUN_DBPATH"]})
        assert (again.profile, again.source, again.project) == ("kubernetes", CLUSTER["NETOPS_SOURCE"], "p")
    assert project.get_function("train").spec.default_handler == "training.train.train"
    assert {workflow["engine"] for workflow in project.spec.workflows} == {"kfp"}


def test_the_graph_serves_the_model_tagged_production_and_knows_the_online_store(tmp_path):
    serving = registered(CLUSTER, tmp_path).get_function(SERVING)
    text = str(serving.spec.parameters)
    assert "store://models/p/evaluate_model:production" in text
    assert "redis://redis:6379" in text
    assert "store://feature-sets/p/devices" in text
