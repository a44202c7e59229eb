import pytest


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
