"""A look at a folder of telemetry: what is in it, and which schema it may have."""
