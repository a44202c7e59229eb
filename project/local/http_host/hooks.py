"""Calling what a function's code defines, sync or async."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any


async def settled(value: Any) -> Any:
    """The value, awaited if it is awaitable."""
    return await value if inspect.isawaitable(value) else value


async def call_hook(hook: Any, context: Any) -> None:
    """Call a hook that may or may not take the context, and may or may not be async."""
    await settled(hook(context) if inspect.signature(hook).parameters else hook())


class Tasks:
    """Outputs that are awaited, each in a task of its own, which is kept until it ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, output: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        """Await an output, and give it, or its error, to somebody who never raises."""

        async def run() -> None:
            try:
                found = await output
            except Exception as error:
                found = error
            done(found)

        task = asyncio.get_running_loop().create_task(run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
