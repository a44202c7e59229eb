"""States of a run, as MLRun names them."""

from __future__ import annotations

TERMINAL_STATES = frozenset({"completed", "error", "aborted", "skipped"})
"""Those in which a run has ended."""
