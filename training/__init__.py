"""From a feature vector to a registered model with numbers beside it."""
