"""What a model is registered as."""

from __future__ import annotations

MODEL_KEY = "model"
"""Key of the artifact; MLRun puts the name of the run before it."""
PRODUCTION = "production"
"""Tag of the model that is served."""
STAGING = "staging"
"""Tag of the model that is to be served once it is rehearsed."""
REJECTED = "rejected"
"""Tag of the newest model that the gate has kept out."""
CANDIDATE = "candidate"
"""Tag of the newest model that has passed the gate and waits for a person's approval."""
