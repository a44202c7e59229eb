"""Rolling windows: one definition, an obvious reference, and the live engine."""
