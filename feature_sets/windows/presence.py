"""Features of how regularly a device sends: the age of its last reading, and the share of those expected.

They are made from the event times that the windows keep, see ``_emit_presence`` in ``kernel.py``: ``age`` is
the time in seconds since the reading before, by event time; it is missing without one in the longest window.
``received_share_{window}`` is the number of readings in a window over the number expected in its length.
"""

from __future__ import annotations

from typing import Any

from feature_sets.only_vectorized import refuse_own_ingestion

STEP = "feature_sets.windows.presence.Presence"
"""Class of the graph step that declares them in a feature set."""


def declared_interval(feature_set: Any) -> str | None:
    """How often readings are expected, as a feature set declares it; None if it does not."""
    for step in feature_set.spec.graph.steps.values():
        if getattr(step, "class_name", None) == STEP:
            return str(step.class_args["expected"])
    return None


class Presence:
    """Step of a feature set's graph that declares the features; the vectorized ingestion computes them.

    :param expected: how often readings are expected.
    :param kwargs: what MLRun adds.
    """

    def __init__(self, expected: str, **kwargs: Any) -> None:
        self.expected = expected

    @staticmethod
    def validate_args(feature_set: Any, expected: str, **kwargs: Any) -> None:
        """Refuse MLRun's own ingestion, see ``refuse_own_ingestion``.

        :raises InputError: always.
        """
        refuse_own_ingestion("features of expected_interval", expected)

    def do(self, event: dict[str, Any]) -> dict[str, Any]:
        """Pass an event on; MLRun calls this."""
        return event
