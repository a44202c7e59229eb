"""Requests and functions that the tests of the host share."""

import base64
import types

from project.local.http_host.events import make_context
from project.local.http_host.nuclio import NuclioFunction

JSON = [(b"content-type", b"application/json; charset=utf-8")]


def receiver(*chunks):
    messages = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]
    taken = []

    async def receive():
        if not messages:
            return {"type": "http.disconnect"}
        taken.append(messages[0])
        return messages.pop(0)

    receive.taken = taken
    return receive


def document(source="", handler="", kind="nuclio"):
    spec = {"function_handler": handler, "build": {}}
    if source:
        spec["build"]["functionSourceCode"] = base64.b64encode(source.encode()).decode()
    return {"kind": kind, "metadata": {"name": "f"}, "spec": spec}


def nuclio_function(handler, **names):
    module = types.ModuleType("handlers")
    vars(module).update(names)
    return NuclioFunction(make_context(), module, handler)
