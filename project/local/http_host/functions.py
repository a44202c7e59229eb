"""The two kinds of function a host runs: an MLRun serving graph and a Nuclio handler."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol

import mlrun
import storey
from mlrun.serving import serving_wrapper
from mlrun.serving.server import v2_serving_init

from project.local.http_host.code import load_handler, load_module


class Function(Protocol):
    """A function that is ready to answer."""

    json_only: bool

    async def __call__(self, event: Any) -> Any:
        """Answer one event."""

    async def terminate(self) -> None:
        """Finish what is under way inside; called once, after the last answer."""


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _call_hook(hook: Any, context: Any) -> None:
    """Call a hook that may or may not take the context, and may or may not be async."""
    await _settled(hook(context) if inspect.signature(hook).parameters else hook())


class ServingFunction:
    """An MLRun serving graph, run by MLRun's own graph server in this event loop.

    ``terminate`` calls, in this order: MLRun's ``wait_for_completion``, which flushes an ``async`` flow and
    ends it (a ``sync`` flow has nothing to flush); ``terminate()`` of each step's object that has one (storey
    steps end with their flow and are left out), in the order of the graph; ``terminate`` of the function's
    module.

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
        """Build the graph and initialise its steps.

        The function's own ``init_context`` is called if its code has one, else MLRun's.
        """
        function = mlrun.new_function(runtime=dict(document))
        os.environ["SERVING_SPEC_ENV"] = function._get_serving_spec()
        module = load_module(document)
        init = getattr(module, "init_context", None)
        if init is not None:
            await _call_hook(init, context)
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
            await _settled(wait())
        for step in _step_objects(server.graph):
            await _settled(step.terminate())
        hook = getattr(self._module, "terminate", None)
        if callable(hook):
            await _call_hook(hook, self._context)


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


class NuclioFunction:
    """A plain Nuclio handler.

    An async handler runs in the event loop; a sync one in a thread, because it may block. ``terminate`` calls
    the termination callback that the code set on ``context.platform``, then ``terminate`` of the module.
    """

    json_only = False

    def __init__(self, context: Any, module: ModuleType, handler: Any) -> None:
        self._context = context
        self._module = module
        self._handler = handler
        self._async = inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler)

    @classmethod
    async def load(cls, document: Mapping[str, Any], context: Any) -> NuclioFunction:
        """Find the handler and call ``init_context`` if its module has one."""
        module, handler = load_handler(document)
        init = getattr(module, "init_context", None)
        if callable(init):
            await _call_hook(init, context)
        return cls(context, module, handler)

    async def __call__(self, event: Any) -> Any:
        """Hand the event to the handler."""
        if self._async:
            return await _settled(self._handler(self._context, event))
        return await _settled(await asyncio.to_thread(self._handler, self._context, event))

    async def terminate(self) -> None:
        """Call the hooks that the code has set."""
        await _settled(self._context.platform._on_signal("termination"))
        hook = getattr(self._module, "terminate", None)
        if callable(hook):
            await _call_hook(hook, self._context)


async def load_function(document: Mapping[str, Any], context: Any) -> Function:
    """The function of a document, initialised.

    :raises ValueError: if its kind is not ``serving``, ``nuclio`` or ``remote``.
    """
    kind = document.get("kind")
    if kind == "serving":
        return await ServingFunction.load(document, context)
    if kind in {"nuclio", "remote"}:
        return await NuclioFunction.load(document, context)
    raise ValueError(f"function kind must be 'serving', 'nuclio' or 'remote', got {kind!r}")
