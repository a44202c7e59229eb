"""What is registered with MLRun, on a laptop and for a cluster. No API is needed: nothing is stored."""

import ast
import json
import re
import stat
from importlib import import_module
from pathlib import Path

import mlrun
import pytest

from graphs.initializer import SETTINGS
from project import project_setup
from project.function_names import ENDPOINTS, RUNNER, SERVING, STAGING
from project.last_run import LastRun
from project.settings import Settings

KEY = "feature_sets/model_package/signed_by_openssf.pub"

CLUSTER = {
    "NETOPS_PROFILE": "kubernetes",
    "MLRUN_DBPATH": "http://mlrun-api:8080",
    "NETOPS_SOURCE": "git://example.com/netops.git#main",
    "NETOPS_IMAGE": "registry.example.com/netops:1",
    "NETOPS_STREAMS": "/shared/streams",
    "MLRUN_REDIS__URL": "redis://redis:6379",
}


def registered(environment, tmp_path, memory=None):
    project = mlrun.projects.MlrunProject()
    project.metadata.name = "p"
    project.spec.context = str(tmp_path)
    settings = Settings.from_environment({**environment, "NETOPS_HOME": str(tmp_path)})
    return project_setup.register(project, settings, memory)


@pytest.mark.parametrize("handler", sorted({*project_setup.JOBS.values(), *project_setup.HANDLERS.values()}))
def test_every_handler_exists(handler):
    module, _, name = handler.replace(":", ".").rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_a_laptop_gets_its_home_and_token_and_the_local_engine(tmp_path):
    project = registered({}, tmp_path)
    serving = project.get_function(SERVING)
    assert serving.get_env("NETOPS_HOME") == str(tmp_path)
    assert serving.get_env("NETOPS_TOKEN") is None
    assert serving.get_env("NETOPS_TOKEN_FILE") == str(tmp_path / "token")
    assert serving.get_env("NETOPS_TOKEN_WRITE_FILE") == str(tmp_path / "write-token")
    assert {workflow["engine"] for workflow in project.spec.workflows} == {"local"}


@pytest.mark.parametrize(("given", "seconds"), [({}, 3600), ({"NETOPS_LABEL_DEADLINE": "6h"}, 21_600)])
def test_the_deadline_of_labels_reaches_every_endpoint(given, seconds, tmp_path):
    project = registered(given, tmp_path)
    for name in (SERVING, STAGING):
        parameters = project.get_function(name).spec.parameters
        assert parameters[SETTINGS]["label_deadline_seconds"] == seconds
    # A release that a job makes deploys with the same.
    assert project.get_function(RUNNER).get_env("NETOPS_LABEL_DEADLINE") == given.get("NETOPS_LABEL_DEADLINE")


def test_what_is_registered_holds_no_secret(tmp_path):
    given = {
        "NETOPS_TOKEN": "of-the-admin",
        "NETOPS_TOKEN_WRITE": "sent-by-devices",
        "NETOPS_CALLBACK_SECRET": "signs callbacks",
    }
    project = registered(given, tmp_path)
    said = json.dumps([project.to_dict(), *(project.get_function(name).to_dict() for name in ENDPOINTS)])
    assert not any(secret in said for secret in given.values())
    for name, file in (("TOKEN_WRITE", "write-token"), ("CALLBACK_SECRET", "callback-secret")):
        assert f"NETOPS_{name}_FILE" in said
        assert (tmp_path / file).read_text() == given[f"NETOPS_{name}"]
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
    registered({}, tmp_path)
    assert (tmp_path / "token").read_text() == "of-the-admin"  # Kept for the commands that follow.


def test_jobs_know_where_the_signing_key_is_and_endpoints_have_the_public_one(tmp_path):
    (tmp_path / "key.pem").write_text("a private key")
    (tmp_path / "key.pub").write_text((Path(__file__).parents[1] / KEY).read_text())
    given = {
        f"NETOPS_{name}_KEY_FILE": str(tmp_path / file)
        for name, file in (("SIGNING", "key.pem"), ("VERIFY", "key.pub"))
    }
    project = registered(given, tmp_path)
    for name in ("train", "evaluate", "horizons"):
        assert project.get_function(name).get_env("NETOPS_SIGNING_KEY_FILE") == str(tmp_path / "key.pem")
    for name in (SERVING, STAGING):
        settings = project.get_function(name).spec.parameters[SETTINGS]
        assert settings["verify_key"].startswith("-----BEGIN PUBLIC KEY-----")
    said = json.dumps([project.to_dict(), *(project.get_function(name).to_dict() for name in ENDPOINTS)])
    assert "a private key" not in said


def test_an_endpoint_is_open_where_the_user_says_so(tmp_path):
    for given, expected in (({}, "read"), ({"NETOPS_ANONYMOUS": "write"}, "write")):
        project = registered(given, tmp_path)
        assert project.get_function(SERVING).spec.parameters[SETTINGS]["anonymous"] == expected
        # The runner deploys it anew after a training.
        assert project.get_function(RUNNER).get_env("NETOPS_ANONYMOUS") == given.get("NETOPS_ANONYMOUS")


def test_the_endpoint_reads_tools_by_the_mapping_of_now(tmp_path):
    def mapping_of(project):
        return project.get_function(SERVING).spec.parameters[SETTINGS]["incident_mapping"]

    def remembered(**schema):
        return LastRun({}, schema, "", "0123", "main", "")

    fields = {"fields": {"start": "at"}}
    assert mapping_of(registered({}, tmp_path)) is None
    assert mapping_of(registered({}, tmp_path, remembered(name="lab"))) == {}
    project = registered({}, tmp_path, remembered(incident_mapping=fields))
    assert mapping_of(project) == fields
    file = tmp_path / "lab.yaml"
    file.write_text(
        "{name: lab, entity: [device], time: at, metrics: {load: }, labels: {form: incidents}, "
        "incident_mapping: {fields: {start: opened_at}}}"
    )
    settings = Settings.from_environment({"NETOPS_HOME": str(tmp_path)})
    project_setup.register_mapping(project, settings, str(file))
    assert mapping_of(project)["fields"] == {"start": "opened_at"}
    project_setup.register_mapping(project, settings, "/of/a/pod.yaml")
    assert mapping_of(project)["fields"] == {"start": "opened_at"}


def test_a_laptop_s_workflows_are_found_from_any_folder(tmp_path):
    (tmp_path / "workflow.py").touch()  # as where MLRun loaded our folder as the project
    project = registered({}, tmp_path)
    paths = {workflow["path"] for workflow in project.spec.workflows}
    assert paths == {str(project_setup.WORKFLOW_FILE)}
    assert project.metadata.labels["netops/workflow-runner"] == project_setup.WORKFLOW_JOB
    module, _, name = project_setup.WORKFLOW_JOB.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_arguments_and_schedule_that_somebody_has_set_on_a_workflow_stay(tmp_path):
    project = registered({}, tmp_path)
    project.workflows = [
        {**workflow, "schedule": "0 3 * * *", "args": {"seed": 3}} if workflow["name"] == "main" else workflow
        for workflow in project.workflows
    ]
    settings = Settings.from_environment({"NETOPS_HOME": str(tmp_path)})
    again = {workflow["name"]: workflow for workflow in project_setup.register(project, settings).workflows}
    assert (again["main"]["schedule"], again["main"]["args"]) == ("0 3 * * *", {"seed": 3})
    assert "schedule" not in again["ingest"]


def test_a_cluster_gets_image_source_and_secret_and_kubeflow(tmp_path):
    project = registered(CLUSTER, tmp_path)
    for name in (*project_setup.JOBS, *ENDPOINTS):
        function = project.get_function(name)
        assert function.spec.image == CLUSTER["NETOPS_IMAGE"]
        assert function.spec.build.source == CLUSTER["NETOPS_SOURCE"]
        has_token = function.get_env("NETOPS_TOKEN") is not None
        assert has_token == (name in project_setup.ACT_ON_ROUTES), name
        assert not has_token or function.get_env("NETOPS_TOKEN").secret_key_ref.name == "netops"
        assert not function.get_env("NETOPS_HOME")
        variables = {
            item["name"]: item["value"] for item in function.to_dict()["spec"]["env"] if "value" in item
        }
        # MLRun sets the address of its API in every pod.
        again = Settings.from_environment({**variables, "MLRUN_DBPATH": CLUSTER["MLRUN_DBPATH"]})
        assert (again.profile, again.source, again.project) == ("kubernetes", CLUSTER["NETOPS_SOURCE"], "p")
    assert project.get_function("train").spec.default_handler == "training.train.train"
    assert {workflow["engine"] for workflow in project.spec.workflows} == {"kfp"}


def test_all_that_asks_for_a_token_in_a_pod_has_it():
    """Without one a job would make a token of its own, which no endpoint knows."""
    asks = {"bearer", "bearer_token", "tokens"}
    handlers = {name: path.partition(":")[0] for name, path in project_setup.HANDLERS.items()}
    jobs = {name: path.rpartition(".")[0] for name, path in project_setup.JOBS.items()}
    # The one asks for its caller, the other for the one process that keeps the loop.
    helpers = {"attach_detectors", "AccessGuard"}
    found = set()
    for name, module in {**handlers, **jobs}.items():
        tree = ast.parse(Path(import_module(module).__file__).read_text(encoding="utf-8"))
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
        }
        found |= {name} if called & (asks | helpers) else set()
    assert found == project_setup.ACT_ON_ROUTES - {"serving", "serving-staging"}


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("mlrun/mlrun-kfp", f"mlrun/mlrun-kfp:{mlrun.__version__}"),
        ("registry:5000/mlrun-kfp", f"registry:5000/mlrun-kfp:{mlrun.__version__}"),
        ("registry:5000/mlrun-kfp:1.12.0", "registry:5000/mlrun-kfp:1.12.0"),
        ("mlrun/mlrun-kfp@sha256:00", "mlrun/mlrun-kfp@sha256:00"),
    ],
)
def test_steps_that_deploy_run_in_an_image_of_one_release(tmp_path, monkeypatch, image, pinned):
    monkeypatch.setitem(mlrun.mlconf._cfg, "kfp_image", image)
    registered(CLUSTER, tmp_path)
    assert str(mlrun.mlconf.kfp_image) == pinned


def test_mlrun_sets_no_probe_of_a_serving_function_as_the_docs_tell(tmp_path):
    serving = registered(CLUSTER, tmp_path).get_function(SERVING)
    with pytest.raises(ValueError, match="only supported for ApplicationRuntime"):
        serving.set_probe("readiness", http_path="/v2/health/ready")


def test_the_volume_of_the_streams_is_mounted_where_they_are_written_and_read(tmp_path):
    for claim in ("", "netops-streams"):
        project = registered({**CLUSTER, "NETOPS_STREAMS_CLAIM": claim}, tmp_path)
        for name in (*project_setup.JOBS, *ENDPOINTS):
            function = project.get_function(name)
            is_mounted = bool(claim) and name in project_setup.ON_STREAMS
            mounts = {m["mountPath"]: m["name"] for m in function.spec.volume_mounts}
            claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in function.spec.volumes}
            assert mounts == ({CLUSTER["NETOPS_STREAMS"]: "netops-streams"} if is_mounted else {}), name
            assert claims == ({"netops-streams": claim} if is_mounted else {}), name
            # What the cluster mounts by itself, such as the artifacts' volume, is still mounted.
            assert function.spec.disable_auto_mount is False
            assert (function.get_env("NETOPS_STREAMS_CLAIM") or "") == claim


def test_every_job_that_opens_the_folder_of_the_streams_has_its_volume():
    opens = re.compile(r"labeled_pairs|accepted_events|LiveJournal|\[\"directory\"\]")
    for job, handler in project_setup.JOBS.items():
        source = Path(import_module(handler.rpartition(".")[0]).__file__).read_text()
        assert bool(opens.search(source)) == (job in project_setup.ON_STREAMS), job


@pytest.mark.parametrize("environment", [{}, CLUSTER])
def test_functions_that_keep_their_state_to_themselves_are_one_replica(environment, tmp_path):
    project = registered(environment, tmp_path)
    for name in ENDPOINTS:
        spec = project.get_function(name).spec
        assert (spec.min_replicas, spec.max_replicas) == (1, 1), name


def test_the_graph_serves_the_model_tagged_production_and_knows_the_online_store(tmp_path):
    serving = registered(CLUSTER, tmp_path).get_function(SERVING)
    text = str(serving.spec.parameters)
    assert "store://models/p/evaluate_model:production" in text
    assert "redis://redis:6379" in text
    assert "store://feature-sets/p/devices" in text
