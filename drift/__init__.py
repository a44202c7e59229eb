"""Drift arithmetic on plain numbers; knows nothing of MLRun."""
