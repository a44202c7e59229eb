"""Which requests have a line in the log."""

FAILED, ALL, OFF = "failed", "all", "off"
REQUEST_LOGS = (FAILED, ALL, OFF)
"""Which requests have a line: those that we failed (5xx), all, or none."""
