"""Starts a runner again whose process died: with it the loop from drift to a new model would stand still."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from project.function_names import RUNNER
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.records import ERROR, READY
from project.local.api.deployments.supervisor import Supervisor

log = logging.getLogger("netops.api.deployments")

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_STEADY_SECONDS = 60.0
"""A runner that has lived so long begins with the first pause again."""


class RevivedRunner:
    """Starts runners that died; one that dies again and again after growing pauses.

    One that was stopped stays so, and one that did not get ready keeps the process of the version before.

    :param clock: in seconds.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        deployments: LiveDeployments,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._supervisor = supervisor
        self._deployments = deployments
        self._clock = clock
        self._tries: dict[str, tuple[int, float]] = {}

    def tick(self) -> None:
        """Start those that are dead and whose pause is over; called every second."""
        now = self._clock()
        for deployment in self._deployments.all():
            if deployment.name != RUNNER:
                continue
            project = deployment.project
            count, last = self._tries.get(project, (0, now))
            if deployment.state == READY and now - last > _STEADY_SECONDS:
                self._tries.pop(project, None)
            if deployment.state != ERROR or deployment.pid is not None:
                continue
            pause = min(_FIRST_PAUSE * 2 ** (count - 1), _LONGEST_PAUSE) if count else 0.0
            if now - last >= pause:
                self._tries[project] = (count + 1, now)
                log.info("runner of %s is started again: %s", project, deployment.reason)
                self._supervisor.start(project, RUNNER)
