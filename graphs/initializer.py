"""What MLRun's graph server does before it makes the steps: on its mock server, our HTTP host, or Nuclio."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from feature_sets.windows.warm_up import warm_up
from graphs.exposure import check_exposure, is_exposed
from graphs.protocol.function_secrets import CALLBACK_SECRET, find_secret, read_tokens
from graphs.protocol.raw_body import leave_bodies_alone
from graphs.protocol.roles import anonymous_role
from graphs.state.serving_state import ServingState, attach_state
from graphs.state.settings import ServingSettings
from graphs.streams_volume import check_on_volume, is_deployed_in_pod
from graphs.together import ATTRIBUTE, Together

INITIALIZER = "graphs.initializer.initialize"
SETTINGS = "serving_settings"
"""Name of the graph's parameter that holds the settings."""


def initialize(server: Any) -> None:
    """Graph initializer (MLRun's ``graph_initializer`` hook): build what the steps share.

    :param server: MLRun's graph server, before its steps are made.
    """
    leave_bodies_alone(server)
    context = server.context
    settings = ServingSettings(**context.get_param(SETTINGS))
    tokens, secret = read_tokens(context, settings.token_secret), find_secret(context, CALLBACK_SECRET)
    if is_exposed(context):
        check_exposure(bool(tokens), anonymous_role(settings.anonymous))
    if is_deployed_in_pod() and not getattr(context, "is_mock", False):
        for name in ("archive_directory", "snapshot_directory", "labeled_directory"):
            if folder := getattr(settings, name):
                check_on_volume(f"argument '{name}'", Path(folder))
    state = ServingState.build(settings, tokens, callback_secret=secret)
    attach_state(context, state)
    if state.arrivals is None:  # With that clock each request has an arrival of its own.
        setattr(server, ATTRIBUTE, Together(context))
    # Nuclio tells its workers before it ends them. A synchronous MLRun flow does not listen, so we do.
    platform = getattr(context, "platform", None)
    if platform is not None and hasattr(platform, "set_termination_callback"):
        platform.set_termination_callback(lambda: shut_down(context))


def preload() -> None:
    """Load what every serving graph needs; a host calls it before it knows that it will answer."""
    importlib.import_module("mlrun.feature_store")
    importlib.import_module("onnxruntime")
    warm_up()


def shut_down(context: Any) -> None:
    """Run the shutdown hook of every step that has one, in order; it may be done more than once.

    :param context: MLRun's graph context, whose root is the graph.
    """
    for step in context.root.steps.values():
        terminate = getattr(step.async_object, "terminate", None)
        if terminate is not None:
            terminate()
