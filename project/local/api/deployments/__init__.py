"""Deployed functions: their records, their processes, and the replacement of one version by the next."""
