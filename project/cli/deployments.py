"""What becomes of the functions that a workflow deploys, while it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from project.function_names import SERVING
from project.local.api.deployments.records import BUILDING, READY
from project.local.servers import ServerError
from project.session import local_stack
from project.settings import Settings

_WHAT = {SERVING: ", which loads the model and goes on from snapshot and journal"}


class Deployments:
    """Tells when a function of a project begins to be deployed, and when that is done.

    :param clock: monotonic, seconds.
    """

    def __init__(self, settings: Settings, project: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack, self._project, self._clock = local_stack(settings), project, clock
        self._since: dict[str, float] = {}

    def news(self) -> Iterator[str]:
        """A line for each change since this was asked last; none while the control plane does not answer."""
        try:
            found = self._stack.deployments()
        except ServerError:  # Whoever waits for the workflow looks for that, and tells it.
            return
        for each in found:
            if each.project != self._project:
                continue
            if each.state == BUILDING and each.name not in self._since:
                self._since[each.name] = self._clock()
                yield f"  deploy {each.name}{_WHAT.get(each.name, '')}"
            elif each.state != BUILDING and each.name in self._since:
                mark = "done  " if each.state == READY else "FAILED"
                seconds = self._clock() - self._since.pop(each.name)
                yield f"  {mark} {each.name:22} {seconds:6.1f} s"
