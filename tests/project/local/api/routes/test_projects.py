import pytest

PROJECTS = "/api/v1/projects"


def test_a_project_is_created_once(api):
    body = {"metadata": {"name": "other"}, "spec": {"description": "d"}}
    created = api.post(PROJECTS, json=body)
    assert (created.status_code, created.json()["status"]["state"]) == (201, "online")
    again = api.post(PROJECTS, json=body)
    assert (again.status_code, again.json()["detail"]) == (409, "Project other already exists")


def test_storing_a_project_keeps_its_creation_time(api):
    created = api.get(f"{PROJECTS}/demo").json()["metadata"]["created"]
    stored = api.put(
        f"{PROJECTS}/demo", json={"metadata": {"name": "demo"}, "spec": {"params": {"a": 1}}}
    ).json()
    assert stored["metadata"]["created"] == created
    assert api.get(f"{PROJECTS}/demo").json()["spec"]["params"] == {"a": 1}


def test_a_patch_merges(api):
    api.put(f"{PROJECTS}/demo", json={"metadata": {"name": "demo"}, "spec": {"params": {"a": 1}}})
    api.patch(f"{PROJECTS}/demo", json={"spec": {"params": {"b": 2}}})
    assert api.get(f"{PROJECTS}/demo").json()["spec"]["params"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "x" * 64, ""])
def test_a_name_that_kubernetes_would_refuse_is_refused_here_too(api, name):
    answer = api.post(PROJECTS, json={"metadata": {"name": name}})
    assert answer.status_code == 400
    assert f"got '{name}'" in answer.json()["detail"]


def test_projects_are_listed_by_name_or_whole(api):
    api.post(PROJECTS, json={"metadata": {"name": "b", "labels": {"team": "x"}}, "spec": {"owner": "me"}})
    assert api.get(PROJECTS, params={"format": "name_only"}).json()["projects"] == ["b", "demo"]
    assert [
        p["metadata"]["name"] for p in api.get(PROJECTS, params={"label": "team=x"}).json()["projects"]
    ] == ["b"]
    assert api.get(PROJECTS, params={"owner": "you"}).json()["projects"] == []
    assert api.get(PROJECTS, params={"format": "minimal"}).json()["projects"][0]["spec"]["functions"] is None


def test_a_project_with_something_in_it_is_deleted_only_with_all_of_it(api):
    api.post(f"{PROJECTS}/demo/runs/u1", json={"metadata": {"name": "r"}})
    refused = api.delete("/api/v2/projects/demo")
    assert (refused.status_code, "related resources found: runs" in refused.text) == (412, True)
    cascade = {"x-mlrun-deletion-strategy": "cascading"}
    assert api.delete("/api/v2/projects/demo", headers=cascade).status_code == 204
    assert api.get(f"{PROJECTS}/demo").status_code == 404
    assert api.get(f"{PROJECTS}/demo/runs/u1").status_code == 404
    assert api.delete("/api/v2/projects/demo").status_code == 204


def test_an_unknown_deletion_strategy_is_named(api):
    answer = api.delete(f"{PROJECTS}/demo", headers={"x-mlrun-deletion-strategy": "burn"})
    assert "got 'burn'" in answer.json()["detail"]


def test_a_summary_counts_what_a_project_holds(api):
    api.post(f"{PROJECTS}/demo/runs/u1", json={"metadata": {"name": "r"}, "status": {"state": "completed"}})
    summary = api.get("/api/v1/project-summaries/demo").json()
    assert (summary["runs_completed_recent_count"], summary["models_count"]) == (1, 0)
    assert [s["name"] for s in api.get("/api/v1/project-summaries").json()["project_summaries"]] == ["demo"]
    assert api.get("/api/v1/project-summaries/none").status_code == 404


def test_a_body_that_is_no_json_object_is_refused(api):
    assert "body must be JSON" in api.post(PROJECTS, content=b"{").json()["detail"]
    assert "must be a JSON object, got list" in api.post(PROJECTS, content=b"[]").json()["detail"]
