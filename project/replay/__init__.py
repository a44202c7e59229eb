"""Recorded telemetry, played through a serving graph as it was known then."""
