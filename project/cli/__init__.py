"""The ``netops`` command line: one file a command, with what commands share beside them.

A command imports what it works with when it is called. ``--help`` and ``status`` must not wait for pandas,
httpx and rich.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point. Ctrl-C while the commands are loaded is a line, too."""
    try:
        from project.cli.app import main as run_command
        from project.cli.interruption import INTERRUPTED, told_interruption
    except KeyboardInterrupt:
        print("netops: interrupted; nothing was started", file=sys.stderr)
        sys.exit(130)
    try:
        run_command()
    except KeyboardInterrupt:
        told_interruption()
        sys.exit(INTERRUPTED)
