"""``netops compile``: the file has the arguments that ``netops run`` would use for the project now."""

import json

import pytest
import yaml

from project.parameters import DEFAULTS, NAMES

SCHEMA = "{name: lab, entity: [box], time: at, metrics: {load: }, label: bad}"
CLUSTER = {
    "NETOPS_PROFILE": "kubernetes",
    "NETOPS_SOURCE": "git://example.com/netops.git#main",
    "NETOPS_IMAGE": "registry.example.com/netops:1",
    "NETOPS_STREAMS": "/streams",
}
REMEMBER = """
import json, mlrun
from project.last_run import after_run, remember
from project.parameters import DEFAULTS, NAMES
from project.project_setup import load_project
from project.settings import Settings
project = load_project({name!r}, Settings.from_environment())
every = {{**{{name: DEFAULTS[name] for name in NAMES["main"]}}, **json.loads({arguments!r})}}
remember(project, after_run(None, "main", every, "0123456789ab", "2024-05-01T12:00:00+00:00"))
project.spec.workflows = [
    {{**each, "args": {{**(each.get("args") or {{}}), **{stored!r}}}}} if each["name"] == "main" else each
    for each in project.spec.workflows
]
project.save_to_db()
print(json.dumps(True))
"""


def remembered(bare, name, arguments, stored=None):
    """A project that has had a successful run with these arguments, and what somebody set on its workflow."""
    assert bare.python(
        f"import os; os.environ['MLRUN_DBPATH'] = {bare.dbpath!r}\n"
        + REMEMBER.format(name=name, arguments=json.dumps(arguments), stored=stored or {})
    )


def defaults(file):
    """Default of each parameter of a compiled workflow, for Argo and for the page of Kubeflow."""
    content = yaml.safe_load(file.read_text())
    told = json.loads(content["metadata"]["annotations"]["pipelines.kubeflow.org/pipeline_spec"])
    given = {each["name"]: each["value"] for each in content["spec"]["arguments"]["parameters"]}
    assert given == {each["name"]: each["default"] for each in told["inputs"]}
    return given


def text(values):
    return {name: str(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def lab(bare):
    """A project of telemetry of its own."""
    folder, schema = bare.home / "lab", bare.home / "lab.yaml"
    folder.mkdir()
    schema.write_text(SCHEMA)
    of_project = {"telemetry": str(folder), "schema": str(schema), "combinations": 5}
    remembered(bare, "lab", of_project, {"train_rows": 700})
    return of_project


def test_the_file_has_what_the_project_remembers_and_tells_where_each_argument_is_from(bare, lab):
    file = bare.home / "lab-pipeline.yaml"
    done = bare.netops("compile", str(file), "--project", "lab", "--set", "seed=9")
    main = {name: DEFAULTS[name] for name in NAMES["main"]}
    assert defaults(file) == text({**main, **lab, "train_rows": 700, "seed": 9})
    assert done.stdout.splitlines() == [
        f"as in run 01234567 of 2024-05-01 12:00: telemetry={lab['telemetry']}, schema={lab['schema']}, "
        "combinations=5",
        "as set on the workflow: train_rows=700",
        "as given: seed=9",
        "all other arguments: the defaults of the workflow",
        f"wrote {file}",
    ]
    assert "simulates" not in done.stdout
    # Its steps are those of this machine.
    (warning,) = (line for line in done.stderr.splitlines() if line.startswith("netops: "))
    assert "only to be looked at" in warning
    assert bare.dbpath in warning
    for name in ("NETOPS_PROFILE=kubernetes", "NETOPS_SOURCE", "NETOPS_STREAMS", "MLRUN_DBPATH"):
        assert name in warning


def test_a_project_of_own_telemetry_is_never_compiled_into_a_simulation(bare, lab):
    file = bare.home / "simulated.yaml"
    for variables in ({}, {**CLUSTER, "MLRUN_DBPATH": bare.dbpath}):
        refused = bare.netops(
            *("compile", str(file), "--project", "lab", "--set", "telemetry=", "--set", "schema="),
            check=False,
            **variables,
        )
        assert refused.returncode == 2
        assert "project 'lab' stands on" in refused.stderr
        assert not file.exists()


def test_a_project_that_knows_no_telemetry_is_told_to_simulate(bare):
    file = bare.home / "new.yaml"
    done = bare.netops("compile", str(file), "--project", "new")
    assert defaults(file) == text({name: DEFAULTS[name] for name in NAMES["main"]})
    assert (
        "the file simulates a network: project new remembers no telemetry, and none was given" in done.stdout
    )


def test_for_a_cluster_paths_are_those_of_its_pods_and_nothing_warns(bare):
    cluster = {**CLUSTER, "MLRUN_DBPATH": bare.dbpath}
    in_pods = {"telemetry": "/data/lab", "schema": "/data/lab.yaml"}
    remembered(bare, "on-cluster", in_pods)
    file = bare.home / "cluster.yaml"
    done = bare.netops("compile", str(file), "--project", "on-cluster", **cluster)
    assert in_pods.items() <= defaults(file).items()
    assert "only to be looked at" not in done.stderr
    bare.netops("compile", str(file), "--project", "on-cluster", "--telemetry", "/data/moved", **cluster)
    assert {**in_pods, "telemetry": "/data/moved"}.items() <= defaults(file).items()
    refused = bare.netops("compile", str(file), "--telemetry", "data", check=False, **cluster)
    assert (refused.returncode, refused.stderr.strip()) == (
        2,
        "netops: --telemetry: must be an absolute path in the pods of the cluster, got 'data'",
    )
