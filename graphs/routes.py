"""Which method and path ask for what."""

from __future__ import annotations

from typing import NamedTuple

from graphs.requests import ApiError, Kind

_FIXED: dict[str, dict[str, Kind]] = {
    "/telemetry": {"POST": Kind.TELEMETRY},
    "/labels": {"POST": Kind.LABELS},
    "/labeled": {"GET": Kind.LABELED},
    "/drift": {"GET": Kind.DRIFT},
    "/drift/detectors": {"PUT": Kind.ENLIST, "DELETE": Kind.DISMISS},
    "/metrics": {"GET": Kind.METRICS},
    "/openapi.json": {"GET": Kind.OPENAPI},
    "/v2": {"GET": Kind.SERVER},
    "/v2/health/live": {"GET": Kind.LIVE},
    "/v2/health/ready": {"GET": Kind.READY},
    "/v2/models": {"GET": Kind.MODELS},
}
_OPERATIONS: dict[str, dict[str, Kind]] = {
    "": {"GET": Kind.MODEL},
    "ready": {"GET": Kind.MODEL_READY},
    "infer": {"POST": Kind.INFER},
}
_MODELS = "/v2/models/"


class Route(NamedTuple):
    """What a request asks for.

    :param kind: what it is.
    :param model: model name in the path, or empty.
    :param version: model version in the path, or empty.
    """

    kind: Kind
    model: str = ""
    version: str = ""


def clean_path(path: str) -> str:
    """Path without query and without a final slash."""
    return path.partition("?")[0].rstrip("/")


def find_route(method: str, path: str) -> Route:
    """Route of a cleaned path.

    :raises ApiError: 404 for a path we do not have, 405 for a method it does not take.
    """
    methods, model, version = _FIXED.get(path), "", ""
    if methods is None and path.startswith(_MODELS):
        parts = path[len(_MODELS) :].split("/")
        model, rest = parts[0], parts[1:]
        if len(rest) >= 2 and rest[0] == "versions":
            version, rest = rest[1], rest[2:]
        if model and len(rest) <= 1 and (version or "versions" not in rest):
            methods = _OPERATIONS.get("".join(rest))
    if methods is None:
        raise ApiError(404, "path", f"must be one of {', '.join(_FIXED)}, {_MODELS}{{name}}…", path or "/")
    kind = methods.get(method)
    if kind is None:
        raise ApiError(405, "method", f"must be {' or '.join(methods)} for {path}", method)
    return Route(kind, model, version)
