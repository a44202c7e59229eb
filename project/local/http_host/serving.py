"""An MLRun serving graph, run by MLRun's own graph server."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import mlrun
import storey
from mlrun.serving import serving_wrapper
from mlrun.serving.server import v2_serving_init

from graphs.together import ATTRIBUTE
from project.local.http_host.code import load_module
from project.local.http_host.hooks import Tasks, call_hook, settled
from project.local.http_host.pending_request import PendingRequest, asked_of

_TURN_REQUESTS, _TURN_BYTES = 64, 16_000
"""What is answered at a go, at most, unless one request is more."""
_TURN_REFUSALS = 256
"""Requests that are refused before some that wait are answered, at most."""


class ServingFunction:
    """An MLRun serving graph, run by MLRun's own graph server in this event loop.

    ``terminate`` calls, in this order:

    1. MLRun's ``wait_for_completion``, which flushes an ``async`` flow; a ``sync`` flow has nothing to flush.
    2. ``terminate()`` of each step's object that has one, in the order of the graph. storey's own steps end
       with their flow.
    3. ``terminate`` of the function's module.

    Events that have arrived by the time one is answered are answered together, if the graph can do that. So
    nobody waits for more of them.

    :param context: Nuclio context, with ``mlrun_handler`` set by MLRun.
    """

    # The graph server parses JSON itself and answers text for a bad one; the host answers it better.
    json_only = True

    def __init__(self, context: Any, module: ModuleType | None) -> None:
        self._context = context
        self._handler = context.mlrun_handler
        self._module = module
        self._together = getattr(getattr(context, "_server", None), ATTRIBUTE, None)
        self._tasks = Tasks()
        self._arrived: deque[tuple[PendingRequest, Callable[[Any], None]]] = deque()
        self._urgent: list[tuple[PendingRequest, Callable[[Any], None]]] = []
        self._bytes = self._refusals = 0
        self._turn: asyncio.Handle | None = None

    @classmethod
    async def load(cls, document: Mapping[str, Any], context: Any) -> ServingFunction:
        """Build the graph and initialize its steps.

        The function's own ``init_context`` is called if its code has one, else MLRun's.
        """
        function = mlrun.new_function(runtime=dict(document))
        os.environ["SERVING_SPEC_ENV"] = function._get_serving_spec()
        module = load_module(document)
        init = getattr(module, "init_context", None)
        if init is not None:
            await call_hook(init, context)
        else:
            v2_serving_init(context, vars(module or serving_wrapper))
        return cls(context, module)

    async def __call__(self, event: Any) -> Any:
        """Run the event through the graph."""
        if self._together is None:
            output = self._alone(event)
            return await output if inspect.isawaitable(output) else output
        answer = asyncio.get_running_loop().create_future()

        def done(output: Any) -> None:
            if answer.done():  # Its client has left.
                return
            if isinstance(output, Exception):
                answer.set_exception(output)
            else:
                answer.set_result(output)

        self.take(asked_of(event), done)
        return await answer

    def take(self, asked: PendingRequest, done: Callable[[Any], None]) -> None:
        """Have a request answered with others that arrive by the time that its turn comes."""
        if self._together is None:
            try:
                event = asked.event()
            except Exception as error:
                done(error)
                return
            self._tasks.start(self(event), done)
            return
        refusal = self.refusal(asked.method, asked.path, asked.named)
        if refusal is not None:
            done(refusal)
            return
        if self._turn is None:
            # Whatever arrived with it is read before this is called.
            self._turn = asyncio.get_running_loop().call_soon(self._answer_some)
        if self._together.is_urgent(asked.method, asked.path):
            self._urgent.append((asked, done))
            return
        self._arrived.append((asked, done))
        self._bytes += asked.size

    def refusal(self, method: str, path: str, named: Callable[[], str]) -> Any | None:
        """The answer to a request that there is no room for.

        :param named: gives its id.
        """
        if self._together is None:
            return None
        refusal = self._together.refusal(method, path, len(self._arrived), self._bytes, named)
        if refusal is not None:
            self._refusals += 1
            if self._refusals >= _TURN_REFUSALS and self._turn is not None:
                # The event loop reads on while 1024 connections have something to read, for some 50,000
                # requests: what waits would wait for the end of that, and all the others be refused.
                self._turn.cancel()
                self._answer_some()
        return refusal

    def _alone(self, event: Any) -> Any:
        return self._handler(self._context, event)

    def _answer_some(self) -> None:
        """Answer the first of what has arrived by now; before the others, what arrives is read or refused.

        What is urgent is answered in each turn, and not of the ones that wait.
        """
        arrived, self._urgent = self._urgent[:_TURN_REQUESTS], self._urgent[_TURN_REQUESTS:]
        urgent = len(arrived)
        size = 0
        while self._arrived and len(arrived) - urgent < _TURN_REQUESTS and size < _TURN_BYTES:
            arrived.append(self._arrived.popleft())
            size += arrived[-1][0].size
        self._bytes -= size
        self._refusals, self._turn = 0, None
        if self._arrived or self._urgent:
            self._turn = asyncio.get_running_loop().call_soon(self._answer_some)
        events: list[Any] = []
        waiting: dict[int, Callable[[Any], None]] = {}
        for asked, done in arrived:
            try:
                event = asked.event()
            except Exception as error:  # Whatever it is: the others have answers of their own.
                self._tell(done, error)
            else:
                waiting[len(events)] = done
                events.append(event)
        try:
            if self._together is not None:
                self._together(
                    events, self._alone, lambda place, output: self._tell(waiting.pop(place), output)
                )
        except Exception as error:
            for done in waiting.values():
                self._tell(done, error)

    def _tell(self, done: Callable[[Any], None], output: Any) -> None:
        """Give an answer; that one cannot be sent is an error of the log, and keeps no other from its own."""
        try:
            done(output)
        except Exception as error:
            self._context.logger.error(f"an answer could not be sent: {type(error).__name__}: {error}")

    async def terminate(self) -> None:
        """Flush and end the graph, its steps and the module."""
        server = self._context._server
        wait = getattr(server.graph, "wait_for_completion", None)
        if wait is not None:
            await settled(wait())
        for step in _step_objects(server.graph):
            await settled(step.terminate())
        hook = getattr(self._module, "terminate", None)
        if callable(hook):
            await call_hook(hook, self._context)


def _step_objects(step: Any) -> Iterator[Any]:
    """Objects of the user's step classes that define ``terminate``."""
    subject = getattr(step, "_object", None)
    if (
        subject is not None
        and not isinstance(subject, storey.Flow)
        and callable(getattr(subject, "terminate", None))
    ):
        yield subject
    children = getattr(step, "steps", None) or getattr(step, "routes", None) or {}
    for child in children.values():
        yield from _step_objects(child)
