"""The settings that every client takes from the server when it connects.

A client that has set one of these itself (environment or ``mlrun.mlconf``) keeps its own value for
``artifact_path``, ``redis.url`` and ``nuclio_version``; the others here replace the client's. MLRun
1.12.1 ignores any other field, so the server can not carry, for example: the active project
(``MLRUN_ACTIVE_PROJECT``), the log level (``MLRUN_LOG_LEVEL``), ``mock_nuclio_deployment``, HTTP timeouts,
or prefixes of kinds other than ``default``, ``nosql`` and ``redisnosql``.
"""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.http.calls import Call
from project.local.api.http.routing import route

MLRUN_VERSION = "1.12.1"
# Non-empty, or the client answers deploy() with a simulation; new enough for every feature it asks about.
_NUCLIO_VERSION = "1.15.3"

# MLRun's own values except the pauses between questions, which are for a remote cluster: our status route
# answers when there is news, so the client need not wait before it asks.
_LOGS: Document = {
    "decode": {"errors": "replace"},
    "pipelines": {"pull_state": {"mode": "disabled", "pull_logs_interval": 30, "pull_state_interval": 5}},
    "nuclio": {"pull_deploy_status_default_interval": 0},
    "pull_logs_default_interval": 1,
    "pull_logs_backoff_no_logs_default_interval": 2,
    "pull_logs_default_size_limit": 1024 * 1024,
}


def client_spec(call: Call) -> Document:
    """Settings for clients: where artifacts and feature sets go, and the online store."""
    settings, redis_url = call.context.settings, call.context.redis_url
    features = f"{settings.feature_store}/{{project}}/{{name}}"
    return {
        "version": MLRUN_VERSION,
        # Without a namespace the client takes it that the server runs nothing, and refuses schedules.
        # The steps of a workflow still run in the workflow's process, because there is no Kubeflow.
        "namespace": "local",
        # One folder for each run: a later run must not overwrite the files of an earlier one.
        "artifact_path": f"{settings.artifact_path}/{{{{project}}}}/{{{{run.uid}}}}",
        "nuclio_version": _NUCLIO_VERSION,
        "calculate_artifact_hash": True,
        "feature_store_data_prefixes": {
            "default": f"{features}/{{kind}}",
            "nosql": f"{features}/nosql",
            "redisnosql": "redis://{authority}/projects/{project}/FeatureStore/{name}/nosql",
        },
        "feature_store_default_targets": "parquet,redisnosql" if redis_url else "parquet",
        "redis_url": redis_url or None,
        "alerts_mode": "enabled",
        "logs": _LOGS,
    }


def healthz(call: Call) -> Document:
    """That the server is up."""
    return {"version": MLRUN_VERSION, "status": "ok"}


ROUTES: list[Route] = [
    route("/api/v1/client-spec", "GET", client_spec),
    route("/api/v1/healthz", "GET", healthz),
    route("/api/healthz", "GET", healthz),
]
