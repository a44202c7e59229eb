"""The table of routes: every path is found, other methods and paths are refused."""

from __future__ import annotations

import pytest

from graphs.protocol.errors import ApiError
from graphs.protocol.routes import ROUTES, Kind, Route, clean_path, find_route, kinds_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def concrete(route: Route) -> str:
    return route.path.replace("{name}", "model").replace("{version}", "v3")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_is_found_and_other_methods_are_not(route: Route) -> None:
    found = find_route(route.method, concrete(route))
    assert found.route == route
    assert (found.model, found.version) == (
        "model" if "{name}" in route.path else "",
        "v3" if "{version}" in route.path else "",
    )
    taken = [other.method for other in ROUTES if other.path == route.path]
    allowed = [*taken, *(["HEAD"] if "GET" in taken else [])]
    if "HEAD" in allowed:
        assert find_route("HEAD", concrete(route)).route.method == "GET"
    for method in set(METHODS) - set(allowed):
        with pytest.raises(ApiError, match="method: must be") as refused:
            find_route(method, concrete(route))
        assert (refused.value.status, refused.value.headers) == (405, {"Allow": ", ".join(allowed)})
        assert refused.value.rule == f"must be {' or '.join(taken)} for {concrete(route)}"


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v2/models/model/versions",
        "/v2/models//infer",
        "/v2/models/model/versions//infer",
        "/v2/models/model/infer/more",
        "/v2/models/model/versions/v3/infer/more",
        "/telemetry/more",
        "/openapiXjson",
    ],
)
def test_other_paths_are_refused_and_the_known_ones_named(path: str) -> None:
    with pytest.raises(ApiError) as refused:
        find_route("GET", path)
    assert (refused.value.status, refused.value.where, refused.value.got) == (404, "path", path)
    assert refused.value.rule == (
        "must be one of /telemetry, /labels, /incidents, /maintenance, /devices, /readings, /labeled, "
        "/drift, /drift/detectors, /drift/callback, /drift/performance, /devices/reload, /routing, /metrics, "
        "/openapi.json, "
        "/, /v2, /v2/health/live, /v2/health/ready, /v2/models, /v2/models/{name}…"
    )


def test_a_model_may_have_any_name() -> None:
    assert find_route("GET", "/v2/models/versions").model == "versions"
    assert find_route("GET", "/v2/models/ready/ready").route.kind is Kind.MODEL_READY
    assert find_route("GET", "/v2/models/a/versions/versions").version == "versions"


def test_a_path_is_read_without_query_and_final_slash() -> None:
    assert clean_path("/drift/?x=1") == "/drift"
    assert clean_path("/") == ""
    assert find_route("GET", "").route.kind is Kind.OVERVIEW


def test_ids_are_unique_and_every_kind_that_is_asked_for_has_a_route() -> None:
    assert len({route.operation for route in ROUTES}) == len(ROUTES)
    assert {route.kind for route in ROUTES} == set(Kind) - {Kind.UNKNOWN, Kind.REROUTED}
    assert kinds_of("labeled_join") == {Kind.TELEMETRY, Kind.LABELS, Kind.INCIDENTS, Kind.LABELED}
