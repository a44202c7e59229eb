"""What tells a graph the time."""

from __future__ import annotations

WALL, ARRIVAL = "wall", "arrival"
CLOCKS = (WALL, ARRIVAL)
"""Its machine, or the events, see ``ArrivalClock``."""
