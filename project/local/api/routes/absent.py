"""Resources that a laptop never has, answered as MLRun's server answers when there are none.

Clusters have pods, schedules, KFP runs, alerts and background tasks. The client lists them now and then and
must get an empty list, not an error. A request to create one is answered with 501 (``unsupported.py``).
"""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.errors import NotFoundError
from project.local.api.http.calls import Call
from project.local.api.http.routing import Handler, route


def _always(answer: Document | list[Document]) -> Handler:
    def handler(call: Call) -> Document | list[Document]:
        return answer

    return handler


def background_task(call: Call) -> Document:
    """There are no background tasks: whatever the laptop does is done when it answers."""
    raise NotFoundError(f"background task {call.path['name']} not found")


def pipeline(call: Call) -> Document:
    """There are no KFP runs."""
    raise NotFoundError(f"pipeline run {call.path['run']} not found: workflows on a laptop run in the client")


def schedule(call: Call) -> Document:
    """There are no schedules."""
    raise NotFoundError(f"schedule {call.project}/{call.path['name']} not found")


def runtime_resources(call: Call) -> Document | list[Document]:
    """There are no pods."""
    return {} if call.value("group-by") else []


_PROJECT = "/api/v1/projects/{project}"
_NO_PAGES: Document = {"page": None, "page-size": None, "page-token": None}
ROUTES: list[Route] = [
    # Nobody but this user reaches the server: everything is allowed.
    route("/api/v1/authorization/verifications", "POST", _always({})),
    route(_PROJECT + "/background-tasks", "GET", _always({"background_tasks": []})),
    route(_PROJECT + "/background-tasks/{name}", "GET", background_task),
    route("/api/v1/background-tasks/{name}", "GET", background_task),
    route(_PROJECT + "/pipelines", "GET", _always({"runs": [], "total_size": 0, "next_page_token": None})),
    route(_PROJECT + "/pipelines/{run}", "GET", pipeline),
    # The client sends notifications itself; these calls tell the server that it has.
    route(_PROJECT + "/pipelines/{run}/push-notifications", "POST", _always({})),
    route(_PROJECT + "/runs/{uid}/push-notifications", "POST", _always({})),
    route(_PROJECT + "/schedules", "GET", _always({"schedules": []})),
    route(_PROJECT + "/schedules/{name}", "GET", schedule),
    route(_PROJECT + "/runtime-resources", "GET", runtime_resources),
    route(_PROJECT + "/runtime-resources", "DELETE", _always({})),
    route(_PROJECT + "/alerts", "GET", _always({"alerts": [], "pagination": _NO_PAGES})),
    route(_PROJECT + "/alert-activations", "GET", _always({"activations": [], "pagination": _NO_PAGES})),
    route("/api/v1/alert-templates", "GET", _always([])),
    route(_PROJECT + "/api-gateways", "GET", _always({"api_gateways": {}})),
]
