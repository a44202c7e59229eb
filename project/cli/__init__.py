"""The ``netops`` command line: one file a command, with what commands share beside them.

A command imports what it works with when it is called. ``--help`` and ``status`` must not wait for pandas,
httpx and rich.
"""

from project.cli.app import app, main

__all__ = ["app", "main"]
