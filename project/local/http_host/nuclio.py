"""A plain Nuclio handler, without MLRun."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from project.local.http_host.code import load_handler
from project.local.http_host.hooks import Tasks, call_hook, settled
from project.local.http_host.pending_request import PendingRequest


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
        self._tasks = Tasks()
        self._async = inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler)

    @classmethod
    async def load(cls, document: Mapping[str, Any], context: Any) -> NuclioFunction:
        """Find the handler and call ``init_context`` if its module has one."""
        module, handler = load_handler(document)
        init = getattr(module, "init_context", None)
        if callable(init):
            await call_hook(init, context)
        return cls(context, module, handler)

    def refusal(self, method: str, path: str, named: Callable[[], str]) -> None:
        """There is always room: the handler decides for itself."""

    async def __call__(self, event: Any) -> Any:
        """Hand the event to the handler."""
        if self._async:
            return await settled(self._handler(self._context, event))
        return await settled(await asyncio.to_thread(self._handler, self._context, event))

    def take(self, asked: PendingRequest, done: Callable[[Any], None]) -> None:
        """Hand the event to the handler, which runs beside others."""
        try:
            event = asked.event()
        except Exception as error:
            done(error)
            return
        self._tasks.start(self(event), done)

    async def terminate(self) -> None:
        """Call the hooks that the code has set."""
        await settled(self._context.platform._on_signal("termination"))
        hook = getattr(self._module, "terminate", None)
        if callable(hook):
            await call_hook(hook, self._context)
