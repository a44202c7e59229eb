"""Defaults of the simulated network that ``ingest`` fills the feature sets from; imports nothing."""

SEED = 1
DEVICES = 20
TICKS = 50_000
"""Readings of each device."""
