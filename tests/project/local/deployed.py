"""Handlers and steps that the tests deploy."""

from __future__ import annotations

import os
import time
from pathlib import Path


def init_context(context):
    """Fail or wait when the function's environment says so."""
    if os.environ.get("FAIL"):
        raise RuntimeError("this function was told to fail")
    time.sleep(float(os.environ.get("WAIT", "0")))


def echo(context, event):
    """What was asked, and which process and version answers."""
    if event.path == "/fail":
        raise KeyError("no such thing")
    time.sleep(float(event.fields.get("sleep", 0)))
    return {
        "path": event.path,
        "body": event.body if isinstance(event.body, dict) else None,
        "version": os.environ.get("VERSION"),
        "secret": os.environ.get("MLRUN_K8S_SECRET__TOKEN"),
        "pid": os.getpid(),
    }


class Add:
    """Step that adds a number to the event's value."""

    def __init__(self, context, name=None, number=0, end_file=None):
        self.number = number
        self.end_file = end_file

    def do(self, event):
        """Add."""
        return {"value": event["value"] + self.number, "pid": os.getpid()}

    def terminate(self):
        """Leave a trace."""
        if self.end_file:
            Path(self.end_file).write_text("ended")
