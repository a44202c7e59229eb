"""Scenarios of ``netops run --scenario``: a project's life in fast motion."""
