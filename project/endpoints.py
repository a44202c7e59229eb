"""Where deployed functions answer, as the MLRun API knows it."""

from __future__ import annotations

import mlrun

from project.errors import NetopsError
from project.function_names import what_brings_back


def endpoint_address(project: str, function: str) -> str:
    """Address of a deployed function, without a trailing slash.

    :raises NetopsError: if the function is unknown to the project or not ready.
    """
    try:
        deployed = mlrun.import_function(f"db://{project}/{function}")
    except mlrun.errors.MLRunNotFoundError as error:
        raise NetopsError(
            f"function '{function}' of project '{project}' must be deployed, got none"
        ) from error
    if deployed.status.state != "ready":
        raise NetopsError(
            f"function '{function}' of project '{project}' must be ready, got state "
            f"{deployed.status.state!r}; next: {what_brings_back(project, function)}"
        )
    return str(deployed.get_url()).rstrip("/")
