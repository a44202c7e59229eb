"""An MLRun serving graph, run by MLRun's own graph server."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import mlrun
import storey
from mlrun.serving import serving_wrapper
from mlrun.serving.server import v2_serving_init

from project.local.http_host.code import load_module
from project.local.http_host.hooks import call_hook, settled


class ServingFunction:
    """An MLRun serving graph, run by MLRun's own graph server in this event loop.

    ``terminate`` calls, in this order:

    1. MLRun's ``wait_for_completion``, which flushes an ``async`` flow; a ``sync`` flow has nothing to flush.
    2. ``terminate()`` of each step's object that has one, in the order of the graph. storey's own steps end
       with their flow.
    3. ``terminate`` of the function's module.

    :param context: Nuclio context, with ``mlrun_handler`` set by MLRun.
    """

    # The graph server parses JSON itself and answers text for a bad one; the host answers it better.
    json_only = True

    def __init__(self, context: Any, module: ModuleType | None) -> None:
        self._context = context
        self._handler = context.mlrun_handler
        self._module = module

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
        output = self._handler(self._context, event)
        return await output if inspect.isawaitable(output) else output

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
