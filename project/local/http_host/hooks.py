"""Calling what a function's code defines, sync or async."""

from __future__ import annotations

import inspect
from typing import Any


async def settled(value: Any) -> Any:
    """The value, awaited if it is awaitable."""
    return await value if inspect.isawaitable(value) else value


async def call_hook(hook: Any, context: Any) -> None:
    """Call a hook that may or may not take the context, and may or may not be async."""
    await settled(hook(context) if inspect.signature(hook).parameters else hook())
