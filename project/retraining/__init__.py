"""The loop from drift to a new model: policy, state, and what it does."""
