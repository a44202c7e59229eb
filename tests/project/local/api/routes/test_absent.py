import pytest


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
