"""What the steps of one graph share: clock, metrics, journal, known devices, model packages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from feature_sets.model_package.package import ModelPackage, fetch_model_package
from graphs.journal import Journal, NoJournal
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
    _endings: list[Callable[[], None]] = field(default_factory=list)

    def at_end(self, ending: Callable[[], None]) -> None:
        """Have something done before the process ends; it may be done more than once."""
        self._endings.append(ending)

    def end(self) -> None:
        """Do all that is to be done before the process ends."""
        for ending in self._endings:
            ending()

    def package(self, model_path: str) -> ModelPackage:
        """Model package at an address; fetched and checked once."""
        if model_path not in self._packages:
            self._packages[model_path] = fetch_model_package(model_path)
        return self._packages[model_path]


def serving_state(context: Any) -> ServingState:
    """State of the graph that a context belongs to; made on first use.

    :param context: MLRun's graph context, which lives as long as the graph.
    """
    state = getattr(context, _ATTRIBUTE, None)
    if not isinstance(state, ServingState):
        state = ServingState()
        setattr(context, _ATTRIBUTE, state)
        # Nuclio tells its workers before it ends them. A synchronous MLRun flow does not listen, so we do.
        platform = getattr(context, "platform", None)
        if platform is not None and hasattr(platform, "set_termination_callback"):
            platform.set_termination_callback(state.end)
    return state
