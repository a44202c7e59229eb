"""What a project remembers, and what of it a new run repeats."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import mlrun
import pytest
import yaml

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from project import last_run, parameters, project_setup
from project.last_run import LastRun, after_run, recall, resolve
from project.settings import Settings
from tests.project.fake_endpoint import fake_endpoint

MAIN = parameters.NAMES["main"]


def schema_file(folder, metric="load"):
    path = folder / f"{metric}.yaml"
    content = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {metric: None}, "label": "bad"}
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def lab(tmp_path):
    """Arguments of a run with telemetry of its own."""
    folder = tmp_path / "telemetry"
    folder.mkdir()
    return {"telemetry": str(folder), "schema": str(schema_file(tmp_path))}


def ran(arguments, workflow="main", before=None):
    every = {name: arguments.get(name, parameters.DEFAULTS[name]) for name in parameters.NAMES[workflow]}
    return after_run(before, workflow, every, "0123456789ab", "2024-05-01T12:00:00+00:00")


def test_an_empty_request_repeats_the_telemetry_of_the_last_run_and_not_the_simulated_network(lab):
    resolved = resolve("p", MAIN, {}, ran({**lab, "combinations": 5}))
    assert resolved.arguments == {**lab, "combinations": 5}
    assert resolved.line() == (
        f"as in run 01234567 of 2024-05-01 12:00: telemetry={lab['telemetry']}, schema={lab['schema']}, "
        "combinations=5"
    )


def test_given_comes_before_remembered_before_default(lab):
    remembered = ran({**lab, "combinations": 5, "seed": 7})
    resolved = resolve("p", MAIN, {"seed": 3}, remembered)
    assert [resolved.value(name) for name in ("seed", "combinations", "ticks")] == [3, 5, 50000]
    assert "seed" not in resolved.repeated
    # The default, if it is given, too.
    again = ran(resolve("p", MAIN, {"seed": parameters.DEFAULTS["seed"]}, remembered).arguments)
    assert "seed" not in again.arguments
    assert resolve("p", parameters.NAMES["serve"], {}, remembered).arguments == {}


def test_a_first_run_has_only_what_is_given():
    first = resolve("p", MAIN, {"devices": 8}, None)
    assert (first.arguments, first.repeated, first.line()) == ({"devices": 8}, {}, "")


def test_to_promote_is_decided_once():
    assert "promote" not in ran({"promote": True}).arguments


def test_the_history_is_replaced_once():
    assert ran({"devices": 8, "replace": True}, "ingest").arguments == {"devices": 8}


def test_an_ingestion_keeps_what_only_the_main_workflow_has(lab):
    first = ran({"devices": 8, "combinations": 5})
    second = ran({"devices": 9}, "ingest", first)
    assert second.arguments == {"devices": 9, "combinations": 5}
    assert second.workflow == "ingest"


def test_another_schema_is_refused_with_the_way_out(lab, tmp_path):
    remembered = ran(lab)
    for given, got in (
        ({"schema": str(schema_file(tmp_path, "other"))}, "other.yaml"),
        ({"telemetry": "", "schema": ""}, "simulated network"),
    ):
        with pytest.raises(InputError) as error:
            resolve("p", MAIN, given, remembered)
        assert "must be the schema 'lab' that project 'p' stands on since run 01234567" in str(error.value)
        assert "another --project" in str(error.value)
        assert got in str(error.value)
    # The same content elsewhere is the same schema.
    copy = tmp_path / "copy.yaml"
    copy.write_text((tmp_path / "load.yaml").read_text())
    assert resolve("p", MAIN, {"schema": str(copy)}, remembered).arguments["schema"] == str(copy)


def test_a_calendar_may_be_added_to_the_schema_and_nothing_else_may_be_taken_away(lab, tmp_path):
    content = yaml.safe_load((tmp_path / "load.yaml").read_text())
    first = ran(lab)
    with_calendar = tmp_path / "calendar.yaml"
    with_calendar.write_text(yaml.safe_dump({**content, "maintenance": {}}))
    given = {"schema": str(with_calendar)}
    assert resolve("p", MAIN, given, first).arguments["schema"] == str(with_calendar)
    second = ran({**lab, **given}, before=first)
    with pytest.raises(InputError, match="It differs in maintenance"):
        resolve("p", MAIN, {"schema": lab["schema"]}, second)


def test_an_incident_mapping_may_come_later_be_mended_and_go(lab, tmp_path):
    content = yaml.safe_load((tmp_path / "load.yaml").read_text()) | {"labels": {"form": "incidents"}}
    mappings = [None, {"start": "at"}, {"start": "opened_at", "id": "number"}]
    files = []
    for number, fields in enumerate(mappings):
        mapped = {"incident_mapping": {"fields": fields}} if fields else {}
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(yaml.safe_dump({**content, **mapped}))
    stands_on = [ran({**lab, "schema": str(file)}) for file in files]
    # One of before kept the mapping in the digest.
    old = {**content, "incident_mapping": stands_on[1].schema["incident_mapping"]}
    whole = last_run.schema_digest(TelemetrySchema.from_dict(old).to_dict())
    for before in (*stands_on, replace(stands_on[1], digest=whole)):
        for file in files:
            assert resolve("p", MAIN, {"schema": str(file)}, before).arguments["schema"] == str(file)
    both = tmp_path / "both.yaml"
    both.write_text(yaml.safe_dump({**content, "maintenance": {}}))
    assert resolve("p", MAIN, {"schema": str(both)}, stands_on[2]).arguments["schema"] == str(both)


def test_who_replaces_the_history_may_give_another_schema_which_is_remembered(lab, tmp_path):
    remembered, names = ran(lab), parameters.NAMES["ingest"]
    other = {"schema": str(schema_file(tmp_path, "other")), "replace": True}
    resolved = resolve("p", names, other, remembered)
    assert resolved.value("telemetry") == lab["telemetry"]
    now = ran(resolved.arguments, "ingest", remembered)
    assert "replace" not in now.arguments
    assert resolve("p", MAIN, {}, now).arguments["schema"] == other["schema"]
    with pytest.raises(InputError, match="replace its history first with 'netops ingest --replace'"):
        resolve("p", MAIN, lab, now)


def test_telemetry_or_a_schema_that_vanished_is_told(lab, tmp_path):
    remembered = ran(lab)
    (tmp_path / "telemetry").rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"telemetry: must still be the folder .* with --telemetry, got "):
        resolve("p", MAIN, {}, remembered)
    with pytest.raises(InputError, match="telemetry: must be a folder, got "):
        resolve("p", MAIN, {"telemetry": str(tmp_path / "none")}, remembered)
    moved = {"telemetry": str(tmp_path / "moved")}
    assert resolve("p", MAIN, moved, remembered).arguments["telemetry"] == moved["telemetry"]
    (tmp_path / "load.yaml").unlink()
    with pytest.raises(InputError, match=r"schema: must still be the file .* with --schema, got "):
        resolve("p", MAIN, moved, remembered)


def test_on_a_cluster_paths_are_those_of_its_pods():
    remembered = LastRun({"telemetry": "/pods/only"}, {}, "", "r", "main", "2024-05-01T12:00:00+00:00")
    assert resolve("p", MAIN, {}, remembered, local=False).arguments == {"telemetry": "/pods/only"}


def test_the_artifact_is_read_and_its_absence_is_no_memory(lab):
    remembered = ran(lab)

    def answer(method, path, body):
        if path == f"/api/v2/projects/mine/artifacts/{last_run.KEY}?tag=latest":
            return 200, {"spec": {"inline": json.dumps(asdict(remembered))}}
        return 404, {}

    with fake_endpoint(answer) as address:
        assert recall(address, "mine") == remembered
        assert recall(address, "new") is None


def test_mlruns_own_entry_points_repeat_the_arguments(lab, tmp_path):
    """``project.run("main")`` and ``mlrun project -r main`` take those of the registered workflow."""
    project = mlrun.projects.MlrunProject()
    project.metadata.name = "p"
    project.spec.context = str(tmp_path)
    remembered = ran({**lab, "combinations": 5})
    project_setup.register(project, Settings(home=tmp_path), remembered)
    args = {workflow["name"]: workflow.get("args") or {} for workflow in project.spec.workflows}
    schema = {"schema": lab["schema"]}
    main = {**lab, "combinations": 5}
    assert args == {"main": main, "ingest": lab, "live": schema, "serve": {}, "release": lab}


def test_remembering_stores_artifact_and_project(lab, tmp_path, monkeypatch):
    project = mlrun.projects.MlrunProject()
    project.metadata.name = "p"
    project.spec.context = str(tmp_path)
    project_setup.register(project, Settings(home=tmp_path))
    logged, stored = [], {}
    monkeypatch.setattr(
        mlrun.projects.MlrunProject, "log_artifact", lambda _, item, **__: logged.append(item)
    )
    monkeypatch.setattr(mlrun.db, "get_run_db", lambda **_: SimpleNamespace(store_project=stored.__setitem__))
    last_run.remember(project, ran(lab))
    (artifact,) = logged
    assert LastRun(**json.loads(artifact.get_body())) == ran(lab)
    workflows = {workflow["name"]: workflow for workflow in stored["p"]["spec"]["workflows"]}
    assert workflows["main"]["args"] == lab


def test_the_metrics_are_remembered_in_their_order(lab, monkeypatch):
    logged = []
    project = SimpleNamespace(
        log_artifact=lambda item, **_: logged.append(item),
        spec=SimpleNamespace(workflows=[]),
        save_to_db=lambda: None,
    )
    content = {**ran(lab).schema, "metrics": {"z": {}, "a": {}, "m": {}}}
    last_run.remember(project, replace(ran(lab), schema=content))
    remembered = LastRun(**json.loads(logged[0].get_body()))
    assert TelemetrySchema.load(remembered.schema).metric_names == ("z", "a", "m")


def test_a_training_window_that_is_a_time_is_of_one_run():
    since = {"training_window": "since 2024-05-01T12:00:00Z", "approve": True}
    before = after_run(None, "main", {"training_window": "14d"}, "r1", "t1")
    assert after_run(before, "main", since, "r2", "t2").arguments == {"training_window": "14d"}
    assert after_run(None, "main", since, "r2", "t2").arguments == {}
    # Nor its split, which may be one for live rows.
    before = LastRun({"split": "column:part"}, {}, "", "r1", "main", "t1")
    assert after_run(before, "main", since | {"split": "time"}, "r2", "t2").arguments == before.arguments


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"split": "group:rack"}, "'split': must group by one of device, box, or by a column .*got 'rack'"),
        ({"split": "column:part"}, "'split': must name a column of the labels .*got 'part'"),
        ({"scores_by": "a rack"}, "'scores_by': must be among device, box, got 'a rack'"),
        ({"detectors": "; groups=rack"}, "'detectors': groups: must be among device, box, got 'rack'"),
        ({"detectors": "glr; groups="}, "'detectors': must be cool_down, .*, got 'groups='"),
        (
            {"test_devices": 0.2, "split": "device_time"},
            "'test_devices': must be 0 for the split device_time, which says what is tested, got 0.2",
        ),
    ],
)
def test_columns_that_the_schema_does_not_keep_are_refused_before_anything_runs(lab, given, said):
    with pytest.raises(InputError, match=f"workflow parameter {said}"):
        resolve("p", MAIN, {**lab, **given}, None)
    fits = {"split": "group:box", "scores_by": "device", "test_devices": 0.2, "detectors": "; groups=box"}
    resolve("p", MAIN, {**lab, **fits}, ran(lab))


def test_another_split_needs_no_other_history_unless_it_needs_another_column(lab, tmp_path):
    def with_split(split):
        path = tmp_path / "split.yaml"
        content = yaml.safe_load((tmp_path / "load.yaml").read_text())
        path.write_text(yaml.safe_dump({**content, "split": split}))
        return {**lab, "schema": str(path)}

    for split in ("device_time", "group:box=a", {"by": "devices", "test": ["a"]}):
        resolve("p", MAIN, with_split(split), ran(lab))
    kept = ran(with_split({"by": "group", "column": "rack"}))
    resolve("p", MAIN, with_split({"by": "group", "column": "rack", "test": ["r1"]}), kept)
    for split, before in (("group:rack", ran(lab)), ("column:part", ran(lab)), ("time", kept)):
        with pytest.raises(InputError, match=r"must be the schema 'lab' that .* It differs in split"):
            resolve("p", MAIN, with_split(split), before)


def test_a_memory_of_a_newer_release_names_its_project_and_what_to_do(lab):
    content = json.dumps({**asdict(ran(lab)), "newer": 1})
    with (
        fake_endpoint(lambda *_: (200, {"spec": {"inline": content}})) as address,
        pytest.raises(InputError, match=r"project 'mine': artifact .*; next: install the release .*'newer'"),
    ):
        recall(address, "mine")
