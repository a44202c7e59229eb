"""The process of a workflow, ``python -m project.start_workflow REQUEST.json``: see ``workflow_process``."""

from __future__ import annotations

import sys
from pathlib import Path

from project.gc_paused import gc_paused


def main() -> None:
    """Load everything, run the workflow of the request, and exit with its code."""
    with gc_paused():
        from project.run_workflow import run
    sys.exit(run(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
