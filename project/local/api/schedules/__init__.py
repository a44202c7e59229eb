"""Schedules: when a workflow or a job is due, and what became of each time."""
