"""How a deployment shows in the document of its function: name, state, address."""

from __future__ import annotations

from project.local.api.deployments.records import Deployment
from project.local.api.documents import Document

DEPLOYED_KINDS = frozenset({"serving", "remote", "nuclio"})


def normal_name(name: str) -> str:
    """Name as MLRun stores it: lower case, ``-`` for ``_`` and spaces."""
    return name.lower().replace("_", "-").replace(" ", "-")


def deployed_name(name: str, tag: str = "") -> str:
    """Name of a deployment: the function's, with the tag at the end unless it is ``latest``."""
    return normal_name(name) if tag in {"", "latest"} else f"{normal_name(name)}-{tag}"


def live_status(deployment: Deployment) -> Document:
    """The ``status`` fields that a deployment decides."""
    answers = deployment.pid is not None
    return {
        "state": deployment.state,
        "reason": deployment.explanation,
        "nuclio_name": f"{deployment.project}-{deployment.name}",
        "address": deployment.address if answers else "",
        "internal_invocation_urls": [deployment.address] if answers else [],
        # Empty on purpose: MLRun's client would put a scheme before it, in two different ways.
        "external_invocation_urls": [],
    }
