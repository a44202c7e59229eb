"""Kinds of model that others than their makers must know."""

OWN_LEVEL_DISTANCE = "own_level_distance"
"""Made without labels: how far a device is from its own level, which is no probability of an error."""
