"""Our own routes, outside MLRun's namespace: who this is, and deployments."""

from __future__ import annotations

import os

from starlette.routing import Route

from project.local.api.deployments.records import Deployment, read_function
from project.local.api.documents import Document
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route


def identity(call: Call) -> Document:
    """Which control plane this is: another program may have its port."""
    settings = call.context.settings
    return {
        "service": "netops-control-plane",
        "home": str(settings.home),
        "source_root": str(settings.source_root),
        "pid": os.getpid(),
        "redis_url": call.context.redis_url,
        "code": call.context.code,
        "valkey_restarts": call.context.valkey_restarts,
    }


def set_redis_url(call: Call) -> Document:
    """Change the online store's address that clients are told."""
    url = call.json().get("redis_url")
    if not isinstance(url, str):
        raise InvalidError(f"redis_url must be text, got {url!r}")
    call.context.redis_url = url
    return identity(call)


def _describe(call: Call, deployment: Deployment) -> Document:
    log = call.context.settings.function_log(deployment.project, deployment.name)
    kind = str(read_function(call.context.store, deployment).get("kind") or "")
    return deployment.describe(kind, str(log))


def list_deployments(call: Call) -> Document:
    """All deployed functions as they are now."""
    found = call.context.deployments.all(call.value("project"))
    return {"deployments": [_describe(call, deployment) for deployment in found]}


def stop(call: Call) -> Document:
    """Stop a function; it can be deployed again."""
    return _describe(call, call.context.supervisor.stop(call.project, call.path["name"]))


ROUTES: list[Route] = [
    route("/local/v1/identity", "GET", identity),
    route("/local/v1/redis-url", "PUT", set_redis_url),
    route("/local/v1/deployments", "GET", list_deployments),
    route("/local/v1/deployments/{project}/{name}/stop", "POST", stop),
]
