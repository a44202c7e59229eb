"""Telemetry as it arrives: its schema, a simulator of it, readers for it."""
