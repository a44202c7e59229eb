"""Starts functions again whose process died; one that dies again and again is left after some attempts.

A start that a full disk would fail is no attempt: it waits for room.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from project.disk_errors import log_failure
from project.function_names import STAGING
from project.local.api.deployments.backoff import pause_after
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.records import ERROR, READY, Deployment

log = logging.getLogger("netops.api.deployments")

_STEADY_SECONDS = 60.0
"""A function that has been ready for so long begins with the first attempt again."""
_STANDBY_SECONDS = 20.0
"""So long after a function is ready a process begins to wait for its end: it does not slow down a start."""
ATTEMPTS = 8
LOG_LINES = 10


class Starter(Protocol):
    """Starts functions again."""

    def revive(self, project: str, name: str) -> None:
        """Start a function whose process died, unless it was stopped or deployed meanwhile."""

    def prepare(self, deployment: Deployment) -> None:
        """Have a process wait that takes over when that of a serving function dies."""

    def give_up(self, deployment: Deployment, attempts: int, lines: int) -> None:
        """Leave a function as it is, with the last lines of its log as a part of the reason."""


class RevivedFunctions:
    """Starts functions that died: at once, then after growing pauses, ``ATTEMPTS`` times at most.

    One that was stopped stays so. One that never got ready stays an error: whoever deployed it was told. A
    staging endpoint is left to its run.

    :param write_failure: says why the disk takes no files; empty if it does.
    :param clock: in seconds.
    """

    def __init__(
        self,
        starter: Starter,
        deployments: LiveDeployments,
        write_failure: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._starter = starter
        self._deployments = deployments
        self._write_failure = write_failure
        self._clock = clock
        self._waits: set[tuple[str, str]] = set()
        self._tries: dict[tuple[str, str], tuple[int, float]] = {}
        self._ready_since: dict[tuple[str, str], float] = {}

    def tick(self) -> None:
        """Start those that are dead and whose pause is over; called every second."""
        for deployment in self._deployments.all():
            if deployment.name != STAGING:
                try:
                    self._look(deployment)
                except Exception as error:
                    # Narrower, a fault of our own with one would keep all after it from being started again.
                    log_failure(
                        log, error, f"{deployment.name} of {deployment.project} cannot be looked after"
                    )

    def _look(self, deployment: Deployment) -> None:
        now, key = self._clock(), (deployment.project, deployment.name)
        count, last = self._tries.get(key, (0, now))
        if deployment.state != READY:
            self._ready_since.pop(key, None)
        elif now - self._ready_since.setdefault(key, now) > _STEADY_SECONDS:
            self._tries.pop(key, None)
        if deployment.state == READY and time.time() - (deployment.ready_time or 0.0) > _STANDBY_SECONDS:
            self._starter.prepare(deployment)
        if deployment.state != ERROR or not deployment.fallen or deployment.pid is not None:
            self._waits.discard(key)
            return
        if count < ATTEMPTS and now - last < pause_after(count):
            return
        if self._waits_for_room(key):
            self._tries.pop(key, None)
            return
        if count >= ATTEMPTS:
            self._tries.pop(key)
            log.error("%s of %s is left after %d attempts", deployment.name, deployment.project, count)
            self._starter.give_up(deployment, count, LOG_LINES)
            return
        self._tries[key] = (count + 1, now)
        log.info("%s of %s is started again: %s", deployment.name, deployment.project, deployment.reason)
        self._starter.revive(*key)

    def _waits_for_room(self, key: tuple[str, str]) -> bool:
        """Whether a start would only fail, as nothing can be written; logged once."""
        failure = self._write_failure()
        if failure and key not in self._waits:
            log.error("%s of %s is not started again until there is room: %s", key[1], key[0], failure)
        (self._waits.add if failure else self._waits.discard)(key)
        return bool(failure)
