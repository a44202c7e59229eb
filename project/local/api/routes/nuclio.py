"""MLRun's deploy calls, answered with a local process."""

from __future__ import annotations

import time
from dataclasses import replace

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.deployments.records import ERROR, OFFLINE, Deployment
from project.local.api.deployments.status import DEPLOYED_KINDS, deployed_name, live_status, normal_name
from project.local.api.documents import Document, get_in
from project.local.api.errors import InvalidError, UnsupportedError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.records.artifact_tags import check_tag
from project.local.api.records.projects import require_project
from project.local.api.records.versioned import FUNCTION, write_record
from project.local.processes import log_tail

# The client sleeps between its questions; answering as soon as the state is known makes it quick.
_LONG_POLL_SECONDS = 5.0


def deploy(call: Call) -> Document:
    """Store the function and start its process; the client then asks for the status until it is ready."""
    require_project(call.context.store, call.project)
    function = call.json().get("function")
    if not isinstance(function, dict):
        raise InvalidError(f"deploy: 'function' must be an object, got {type(function).__name__}")
    kind = function.get("kind")
    if kind not in DEPLOYED_KINDS:
        raise UnsupportedError(
            f"deploy of kind {kind!r} is not available on the laptop, which has {sorted(DEPLOYED_KINDS)}; "
            "the kubernetes profile has it",
        )
    name, tag = normal_name(call.path["name"]), get_in(function, "metadata.tag") or ""
    # Both become part of file names.
    check_tag(name)
    if tag:
        check_tag(tag)
    function.setdefault("metadata", {}).update(name=name, project=call.project)
    deployment = call.context.supervisor.deploy(call.project, deployed_name(name, tag), function)
    function["status"] = {**(function.get("status") or {}), **live_status(deployment)}
    write_record(call.context.store, FUNCTION, call.project, name, function, tag=tag, versioned=False)
    function["metadata"]["tag"] = tag
    return {"data": function}


def status(call: Call) -> Response:
    """State of a deployed function in headers, and as text what went wrong.

    MLRun's client waits until it is ready or has failed. So one that was stopped meanwhile has failed: it
    would wait for ever.
    """
    name = deployed_name(call.path["name"], call.value("tag"))
    deployment = call.context.deployments.wait(call.project, name, _LONG_POLL_SECONDS)
    text = ""
    if deployment.state == OFFLINE:
        text = f"function '{name}' of project '{call.project}' is {OFFLINE}: stopped while it was deployed\n"
        deployment = replace(deployment, state=ERROR)
        return Response(text, media_type="text/plain", headers=_headers(deployment))
    if deployment.state == ERROR:
        log = call.context.settings.function_log(deployment.project, deployment.name)
        text = f"{deployment.explanation}; its log ends with:\n{log_tail(log, start=deployment.log_start)}\n"
    return Response(text, media_type="text/plain", headers=_headers(deployment))


def _headers(deployment: Deployment) -> dict[str, str]:
    live = live_status(deployment)
    return {
        "x-mlrun-function-status": deployment.state,
        "x-mlrun-address": live["address"],
        "x-mlrun-name": live["nuclio_name"],
        "x-mlrun-internal-invocation-urls": ",".join(live["internal_invocation_urls"]),
        "x-mlrun-external-invocation-urls": "",
        "x-mlrun-container-image": "",
        "x-mlrun-last-timestamp": str(time.time()),
    }


def build_status(call: Call) -> Response:
    """State of any function, for clients that ask the build route."""
    project = call.value("project")
    named = call.with_path(project=project, name=call.value("name"))
    name = deployed_name(named.path["name"], call.value("tag"))
    if call.context.deployments.find(project, name) is not None:
        return status(named)
    # Functions of other kinds run in the client's own process: there is nothing to build.
    return Response("", media_type="text/plain", headers={"x-mlrun-function-status": "ready"})


ROUTES: list[Route] = [
    route("/api/v1/projects/{project}/nuclio/{name}/deploy", "POST", deploy),
    route("/api/v1/projects/{project}/nuclio/{name}/deploy", "GET", status),
    route("/api/v1/build/status", "GET", build_status),
]
