"""Without labels: a score of how far a device is from its own level, in the place of a trained model."""
