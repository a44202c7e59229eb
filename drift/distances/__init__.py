"""Distances between two distributions over the same bins."""
