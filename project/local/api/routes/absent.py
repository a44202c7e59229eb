"""Resources that a laptop never has, answered as MLRun's server answers when there are none.

Clusters have pods and KFP runs. The client lists them now and then and
must get an empty list, not an error. A request to create one is answered with 501 (``unsupported.py``).
"""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.errors import NotFoundError, UnsupportedError
from project.local.api.http.calls import Call
from project.local.api.http.routing import Handler, route


def _always(answer: Document | list[Document]) -> Handler:
    def handler(call: Call) -> Document | list[Document]:
        return answer

    return handler


def pipeline(call: Call) -> Document:
    """There are no KFP runs."""
    raise NotFoundError(f"pipeline run {call.path['run']} not found: workflows on a laptop run in the client")


def submit_pipeline(call: Call) -> Document:
    """There is no Kubeflow."""
    raise UnsupportedError(
        f"POST /api/v1/projects/{call.project}/pipelines is not available on the local control plane: it "
        "has no Kubeflow; run the workflow with engine='local'. With Kubeflow the kubernetes profile has it "
        "(set MLRUN_DBPATH to an MLRun API)"
    )


def runtime_resources(call: Call) -> Document | list[Document]:
    """There are no pods."""
    return {} if call.value("group-by") else []


_PROJECT = "/api/v1/projects/{project}"
ROUTES: list[Route] = [
    # Nobody but this user reaches the server: everything is allowed.
    route("/api/v1/authorization/verifications", "POST", _always({})),
    route(_PROJECT + "/pipelines", "GET", _always({"runs": [], "total_size": 0, "next_page_token": None})),
    route(_PROJECT + "/pipelines", "POST", submit_pipeline),
    route(_PROJECT + "/pipelines/{run}", "GET", pipeline),
    # The client sends notifications itself; these calls tell the server that it has.
    route(_PROJECT + "/pipelines/{run}/push-notifications", "POST", _always({})),
    route(_PROJECT + "/runs/{uid}/push-notifications", "POST", _always({})),
    route(_PROJECT + "/runtime-resources", "GET", runtime_resources),
    route(_PROJECT + "/runtime-resources", "DELETE", _always({})),
    route("/api/v1/alert-templates", "GET", _always([])),
    route(_PROJECT + "/api-gateways", "GET", _always({"api_gateways": {}})),
]
