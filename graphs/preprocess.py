"""Third step: raw events become features: rolling windows, latest readings, static one-hots."""

from __future__ import annotations

from typing import Any, ClassVar

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows import event_status
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from graphs.request_step import RequestStep
from graphs.requests import Kind, Request
from graphs.serving_state import serving_state

_ARRIVAL = "(arrival)"
"""Field with the arrival time; no schema can have a column of this name."""


class Preprocess(RequestStep):
    """Keeps the rolling windows of every device and gives each event its features.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param model_path: model package whose telemetry schema says which windows.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.TELEMETRY})

    def __init__(self, context: Any, name: str = "preprocess", model_path: str = "") -> None:
        self.name = name
        self._state = serving_state(context)
        schema = self._state.package(model_path).schema.telemetry
        self._schema = schema
        self._windows = OnlineWindows(WindowDefinition.from_schema(schema), self._state.clock, _ARRIVAL)

    def handle(self, request: Request) -> None:
        """Take the events into the windows; those that were not counted get no features."""
        devices = self._state.devices
        for event in request.events:
            row = self._windows.update(
                {
                    DEVICE: event.device,
                    self._schema.time: event.time,
                    _ARRIVAL: request.arrival,
                    **event.metrics,
                }
            )
            status = row.pop(event_status.COLUMN)
            request.statuses.append(status)
            if status not in event_status.COUNTED:
                request.features.append(None)
                continue
            row.update(event.metrics)
            if devices is not None:
                row.update(devices.features(event.device))
            request.features.append(row)


def live_features(schema: TelemetrySchema) -> frozenset[str]:
    """Names of the features that a live event always has."""
    return frozenset((*schema.metric_names, *schema.window_features))
