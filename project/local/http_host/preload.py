"""What of a function can be done before it is known that it will answer: its modules are imported."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

log = logging.getLogger("netops.http_host")

HOOK = "preload"
"""A function of this name in a module that a graph names is called, too."""


def preload(document: Mapping[str, Any]) -> None:
    """Import what a serving graph names; what cannot be imported fails later, where it says more."""
    if document.get("kind") != "serving":
        return
    importlib.import_module("project.local.http_host.serving")
    spec = document.get("spec") or {}
    named = [*_classes(spec.get("graph") or {}), str(spec.get("graph_initializer") or "")]
    for module in dict.fromkeys(name.lstrip("*").rpartition(".")[0] for name in named):
        if not module:
            continue
        try:
            hook = getattr(importlib.import_module(module), HOOK, None)
            if callable(hook):
                hook()
        except Exception as error:  # Code of others runs here, which may fail in any way.
            log.warning("%s could not be loaded ahead: %s: %s", module, type(error).__name__, error)


def wait() -> bool:
    """Wait for the word of whoever started this process; False if that has ended."""
    return sys.stdin.buffer.readline() == GO


GO = b"go\n"


def _classes(step: Mapping[str, Any]) -> Iterator[str]:
    name = step.get("class_name")
    if isinstance(name, str):
        yield name
    for children in (step.get("steps"), step.get("routes")):
        for child in (children or {}).values():
            yield from _classes(child)
