"""Names of the deployed functions and of the model that is served."""

from __future__ import annotations

SERVING = "serving"
STAGING = "serving-staging"
"""The same graph for rehearsals, which a run deploys and deletes; it never sees real traffic."""
GENERATOR = "telemetry-generator"
RUNNER = "runner"

ENDPOINTS = (SERVING, STAGING, GENERATOR, RUNNER)
"""The deployed functions."""

MODEL = "model"
"""Name of the served model, in paths and answers."""


def what_brings_back(project: str, function: str) -> str:
    """The command that deploys a function again."""
    return f"netops {'serve' if function in (SERVING, RUNNER) else 'run'} --project {project}"


def attaches_detectors(project: str) -> str:
    """What to do where no detectors watch the champion, in words."""
    return f"'{what_brings_back(project, SERVING)}' attaches those of the champion, or says why not"
