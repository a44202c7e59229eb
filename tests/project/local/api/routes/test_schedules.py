"""Schedules over HTTP; the fixture's control plane has a clock of its own, so they are far in the future."""

import pytest

from tests.project.local.api.routes.test_runs import RUNS

SCHEDULES = "/api/v1/projects/demo/schedules"
FAR = "0 3 1 1 *"


def _submit(api, name="nightly", schedule=FAR, **labels):
    task = {
        "metadata": {"project": "demo", "name": name, "labels": labels},
        "spec": {"handler": "pkg.mod.f"},
    }
    return api.post("/api/v1/submit_job", json={"task": task, "schedule": schedule})


def _names(api, **query):
    return [schedule["name"] for schedule in api.get(SCHEDULES, params=query).json()["schedules"]]


def test_submitting_a_job_with_a_schedule_keeps_the_schedule(api):
    answer = _submit(api)
    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "schedule": FAR,
        "project": "demo",
        "name": "nightly",
        "action": "created",
    }
    assert _submit(api, schedule={"hour": 3, "day": 1, "month": 1}).json()["data"]["action"] == "modified"
    schedule = api.get(f"{SCHEDULES}/nightly").json()
    assert (schedule["kind"], schedule["crontab"], schedule["concurrency_limit"]) == ("job", FAR, 1)
    assert schedule["next_run_time"].endswith("-01-01T03:00:00+00:00")
    assert (schedule["last_run_uri"], schedule["events"]) == (None, [])
    assert schedule["scheduled_object"]["task"]["spec"]["handler"] == "pkg.mod.f"
    assert api.get(RUNS).json()["runs"] == []


def test_what_can_never_run_is_refused_when_it_is_scheduled(api):
    assert _submit(api, schedule="never").status_code == 400
    task = {"metadata": {"project": "demo", "name": "x"}, "spec": {"function": "demo/nothing"}}
    answer = api.post("/api/v1/submit_job", json={"task": task, "schedule": FAR})
    assert answer.status_code == 404
    spark = {"task": {"metadata": task["metadata"]}, "function": {"kind": "spark"}, "schedule": FAR}
    answer = api.post("/api/v1/submit_job", json=spark)
    assert (answer.status_code, "kind 'spark'" in answer.json()["detail"]) == (501, True)
    spark["task"]["metadata"] = {"project": "nobody", "name": "x"}
    assert api.post("/api/v1/submit_job", json=spark).status_code == 404
    assert api.post("/api/v1/submit_job", json={"task": {}, "schedule": FAR}).status_code == 400
    assert _names(api) == []


def test_schedules_are_listed_by_name_label_kind_and_next_time(api):
    _submit(api, "nightly", owner="me")
    _submit(api, "weekly", schedule={"year": 1999})
    assert _names(api) == ["nightly", "weekly"]
    assert _names(api, name="weekly") == ["weekly"]
    assert _names(api, name="~NIGHT") == ["nightly"]
    assert _names(api, label="owner=me") == ["nightly"]
    assert _names(api, kind="pipeline") == []
    assert _names(api, next_run_time_since="2020-01-01T00:00:00+00:00") == ["nightly"]
    assert _names(api, next_run_time_until="2020-01-01T00:00:00+00:00") == []
    everywhere = api.get("/api/v1/projects/*/schedules").json()["schedules"]
    assert [(schedule["project"], schedule["name"]) for schedule in everywhere] == [
        ("demo", "nightly"),
        ("demo", "weekly"),
    ]


def test_a_schedule_is_made_changed_and_deleted(api):
    made = {"name": "nightly", "kind": "job", "scheduled_object": {"task": {}}, "cron_trigger": FAR}
    assert api.post(SCHEDULES, json=made).status_code == 201
    assert api.post(SCHEDULES, json=made).status_code == 409
    changes = {"cron_trigger": "0 4 1 1 *", "concurrency_limit": 2, "scheduled_object": None, "labels": None}
    assert api.put(f"{SCHEDULES}/nightly", json=changes).status_code == 200
    schedule = api.get(f"{SCHEDULES}/nightly").json()
    assert (schedule["crontab"], schedule["concurrency_limit"]) == ("0 4 1 1 *", 2)
    assert schedule["scheduled_object"] == {"task": {}}
    assert api.put(f"{SCHEDULES}/other", json=changes).status_code == 404
    assert api.delete(f"{SCHEDULES}/nightly").status_code == 204
    assert api.get(f"{SCHEDULES}/nightly").status_code == 404
    api.post(SCHEDULES, json=made)
    assert api.delete(SCHEDULES).status_code == 204
    assert _names(api) == []


@pytest.mark.parametrize("made", [{}, {"name": "x", "kind": "pipeline", "cron_trigger": FAR}, {"name": "x"}])
def test_what_is_no_schedule_is_refused(api, made):
    assert api.post(SCHEDULES, json=made).status_code == 400


def test_the_last_run_is_shown_when_asked_for_and_while_it_exists(api, store_of):
    from project.local.api.schedules.records import set_last_run

    _submit(api)
    api.post(f"{RUNS}/u1", json={"metadata": {"name": "nightly"}, "status": {"state": "completed"}})
    set_last_run(store_of, "demo", "nightly", "demo@u1#0")
    assert api.get(f"{SCHEDULES}/nightly").json()["last_run"] == {}
    asked = {"include_last_run": True}
    assert api.get(f"{SCHEDULES}/nightly", params=asked).json()["last_run"]["status"]["state"] == "completed"
    api.delete(f"{RUNS}/u1")
    schedule = api.get(f"{SCHEDULES}/nightly", params=asked).json()
    assert (schedule["last_run"], schedule["last_run_uri"]) == ({}, None)


def test_a_project_with_a_schedule_is_in_use_and_takes_it_along(api):
    _submit(api)
    answer = api.delete("/api/v2/projects/demo")
    assert (answer.status_code, "schedules" in answer.json()["detail"]) == (412, True)
    api.delete("/api/v2/projects/demo", headers={"x-mlrun-deletion-strategy": "cascade"})
    assert api.get("/api/v1/projects/*/schedules").json()["schedules"] == []
