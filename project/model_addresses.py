"""Where the models of a project are registered."""

from __future__ import annotations

from training.packaging.model_artifact import MODEL_KEY, PRODUCTION, STAGING

__all__ = ["PRODUCTION", "STAGING", "model_address"]


def model_address(project: str, tag: str) -> str:
    """Address of the model with a tag that the run ``evaluate`` registered.

    MLRun prefixes a key with the name of its run.
    """
    return f"store://models/{project}/evaluate_{MODEL_KEY}:{tag}"
