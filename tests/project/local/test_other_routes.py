import stat

import pytest


def test_client_spec_points_everything_at_the_home_and_needs_no_v3io(api, api_home):
    spec = api.get("/api/v1/client-spec").json()
    assert spec["version"] == "1.12.1"
    assert spec["artifact_path"] == f"{api_home}/artifacts/{{{{project}}}}/{{{{run.uid}}}}"
    assert spec["redis_url"] == "redis://127.0.0.1:2"
    assert spec["feature_store_default_targets"] == "parquet,redisnosql"
    assert "v3io" not in str(spec)


def test_the_address_of_the_online_store_can_change_while_it_runs(api):
    api.put("/local/v1/redis-url", json={"redis_url": "redis://127.0.0.1:3"})
    assert api.get("/api/v1/client-spec").json()["redis_url"] == "redis://127.0.0.1:3"
    assert api.put("/local/v1/redis-url", json={"redis_url": 3}).status_code == 400
    api.put("/local/v1/redis-url", json={"redis_url": ""})
    assert api.get("/api/v1/client-spec").json()["feature_store_default_targets"] == "parquet"


def test_it_says_who_it_is(api, api_home):
    identity = api.get("/local/v1/identity").json()
    assert (identity["service"], identity["home"]) == ("netops-control-plane", str(api_home))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/submit_job"),
        ("POST", "/api/v1/projects/demo/workflows/main/submit"),
        ("POST", "/api/v1/projects/demo/pipelines"),
        ("GET", "/api/v1/hub/sources"),
        ("DELETE", "/api/v1/projects"),
        ("PATCH", "/api/v2/projects/demo/artifacts"),
    ],
)
def test_an_unsupported_route_answers_501_and_names_itself_and_the_profile(api, method, path):
    answer = api.request(method, path)
    assert answer.status_code == 501
    assert f"{method} {path} is not available" in answer.json()["detail"]
    assert "the kubernetes profile has it" in answer.json()["detail"]


def test_paths_that_are_no_api_are_not_found(api):
    assert (api.get("/").status_code, api.get("/").json()["detail"]) == (404, "GET /: no such route")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("background-tasks", {"background_tasks": []}),
        ("pipelines", {"runs": [], "total_size": 0, "next_page_token": None}),
        ("schedules", {"schedules": []}),
        ("runtime-resources", []),
        ("runtime-resources?group-by=project", {}),
        ("api-gateways", {"api_gateways": {}}),
        ("model-endpoints", {"endpoints": []}),
        ("datastore-profiles", []),
    ],
)
def test_what_a_laptop_has_none_of_is_an_empty_list(api, path, expected):
    answer = api.get(f"/api/v1/projects/demo/{path}")
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize("path", ["background-tasks/x", "pipelines/x", "schedules/x", "model-endpoints/x"])
def test_one_of_what_a_laptop_has_none_of_is_not_found(api, path):
    answer = api.get(f"/api/v1/projects/demo/{path}")
    assert (answer.status_code, "x not found" in answer.json()["detail"]) == (404, True)


def test_everything_is_allowed_and_notifications_are_taken(api):
    assert api.post("/api/v1/authorization/verifications", json={}).status_code == 200
    assert api.post("/api/v1/projects/demo/pipelines/x/push-notifications", json=[]).json() == {}
    assert api.get("/api/v1/healthz").json()["status"] == "ok"


def test_a_profile_is_shown_without_its_private_part(api):
    profile = {"name": "store", "type": "redis", "object": "{}", "private": "password", "project": "demo"}
    profiles = "/api/v1/projects/demo/datastore-profiles"
    assert "password" not in api.put(profiles, json=profile).text
    assert "password" not in api.get(f"{profiles}/store").text
    assert api.get(profiles).json()[0]["name"] == "store"
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == [
        "datastore-profiles.demo.store"
    ]
    assert api.delete(f"{profiles}/store").status_code == 204
    assert api.delete(f"{profiles}/store").status_code == 404
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == []
    assert "'name' must not be empty" in api.put(profiles, json={}).json()["detail"]


def test_secrets_are_kept_and_never_shown(api, api_home):
    secrets = "/api/v1/projects/demo/secrets"
    api.post(secrets, json={"provider": "kubernetes", "secrets": {"a": "x", "b": "y"}})
    assert api.get(secrets).status_code == 400
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == ["a", "b"]
    api.delete(secrets, params={"secret": "a"})
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == ["b"]
    assert (
        "provider 'vault' are not available" in api.post(secrets, json={"provider": "vault"}).json()["detail"]
    )
    (database,) = (api_home / "api").glob("*.sqlite3")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_model_endpoints_are_kept_and_found(api):
    endpoints = "/api/v1/projects/demo/model-endpoints"
    body = {
        "metadata": {"name": "m", "labels": {"a": "b"}},
        "spec": {"function_name": "serving"},
        "status": {},
    }
    uid = api.post(endpoints, json=body).json()["metadata"]["uid"]
    assert api.get(f"{endpoints}/m", params={"endpoint-id": uid}).json()["metadata"]["uid"] == uid
    assert len(api.get(endpoints, params={"function-name": "serving"}).json()["endpoints"]) == 1
    assert api.get(endpoints, params={"label": "a=c"}).json()["endpoints"] == []
    api.delete(f"{endpoints}/m")
    assert api.get(endpoints).json()["endpoints"] == []


def test_a_bug_in_a_handler_is_an_error_of_its_own_and_is_not_repeated_by_the_client(api):
    # The client sends no list here; whatever the handler does with it, the server answers and lives on.
    answer = api.post("/api/v1/projects/demo/runs/u1", json={"metadata": "text"})
    assert answer.status_code == 520
    assert "AttributeError" in answer.json()["detail"]
    assert api.get("/api/v1/healthz").status_code == 200
