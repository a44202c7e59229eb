"""Names of the deployed functions and of the model that is served."""

from __future__ import annotations

SERVING = "serving"
GENERATOR = "telemetry-generator"
RUNNER = "runner"

ENDPOINTS = (SERVING, GENERATOR, RUNNER)
"""The deployed functions."""

MODEL = "model"
"""Name of the served model, in paths and answers."""

PRODUCTION_MODEL = "evaluate_model:production"
"""The model that the run ``evaluate`` registered last: MLRun prefixes a key with the name of its run."""
