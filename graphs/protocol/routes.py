"""The table of routes, with the role that each of them takes.

A new route is one row of ``ROUTES``: the steps and the ingress read it there. A test holds the paths of
``openapi.yaml`` against the table.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from graphs.protocol.errors import ApiError
from graphs.protocol.roles import Role


class Kind(StrEnum):
    """What a request asks for; each step handles the kinds it is for and passes the others on.

    ``REROUTED`` is of the journal alone: a change of the routing takes effect.
    """

    TELEMETRY = "telemetry"
    LABELS = "labels"
    MAINTENANCE = "maintenance"
    CALENDAR = "calendar"
    DEVICES = "devices"
    READINGS = "readings"
    INCIDENTS = "incidents"
    LABELED = "labeled"
    DRIFT = "drift"
    ATTACH = "attach"
    DETACH = "detach"
    CALLBACK = "callback"
    PERFORMANCE = "performance"
    RELOAD = "reload"
    ROUTING = "routing"
    REROUTE = "reroute"
    REROUTED = "rerouted"
    METRICS = "metrics"
    OPENAPI = "openapi"
    OVERVIEW = "overview"
    SERVER = "server"
    LIVE = "live"
    READY = "ready"
    MODELS = "models"
    MODEL = "model"
    MODEL_READY = "model_ready"
    INFER = "infer"
    UNKNOWN = "unknown"


class Route(NamedTuple):
    """One row of the table.

    :param method: HTTP method.
    :param path: where it is; ``{name}`` and ``{version}`` stand for one segment each.
    :param kind: what it asks for.
    :param operation: its id in the OpenAPI document.
    :param steps: names of the steps that handle it, in the order of the graph; the last one answers.
    :param has_body: whether it takes a JSON body.
    :param role: what the sender must be; None for anybody, whatever the settings say.
    """

    method: str
    path: str
    kind: Kind
    operation: str
    steps: tuple[str, ...]
    has_body: bool = False
    role: Role | None = None


class RouteMatch(NamedTuple):
    """The route of a request.

    :param route: the row of the table.
    :param model: model name in the path, or empty.
    :param version: model version in the path, or empty.
    """

    route: Route
    model: str = ""
    version: str = ""


_MODEL = "/v2/models/{name}"
_VERSION = "/v2/models/{name}/versions/{version}"
_PREDICTING = (
    *("journal", "preprocess", "device_states", "model_router"),
    *("labeled_join", "detect_drift", "respond"),
)
_STATES = ("device_states",)
_LABELING = ("journal", "labeled_join", "detect_drift", "respond")
_JOIN, _DRIFT, _ROUTER, _RESPOND = ("labeled_join",), ("detect_drift",), ("model_router",), ("respond",)

ROUTES = (
    Route(
        "POST", "/telemetry", Kind.TELEMETRY, "predictTelemetry", _PREDICTING, has_body=True, role=Role.WRITE
    ),
    Route("POST", "/labels", Kind.LABELS, "addLabels", _LABELING, has_body=True, role=Role.WRITE),
    Route("POST", "/incidents", Kind.INCIDENTS, "addIncidents", _LABELING, has_body=True, role=Role.WRITE),
    Route(
        "POST",
        "/maintenance",
        Kind.MAINTENANCE,
        "changeMaintenance",
        ("journal", "device_states", "respond"),
        has_body=True,
        role=Role.ADMIN,
    ),
    Route("GET", "/maintenance", Kind.CALENDAR, "getMaintenance", _STATES, role=Role.READ),
    Route("GET", "/devices", Kind.DEVICES, "getDevices", _STATES, role=Role.READ),
    Route("GET", "/readings", Kind.READINGS, "getReadings", _STATES, role=Role.READ),
    Route("GET", "/labeled", Kind.LABELED, "getLabeled", _JOIN, role=Role.READ),
    Route("GET", "/drift", Kind.DRIFT, "getDrift", _DRIFT, role=Role.READ),
    Route("PUT", "/drift/detectors", Kind.ATTACH, "attachDetectors", _DRIFT, has_body=True, role=Role.ADMIN),
    Route("PUT", "/drift/callback", Kind.CALLBACK, "attachCallback", _DRIFT, has_body=True, role=Role.ADMIN),
    Route(
        "PUT",
        "/drift/performance",
        Kind.PERFORMANCE,
        "attachPerformance",
        _DRIFT,
        has_body=True,
        role=Role.ADMIN,
    ),
    Route("DELETE", "/drift/detectors", Kind.DETACH, "detachDetectors", _DRIFT, role=Role.ADMIN),
    Route(
        "POST", "/devices/reload", Kind.RELOAD, "reloadDevices", ("preprocess", "respond"), role=Role.ADMIN
    ),
    Route("GET", "/routing", Kind.ROUTING, "getRouting", _ROUTER, role=Role.ADMIN),
    Route("PUT", "/routing", Kind.REROUTE, "changeRouting", _ROUTER, has_body=True, role=Role.ADMIN),
    Route("GET", "/metrics", Kind.METRICS, "getMetrics", ("device_states", "respond"), role=Role.READ),
    Route("GET", "/openapi.json", Kind.OPENAPI, "getOpenapi", _RESPOND),
    Route("GET", "/", Kind.OVERVIEW, "getOverview", _ROUTER, role=Role.READ),
    Route("GET", "/v2", Kind.SERVER, "getServer", _ROUTER),
    Route("GET", "/v2/health/live", Kind.LIVE, "getLive", _ROUTER),
    Route("GET", "/v2/health/ready", Kind.READY, "getReady", _ROUTER),
    Route("GET", "/v2/models", Kind.MODELS, "listModels", _ROUTER, role=Role.READ),
    Route("GET", _MODEL, Kind.MODEL, "getModel", _ROUTER, role=Role.READ),
    Route("GET", f"{_MODEL}/ready", Kind.MODEL_READY, "getModelReady", _ROUTER, role=Role.READ),
    Route("POST", f"{_MODEL}/infer", Kind.INFER, "infer", _ROUTER, has_body=True, role=Role.READ),
    Route("GET", _VERSION, Kind.MODEL, "getModelVersion", _ROUTER, role=Role.READ),
    Route("GET", f"{_VERSION}/ready", Kind.MODEL_READY, "getModelVersionReady", _ROUTER, role=Role.READ),
    Route("POST", f"{_VERSION}/infer", Kind.INFER, "inferVersion", _ROUTER, has_body=True, role=Role.READ),
)

Methods = dict[str, Route]


def _by_path() -> tuple[dict[str, Methods], list[tuple[re.Pattern[str], Methods]]]:
    """Routes of each path, and of each path with placeholders, in the order of the table."""
    paths: dict[str, Methods] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = route
    patterns = [
        (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), paths.pop(path))
        for path in list(paths)
        if "{" in path
    ]
    return paths, patterns


_FIXED, _PATTERNS = _by_path()


def paths() -> list[str]:
    """Paths without placeholders, in the order of the table."""
    return list(_FIXED)


def kinds_of(step: str) -> frozenset[Kind]:
    """Kinds of request that a step handles."""
    return frozenset(route.kind for route in ROUTES if step in route.steps)


def clean_path(path: str) -> str:
    """Path without query and without a final slash."""
    return path.partition("?")[0].rstrip("/")


@lru_cache(maxsize=256)
def find_route(method: str, path: str) -> RouteMatch:
    """Route of a cleaned path; ``HEAD`` has that of ``GET``, and servers leave out the body of its answer.

    :raises ApiError: 404 for a path we do not have, 405 with ``Allow`` for a method it does not take.
    """
    path = path or "/"
    methods, parts = _FIXED.get(path), {}
    if methods is None:
        for pattern, candidates in _PATTERNS:
            if found := pattern.fullmatch(path):
                methods, parts = candidates, found.groupdict()
                break
        else:
            raise ApiError(404, "path", f"must be one of {', '.join(_FIXED)}, {_MODEL}…", path)
    route = methods.get("GET" if method == "HEAD" else method)
    if route is None:
        allowed = [*methods, *(["HEAD"] if "GET" in methods else [])]
        rule = f"must be {' or '.join(methods)} for {path}"
        raise ApiError(405, "method", rule, method, headers={"Allow": ", ".join(allowed)})
    return RouteMatch(route, parts.get("name", ""), parts.get("version", ""))
