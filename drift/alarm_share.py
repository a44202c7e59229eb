"""How many of the healthy rows a model alarms on: what its alarms are worth."""

from __future__ import annotations

MOST_FALSE_ALARMS = 0.2
"""Share of the healthy rows above which alarms are of no use to anybody."""
