"""Step of the rolling feature set's graph, after storey: the windows as the live engine computes them.

storey keeps the last values of a metric's windows while its readings are missing, and its running totals
gather rounding error. Training would then see other numbers than serving. This step puts the live engine's
in their place, so both see the same, to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows import event_status
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows


class ExactWindows:
    """Replaces the window features of each event. Events come in event order, each once.

    :param schema: content of the telemetry schema.
    :param kwargs: what MLRun adds.
    """

    def __init__(self, schema: Mapping[str, Any], **kwargs: Any) -> None:
        # What is ingested happened; an event ahead of this machine's clock is not held back here.
        definition = WindowDefinition.from_schema(TelemetrySchema.from_dict(schema))
        self._time = definition.timestamp
        self._windows = OnlineWindows(definition, time.time, self._time)

    def do(self, event: dict[str, Any]) -> dict[str, Any]:
        """Put in the features of one event; MLRun calls this."""
        features = self._windows.update(event)
        del features[event_status.COLUMN]
        event.update(features)
        return event
