"""Workflow steps that meet a live endpoint: test it, watch its labels, watch it for drift."""
