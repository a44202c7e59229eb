"""Feature selection by votes."""
