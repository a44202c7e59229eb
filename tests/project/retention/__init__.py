"""Retention of the data of runs."""
