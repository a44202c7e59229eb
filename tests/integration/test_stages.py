"""The optional stages, and the second engine."""

import json

import pytest
import yaml

from project.project_setup import JOBS
from tests.integration.conftest import Installation

QUICK = ("--seconds", "2", "--set", "devices=6", "--set", "ticks=500", "--set", "combinations=5")


@pytest.mark.figures
def test_without_concept_drift_no_detector_is_attached(installation):
    done = installation.netops(
        "run", "--json", *QUICK, "--project", "undetected", "--set", "deploy_concept_drift=false"
    )
    summary = json.loads(done.stdout)
    assert summary["labeled"]["joined"] > 0
    assert not summary["drift"]["detectors"]
    assert summary["magnitude"] is None
    # Without --keep the endpoints of this run are gone, and only those.
    states = {(e["project"], e["name"]): e["state"] for e in installation.status()["endpoints"]}
    assert states["undetected", "serving"] != "ready"
    assert states["netops", "serving"] == "ready"


@pytest.fixture(scope="module")
def compiled(installation, tmp_path_factory):
    file = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    installation.netops("compile", str(file))
    return yaml.safe_load(file.read_text())


def steps(compiled):
    """Step name -> names of the steps that must end before it, within its own template."""
    found = {}
    for template in compiled["spec"]["templates"]:
        for task in template.get("dag", {}).get("tasks", []):
            found[task["name"]] = set(task.get("dependencies", []))
    return found


def test_the_compiled_workflow_has_every_step_and_deployment(compiled):
    found = set(steps(compiled))
    # What ends the rehearsal is called at the end, however the workflow ends; a release is a workflow.
    assert {job for job in JOBS if job not in ("explore", "end-rehearsal", "release")} <= found
    assert {
        "explore-raw",
        "explore-vector",
        "deploy-serving-staging",
        "deploy-serving",
        "deploy-runner",
        "deploy-telemetry-generator",
    } <= found


def test_the_compiled_steps_wait_for_what_they_need(compiled):
    found = steps(compiled)
    assert found["live-history"] == {"ingest"}
    assert found["explore-raw"] == {"live-history"}
    assert found["select-features"] == {"live-history"}
    assert "select-features" in found["explore-vector"]
    assert "select-features" in found["train"]
    assert "train" in found["evaluate"]
    assert {"evaluate", "explore-raw"} <= found["report"]
    assert found["model-server-tester"] == {"deploy-serving-staging"}
    assert found["deploy-serving"] == {"promote"}
    (rehearsal,) = found["promote"]
    assert "own-telemetry" in rehearsal


def test_however_the_compiled_workflow_ends_the_staging_endpoint_is_deleted(compiled):
    assert compiled["spec"]["onExit"] == "end-rehearsal"
    (template,) = (t for t in compiled["spec"]["templates"] if t["name"] == "end-rehearsal")
    assert "serving-staging" in str(template["container"])


def test_the_conditions_are_in_the_compiled_workflow(compiled):
    conditions = [
        task["when"]
        for template in compiled["spec"]["templates"]
        for task in template.get("dag", {}).get("tasks", [])
        if "when" in task
    ]
    assert len(conditions) == 5
    assert sorted(condition for condition in conditions if "telemetry" in condition) == [
        '"{{inputs.parameters.telemetry}}" != ""',
        '"{{inputs.parameters.telemetry}}" == ""',
    ]
    assert any("production" in condition for condition in conditions)
    assert any("deploy_streaming" in condition for condition in conditions)
    assert any("deploy_concept_drift" in condition for condition in conditions)


def test_an_mlrun_api_of_the_users_own_is_used_and_none_started(installation, tmp_path):
    dbpath = installation.dbpath
    other = Installation(tmp_path / "other-home", {}, "")
    other.home.mkdir()
    found = json.loads(other.netops("up", "--json", MLRUN_DBPATH=dbpath).stdout)
    assert found["mlrun_dbpath"] == dbpath
    assert [e["name"] for e in found["endpoints"] if e["project"] == "netops"] == [
        "runner",
        "serving",
        "telemetry-generator",
    ]
    assert not (other.home / "stack.json").exists()
    refused = other.netops("stop", check=False, MLRUN_DBPATH=dbpath)
    assert refused.returncode == 2
    assert "is not ours to stop" in refused.stderr


def test_the_ingest_command_prints_the_report(installation, tmp_path):
    folder = tmp_path / "telemetry"
    folder.mkdir()
    (folder / "static.csv").write_text("device,role\na,core\nb,edge\n")
    rows = [f"{device},2024-01-01T00:{i // 6:02}:{i % 6}0Z,{i}" for i in range(200) for device in "ab"]
    (folder / "metrics.csv").write_text(
        "\n".join(["device,time,load", *rows, rows[0], "a,2024-01-01T09:00:00,1", "c,2024-01-01T09:00:00Z,1"])
    )
    labels = [row.rsplit(",", 1)[0] + ",0" for row in rows]
    (folder / "labels.csv").write_text("\n".join(["device,time,bad", *labels]))
    schema = tmp_path / "schema.yaml"
    schema.write_text(
        "{name: tiny, entity: [device], time: time, metrics: {load: {range: [0, 100]}}, label: bad,"
        " static: [role]}"
    )
    done = installation.netops("ingest", "--telemetry", str(folder), "--schema", str(schema))
    assert "rows_read        403" in done.stdout
    assert "rows_ingested    400" in done.stdout
    for reason in ("duplicate", "naive_time", "unknown_device"):
        assert f"rejected {reason}: 1" in done.stdout
    assert "out_of_range in load: 198" in done.stdout
    source = ("--telemetry", str(folder), "--schema", str(schema))

    # The newest day alone is added to the history; it used to replace it, without a word.
    (folder / "metrics.csv").write_text("device,time,load\na,2024-01-02T00:00:00Z,1\n" + rows[0] + "9\n")
    (folder / "labels.csv").write_text("device,time,bad\na,2024-01-02T00:00:00Z,0\n")
    (folder / "static.csv").write_text("device,role\na,edge\n")
    done = installation.netops("ingest", *source)
    for line in ("rows_read        2", "rows_known       1", "rows_new         1", "rows_conflicting 1"):
        assert line in done.stdout
    assert "rows_ingested    401" in done.stdout and "label_rows       401" in done.stdout
    assert "such as load of a at 2024-01-01T00:00:00+00:00: 0.0 there, 9.0 given" in done.stdout
    assert done.stdout.count("2024-01-01T00:00:00+00:00: ") == 1, "it is told once"
    assert "static: a changed: role 'core' to 'edge'" in done.stdout

    # No row of a table is accepted: the others are, and the exit code tells.
    (folder / "labels.csv").write_text("device,time,bad\na,2024-01-02T00:00:00Z,maybe\n")
    (folder / "metrics.csv").write_text("device,time,load\na,2024-01-02T00:00:10Z,1\n")
    refused = installation.netops("ingest", *source, "--json", check=False)
    found = json.loads(refused.stdout)
    assert (refused.returncode, found["rows_new"], list(found["files_refused"])) == (1, 1, ["labels.csv"])
    assert "labels.csv: must hold at least one usable row" in refused.stderr
    assert "in row 1 of labels.csv: must be 0 or 1" in refused.stderr
    (folder / "labels.csv").write_text("device,time,bad\na,2024-01-02T00:00:00Z,0\n")
    (folder / "metrics.csv").write_text("device,time,load\na,2024-01-02T00:00:00Z,1\n" + rows[0] + "9\n")

    # To replace it has to be said, and confirmed.
    refused = installation.netops("ingest", *source, "--replace", check=False)
    assert refused.returncode == 2 and "--replace: must be confirmed: add --yes" in refused.stderr
    done = installation.netops("ingest", *source, "--replace", "--yes")
    assert "rows_ingested    2" in done.stdout
    assert "Replacing the history of project 'netops-tiny', 402 rows and 401 labels from " in done.stdout
    assert "had 1 rows: readings that are in none of the files now" in done.stdout

    # Another schema in the same project is refused with the way out, before a run is started.
    before = installation.api("projects/netops-tiny/runs")["runs"]
    schema.write_text(schema.read_text().replace("[role]", "[]"))
    refused = installation.netops("ingest", *source, check=False)
    assert refused.returncode == 2
    assert "must be the schema 'tiny' that project 'netops-tiny' stands on" in refused.stderr
    assert "It differs in static" in refused.stderr
    assert installation.api("projects/netops-tiny/runs")["runs"] == before


def test_bad_usage_ends_with_one_line_and_code_2(installation, tmp_path):
    for arguments, words in (
        (("run", "--set", "sead=1"), "'sead': must be among telemetry, schema"),
        (("run", "--set", "seed"), "--set: must be name=value, got 'seed'"),
        (
            ("run", "--project", "nowhere", "--telemetry", str(tmp_path)),
            "--schema: must say what the columns of --telemetry mean; project 'nowhere' remembers no schema",
        ),
        (("run", "--schema", "x.yaml"), "--telemetry: must be the folder that --schema describes"),
        (
            ("run", "--telemetry", str(tmp_path), "--schema", str(tmp_path / "none.yaml")),
            "must be a readable YAML file",
        ),
    ):
        done = installation.netops(*arguments, check=False)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
