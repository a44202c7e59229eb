"""The Python code of a deployed function: from its document, or importable from the repository."""

from __future__ import annotations

import base64
import importlib
import linecache
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from feature_sets.checks import InputError

Document = Mapping[str, Any]


def _in(document: Document, *keys: str) -> Any:
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def source_code(function: Document) -> str:
    """Source text that travels in the function's document, or nothing."""
    encoded = _in(function, "spec", "build", "functionSourceCode") or _in(
        function, "spec", "base_spec", "spec", "build", "functionSourceCode"
    )
    return base64.b64decode(encoded).decode() if encoded else ""


def handler_name(function: Document) -> str:
    """Handler of the function: ``module:function``, ``package.module.function`` or nothing."""
    return str(
        _in(function, "spec", "function_handler")
        or _in(function, "spec", "base_spec", "spec", "handler")
        or _in(function, "spec", "default_handler")
        or ""
    )


def load_source(text: str, name: str) -> ModuleType:
    """Module made of source text; tracebacks show its lines.

    :param name: name of the module; must not be one that is imported already.
    """
    name = name if name and name not in sys.modules else "function_code"
    module = ModuleType(name)
    file = f"<{name}>"
    module.__file__ = file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    sys.modules[name] = module
    exec(compile(text, file, "exec"), module.__dict__)  # noqa: S102 - running it is what a host is for
    return module


def load_module(function: Document) -> ModuleType | None:
    """Module that travels with the function, or None if it brings no code of its own."""
    text = source_code(function)
    if not text:
        return None
    file = handler_name(function).partition(":")[0]
    return load_source(text, file.removesuffix(".py").replace("/", "."))


def load_handler(function: Document) -> tuple[ModuleType, Any]:
    """Module and handler of a Nuclio function.

    With code in the document, the handler is a name in it (``handler`` by default). Without, it is a dotted
    name that Python can import: ``package.module:function`` or ``package.module.function``.

    :raises InputError: unless there is such a handler.
    """
    name = handler_name(function)
    module = load_module(function)
    if module is not None:
        attribute = name.rpartition(":")[2] if name else "handler"
        attribute = attribute if hasattr(module, attribute) else attribute.rpartition(".")[2]
    else:
        dotted, _, attribute = name.rpartition(":" if ":" in name else ".")
        if not dotted:
            raise InputError(
                "handler", "must be 'package.module:function' if the function brings no code", name
            )
        module = importlib.import_module(dotted.removesuffix(".py").replace("/", "."))
    handler = getattr(module, attribute, None)
    if not callable(handler):
        raise InputError(
            f"handler '{attribute}'", f"must be a function in module '{module.__name__}'", handler
        )
    return module, handler
