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
