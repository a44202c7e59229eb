"""What the steps of one graph share: clock, metrics, journal, known devices, model packages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphs.journal import Journal, NoJournal
from graphs.model_package import ModelPackage, load_model_package
from graphs.serving_metrics import ServingMetrics
from graphs.static_devices import StaticDevices

_ATTRIBUTE = "netops_serving_state"


@dataclass
class ServingState:
    """Shared by the steps of one graph.

    :param clock: the wall clock, epoch seconds.
    :param metrics: what ``GET /metrics`` shows.
    :param journal: accepted events, to be replayed after a restart.
    :param devices: what is known of each device.
    """

    clock: Callable[[], float] = time.time
    metrics: ServingMetrics = field(default_factory=ServingMetrics)
    journal: Journal = field(default_factory=NoJournal)
    devices: StaticDevices | None = None
    _packages: dict[str, ModelPackage] = field(default_factory=dict)

    def package(self, model_path: str) -> ModelPackage:
        """Model package at an address; fetched and checked once."""
        if model_path not in self._packages:
            self._packages[model_path] = load_model_package(model_path)
        return self._packages[model_path]


def serving_state(context: Any) -> ServingState:
    """State of the graph that a context belongs to; made on first use.

    :param context: MLRun's graph context, which lives as long as the graph.
    """
    state = getattr(context, _ATTRIBUTE, None)
    if not isinstance(state, ServingState):
        state = ServingState(clock=getattr(context, "netops_clock", time.time))
        setattr(context, _ATTRIBUTE, state)
    return state
