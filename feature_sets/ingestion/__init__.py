"""Telemetry rows into MLRun feature sets and their targets."""
