"""Our own routes, outside MLRun's namespace: who this is, deployments, shutdown."""

from __future__ import annotations

import os

from starlette.routing import Route

from project.local.api.deployments.records import Deployment
from project.local.api.deployments.supervisor import end_this_process
from project.local.api.documents import Document
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call, route


def identity(call: Call) -> Document:
    """Which control plane this is, so that nobody takes another program on the port for it."""
    settings = call.context.settings
    return {
        "service": "netops-control-plane",
        "home": str(settings.home),
        "source_root": str(settings.source_root),
        "pid": os.getpid(),
        "redis_url": call.context.redis_url,
    }


def set_redis_url(call: Call) -> Document:
    """Change the online store's address that clients are told."""
    url = call.json().get("redis_url")
    if not isinstance(url, str):
        raise InvalidError(f"redis_url must be text, got {url!r}")
    call.context.redis_url = url
    return identity(call)


def _describe(call: Call, deployment: Deployment) -> Document:
    supervisor = call.context.supervisor
    log = supervisor.log_file(deployment.project, deployment.name)
    return deployment.describe(supervisor.kind(deployment), str(log))


def list_deployments(call: Call) -> Document:
    """All deployed functions as they are now."""
    found = call.context.supervisor.deployments(call.value("project"))
    return {"deployments": [_describe(call, deployment) for deployment in found]}


def stop(call: Call) -> Document:
    """Stop a function; it can be started again."""
    return _describe(call, call.context.supervisor.stop(call.project, call.path["name"]))


def start(call: Call) -> Document:
    """Start a function again as it was deployed; answers when it is ready or has failed."""
    supervisor = call.context.supervisor
    supervisor.start(call.project, call.path["name"])
    return _describe(call, supervisor.wait(call.project, call.path["name"], 150.0))


def shutdown(call: Call) -> Document:
    """Stop all functions, then end."""
    call.context.supervisor.stop_all()
    end_this_process()
    return {}


ROUTES: list[Route] = [
    route("/local/v1/identity", "GET", identity),
    route("/local/v1/redis-url", "PUT", set_redis_url),
    route("/local/v1/deployments", "GET", list_deployments),
    route("/local/v1/deployments/{project}/{name}/stop", "POST", stop),
    route("/local/v1/deployments/{project}/{name}/start", "POST", start),
    route("/local/v1/shutdown", "POST", shutdown),
]
