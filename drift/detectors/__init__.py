"""Drift detectors: one number in, two flags out."""
