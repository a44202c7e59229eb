"""Rows of events: their keys, their times, their order."""
