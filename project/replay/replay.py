"""A replay of a stretch of a project's history, from the history to its outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlrun
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.package import fetch_model_package
from feature_sets.model_package.tags import PRODUCTION
from project.errors import NetopsError
from project.model_addresses import model_address
from project.project_setup import replay_function
from project.replay.instance import GraphInstance
from project.replay.outcome import Stretch, outcome
from project.replay.recording import read_recording
from project.replay.timeline import timeline
from project.settings import Settings

LABELS_EVERY = 60
"""Seconds for which labels are gathered at most. Devices that do not send at the same instant have readings
and labels take turns, so that nearly each is a request of its own else."""


def replay(
    settings: Settings,
    project: str,
    stretch: Stretch,
    model: str = "",
    speed: float | None = None,
    told: Callable[[int, int], None] = lambda sent, total: None,
) -> dict[str, Any]:
    """Play what became known in a stretch of time through a graph of its own; nothing is written.

    :param model: address of a model, or empty for the one in production.
    :param speed: times as fast as it was; None for as fast as possible.
    :param told: called with how many readings were sent, of how many.
    :returns: a JSON-able document, the same each time.
    :raises NetopsError: if there is no such model, no history, or no reading in that time.
    """
    mlrun.mlconf.active_project = project
    address = model or model_address(project, PRODUCTION)
    try:
        package = fetch_model_package(address)
    except (mlrun.errors.MLRunNotFoundError, ModelPackageError) as error:
        if model:
            such = model_address(project, PRODUCTION)
            rule = f"must be the address of a model such as {such}, or a folder with its files"
            raise InputError("--model", rule, model) from error
        raise NetopsError(
            f"project '{project}' must have a model in production to replay with, got none; "
            "train one with 'netops run', or name one with --model"
        ) from error
    schema = package.schema.telemetry
    recording = read_recording(schema, stretch.start, stretch.end, stretch.label_delay_seconds)
    total = len(recording.metrics)
    told(0, total)
    instance = GraphInstance(replay_function(project, settings, address))
    every = gathered_for(settings.label_deadline_seconds - stretch.label_delay_seconds)
    batches = timeline(recording, schema, labels_every=every)
    played = instance.play(batches, schema.time, speed, told=lambda sent: told(sent, total))
    trained = package.schema.training_end
    first = recording.metrics[schema.time].min()
    return {
        "project": project,
        "from": stretch.start.isoformat(),
        "to": stretch.end.isoformat(),
        "model": address,
        "version": package.schema.version,
        "trained_until": trained,
        "seen_in_training": bool(trained) and bool(first <= pd.Timestamp(trained)),
        "label_delay_seconds": stretch.label_delay_seconds,
        **outcome(played, recording, schema, stretch),
    }


def gathered_for(spare: float) -> int:
    """For how long labels are gathered, in seconds, so that none misses its deadline for that.

    >>> gathered_for(3540.0), gathered_for(30.0), gathered_for(-5.0)
    (60, 15, 0)

    :param spare: from when a label is known until its deadline, in seconds.
    """
    return int(min(LABELS_EVERY, max(0.0, spare / 2)))
