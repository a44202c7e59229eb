from project.local.api.deployments.records import Deployment, write_deployment


def _function(kind="job", image="a", **labels):
    return {"kind": kind, "metadata": {"labels": labels}, "spec": {"image": image, "env": []}, "status": {}}


def test_a_kind_that_a_laptop_can_not_deploy_answers_501_and_names_it(api):
    answer = api.post("/api/v1/projects/demo/nuclio/app/deploy", json={"function": _function("application")})
    assert answer.status_code == 501
    assert "deploy of kind 'application' is not available" in answer.json()["detail"]


def test_a_deploy_without_a_function_is_refused(api):
    answer = api.post("/api/v1/projects/demo/nuclio/app/deploy", json={})
    assert (answer.status_code, "'function' must be an object" in answer.text) == (400, True)


def test_a_tag_that_would_leave_the_folder_of_the_functions_is_refused(api):
    function = _function("nuclio")
    function["metadata"]["tag"] = "/../../travel"
    answer = api.post("/api/v1/projects/demo/nuclio/f/deploy", json={"function": function})
    assert (answer.status_code, "tag must be 1 to 56 letters" in answer.text) == (400, True)


def test_the_status_of_what_was_never_deployed_is_not_found(api):
    answer = api.get("/api/v1/projects/demo/nuclio/app/deploy")
    assert (answer.status_code, answer.json()["detail"]) == (404, "no function demo/app was deployed")


def test_who_waits_for_a_function_that_was_stopped_is_told_that_it_failed(api, store_of):
    write_deployment(store_of, Deployment("demo", "serving", port=0, state="offline"), _function("serving"))
    for path, query in (
        ("projects/demo/nuclio/serving/deploy", {}),
        ("build/status", {"project": "demo", "name": "serving"}),
    ):
        answer = api.get(f"/api/v1/{path}", params=query)
        assert answer.headers["x-mlrun-function-status"] == "error"
        assert answer.text.startswith("function 'serving' of project 'demo' is offline: stopped while ")


def test_a_function_that_needs_no_deploy_is_ready_to_build_on(api):
    answer = api.get("/api/v1/build/status", params={"project": "demo", "name": "train"})
    assert (answer.status_code, answer.headers["x-mlrun-function-status"]) == (200, "ready")
