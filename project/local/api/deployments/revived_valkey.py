"""Starts the online store again whose process died: without it endpoints accept nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from project.local import valkey
from project.local.api.deployments.backoff import pause_after
from project.local.log_files import Attempts, put_aside
from project.local.servers import ServerError
from project.local.stack_lock import stack_lock

log = logging.getLogger("netops.api.valkey")

_STEADY_SECONDS = 60.0
"""A server that has lived for so long begins with the first attempt again."""


class RevivedValkey:
    """Starts Valkey at its address again: at once, then after growing pauses, for as long as it is needed.

    Endpoints were deployed with its address, so it is not started at another. Whoever stops it stops the
    control plane before. While a command starts or stops servers nothing is done.

    :param home: the folder that all local state is under.
    :param started_again: told the address.
    :param clock: in seconds.
    """

    def __init__(
        self, home: Path, started_again: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._home = home
        self._started_again = started_again
        self._clock = clock
        self._attempts, self._last = 0, 0.0
        self._log_attempts = Attempts()

    def tick(self) -> None:
        """Start it if it is dead and the pause is over; called every second.

        Its log is kept from growing for ever, which it does not do itself.
        """
        self._log_attempts.make(lambda: put_aside(valkey.log_file(self._home)))
        if valkey.lives(self._home) is not False:
            if self._attempts and self._clock() - self._last > _STEADY_SECONDS:
                self._attempts = 0
            return
        if self._attempts and self._clock() - self._last < pause_after(self._attempts):
            return
        with stack_lock(self._home, wait=False) as held:
            if not held or valkey.lives(self._home) is not False:
                return
            self._attempts, self._last = self._attempts + 1, self._clock()
            log.warning("Valkey is not alive and is started again")
            try:
                store = valkey.start(self._home, keep_port=True)
            except ServerError as error:
                log.error("next attempt in %g s: %s", pause_after(self._attempts), error)
                return
            self._started_again(store.url)
