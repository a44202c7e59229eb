"""The model in production, as the MLRun API has it; read without its client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feature_sets.model_package.tags import PRODUCTION
from project.http_json import AbsentError, get_json
from project.model_addresses import MODEL_ARTIFACT, artifacts_address

_TIMEOUT = 10.0


def production_artifact(dbpath: str, project: str) -> dict[str, Any] | None:
    """The model in production as the MLRun API has it, or None without one."""
    address = f"{artifacts_address(dbpath, project)}/{MODEL_ARTIFACT}"
    try:
        found: dict[str, Any] = get_json(address, _TIMEOUT, tag=PRODUCTION)
    except AbsentError:
        return None
    return found


def production_version(dbpath: str, project: str) -> str:
    """Version of the model in production, empty without one."""
    artifact = production_artifact(dbpath, project)
    return version_of(artifact) if artifact else ""


def version_of(artifact: Mapping[str, Any]) -> str:
    """Version of a model, as it is registered."""
    return str(artifact["metadata"]["labels"]["version"])
