"""From a fitted model to a checked model package and its MLRun artifact."""
